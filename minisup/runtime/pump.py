"""The pipes of a child: what it writes is pumped into a channel, what it is to read is fed to it.

Nothing here waits. The driver calls when the selector says so, or when the child has died.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from typing import Protocol

SMALL_PIPE = 64 * 1024
BIG_PIPE = 256 * 1024
PATIENCE = 4
"""So many times in a row a pipe is found full before it grows."""


class Sink(Protocol):
    """Where output goes: `minisup.runtime.channel.Channel`, or the protocol parser of an event listener."""

    def feed(self, pid: int, data: bytes) -> None:
        """Take what the child `pid` wrote."""

    def end(self, pid: int) -> None:
        """The child `pid` will write no more."""


class PipeBudget:
    """How many bytes of big pipes the daemon may own.

    The kernel counts pipe pages per uid on the whole host (pipe(7), pipe-user-pages-soft): whoever uses them up makes
    every new pipe of that uid shrink.
    """

    __slots__ = ("_left",)

    def __init__(self, size: int = 8 * 1024 * 1024) -> None:
        self._left = size

    def grow(self, fd: int) -> bool:
        """Make the pipe `fd` big, if there is room; whoever closes it must call `give_back`."""
        if self._left < BIG_PIPE:
            return False
        try:
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, BIG_PIPE)
        except OSError as why:
            if why.errno == errno.EPERM:
                self._left = -BIG_PIPE * 1024  # for good, whatever is given back
            return False
        self._left -= BIG_PIPE
        return True

    def give_back(self) -> None:
        """A big pipe is closed."""
        self._left += BIG_PIPE


_BUDGET = PipeBudget()


def _nobody_watches(fd: int) -> None:
    pass


class Pump:
    """One output pipe of a child.

    Args:
        fd: the reading end; owned from now on, and made non-blocking.
        channel: gets the bytes, and is told of the end exactly once.
        pid: the child, as the channel is told.
        unwatch: called with the descriptor before it is closed.
    """

    __slots__ = ("_big", "_budget", "_full", "_size", "_unwatch", "channel", "fd", "pid")

    def __init__(
        self,
        fd: int,
        channel: Sink,
        pid: int,
        unwatch: Callable[[int], None] = _nobody_watches,
        *,
        budget: PipeBudget = _BUDGET,
    ) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.channel = channel
        self.pid = pid
        self._unwatch = unwatch
        self._budget = budget
        self._size = SMALL_PIPE
        self._full = 0
        self._big = False

    def fileno(self) -> int:
        """The descriptor to watch for reading; -1 once closed."""
        return self.fd

    @property
    def closed(self) -> bool:
        """Whether the end was reached or `close` was called."""
        return self.fd < 0

    def pump(self) -> bool:
        """Read once, at most 128 KiB, and feed it on. False once nothing more can come; the pipe is closed then."""
        if self.fd < 0:
            return False
        try:
            data = os.read(self.fd, self._size)
        except BlockingIOError:
            self._full = 0
            return True
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        if not self._big:
            self._watch(len(data))
        self.channel.feed(self.pid, data)
        return True

    def drain(self) -> bool:
        """Read what is in the pipe now; True if its end was reached (the pipe is closed then).

        Reads no more than the pipe can hold: a grandchild that keeps on writing does not keep us here.
        """
        if self.fd < 0:
            return True
        left = max(fcntl.fcntl(self.fd, fcntl.F_GETPIPE_SZ), SMALL_PIPE)
        while left > 0:
            try:
                data = os.read(self.fd, self._size)
            except BlockingIOError:
                return False
            except OSError:
                data = b""
            if not data:
                self.close()
                return True
            left -= len(data)
            self.channel.feed(self.pid, data)
        return False

    def close(self) -> None:
        """Close the pipe and tell the channel that this was all."""
        if self.fd < 0:
            return
        self._unwatch(self.fd)
        os.close(self.fd)
        self.fd = -1
        if self._big:
            self._budget.give_back()
        self.channel.end(self.pid)

    def _watch(self, count: int) -> None:
        """Let a pipe grow that its writer keeps full: the size of a pipe is the speed of a single fast writer."""
        if count < SMALL_PIPE // 2:  # a full pipe may hold that little: a write that fits no page takes one of its own
            self._full = 0
            return
        self._full += 1
        if self._full >= PATIENCE:
            self._full = 0
            if self._budget.grow(self.fd):
                self._big = True
                self._size = 2 * SMALL_PIPE


class StdinFeed:
    """What a child is to read from its standard input.

    Args:
        fd: the writing end; owned from now on, and made non-blocking.
        unwatch: called with the descriptor before it is closed.
    """

    __slots__ = ("_queue", "_unwatch", "fd")

    def __init__(self, fd: int, unwatch: Callable[[int], None] = _nobody_watches) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._unwatch = unwatch
        self._queue = bytearray()

    def fileno(self) -> int:
        """The descriptor to watch for writing while `wanted`; -1 once closed."""
        return self.fd

    @property
    def closed(self) -> bool:
        """Whether nobody reads any more."""
        return self.fd < 0

    @property
    def wanted(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._queue)

    def write(self, data: bytes) -> None:
        """Queue `data`; `flush` writes it.

        Raises:
            BrokenPipeError: the child closed its standard input, or is gone.
        """
        if self.fd < 0:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self._queue += data

    def flush(self) -> bool:
        """Write what the pipe takes now; True if all is gone. A reader that left closes the feed quietly."""
        while self._queue:
            try:
                written = os.write(self.fd, bytes(self._queue[:SMALL_PIPE]))
            except BlockingIOError:
                return False
            except OSError:
                self.close()
                return True
            del self._queue[:written]
        return True

    def close(self) -> None:
        """Close the pipe; what was not written is forgotten."""
        self._queue.clear()
        if self.fd >= 0:
            self._unwatch(self.fd)
            os.close(self.fd)
            self.fd = -1
