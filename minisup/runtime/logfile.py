"""A log file that is written raw and rotated by size, and syslog beside it.

The rules of rotation are those of supervisor's ``loggers.RotatingFileHandler``: the chunk that crosses the limit is
written whole, the check comes after each write and looks at the position of our own descriptor. What differs: nothing
here ever raises while writing or rotating. A chunk that cannot be written is dropped, counted and said; a file that
cannot be rotated goes on growing; the channel lives.
"""

import errno
import os
import stat
import time
from collections.abc import Callable

Say = Callable[[str, str], None]
"""Takes a level word and a text, and brings them into the main log."""

QUIET_SECONDS = 10.0
"""A trouble that goes on is said once in this time."""

_DEVICES = ("/dev/", "/proc/")
"""A descriptor called by path may be a regular file: its name there must not be renamed or removed."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


def link(path: str) -> str | None:
    """Where a symbolic link leads; None where there is none."""
    try:
        return os.readlink(path)
    except OSError:
        return None


class LogFile:
    """One file that grows at its end, also under other writers (O_APPEND always).

    Args:
        path: the file; its directory must exist when it is opened.
        maxbytes: rotate when the file has reached this size; 0 or less means never.
        backups: how many rotated files ``path.1`` ... are kept; with 0 or less the file is truncated instead.
        say: told of every trouble.
        clock: monotonic seconds.

    Attributes:
        lost_bytes: how many bytes could not be written, over the life of this object.
    """

    __slots__ = (
        "_backups", "_clock", "_fd", "_maxbytes", "_retry_at", "_rotates", "_said_at", "_say", "_shifted", "_unsaid",
        "lost_bytes", "path",
    )  # fmt: skip

    def __init__(
        self, path: str, maxbytes: int, backups: int, say: Say, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self.lost_bytes = 0
        self._maxbytes = maxbytes
        self._backups = backups
        self._say = say
        self._clock = clock
        self._fd = -1
        self._rotates = False
        self._shifted = False
        self._retry_at = float("-inf")
        self._said_at = float("-inf")
        self._unsaid = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a descriptor to write to."""
        return self._fd >= 0

    def open(self) -> None:
        """Open the file at its end, creating it; an open one is closed first.

        Raises:
            OSError: it cannot be opened; then nothing is open.
        """
        self.close()
        self._take(self._open())

    def write(self, data: bytes) -> None:
        """Append `data`, then rotate if the file has reached its size. Never raises."""
        try:
            written = os.write(self._fd, data)
        except OSError as why:
            self._lose(len(data), why)
            return
        if written != len(data):
            self._write_rest(data, written)
        if self._unsaid:
            self._report()
        if self._rotates and os.lseek(self._fd, 0, os.SEEK_CUR) >= self._maxbytes:
            self._rotate()

    def reopen(self) -> None:
        """Open the path anew, because the file was moved away; does nothing where nothing is open.

        Raises:
            OSError: the path cannot be opened; then the old file is still written to.
        """
        if self._fd >= 0:
            self._take(self._open())

    def clear(self) -> None:
        """Remove the file, and begin it anew if it is open. Whatever is no regular file stays as it is.

        Raises:
            OSError: it cannot be removed or opened.
        """
        try:
            if self.path.startswith(_DEVICES) or not stat.S_ISREG(os.stat(self.path).st_mode):
                return
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        self.reopen()

    def close(self) -> None:
        """Close the file, if it is open."""
        fd, self._fd, self._rotates = self._fd, -1, False
        if fd >= 0:
            os.close(fd)
        if self._unsaid:
            self._report(at_once=True)

    def _open(self) -> int:
        # O_NONBLOCK means nothing to a regular file. Without it a FIFO that has no reader would hang the open, and one
        # with a slow reader the write.
        try:
            return os.open(self.path, _FLAGS, 0o666)
        except OSError as why:
            if why.errno != errno.ENXIO or not stat.S_ISFIFO(os.stat(self.path).st_mode):
                raise
            return os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)  # fifo(7): opens without a reader

    def _take(self, fd: int) -> None:
        old, self._fd = self._fd, fd
        if old >= 0:
            os.close(old)
        self._rotates = self._maxbytes > 0 and stat.S_ISREG(os.fstat(fd).st_mode) and not self.path.startswith(_DEVICES)
        self._shifted = False
        if self._rotates:
            os.lseek(fd, 0, os.SEEK_END)

    def _write_rest(self, data: bytes, written: int) -> None:
        """A disk that is nearly full takes a part and then says why it takes no more."""
        view = memoryview(data)
        while written < len(data):
            try:
                written += os.write(self._fd, view[written:])
            except OSError as why:
                self._lose(len(data) - written, why)
                return

    def _lose(self, count: int, why: OSError) -> None:
        self.lost_bytes += count
        if self._fd < 0:  # nobody wants the log any more, and the last words of a grandchild are no trouble
            return
        self._unsaid += count
        self._report(why.strerror)

    def _report(self, why: str | None = None, *, at_once: bool = False) -> None:
        now = self._clock()
        if not at_once and now - self._said_at < QUIET_SECONDS:
            return
        self._said_at = now
        count, self._unsaid = self._unsaid, 0  # before the call: this file may be where the text ends up
        self._say("error", f"cannot write to the log {self.path!r}: {why or 'it failed before'}; {count} bytes lost")

    def _rotate(self) -> None:
        if self._retry_at > float("-inf") and self._clock() < self._retry_at:
            return
        try:
            if self._was_replaced():
                fd = self._open()
            elif self._backups > 0:
                self._shift()
                fd = self._open()
            else:
                fd = os.open(self.path, _FLAGS | os.O_TRUNC, 0o666)
        except OSError as why:
            self._retry_at = self._clock() + QUIET_SECONDS
            self._say("error", f"cannot rotate the log {self.path!r}: {why.strerror}; going on with the old file")
            return
        self._retry_at = float("-inf")
        self._take(fd)

    def _was_replaced(self) -> bool:
        """Another writer of the same path rotated it already: its new file is not ours to move away."""
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def _shift(self) -> None:
        """``path.1`` becomes ``path.2`` and so on, and the file ``path.1``."""
        if not self._shifted:
            for number in range(min(self._backups - 1, self._oldest()), 0, -1):
                _move(f"{self.path}.{number}", f"{self.path}.{number + 1}")
            self._shifted = True  # if the last step fails and is tried again, the backups must not move on without it
        _move(self.path, f"{self.path}.1")

    def _oldest(self) -> int:
        """The highest number of a backup that exists: `backups` may be a billion."""
        folder, name = os.path.split(self.path)
        try:
            found = os.listdir(folder or ".")
        except OSError:
            return self._backups
        numbers = (other.removeprefix(f"{name}.") for other in found if other.startswith(f"{name}."))
        return max((int(number) for number in numbers if number.isdecimal()), default=0)


def _move(old: str, new: str) -> None:
    """Rename where `old` exists. Unlinks `new` first: on ext4 a rename over a file waits for the disk (31 ms)."""
    try:
        if not os.path.lexists(old):
            return
        if os.path.lexists(new):
            os.unlink(new)
        os.rename(old, new)
    except FileNotFoundError:
        pass  # somebody else was faster


def to_syslog(text: str, prefix: str = "") -> None:
    """Send each line of `text` to syslog(3) with `prefix` before it; trailing newlines are dropped. Never raises."""
    import syslog

    for line in text.rstrip("\n").split("\n"):
        try:
            syslog.syslog((prefix + line).replace("\0", "\ufffd").encode("utf-8", "replace").decode())
        except OSError:
            return
