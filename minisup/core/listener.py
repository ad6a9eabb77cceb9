"""What an event listener says on its stdout, as a machine of four states.

                READY\\n                 an event was sent              RESULT n\\n + n bytes
   ACKNOWLEDGED ───────────────► READY ─────────────────► BUSY ─────────────────────────► ACKNOWLEDGED
        │                          │                        │
        │ anything else            │ anything               │ a line that is no result
        └──────────────────────────┴──────────► UNKNOWN ◄───┘

`hear` takes bytes as they come, `next` gives what they say, one thing at a time: between two of them the pool decides
what a result means, and may `spoil` the dialogue. In UNKNOWN everything is swallowed; only a new process begins anew.

Source: supervisor's ``dispatchers.PEventListenerDispatcher``.
"""

from typing import NamedTuple

from minisup.events import text_of

ACKNOWLEDGED, READY, BUSY, UNKNOWN = "ACKNOWLEDGED", "READY", "BUSY", "UNKNOWN"

TOKEN = b"READY\n"
PREFIX = len(b"RESULT ")
LONGEST_LINE = 1024
"""A line of more bytes is no result line, whether its end comes or not."""
LARGEST_RESULT = 1024 * 1024
"""Bytes of a result; supervisord has no limit, and collects them."""


class Ready(NamedTuple):
    """It waits for an event."""


class Result(NamedTuple):
    """It has handled its event and says how."""

    data: bytes


class Garbage(NamedTuple):
    """It broke the protocol. `line` is the text of a result line that is none; None for anything else."""

    line: str | None = None


Said = Ready | Result | Garbage


class Dialogue:
    """One run of one listener.

    Attributes:
        state: ACKNOWLEDGED, READY, BUSY or UNKNOWN.
    """

    __slots__ = ("_buffer", "_size", "state")

    def __init__(self) -> None:
        self.state = ACKNOWLEDGED
        self._buffer = bytearray()
        self._size: int | None = None  # of the result that is under way

    def hear(self, data: bytes) -> None:
        """Take bytes of its stdout."""
        if self.state != UNKNOWN:
            self._buffer += data

    def tell(self) -> None:
        """An event is on its way to it: READY to BUSY."""
        assert self.state == READY
        self.state = BUSY

    def spoil(self) -> None:
        """Nothing that it says counts any more."""
        self.state = UNKNOWN
        self._buffer.clear()

    def next(self) -> Said | None:
        """The next thing that it said, None where more bytes are needed. The state is that after it."""
        if self.state == BUSY:
            return self._result()
        if not self._buffer or self.state == UNKNOWN:
            return None
        if self.state == ACKNOWLEDGED:
            if len(self._buffer) < len(TOKEN):
                return None
            if self._buffer.startswith(TOKEN):
                del self._buffer[: len(TOKEN)]
                self.state = READY
                return Ready()
        self.spoil()
        return Garbage()

    def _result(self) -> Said | None:
        if self._size is None:
            end = self._buffer.find(b"\n", 0, LONGEST_LINE + 1)
            if end < 0 and len(self._buffer) <= LONGEST_LINE:
                return None
            line = bytes(self._buffer[: end if end >= 0 else LONGEST_LINE])
            self._size = _size(line)
            if self._size is None:
                self.spoil()
                return Garbage(text_of(line))
            del self._buffer[: end + 1]
        if len(self._buffer) < self._size:
            return None
        data = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._size = None
        self.state = ACKNOWLEDGED
        return Result(data)


def _size(line: bytes) -> int | None:
    """How many bytes a result line announces; None where it is no result line."""
    # QUIRK(supervisor): what stands before the number is skipped, whatever it is. test_pool.py: any prefix
    try:
        size = int(line[PREFIX:])
    except ValueError:
        return None
    return size if 0 <= size <= LARGEST_RESULT and len(line) <= LONGEST_LINE else None
