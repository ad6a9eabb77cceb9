"""The inherited stdout and stderr, shared by all programs and written without ever blocking.

The descriptors belong to whoever started us, too: setting O_NONBLOCK on them would reach that one's end, and opening
``/dev/stdout`` by path fails after a change of user and where it is a socket. So each kind has its own way, see `_way`.

Every program speaks through its own `Voice`. Whole lines go out in one piece. A line that is not finished waits for its
end, but not for long; where a part of a line went out and somebody else speaks next, a newline is put between them.
What the other side does not take at once waits in one bounded buffer; when that is full, whole lines are dropped and
counted, and a word about it comes at most every ten seconds.

States of a console: taking (the buffer is empty), pending (the driver watches for writability and calls `flush`), gone
(closed, or nobody will ever read again: everything is discarded quietly).
"""

import errno
import fcntl
import os
import re
import select
import socket
import stat
import time
from collections.abc import Callable
from typing import NamedTuple

from minisup.runtime.logfile import link

BUFFER_SIZE = 1024 * 1024
LONGEST_PART = 64 * 1024
"""An unfinished line of this size goes out as it is."""
PART_SECONDS = 0.2
"""An unfinished line waits so long for its end."""
QUIET_SECONDS = 10.0
_ATOMIC = select.PIPE_BUF
_TTY_PIECE = 512  # a terminal says "writable" (POLLOUT) though it may have less room than a pipe must have
_BLOCK = 64 * 1024
_GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN, errno.EBADF, errno.ENXIO})


class _Way(NamedTuple):
    """How to write: `send` takes bytes and returns how many went out, raising OSError; `fd` is what to watch."""

    fd: int
    send: Callable[[bytes], int]
    close: Callable[[], None]


class Voice:
    """One program's (and channel's) way to a console."""

    __slots__ = ("_held", "console", "skipping")

    def __init__(self, console: "Console") -> None:
        self.console = console
        self._held = bytearray()
        self.skipping = False
        """The beginning of the present line was dropped, so its end is."""

    def write(self, data: bytes) -> None:
        """Say `data`; what is after its last newline waits. Never blocks, never raises."""
        if self.skipping:
            data = self._skip(data)
        cut = data.rfind(b"\n") + 1
        if cut:
            if self._held:
                whole = bytes(self._held) + data[:cut]
                self._held.clear()
                self.console.forget(self)
            else:
                whole = data if cut == len(data) else data[:cut]
            self.console.put(self, whole)
        if cut < len(data):
            self._held += data[cut:]
            if len(self._held) >= LONGEST_PART:
                self.release()
            else:
                self.console.remember(self)

    def end(self) -> None:
        """The speaker stops: say what waits for the end of its line. What is said later is another line."""
        self.release()
        self.skipping = False

    def release(self) -> None:
        """Say what waits for the end of its line, for it became too long or waited too long."""
        self.console.forget(self)
        if self._held:
            part = bytes(self._held)
            self._held.clear()
            self.console.put(self, part)

    def _skip(self, data: bytes) -> bytes:
        cut = data.find(b"\n") + 1
        self.skipping = not cut
        lost = cut or len(data)
        self.console.count(0, lost)
        return data[lost:]


