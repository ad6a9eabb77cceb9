"""`minisup.Supervisor` from inside: on every event loop, and never a trace."""

import os
import signal
from pathlib import Path

import anyio
import pytest
from daemon import is_there
from embedding import Traces, anyio_backend, in_a_thread, traces, unblocked, until

import minisup
from minisup import Program, Supervisor

__all__ = ["anyio_backend", "traces", "unblocked"]
pytestmark = pytest.mark.anyio

FOREVER = "sleep 1000"


def sh(name: str, script: str, **options: object) -> Program:
    return Program(name, ["sh", "-c", script], **options)  # type: ignore[arg-type]


async def test_a_block_with_a_program(traces: Traces) -> None:
    async with Supervisor(programs=[Program("web", FOREVER)]) as supervisor:
        info = supervisor.info("web")
        assert (info.name, info.state, info.returncode) == ("web", "STARTING", None)
        assert info.pid and is_there(info.pid)
        assert supervisor.processes() == [info]
        assert supervisor.folder and os.path.isdir(supervisor.folder)
    assert not is_there(info.pid)
    assert not os.path.exists(supervisor.folder)
    traces.assert_none()


async def test_start_stop_restart_signal() -> None:
    async with Supervisor(programs=[Program("web", FOREVER, autostart=False, startsecs=0)]) as supervisor:
        assert supervisor.info("web").why == "not started"
        await supervisor.start("web")
        first = supervisor.info("web")
        assert first.state == "RUNNING" and first.ready
        await supervisor.start("web")
        assert supervisor.info("web").pid == first.pid
        await supervisor.restart("web")
        second = supervisor.info("web")
        assert second.pid != first.pid
        await supervisor.signal("web", "USR1")
        exited = await supervisor.wait_for("web", "EXITED")
        assert exited.returncode == -signal.SIGUSR1
        await supervisor.start()
        await supervisor.stop()
        stopped = supervisor.info("web")
        assert (stopped.state, stopped.pid, stopped.returncode) == ("STOPPED", None, -signal.SIGTERM)
        await supervisor.stop("web")


async def test_another_thread(anyio_backend: tuple[str, dict[str, object]], traces: Traces) -> None:
    async def host() -> None:
        async with Supervisor(programs=[sh("a", "exit 7", startsecs=0, autorestart=False)]) as supervisor:
            info = await supervisor.wait_for("a", "EXITED")
            assert info.returncode == 7

    await in_a_thread(host, anyio_backend)


async def test_events_and_lines() -> None:
    programs = [sh("talk", "read line; echo one; printf two; exec sleep 1000", autostart=False), Program("b", FOREVER)]
    async with Supervisor(programs=programs) as supervisor:
        events = supervisor.events("PROCESS_STATE")
        lines = supervisor.lines("talk")
        talk = sh("say", "echo out; echo err >&2; exec sleep 1000", redirect_stderr=True, startsecs=0)
        everything = supervisor.lines()
        await supervisor.add(talk)
        assert await anext(everything) == minisup.Line("say", "stdout", "out")
        assert await anext(everything) == ("say", "stdout", "err")
        started = await anext(events)
        assert (started.name, started.fields["processname"]) == ("PROCESS_STATE_STARTING", "say")
        await supervisor.remove("say")
        names = [(await anext(events)).name for _ in range(3)]
        assert names == [f"PROCESS_STATE_{state}" for state in ("RUNNING", "STOPPING", "STOPPED")]
        assert [info.name for info in supervisor.processes()] == ["b", "talk"]
    assert [event.fields["processname"] async for event in events] == ["b", "b"]
    assert [line async for line in lines] == []


async def test_the_tail_of_a_log() -> None:
    async with Supervisor(programs=[sh("t", "seq 1000; echo bad >&2; exec sleep 1000")]) as supervisor:
        await until(lambda: Path(supervisor.info("t").stderr_logfile or "").read_text())
        assert await supervisor.tail("t", 2) == "999\n1000\n"
        assert await supervisor.tail("t", channel="stderr") == "bad\n"


async def test_side_by_side(traces: Traces) -> None:
    async with (
        Supervisor(programs=[Program("web", FOREVER)]) as one,
        Supervisor(programs=[Program("web", FOREVER)]) as two,
    ):
        assert one.info("web").pid != two.info("web").pid
        pid = two.info("web").pid
        await one.stop()
        assert pid and is_there(pid)


async def test_an_exception_comes_out_as_it_is(traces: Traces) -> None:
    with pytest.raises(ZeroDivisionError):
        async with Supervisor(programs=[Program("web", FOREVER)]) as supervisor:
            pid = supervisor.info("web").pid
            raise ZeroDivisionError
    assert pid and not is_there(pid)


async def test_a_cancelled_block(traces: Traces) -> None:
    with anyio.CancelScope() as scope:
        async with Supervisor(programs=[Program("web", FOREVER)]) as supervisor:
            pid = supervisor.info("web").pid
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert pid and not is_there(pid)
