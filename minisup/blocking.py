"""`minisup.Supervisor` for code without an event loop: the same methods, without await.

    with minisup.blocking.Supervisor(programs=[...]) as supervisor:
        supervisor.start("redis")

An event loop in a thread of its own does the work. The methods may be called from any thread.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from minisup.embed.program import Path, Program
from minisup.embed.streams import Line
from minisup.embed.streams import Stream as AsyncStream
from minisup.embed.supervisor import Info
from minisup.embed.supervisor import Supervisor as AsyncSupervisor
from minisup.errors import MinisupError
from minisup.events import Event

T = TypeVar("T")
P = ParamSpec("P")


def _as(model: Callable[..., object]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """What is said of the asynchronous one holds for this, too."""

    def described(function: Callable[P, T]) -> Callable[P, T]:
        function.__doc__ = model.__doc__
        return function

    return described


class Stream(Iterator[T], Generic[T]):
    """An iterator over what happens from now on; waits for it. Ends with the supervisor.

    Whoever does not keep up loses the oldest items: `lost` counts them.
    """

    def __init__(self, stream: AsyncStream[T], portal: BlockingPortal) -> None:
        self._stream = stream
        self._portal = portal

    @property
    def lost(self) -> int:
        """How many items were lost."""
        return self._stream.lost

    def __iter__(self) -> "Stream[T]":
        return self

    def __next__(self) -> T:
        try:
            if self._stream.over:  # there may be no event loop any more
                return self._stream.pop()
            return self._portal.call(self._stream.__anext__)
        except (StopAsyncIteration, IndexError):
            raise StopIteration from None


class Supervisor:
    """Programs that run while a block of Python does; the blocking face of `minisup.Supervisor`, which see.

    Args:
        backend: the event loop in the thread: ``asyncio`` or ``trio``.
    """

    def __init__(
        self,
        conf: Path | None = None,
        *,
        text: str | None = None,
        programs: Sequence[Program] = (),
        folder: Path | None = None,
        log: Path | None = None,
        socket: Path | None = None,
        shutdown_timeout: float | None = None,
        backend: str = "asyncio",
    ) -> None:
        self._backend = backend
        self._supervisor = AsyncSupervisor(
            conf,
            text=text,
            programs=programs,
            folder=folder,
            log=log,
            socket=socket,
            shutdown_timeout=shutdown_timeout,
        )
        self._portal: BlockingPortal | None = None
        self._block = ExitStack()

    @property
    def folder(self) -> str | None:
        """Where the logs are; None before the block."""
        return self._supervisor.folder

    @_as(AsyncSupervisor.__aenter__)
    def __enter__(self) -> "Supervisor":
        with ExitStack() as block:
            self._portal = block.enter_context(start_blocking_portal(self._backend))
            block.enter_context(self._portal.wrap_async_context_manager(self._supervisor))
            self._block = block.pop_all()
        return self

    @_as(AsyncSupervisor.__aexit__)
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._block.__exit__(kind, error, trace)
        finally:
            self._portal = None

    @_as(AsyncSupervisor.start)
    def start(self, *names: str) -> None:
        self._await(self._supervisor.start, *names)

    @_as(AsyncSupervisor.stop)
    def stop(self, *names: str) -> None:
        self._await(self._supervisor.stop, *names)

    @_as(AsyncSupervisor.restart)
    def restart(self, *names: str) -> None:
        self._await(self._supervisor.restart, *names)

    @_as(AsyncSupervisor.signal)
    def signal(self, name: str, signal: str | int) -> None:
        self._await(self._supervisor.signal, name, signal)

    @_as(AsyncSupervisor.add)
    def add(self, program: Program) -> None:
        self._await(self._supervisor.add, program)

    @_as(AsyncSupervisor.remove)
    def remove(self, name: str) -> None:
        self._await(self._supervisor.remove, name)

    @_as(AsyncSupervisor.ready)
    def ready(self, *names: str, timeout: float | None = None) -> None:
        self._await(lambda: self._supervisor.ready(*names, timeout=timeout))

    @_as(AsyncSupervisor.wait_for)
    def wait_for(self, name: str, state: str, timeout: float = 30.0) -> Info:
        return self._await(self._supervisor.wait_for, name, state, timeout)

    @_as(AsyncSupervisor.processes)
    def processes(self) -> list[Info]:
        return self._there.call(self._supervisor.processes)

    @_as(AsyncSupervisor.info)
    def info(self, name: str) -> Info:
        return self._there.call(self._supervisor.info, name)

    @_as(AsyncSupervisor.events)
    def events(self, kind: str = "EVENT") -> Stream[Event]:
        return Stream(self._there.call(self._supervisor.events, kind), self._there)

    @_as(AsyncSupervisor.lines)
    def lines(self, *names: str) -> Stream[Line]:
        return Stream(self._there.call(self._supervisor.lines, *names), self._there)

    @_as(AsyncSupervisor.tail)
    def tail(self, name: str, lines: int = 10, channel: str = "stdout") -> str:
        return self._await(self._supervisor.tail, name, lines, channel)

    @property
    def _there(self) -> BlockingPortal:
        if self._portal is None:
            raise MinisupError("cannot use a Supervisor outside of its block")
        return self._portal

    def _await(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        result: T = self._there.call(function, *args)
        return result
