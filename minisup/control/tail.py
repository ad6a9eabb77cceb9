"""Reading log files for clients: parts of them, their ends, and what is appended while somebody watches.

Clients count in bytes and get text. A window of bytes owns the characters that begin in it: its borders move forward to
the next border between characters, so no character is cut, and windows that follow each other give each character once.
Bytes that are not UTF-8 become U+FFFD. (supervisord answers HTTP 500 to both.)

A `Follower` is asked again and again; nothing tells it that a file grew. The server asks it every quarter of a second,
and only while a client is there to follow: a daemon that nobody watches wakes up for nothing.
"""

import os
import stat
from typing import BinaryIO, NamedTuple

from minisup.errors import Fault, Faults

FIRST = 1024
"""Bytes of a log that a follower begins with."""
PIECE = 64 * 1024
"""Most bytes that a follower gives at once."""
TRUNCATED = b"==> File truncated <==\n"


class Window(NamedTuple):
    """Bytes of a file from `start` up to `end`, both within its size."""

    start: int
    end: int


class BadArguments(ValueError):
    """An offset and a length that mean nothing together."""


def read_window(size: int, offset: int, length: int) -> Window:
    """What readLog means in a file of `size` bytes. Source: supervisor's ``options.readFile``.

    Raises:
        BadArguments: a negative length, or a negative offset with any length but 0.
    """
    if length < 0 or (offset < 0 and length != 0):
        raise BadArguments
    start = max(0, size + offset) if offset < 0 else min(offset, size)
    return Window(start, min(size, start + length) if length else size)


def tail_window(size: int, offset: int, length: int) -> tuple[Window, bool]:
    """What tailLog means in a file of `size` bytes, and whether more than that has been written.

    Every pair of numbers means something, as there. Source: supervisor's ``options.tailFile``.
    """
    overflow = size > offset + length
    if overflow:
        offset = size - 1
    if offset + length > size:
        if offset > size - 1:
            length = 0
        offset = size - length
    start, length = max(0, offset), max(0, length)
    return Window(min(start, size), min(size, start + length)), overflow


def _border(data: bytes, at: int) -> int:
    """The first border between characters at or behind `at`; `at` itself where that is not inside a character."""
    for begin in range(max(0, at - 3), at):
        lead = data[begin]
        width = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
        if begin + width > at:
            try:
                data[begin : begin + width].decode()
            except UnicodeDecodeError:
                continue
            return min(begin + width, len(data))
    return at


def characters(file: BinaryIO, window: Window) -> str:
    """The characters that begin in a window of an open file.

    Raises:
        OSError: it cannot be read.
    """
    before = max(0, window.start - 3)
    file.seek(before)
    data = file.read(window.end + 3 - before)
    start = _border(data, min(window.start - before, len(data)))
    end = _border(data, min(window.end - before, len(data)))
    return data[start:end].decode(errors="replace")


def _opener(path: str, flags: int) -> int:
    """Never waits: a log may be a named pipe, or /dev/stdout that is one. Reading at a place fails there (ESPIPE)."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def read(path: str, offset: int, length: int) -> str:
    """Part of a log file as text; see `read_window`.

    Raises:
        Fault: BAD_ARGUMENTS, or FAILED where it cannot be read.
    """
    try:
        with open(path, "rb", opener=_opener) as file:
            return characters(file, read_window(_size(file), offset, length))
    except BadArguments:
        raise Fault(Faults.BAD_ARGUMENTS) from None
    except OSError:
        raise Fault(Faults.FAILED) from None


def tail(path: str | None, offset: int, length: int) -> list[str | int | bool]:
    """The end of a log file: its text, the size of the file, and whether more was written than asked for.

    A file that is not there, or cannot be read, is empty.
    """
    try:
        if not path:
            return ["", 0, False]
        with open(path, "rb", opener=_opener) as file:
            size = _size(file)
            window, overflow = tail_window(size, offset, length)
            return [characters(file, window), size, overflow]
    except OSError:
        return ["", offset, False]


class Follower:
    """A log file as it grows, over rotation, clearing and truncation.

    Begins with the last bytes that are there. A new file under the old name is read from its beginning, once the old
    one is read to its end; a name that is gone keeps the old file. A file that got shorter announces it by `TRUNCATED`.
    """

    def __init__(self, path: str, first: int = FIRST) -> None:
        """Open the file; of what is in it, the last `first` bytes are given.

        Raises:
            OSError: it cannot be opened, or is no regular file.
        """
        self.path = path
        self._fd = _opener(path, os.O_RDONLY)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(self._fd)
            raise OSError(f"cannot follow {path!r}: not a regular file")
        self.modified = found.st_mtime
        self._identity = (found.st_dev, found.st_ino)
        self._at = max(0, found.st_size - first)

    def read(self) -> bytes:
        """What is new, at most `PIECE` bytes; empty when nothing is.

        Raises:
            OSError: the file cannot be read.
        """
        if os.fstat(self._fd).st_size < self._at:
            self._at = 0
            return TRUNCATED
        data = self._new()
        if not data and self._replaced():
            data = self._new()
        return data

    def _new(self) -> bytes:
        data = os.pread(self._fd, PIECE, self._at)
        self._at += len(data)
        return data

    def _replaced(self) -> bool:
        """Go over to the file that has the name now, if it is another one."""
        try:
            found = os.stat(self.path)
            identity = (found.st_dev, found.st_ino)
            if identity == self._identity or not stat.S_ISREG(found.st_mode):
                return False
            fd = _opener(self.path, os.O_RDONLY)
        except OSError:
            return False
        os.close(self._fd)
        self._fd, self._identity, self._at = fd, identity, 0
        return True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
