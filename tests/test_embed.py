"""`minisup.Supervisor` from inside: on every event loop, and never a trace."""

import os
import signal
import subprocess
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from daemon import PYTHON, is_there
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


@pytest.mark.slow
async def test_somebody_looks_in(anyio_backend: tuple[str, dict[str, object]], tmp_path: Path, traces: Traces) -> None:
    path = tmp_path / "s.sock"

    async def ctl(*words: str) -> str:
        command = [PYTHON, "-m", "minisup", "ctl", "-s", f"unix://{path}", *words]
        done = await anyio.to_thread.run_sync(lambda: subprocess.run(command, capture_output=True, text=True))
        return done.stdout

    async with Supervisor(text=f"[program:web]\ncommand={FOREVER}\nstartsecs=0", socket=path) as supervisor:
        environment = Path(f"/proc/{supervisor.info('web').pid}/environ").read_bytes().split(b"\0")
        assert f"SUPERVISOR_SERVER_URL=unix://{path}".encode() in environment
        assert (await ctl("status")).split()[:2] == ["web", "RUNNING"]
        assert await ctl("restart", "web") == "web: stopped\nweb: started\n"
        await supervisor.add(Program("b", FOREVER))
        assert await ctl("update") == ""
        assert await ctl("stop", "b") == "b: stopped\n"
        assert supervisor.info("b").state == "STOPPED"
        assert "the program around this supervisor decides about its end" in await ctl("shutdown")
        assert "the program around this supervisor decides about its end" in await ctl("reload")
        if anyio_backend[0] == "trio":  # who reads a log by the socket makes the event loop wait for the disk
            assert "INFO spawned: 'web' with pid" in await ctl("maintail")
    assert not path.exists()


async def test_a_file_and_more(tmp_path: Path, traces: Traces) -> None:
    conf = tmp_path / "supervisord.conf"
    conf.write_text(
        "[supervisord]\nenvironment=A=1\nlogfile=/dev/null\nnodaemon=true\n"
        "[program:a]\ncommand=sh -c 'echo $A $B %(here)s; exec sleep 1000'\nenvironment=B=2\n"
        "[group:g]\nprograms=b,c\n[program:b]\ncommand=sleep 1000\n[program:c]\ncommand=sleep 1000\nautostart=false\n"
    )
    (tmp_path / "logs").mkdir()
    async with Supervisor(conf, programs=[Program("d", FOREVER)], folder=tmp_path / "logs") as supervisor:
        assert {info.name: info.pid is not None for info in supervisor.processes()} == {
            "a": True,
            "d": True,
            "g:b": True,
            "g:c": False,
        }
        await until(lambda: Path(supervisor.info("a").stdout_logfile or "").read_text() == f"1 2 {tmp_path}\n")
        await supervisor.stop("g:*")
        assert supervisor.info("g:b").state == "STOPPED"
    assert "stopped: d" in (tmp_path / "logs" / "supervisord.log").read_text()


async def test_many_at_once(traces: Traces) -> None:
    programs = [Program(f"p{number}", FOREVER, startsecs=0) for number in range(40)]
    async with Supervisor(programs=programs) as supervisor:
        assert all(info.pid for info in supervisor.processes())
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(supervisor.restart, f"p{number}")
        assert {info.state for info in supervisor.processes()} == {"RUNNING"}


async def test_a_stream_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minisup.embed.streams.KEPT", 3)
    async with Supervisor(programs=[sh("t", "read x; seq 5; exec sleep 1000", autostart=False)]) as supervisor:
        lines = supervisor.lines()
        supervisor.lines("t")  # nobody holds it
        await supervisor.add(sh("u", "seq 5; exec sleep 1000", startsecs=0))
        await until(lambda: lines.lost == 2)
        assert [(await anext(lines)).text for _ in range(3)] == ["3", "4", "5"]
        long = sh("v", "head -c 70000 /dev/zero | tr '\\0' x; exec sleep 1000", startsecs=0)
        await supervisor.add(long)
        assert len((await anext(lines)).text) > 60_000
