"""Reads the logs of talking programs while they grow and rotate, and holds them against what was written.

A line of `child talk` has its slot, its number and the pid of its writer. What a life has written stands in its stamp,
at any moment. So each log must be the lines of all lives of its slot, one life after the other, each from number 0 on.
"""

import os
from pathlib import Path

from benchmarks.programs import Stamp

LINE = 100
_TAIL = b"." * (LINE - 32) + b"\n"


class Lost(Exception):
    """A log that is not what was written to it."""


class Follower:
    """One log, from its first byte on, through all rotations.

    Attributes:
        runs: (pid, lines) of each life that has left lines, in the order of the log.
        size: bytes read.
    """

    def __init__(self, path: Path, slot: int) -> None:
        self.runs: list[list[int]] = []
        self.size = 0
        self._path = path
        self._slot = slot
        self._fd = -1
        self._rest = b""

    def follow(self) -> None:
        """Read whatever is new.

        Raises:
            Lost: it is not what comes next; or it was rotated away before it was read.
        """
        if self._fd < 0 and not self._open(self._path):
            return
        while True:
            self._read()
            try:
                if os.path.samestat(os.stat(self._path), os.fstat(self._fd)):
                    return
            except FileNotFoundError:
                return  # between the two steps of a rotation
            self._read()  # nobody writes to it any more
            if not self._next():
                return

    def _open(self, path: Path) -> bool:
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        return True

    def _next(self) -> bool:
        """Go on to the file that was begun after ours; False if a rotation is just under way."""
        mine = os.fstat(self._fd)
        if not mine.st_nlink:
            raise Lost(f"{self._path}: rotated away before it was read")
        number = 1
        while True:
            held = Path(f"{self._path}.{number}")
            try:
                if os.path.samestat(os.stat(held), mine):
                    break
            except FileNotFoundError:
                return False
            number += 1
        old = os.dup(self._fd)
        try:
            if not self._open(Path(f"{self._path}.{number - 1}") if number > 1 else self._path):
                return False
            # Backups move from the oldest on. If ours is still where it was, its neighbour was the right one.
            try:
                if os.path.samestat(os.stat(held), mine):
                    return True
            except FileNotFoundError:
                pass
            os.dup2(old, self._fd, inheritable=False)
            return False
        finally:
            os.close(old)

    def _read(self) -> None:
        while data := os.read(self._fd, 1 << 20):
            self.size += len(data)
            data = self._rest + data
            whole = len(data) - len(data) % LINE
            self._rest = data[whole:]
            for at in range(0, whole, LINE):
                self._take(data[at : at + LINE])

    def _take(self, line: bytes) -> None:
        if self.runs:
            pid, number = self.runs[-1]
            if line == b"%05d %016d %07d " % (self._slot, number, pid) + _TAIL:
                self.runs[-1][1] += 1
                return
        pid = int(line[23:30]) if line[23:30].isdigit() else -1
        if line != b"%05d %016d %07d " % (self._slot, 0, pid) + _TAIL:
            raise Lost(f"{self._path}: {line!r} is not what comes after {self.runs[-1:]} (pid, lines)")
        self.runs.append([pid, 1])

    def judge(self, lives: list[Stamp]) -> None:
        """Hold what was read against what all lives of the slot say they have written, when all is over.

        Raises:
            Lost: something is missing.
        """
        if self._rest:
            raise Lost(f"{self._path}: ends within a line")
        runs = iter(self.runs)
        run = next(runs, None)
        for life in lives:
            if run is not None and run[0] == life.pid:
                # A life that was killed between a write and its counting has one more.
                if run[1] - life.value not in (0, 1):
                    raise Lost(f"{self._path}: {run[1]} lines of {life.pid}, which has written {life.value}")
                run = next(runs, None)
            elif life.value:
                raise Lost(f"{self._path}: no line of {life.pid}, which has written {life.value}")
        if run is not None:
            raise Lost(f"{self._path}: lines of {run[0]}, which has said nothing")

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
