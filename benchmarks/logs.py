"""How fast what programs print reaches their files, what that costs, and that all of it is there, in order."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.programs import WRITTEN, Client, Stamps, Trouble, until
from benchmarks.scenarios import MS, Note, Scale
from benchmarks.supervisors import COPY, Supervisor
from benchmarks.visit import Visit, visit

WRITERS = 16
SMALL, LARGE = 100, 65536
ASK_EVERY = 0.002


class Copies:
    """A copier per writer, in the place of a supervisor; like a `Visit` as far as logs need one."""

    def __init__(self, folder: Path, words: list[str], count: int) -> None:
        self.folder = folder / "w"
        self.folder.mkdir()
        self.stamps = Stamps(self.folder / "stamps")
        self._copiers = []
        command = [str(self.stamps.path) if word == "STAMPS" else word for word in words]
        for slot in range(count):
            writer = subprocess.Popen([str(folder / "child"), *command, str(slot)], stdout=subprocess.PIPE)
            with (self.folder / f"{slot}.log").open("wb") as file:
                self._copiers.append(subprocess.Popen(["cat"], stdin=writer.stdout, stdout=file).pid)
            assert writer.stdout is not None
            writer.stdout.close()
        until(lambda: self.stamps.look() >= count, "writers run")

    def worked(self) -> float:
        """Seconds of a processor that the copiers have had so far."""
        return machine.worked(self._copiers)


@contextlib.contextmanager
def _capturing(supervisor: Supervisor, folder: Path, words: list[str], count: int) -> Iterator[Visit | Copies]:
    if COPY not in supervisor.can:
        with visit(supervisor, folder, tuple(words), count, logs=True, respawn=False) as v:
            v.running()
            v.answered()
            yield v
        return
    copies = None
    try:
        yield (copies := Copies(folder, words, count))
    finally:
        machine.sweep()
        if copies is not None:
            copies.stamps.close()
        shutil.rmtree(folder / "w")


def _capture(
    supervisor: Supervisor, folder: Path, count: int, block: int, seconds: float
) -> tuple[float, float, float | None]:
    """(bytes per second, seconds of a processor per byte, 99th percentile of getState meanwhile)."""
    words = ["write", "STAMPS", str(block), f"{seconds:.3f}"]
    with _capturing(supervisor, folder, words, count) as v:
        stamps, files = v.stamps, [folder / "w" / f"{slot}.log" for slot in range(count)]
        client: Client | None = None
        before = v.worked()
        if isinstance(v, Visit) and count > 1:
            client = v.client(seconds=seconds, pause=ASK_EVERY)
        began = time.monotonic()
        for stamp in stamps.running.values():
            os.kill(stamp.pid, signal.SIGUSR1)
        time.sleep(seconds)
        until(lambda: (stamps.look(), len(stamps.values))[1] >= count, "writers are done")
        assert all(stamp.kind == WRITTEN for stamp in stamps.values.values())
        total = sum(stamp.value for stamp in stamps.values.values()) * block
        until(lambda: sum(os.stat(file).st_size for file in files) >= total, f"{total} bytes are in the files")
        took = time.monotonic() - began
        slowest = client.answers().times[0][1] if client else None
        worked = v.worked() - before
        for slot, file in enumerate(files):
            _check(folder, file, slot, block, stamps.values[slot].value)
    return total / took, worked / total, slowest


def _check(folder: Path, file: Path, slot: int, block: int, count: int) -> None:
    """Each block is there once, in its order, and nothing else.

    Raises:
        Trouble: it is not so.
    """
    with file.open("rb") as found:
        command = [str(folder / "child"), "check", str(block), str(slot)]
        done = subprocess.run(command, stdin=found, capture_output=True, text=True, check=False)
    if done.returncode or done.stdout.split() != [str(count), "0"]:
        raise Trouble(f"the log of writer {slot} is not what it wrote, {count} blocks: {done.stdout}")


def one_writer(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """One program that writes large blocks as fast as it can."""
    rate, cpu, _ = _capture(supervisor, folder, 1, LARGE, scale.seconds)
    note("log.rate", [rate / 1e6])
    note("log.cpu", [cpu * 1e9])


def many_writers(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """Many that write short lines, while a client asks."""
    rate, cpu, slowest = _capture(supervisor, folder, WRITERS, SMALL, 2 * scale.seconds)
    note("logs.rate", [rate / 1e6])
    note("logs.cpu", [cpu * 1e9])
    if slowest is not None:
        note("logs.ask", [slowest * MS])