class Console:
    """One inherited descriptor.

    Args:
        fd: 1 or 2.
        wake: called when the console becomes `pending`: watch `fileno` for writing, and call `flush` then.
        say: told (level word, text) of dropped lines.
        limit: size of the buffer in bytes.
        clock: monotonic seconds.

    Attributes:
        name: ``stdout`` or ``stderr``.
        lost_lines: how many lines were dropped, ever.
        lost_bytes: how many bytes.
    """

    def __init__(
        self,
        fd: int,
        wake: Callable[["Console"], None],
        say: Callable[[str, str], None],
        *,
        limit: int = BUFFER_SIZE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = "stderr" if fd == 2 else "stdout"
        self.lost_lines = 0
        self.lost_bytes = 0
        self._way = _way(fd)
        self._wake = wake
        self._say = say
        self._limit = limit
        self._clock = clock
        self._buffer = bytearray()
        self._speaker: Voice | None = None
        self._mid_line = False
        self._waiting: dict[Voice, float] = {}
        self._unsaid = [0, 0]
        self._said_at = float("-inf")
        self._why = ""

    @property
    def gone(self) -> bool:
        """Whether everything is discarded: it was closed, or its reader left."""
        return self._way is None

    @property
    def pending(self) -> bool:
        """Whether bytes wait for the other side to take them."""
        return bool(self._buffer)

    @property
    def deadline(self) -> float | None:
        """When (monotonic) `flush_due` must be called for an unfinished line; None: there is none."""
        return next(iter(self._waiting.values()), None)  # all wait equally long: the first is the next

    def fileno(self) -> int:
        """What to watch for writing while `pending`; -1 when gone."""
        return -1 if self._way is None else self._way.fd

    def voice(self) -> Voice:
        """A new speaker."""
        return Voice(self)

    def flush(self) -> None:
        """Write what the other side takes now."""
        while self._buffer and self._way is not None:
            sent = self._send(bytes(self._buffer[:_BLOCK]))
            if not sent:
                break
            del self._buffer[:sent]
        if not self._buffer and self._unsaid[1]:
            self._report()

    def flush_due(self, now: float) -> None:
        """Say the unfinished lines that waited long enough at `now`."""
        while self._waiting:
            voice, due = next(iter(self._waiting.items()))
            if due > now:
                return
            voice.release()

    def drain(self, seconds: float) -> bool:
        """Say everything, waiting for a slow reader up to `seconds`; True if all is out. For the very end."""
        if self._unsaid[1]:
            self._said_at = float("-inf")  # there is no later
            self._report()
        for voice in list(self._waiting):
            voice.end()
        end = self._clock() + seconds
        self.flush()
        while self._buffer and self._way is not None and (left := end - self._clock()) > 0:
            poll = select.poll()
            poll.register(self._way.fd, select.POLLOUT)
            poll.poll(left * 1000)
            self.flush()
        return not self._buffer

    def close(self) -> None:
        """Discard what waits and everything from now on. The inherited descriptor itself stays open."""
        self._buffer.clear()
        self._waiting.clear()
        if self._way is not None:
            self._way.close()
            self._way = None

    # --- for voices ---

    def remember(self, voice: Voice) -> None:
        """An unfinished line waits from now on, if it did not before."""
        if voice not in self._waiting:
            self._waiting[voice] = self._clock() + PART_SECONDS

    def forget(self, voice: Voice) -> None:
        """Nothing of it waits any more."""
        self._waiting.pop(voice, None)

    def put(self, voice: Voice, data: bytes) -> None:
        """Write or queue whole lines, or a part of one."""
        if self._way is None:
            return
        if self._mid_line and self._speaker is not voice:
            data = b"\n" + data
        self._speaker = voice
        sent = 0 if self._buffer else self._send(data)
        while 0 < sent < len(data) and self._way is not None and _is_file(self._way.fd):
            sent += self._send(data[sent:])  # a disk that is nearly full; epoll_ctl(2) takes no files (EPERM)
        if sent == len(data):
            self._mid_line = data[-1] != 0x0A
            return
        self._queue(voice, data, sent)

    def count(self, lines: int, size: int) -> None:
        """So much was dropped; says so when it is time."""
        self.lost_lines += lines
        self.lost_bytes += size
        self._unsaid[0] += lines
        self._unsaid[1] += size
        self._report()

    def _queue(self, voice: Voice, data: bytes, sent: int) -> None:
        if self._way is None:  # the reader left at this very write
            return
        end = len(data)
        room = self._limit - len(self._buffer)
        if end - sent > room:
            end = max(sent, data.rfind(b"\n", sent, sent + room) + 1)
        was_pending = self.pending
        self._buffer += data[sent:end]
        if end:
            self._mid_line = data[end - 1] != 0x0A
        if self.pending and not was_pending:
            self._wake(self)
        if end < len(data):
            voice.skipping = data[-1] != 0x0A
            self._speaker = None  # if a line broke off here, nobody continues it
            self.count(data.count(b"\n", end) + voice.skipping, len(data) - end)

    def _send(self, data: bytes) -> int:
        """How many bytes are done with: written, or lost by an error that is no matter of waiting."""
        assert self._way is not None
        try:
            return self._way.send(data)
        except BlockingIOError:
            return 0
        except OSError as why:
            if why.errno in _GONE or (why.errno == errno.EIO and not _is_file(self._way.fd)):
                self.close()  # EIO: the terminal hung up
            else:
                self._why = os.strerror(why.errno or 0)
                self.count(data.count(b"\n"), len(data))
            return len(data)

    def _report(self) -> None:
        now = self._clock()
        if now - self._said_at < QUIET_SECONDS:
            return
        self._said_at = now
        lines, size = self._unsaid
        self._unsaid = [0, 0]  # before the call: the text may come back here by way of the main log
        why, self._why = self._why or "it is read too slowly", ""
        self._say("warn", f"cannot write to {self.name}: {why}; {lines} lines ({size} bytes) dropped")


class Consoles:
    """The consoles of a daemon, each opened when it is first asked for.

    Whoever changes what descriptors 1 and 2 are (`minisup.runtime.daemonize.daemonize`) must call `close` then; voices
    from before are silent from there on.

    Args:
        wake: see `Console`.
        say: see `Console`.
    """

    def __init__(self, wake: Callable[[Console], None], say: Callable[[str, str], None]) -> None:
        self._wake = wake
        self._say = say
        self._by_fd: dict[int, Console] = {}

    def of_fd(self, fd: int) -> Console:
        """The console of descriptor 1 or 2; one for both where both are the same pipe, terminal or file."""
        console = self._by_fd.get(fd)
        if console is None:
            other = self._by_fd.get(3 - fd)
            console = other if other and not other.gone and _same(1, 2) else Console(fd, self._wake, self._say)
            self._by_fd[fd] = console
        return console

    def of_path(self, path: str) -> Console | None:
        """The console that `path` names, also by way of symbolic links; None for every other path."""
        fd = inherited_fd(path)
        return self.of_fd(fd) if fd else None

    @property
    def opened(self) -> list[Console]:
        """All consoles that are in use."""
        return list(dict.fromkeys(self._by_fd.values()))

    @property
    def deadline(self) -> float | None:
        """The earliest deadline of a console; None: there is none."""
        return min((console.deadline for console in self.opened if console.deadline is not None), default=None)

    def flush_due(self, now: float) -> None:
        """Say the unfinished lines that waited long enough at `now`."""
        for console in self.opened:
            console.flush_due(now)

    def drain(self, seconds: float) -> None:
        """Say everything, waiting for slow readers up to `seconds` in all. For the very end."""
        end = time.monotonic() + seconds
        for console in self.opened:
            console.drain(max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Let go of all consoles."""
        for console in self.opened:
            console.close()
        self._by_fd.clear()


_NAME = re.compile(r"/+dev/+std(out|err)|/+(?:dev|proc/+(self|\d+))/+fd/+([12])")


def inherited_fd(path: str) -> int | None:
    """1 or 2 if `path` names our inherited stdout or stderr, also by way of symbolic links; else None."""
    for _ in range(8):
        match = _NAME.fullmatch(path)
        if match is not None and match[1]:
            return 1 if match[1] == "out" else 2
        if match is not None:
            return int(match[3]) if match[2] in (None, "self", str(os.getpid())) else None
        target = link(path)
        if target is None:
            return None
        path = os.path.join(os.path.dirname(path), target)
    return None


def _same(one: int, two: int) -> bool:
    try:
        return os.path.samestat(os.fstat(one), os.fstat(two))
    except OSError:
        return False


def _is_file(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode)


def _way(fd: int) -> _Way | None:
    """How to write to an inherited descriptor without blocking; None where it is closed or only readable."""
    try:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        mode = os.fstat(fd).st_mode
    except OSError:
        return None
    if flags & os.O_ACCMODE == os.O_RDONLY:
        return None
    if stat.S_ISSOCK(mode):
        return _socket_way(fd)
    if stat.S_ISREG(mode):
        # A file never makes us wait for a reader, and its offset is shared with the shell that began it: the line that
        # the shell appends after our end must not overwrite ours, as it would if we had a description of our own.
        return _direct_way(fd)
    try:
        own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        if flags & os.O_NONBLOCK:
            return _direct_way(fd)
        return _polled_way(fd, _TTY_PIECE if stat.S_ISCHR(mode) else _ATOMIC)
    return _Way(own, lambda data: os.write(own, data), lambda: os.close(own))


def _direct_way(fd: int) -> _Way:
    return _Way(fd, lambda data: os.write(fd, data), lambda: None)


def _socket_way(fd: int) -> _Way:
    own = socket.socket(fileno=os.dup(fd))
    return _Way(own.fileno(), lambda data: own.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL), own.close)


def _polled_way(fd: int, piece: int) -> _Way:
    """A blocking pipe or terminal of another user, which cannot be opened anew: small pieces, each asked for.

    pipe(7): where poll says writable there is room for PIPE_BUF bytes. Only another writer of the same pipe that fills
    it between the two calls can make us wait.
    """
    poll = select.poll()
    poll.register(fd, select.POLLOUT)

    def send(data: bytes) -> int:
        sent = 0
        while sent < len(data) and poll.poll(0):
            sent += os.write(fd, data[sent : sent + piece])
        if not sent:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return sent

    return _Way(fd, send, lambda: None)
