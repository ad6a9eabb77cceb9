"""For tests of what is embedded: the backends, and a look at what is left behind."""

import contextlib
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from blockbuster import blockbuster_ctx
from daemon import PATIENCE

BACKENDS = [
    pytest.param(("asyncio", {}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    pytest.param(("trio", {}), id="trio"),
]


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: Any) -> Any:
    """All tests of a module that imports this run on all event loops."""
    return request.param


async def until(look: Callable[[], Any], what: object = "", seconds: float = PATIENCE) -> Any:
    """What `look` gave when it was true at last."""
    with anyio.move_on_after(seconds):
        while True:
            if seen := look():
                return seen
            await anyio.sleep(0.005)
    raise AssertionError(f"not within {seconds:g} seconds: {what or look}")


class Traces:
    """What a host has, to be compared before and after: descriptors, threads, folders, children."""

    def __init__(self) -> None:
        self.fds = set(os.listdir("/proc/self/fd"))
        self.threads = {thread for thread in threading.enumerate() if thread.name == "minisup"}
        self.folders = _folders()
        self.children = _children()

    def assert_none(self) -> None:
        """Nothing is there that was not before."""
        after = Traces()
        assert after.children - self.children == set()
        assert after.folders - self.folders == set()
        assert after.threads - self.threads == set()
        # The listing itself has a descriptor, of whatever number was free.
        assert len(after.fds) == len(self.fds), [_target(fd) for fd in after.fds - self.fds]


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def _folders() -> set[str]:
    return {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("minisup-")}


def _children() -> set[str]:
    found: set[str] = set()
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found.update(Path(f"/proc/self/task/{task}/children").read_text().split())
    return found


@pytest.fixture
async def traces() -> AsyncIterator[Traces]:
    """After the test nothing of it is left. Asynchronous, for an event loop has descriptors, too."""
    before = Traces()
    yield before
    before.assert_none()


async def in_a_thread(do: Callable[[], Awaitable[Any]], backend: tuple[str, dict[str, Any]]) -> None:
    """Run an async function in an event loop of another thread; what it raises is raised here."""
    error: list[BaseException] = []

    def work() -> None:
        try:
            anyio.run(do, backend=backend[0], backend_options=backend[1])
        except BaseException as why:
            error.append(why)

    thread = threading.Thread(target=work)
    thread.start()
    await until(lambda: not thread.is_alive())
    thread.join()
    if error:
        raise error[0]


# What may block in the event loop, for it does not take long: exec, a look at the file system before it, and the page
# cache of the system.
MAY_BLOCK = {
    "minisup/runtime/posix.py": {"resolve", "execute", "relatives", "look_at", "hosts"},
    "minisup/runtime/logfile.py": {"link", "write"},
}


@pytest.fixture(autouse=True)
def unblocked(anyio_backend: Any) -> Iterator[None]:
    """On asyncio, nothing of ours blocks the event loop."""
    if anyio_backend[0] != "asyncio":
        yield
        return
    with blockbuster_ctx("minisup") as found:
        for function in found.functions.values():
            for path, names in MAY_BLOCK.items():
                function.can_block_in(path, names)
        yield
