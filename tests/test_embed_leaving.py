"""Leaving the block of a `Supervisor`, in every bad way: nothing of it is left."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest
from daemon import is_there
from embedding import BACKENDS, Traces, anyio_backend, traces, unblocked, until

import minisup
from minisup import Program, Supervisor
from minisup.core.engine import ROUTES
from minisup.core.words import StopCalled

__all__ = ["anyio_backend", "traces", "unblocked"]
pytestmark = pytest.mark.anyio
of_asyncio = pytest.mark.parametrize("anyio_backend", BACKENDS[:2], indirect=True)
"""What only asyncio has: tasks that anybody may cancel."""

FOREVER = "exec sleep 1000"
STUBBORN = "trap '' TERM; echo up; while :; do sleep 1000; done"


def sh(name: str, script: str, **options: Any) -> Program:
    return Program(name, ["sh", "-c", script], **options)


async def said(supervisor: Supervisor, name: str, count: int = 1) -> list[str]:
    """So many lines of a program, from the beginning of its log."""
    path = Path(supervisor.info(name).stdout_logfile or "")
    return list(await until(lambda: len(lines := path.read_text().splitlines()) >= count and lines))


# --- descendants ------------------------------------------------------------------------------------------------------

DESCENDANTS = {
    "of its group": "sleep 1000 & echo $!; " + FOREVER,
    "of a session of its own": "setsid sh -c 'echo $$; exec sleep 1000' & " + FOREVER,
    "without our mark": "env -i sleep 1000 & echo $!; " + FOREVER,
    "without our mark, of a session of its own": "env -i setsid sh -c 'echo $$; exec sleep 1000' & " + FOREVER,
    "deaf": "sh -c \"trap '' TERM; echo \\$\\$; while :; do sleep 1000; done\" & " + FOREVER,
    "a daemon": "(setsid sh -c 'echo $$; exec sleep 1000' &) ; " + FOREVER,
    "whose parent has ended": "env -i sleep 1000 & echo $!; exit 0",
}


@pytest.mark.slow
@pytest.mark.parametrize("script", DESCENDANTS.values(), ids=DESCENDANTS)
async def test_descendants_go_too(script: str, traces: Traces) -> None:
    async with Supervisor(programs=[sh("web", script, startsecs=0)]) as supervisor:
        pid = int((await said(supervisor, "web"))[0])
        if "exit" in script:
            await supervisor.wait_for("web", "EXITED")
        assert is_there(pid)
    assert not is_there(pid)


@pytest.mark.slow
async def test_what_does_not_stop_is_killed(traces: Traces) -> None:
    async with Supervisor(programs=[sh("web", STUBBORN, stopwaitsecs=0)]) as supervisor:
        await said(supervisor, "web")
        events = supervisor.events("PROCESS_STATE_STOPPED")
    assert [event.name async for event in events] == ["PROCESS_STATE_STOPPED"]


async def test_in_order(traces: Traces) -> None:
    programs = [sh(name, FOREVER, priority=priority) for name, priority in (("db", 1), ("web", 3), ("cache", 2))]
    async with Supervisor(programs=programs) as supervisor:
        events = supervisor.events("PROCESS_STATE_STOPPED")
        assert [info.name for info in supervisor.processes()] == ["db", "cache", "web"]
    assert [event.fields["processname"] async for event in events] == ["web", "cache", "db"]


# --- cancellation -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_cancelled_while_it_stops(traces: Traces) -> None:
    """By a scope around it: the block is left in order all the same."""
    async with anyio.create_task_group() as tasks:

        async def body() -> None:
            async with Supervisor(programs=[sh("web", STUBBORN, stopwaitsecs=1)]) as supervisor:
                await said(supervisor, "web")
                events = supervisor.events("PROCESS_STATE")
                tasks.start_soon(cancel, events, supervisor.info("web").pid)
                await anyio.sleep_forever()

        async def cancel(events: minisup.Stream[minisup.Event], pid: int) -> None:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                names = [event.name async for event in events]
            assert names == ["PROCESS_STATE_STOPPING", "PROCESS_STATE_STOPPED"]
            assert not is_there(pid)

        tasks.start_soon(body)


@pytest.mark.parametrize("waits", [True, False])
async def test_an_exception_in_a_cancelled_block(waits: bool, traces: Traces) -> None:
    with anyio.CancelScope() as scope, pytest.raises(ZeroDivisionError):
        async with Supervisor(programs=[sh("web", FOREVER)]):
            scope.cancel()
            try:
                if waits:
                    await anyio.sleep_forever()
            finally:
                raise ZeroDivisionError


@pytest.mark.slow
async def test_cancelled_while_it_starts(traces: Traces) -> None:
    for pause in range(12):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:

                async def cancel(pause: int = pause, scope: anyio.CancelScope = scope) -> None:
                    for _ in range(pause):
                        await anyio.sleep(0.001)
                    scope.cancel()

                tasks.start_soon(cancel)
                async with Supervisor(programs=[sh("web", FOREVER)]):
                    await anyio.sleep_forever()
        traces.assert_none()


@pytest.mark.slow
@of_asyncio
async def test_cancelled_by_asyncio_again_and_again(anyio_backend: Any, traces: Traces) -> None:
    pids: list[int | None] = []
    stopping = asyncio.Event()

    async def body() -> None:
        async with Supervisor(programs=[sh("web", STUBBORN, stopwaitsecs=1)]) as supervisor:
            await said(supervisor, "web")
            pids.append(supervisor.info("web").pid)
            watching = asyncio.ensure_future(watch(supervisor.events("PROCESS_STATE_STOPPING")))
            try:
                await asyncio.sleep(1000)
            finally:
                assert watching

    async def watch(events: minisup.Stream[minisup.Event]) -> None:
        async for _ in events:
            stopping.set()

    task = asyncio.ensure_future(body())
    await until(lambda: pids)
    task.cancel()
    await stopping.wait()
    for _ in range(5):
        await asyncio.sleep(0.01)
        task.cancel()
        assert not task.done()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pids[0] and not is_there(pids[0])


@pytest.mark.slow
@of_asyncio
async def test_all_tasks_cancelled(anyio_backend: Any, traces: Traces, tmp_path: Path) -> None:
    """As asyncio.run does after an interrupt: ours are among them."""

    async def body() -> None:
        async with Supervisor(programs=[sh("web", STUBBORN, stopwaitsecs=0)], socket=socket):
            started.set()
            await asyncio.sleep(1000)

    socket = tmp_path / "s.sock"
    for early in (True, False):
        started = asyncio.Event()
        before = asyncio.all_tasks()
        task = asyncio.ensure_future(body())
        if early:
            await asyncio.sleep(0)
        else:
            await started.wait()
            await anyio.wait_all_tasks_blocked()
        for other in asyncio.all_tasks() - before:
            other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not socket.exists()


# --- faults of ours ---------------------------------------------------------------------------------------------------


async def test_a_fault_of_ours_ends_the_block(monkeypatch: pytest.MonkeyPatch, traces: Traces) -> None:
    async def broken(self: Any) -> None:
        raise ZeroDivisionError("by us")

    with pytest.raises(minisup.MinisupError, match=r"^internal error: ZeroDivisionError: by us$"):
        async with Supervisor(programs=[sh("web", STUBBORN)]) as supervisor:
            await said(supervisor, "web")
            pid = supervisor.info("web").pid
            monkeypatch.setattr("minisup.runtime.driver.Driver._turn", broken)
            assert pid
            os.kill(pid, signal.SIGKILL)
            await anyio.sleep_forever()
    assert not is_there(pid)


async def test_a_fault_in_a_call(monkeypatch: pytest.MonkeyPatch, traces: Traces) -> None:
    def broken(self: Any, *given: object) -> None:
        raise ZeroDivisionError("by us")

    with pytest.raises(minisup.MinisupError, match=r"^internal error: ZeroDivisionError: by us$"):
        async with Supervisor(programs=[sh("web", STUBBORN)]) as supervisor:
            monkeypatch.setattr("minisup.core.engine.Engine.stop_called", broken)
            monkeypatch.setattr("minisup.core.engine.ROUTES", {**ROUTES, StopCalled: broken})
            await supervisor.stop()
