"""Awaiting what must come to its end, whatever is cancelled meanwhile.

A cancel scope of anyio or trio is held back by a shield. asyncio's own `Task.cancel` breaks a shield, each time that it
is called, and so does KeyboardInterrupt: here they are kept until the wait is over, and handed to the caller then.
"""

import os
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")
PAUSE = 0.0001
"""Seconds between two looks at a thread that has done its work and only has to end."""


async def outlast(wait: Callable[[], Awaitable[object]], done: Callable[[], bool]) -> BaseException | None:
    """Await `wait()` until `done()`; what interrupted it, to be raised when all is over."""
    interruption: BaseException | None = None
    with anyio.CancelScope(shield=True):
        while not done():
            try:
                await wait()
            except (anyio.get_cancelled_exc_class(), KeyboardInterrupt) as error:
                interruption = error
    return interruption


class _Work(Generic[T]):
    """A function in a thread of its own; `fd` is readable when it has come to its end."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.over = False
        self.error: BaseException | None = None
        self.result: T | None = None
        self.thread = threading.Thread(target=self._run, name="minisup", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:
            self.error = error
        self.over = True
        os.eventfd_write(self.fd, 1)

    async def wait(self) -> None:
        if self.over:
            await anyio.sleep(PAUSE)
        else:
            await anyio.wait_readable(self.fd)


async def in_thread(function: Callable[[], T]) -> tuple[T, BaseException | None]:
    """Run a function in a thread to its end; its result, and what interrupted the wait.

    Raises:
        BaseException: what the function raised.
    """
    work = _Work(function)
    interruption = await outlast(work.wait, lambda: not work.thread.is_alive())
    os.close(work.fd)
    if work.error is not None:
        raise work.error
    return work.result, interruption  # type: ignore[return-value]
