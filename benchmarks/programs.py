"""The C programs of this folder, compiled on demand, and what they say."""

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0
"""Seconds after which something that should happen has not."""

STARTED, WRITTEN, REAPED = range(3)
"""Kinds of stamps; `child.c` says what they are."""


class Trouble(Exception):
    """A measure that could not be taken: what did not happen."""


def until(look: Callable[[], bool], what: str, patience: float = PATIENCE, pause: float = 0.001) -> None:
    """Return once `look` says so.

    Raises:
        Trouble: it did not within `patience` seconds.
    """
    end = time.monotonic() + patience
    while not look():
        if time.monotonic() > end:
            raise Trouble(f"{what}: not within {patience:g} s")
        time.sleep(pause)


def build(folder: Path) -> None:
    """Compile the programs into `folder`: answer, child, client, floor.

    Raises:
        Trouble: there is no C compiler, or it fails.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise Trouble("what is measured are programs in C: there is no compiler (apt-get install gcc libc6-dev)")
    for source in HERE.glob("*.c"):
        # Linked statically where that works: the linker at run time takes longer than the exec.
        for kind in (["-static"], []):
            command = [compiler, "-O2", *kind, "-o", str(folder / source.stem), str(source)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
        else:
            raise Trouble(f"cannot compile {source.name!r}: {done.stderr}")


class Stamp(NamedTuple):
    """One moment that a program says of itself; times in seconds of CLOCK_MONOTONIC."""

    slot: int
    pid: int
    moment: float
    value: int
    kind: int


_RECORD = struct.Struct("IIQQQ")


class Stamps:
    """The file in which programs say their moments.

    Attributes:
        running: by slot, the last stamp of a start.
        values: by slot, the last stamp of another kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._fd = os.open(path, os.O_RDONLY)
        self.running: dict[int, Stamp] = {}
        self.values: dict[int, Stamp] = {}
        self.count = 0

    def look(self) -> int:
        """Read what is new; how many starts have been said so far."""
        size = os.fstat(self._fd).st_size // _RECORD.size * _RECORD.size
        if size > os.lseek(self._fd, 0, os.SEEK_CUR):
            data = os.read(self._fd, size)
            for slot, pid, moment, value, kind in _RECORD.iter_unpack(data[: len(data) // _RECORD.size * _RECORD.size]):
                stamp = Stamp(slot, pid, moment / 1e9, value, kind)
                if kind == STARTED:
                    self.running[slot] = stamp
                    self.count += 1
                else:
                    self.values[slot] = stamp
        return self.count

    def wait(self, count: int, what: str, patience: float = PATIENCE) -> float:
        """Wait for so many starts, from the beginning on; the moment of the last one."""
        until(lambda: self.look() >= count, f"{what}: {count} starts", patience)
        return max(stamp.moment for stamp in self.running.values())

    def again(self) -> Iterator[Stamp]:
        """All of them from the beginning, with the values that they have now."""
        for slot, pid, moment, value, kind in _RECORD.iter_unpack(self.path.read_bytes()):
            yield Stamp(slot, pid, moment / 1e9, value, kind)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Door(NamedTuple):
    """How to reach a supervisor.

    Attributes:
        path: of its unix socket.
        framing: ``http`` or ``zmtp``.
        greeting: bytes that come before the first request.
    """

    path: Path
    framing: str = "http"
    greeting: bytes = b""


class Answers(NamedTuple):
    """What a client has seen; seconds.

    Attributes:
        first: the moment of the first answer (CLOCK_MONOTONIC).
        number: of all answers.
        took: from the first request to the last answer.
        times: per request, the median and the 99th percentile.
    """

    first: float
    number: int
    took: float
    times: list[tuple[float, float]]


class Client:
    """A program that asks a supervisor; started at once, see `answers`.

    Args:
        folder: where the compiled programs are, and where requests are written to.
        requests: sent by turns over each connection.
        expected: what each answer must hold.
        connections: how many ask at the same time.
        count: ends after so many answers.
        seconds: or after that time.
        pause: seconds between an answer and the next request.
    """

    def __init__(
        self,
        folder: Path,
        door: Door,
        requests: Sequence[bytes],
        expected: str,
        *,
        connections: int = 1,
        count: int = 1 << 62,
        seconds: float = PATIENCE,
        pause: float = 0.0,
    ) -> None:
        greeting = "-"
        if door.greeting:
            greeting = str(folder / "greeting")
            Path(greeting).write_bytes(door.greeting)
        files = []
        for number, request in enumerate(requests):
            files.append(str(folder / f"request{number}"))
            Path(files[-1]).write_bytes(request)
        numbers = [str(connections), str(count), f"{seconds:.6f}", str(int(pause * 1e6))]
        self._process = subprocess.Popen(
            [str(folder / "client"), str(door.path), door.framing, expected, *numbers, greeting, *files],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answers(self) -> Answers:
        """Wait for the end of it.

        Raises:
            Trouble: nobody listens, or an answer is not what it must be.
        """
        try:
            out, err = self._process.communicate(timeout=2 * PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, err = self._process.communicate()
        if self._process.returncode:
            raise Trouble(err.strip() or f"a client ended with {self._process.returncode}")
        first, second, *rest = (line.split()[1:] for line in out.splitlines())
        times = [(int(p50) / 1e9, int(p99) / 1e9) for p50, p99, _ in rest]
        return Answers(int(first[0]) / 1e9, int(second[0]), float(second[1]), times)
