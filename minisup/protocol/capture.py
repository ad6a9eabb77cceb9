"""What a child says between ``<!--XSUPERVISOR:BEGIN-->`` and ``<!--XSUPERVISOR:END-->``, and what terminals ignore.

Two incremental filters over the bytes of one output channel. For both, how the input is cut into chunks changes
nothing: the pieces joined are always the same.

`CaptureSplitter` has two states, outside and inside a capture. A chunk that ends in the beginning of the tag it is
waiting for keeps exactly that beginning for the next chunk, and never anything else: unlike supervisord, which waits
until more bytes than a tag has are there, and so never writes the last short line of a program that ends.
"""

import re

BEGIN = b"<!--XSUPERVISOR:BEGIN-->"
END = b"<!--XSUPERVISOR:END-->"

PLAIN = 0
"""Ordinary output."""
INSIDE = 1
"""Output between the tags, as it comes; it belongs into no log."""
BLOCK = 2
"""A finished capture: its last bytes, as many as the buffer holds."""

Piece = tuple[int, bytes]

# A control sequence of ECMA-48, 5.4: CSI, parameter bytes, intermediate bytes, one final byte. That is optional here,
# for what breaks off (a byte that cannot be part of it) is dropped up to that byte, which is text again.
_SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]?")
_AFTER_PARAMETERS = re.compile(rb"[0-?]*[ -/]*[@-~]?")
_AFTER_INTERMEDIATES = re.compile(rb"[ -/]*[@-~]?")


class AnsiStripper:
    """Takes the control sequences of terminals out of a stream of bytes.

    supervisord knows fifteen final bytes and swallows text up to the next of these; here every final byte of ECMA-48
    ends a sequence, so never more is removed than there.
    """

    __slots__ = ("_rest", "_tail")

    def __init__(self) -> None:
        self._tail = b""
        self._rest: re.Pattern[bytes] | None = None

    def feed(self, data: bytes) -> bytes:
        """The text in `data`; an escape character at its very end waits for the next call."""
        if self._tail:
            data = self._tail + data
            self._tail = b""
        elif self._rest is None and b"\x1b" not in data:
            return data
        start = 0
        if self._rest is not None:
            match = self._rest.match(data)
            assert match is not None
            start = match.end()
            self._rest = _awaited(match.group(), self._rest) if start == len(data) else None
        if data.endswith(b"\x1b"):
            self._tail = b"\x1b"
            data = data[:-1]
        return self._strip(data, start)

    def end(self) -> bytes:
        """What was held back; call at the end of the stream, or where the text is interrupted."""
        tail, self._tail, self._rest = self._tail, b"", None
        return tail

    def _strip(self, data: bytes, start: int) -> bytes:
        parts: list[bytes] = []
        for match in _SEQUENCE.finditer(data, start):
            parts.append(data[start : match.start()])
            start = match.end()
            if start == len(data):
                self._rest = _awaited(match.group()[2:], _AFTER_PARAMETERS)
        parts.append(data[start:])
        return b"".join(parts)


def _awaited(body: bytes, before: re.Pattern[bytes]) -> re.Pattern[bytes] | None:
    """What may follow the part `body` of a sequence in which `before` was awaited; None where the part ends it."""
    if not body:
        return before
    if body[-1] >= 0x40:
        return None
    return _AFTER_INTERMEDIATES if body[-1] < 0x30 else _AFTER_PARAMETERS


class CaptureSplitter:
    """Splits the output of one channel into plain pieces and captured blocks.

    Args:
        maxbytes: how many of the last captured bytes a block keeps.
        strip: takes control sequences out of every piece, or None.
    """

    __slots__ = ("_block", "_held", "_inside", "_maxbytes", "_strip")

    def __init__(self, maxbytes: int, strip: AnsiStripper | None = None) -> None:
        self._maxbytes = maxbytes
        self._strip = strip
        self._block = bytearray()
        self._inside = False
        self._held = b""

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that `data` completes, in order; none of them is empty, but a block may be."""
        pieces: list[Piece] = []
        if self._held:
            data = self._held + data
            self._held = b""
        while data:
            tag = END if self._inside else BEGIN
            before, found, data = data.partition(tag)
            if not found:
                # The tag has one "<", its first byte: only the last "<" of the chunk can begin a tag that goes on.
                cut = before.rfind(b"<", max(0, len(before) - len(tag) + 1))
                if cut >= 0 and tag.startswith(before[cut:]):
                    self._held = before[cut:]
                    before = before[:cut]
            self._text(before, pieces)
            if found:
                self._toggle(pieces)
        return pieces

    def end(self) -> list[Piece]:
        """The pieces that were held back. A capture that was never closed is lost; the next one begins outside."""
        pieces: list[Piece] = []
        held, self._held = self._held, b""
        self._text(held, pieces)
        self._interrupt(pieces)
        self._inside = False
        self._block.clear()
        return pieces

    def clear(self) -> None:
        """Forget what was captured so far."""
        self._block.clear()

    def _toggle(self, pieces: list[Piece]) -> None:
        self._interrupt(pieces)
        if self._inside:
            pieces.append((BLOCK, bytes(self._block)))
            self._block.clear()
        self._inside = not self._inside

    def _text(self, data: bytes, pieces: list[Piece]) -> None:
        if self._strip is not None:
            data = self._strip.feed(data)
        self._keep(data, pieces)

    def _interrupt(self, pieces: list[Piece]) -> None:
        """A tag ends a control sequence, or it would swallow what comes after the tag."""
        if self._strip is not None:
            self._keep(self._strip.end(), pieces)

    def _keep(self, data: bytes, pieces: list[Piece]) -> None:
        if not data:
            return
        if not self._inside:
            pieces.append((PLAIN, data))
            return
        pieces.append((INSIDE, data))
        self._block += data
        if len(self._block) > self._maxbytes:
            del self._block[: len(self._block) - self._maxbytes]
