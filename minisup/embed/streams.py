"""What happens, for whoever iterates: events, and lines of the logs."""

from collections import deque
from collections.abc import Callable, Collection
from typing import Generic, NamedTuple, TypeVar
from weakref import WeakSet

import anyio

from minisup.specs import ProcessKey, make_namespec

T = TypeVar("T")
KEPT = 10_000
"""So many items wait for somebody who does not take them; then the oldest are forgotten."""
LONGEST = 64 * 1024
"""Bytes of a line that does not end; it is given in pieces then."""


class Line(NamedTuple):
    """A line that a program wrote.

    Attributes:
        program: its name, as `Info.name`.
        channel: ``stdout`` or ``stderr``.
        text: without its end; bytes that are not UTF-8 are U+FFFD.
    """

    program: str
    channel: str
    text: str


class Bell:
    """Wakes those who wait for it to ring the next time."""

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    async def wait(self) -> None:
        """Until it rings."""
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()

    def ring(self) -> None:
        """Something has changed. To be called in the event loop, if anybody waits."""
        event, self._event = self._event, None
        if event is not None:
            event.set()


class Stream(Generic[T]):
    """An asynchronous iterator over what happens from now on. Ends with the supervisor.

    Whoever does not keep up loses the oldest items.

    Attributes:
        lost: how many items were lost.
        over: the supervisor has ended: nothing comes but what was not taken yet.
    """

    def __init__(self, wanted: Callable[[T], bool]) -> None:
        self.lost = 0
        self.over = False
        self._wanted = wanted
        self._items: deque[T] = deque()
        self._bell = Bell()

    def __aiter__(self) -> "Stream[T]":
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self.over:
                raise StopAsyncIteration
            await self._bell.wait()
        return self.pop()

    def pop(self) -> T:
        """The oldest item, without waiting.

        Raises:
            IndexError: there is none.
        """
        return self._items.popleft()

    def _put(self, item: T) -> None:
        if self._wanted(item):
            if len(self._items) == KEPT:
                self._items.popleft()
                self.lost += 1
            self._items.append(item)
            self._bell.ring()

    def _end(self) -> None:
        self.over = True
        self._bell.ring()


class Source(Generic[T]):
    """Where streams of one kind come from. Streams that nobody holds are forgotten."""

    def __init__(self) -> None:
        self._streams: WeakSet[Stream[T]] = WeakSet()

    def __bool__(self) -> bool:
        """Whether somebody listens."""
        return bool(self._streams)

    def open(self, wanted: Callable[[T], bool]) -> Stream[T]:
        """A new stream of those items that are wanted."""
        stream = Stream(wanted)
        self._streams.add(stream)
        return stream

    def put(self, item: T) -> None:
        """Something happened."""
        for stream in list(self._streams):
            stream._put(item)

    def end(self) -> None:
        """Nothing happens any more."""
        for stream in list(self._streams):
            stream._end()


class Tap:
    """Splits what a channel logs into lines, while somebody listens."""

    def __init__(self, key: ProcessKey, channel: str, lines: Source[Line]) -> None:
        self._name = make_namespec(*key)
        self._channel = channel
        self._lines = lines
        self._begun = b""

    def write(self, data: bytes) -> None:
        if not self._lines:
            self._begun = b""
            return
        *lines, self._begun = (self._begun + data).split(b"\n")
        self._put(lines)
        if len(self._begun) > LONGEST:
            self.end()

    def end(self) -> None:
        if self._begun:
            self._put([self._begun])
            self._begun = b""

    def _put(self, lines: Collection[bytes]) -> None:
        for line in lines:
            self._lines.put(Line(self._name, self._channel, line.decode(errors="replace")))
