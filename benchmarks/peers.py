"""Supervisors that are not of supervisord's family, and the floor under all of them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from benchmarks.programs import Door
from benchmarks.supervisors import ASK, COPY, FLOOR, INIT, ROOT, RUN, Job, Minisup, Supervisor, Supervisord, call


class Circus(Supervisor):
    """circusd, from an environment of its own, which is made on demand."""

    can = frozenset((RUN, ASK))
    expected = '"ok"'
    _folder = ROOT / ".venv-circus"

    def usual(self) -> str:
        return str(self._folder / "bin/circusd")

    def missing(self) -> str | None:
        if not Path(self.program).exists() and self.program == self.usual():
            pip = str(self._folder / "bin/pip")
            for command in (
                [sys.executable, "-m", "venv", str(self._folder)],
                [pip, "--disable-pip-version-check", "install", "-q", "circus"],
            ):
                if subprocess.run(command, capture_output=True, check=False).returncode:
                    break
        return super().missing()

    def version(self) -> str:
        asked = [self.program, "--version"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    def prepare(self, job: Job) -> list[str]:
        path = job.folder / "circus.ini"
        ends = ("endpoint", "c"), ("pubsub_endpoint", "p")
        text = "[circus]\n" + "".join(f"{key} = ipc://{job.folder}/{name}\n" for key, name in ends)
        text += "".join(
            f"[watcher:p{slot}]\ncmd = {' '.join(job.words)} {slot}\ncopy_env = true\n" for slot in range(job.size)
        )
        path.write_text(text)
        return [self.program, "--log-output", str(job.folder / "main.log"), str(path)]

    def door(self, job: Job) -> Door:
        # The handshake of ZeroMQ 3 without authentication; what comes back is skipped by the client.
        greeting = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
        ready = b"\x05READY" + b"\x0bSocket-Type" + b"\0\0\0\x06" + b"DEALER" + b"\x08Identity" + bytes(4)
        return Door(job.folder / "c", "zmtp", greeting + b"\x04" + bytes([len(ready)]) + ready)

    def question(self) -> bytes:
        body = json.dumps({"id": "1" * 32, "command": "numwatchers", "properties": {}}).encode()
        return b"\0" + bytes([len(body)]) + body


class Folders(Supervisor):
    """Those that find a folder for each program, with an executable `run` in it."""

    can = frozenset((RUN, INIT))

    def folders(self, job: Job) -> Path:
        """Make them; the folder that they are in."""
        services = job.folder / "services"
        for slot in range(job.size):
            folder = services / str(slot)
            folder.mkdir(parents=True)
            # The kernel itself starts the program that this names: no shell stands between.
            (folder / "run").write_text(f"#!{' '.join(job.words)} {slot}\n")
            (folder / "run").chmod(0o755)
        os.utime(services, (0, 0))  # runsvdir waits for a second where the folder was changed in the last one
        return services

    def version(self) -> str:
        asked = ["dpkg-query", "-W", "-f", "${Version}", self.package]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    package = ""


class S6(Folders):
    """s6-svscan and one s6-supervise per program."""

    package = "s6"

    def usual(self) -> str:
        return "s6-svscan"

    def prepare(self, job: Job) -> list[str]:
        return [self.program, "-c", str(max(2 * job.size, 500)), str(self.folders(job))]


class Runit(Folders):
    """runsvdir and one runsv per program."""

    package = "runit"
    end_signal = signal.SIGHUP  # runsvdir(8): sends each runsv a TERM; it leaves without waiting for them

    def usual(self) -> str:
        return "runsvdir"

    def prepare(self, job: Job) -> list[str]:
        return [self.program, str(self.folders(job))]


class Floor(Supervisor):
    """floor.c for the life of programs, answer.c for what a client sees."""

    can = frozenset((RUN, INIT, FLOOR))
    expected = "."

    def usual(self) -> str:
        return "cc"

    def prepare(self, job: Job) -> list[str]:
        return [str(job.folder.parent / "floor"), str(job.size), *job.words]

    def question(self) -> bytes:
        return call("getState")


class Cat(Supervisor):
    """cat, between a writer and a file: the floor of log capture, though it copies for one writer only."""

    can = frozenset((COPY,))

    def usual(self) -> str:
        return "cat"


KINDS: dict[str, type[Supervisor]] = {
    "supervisord": Supervisord,
    "minisup": Minisup,
    "circus": Circus,
    "s6": S6,
    "runit": Runit,
    "floor": Floor,
    "cat": Cat,
}


def chosen(words: list[str]) -> list[Supervisor]:
    """Supervisors by their names, ``KIND`` or ``KIND=PROGRAM``; the second of a kind is called ``KIND 2``.

    Raises:
        ValueError: there is no such kind.
    """
    found: list[Supervisor] = []
    for word in words:
        kind, _, command = word.partition("=")
        if kind not in KINDS:
            raise ValueError(f"cannot measure {kind!r} (there are: {', '.join(KINDS)})")
        number = sum(other.name.partition(" ")[0] == kind for other in found) + 1
        found.append(KINDS[kind](kind if number == 1 else f"{kind} {number}", command or None))
    return found
