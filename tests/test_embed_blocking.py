"""`minisup.blocking.Supervisor`: the same, without await."""

import inspect
import os
import threading

import pytest
from daemon import is_there, until

import minisup
from minisup import Program
from minisup.blocking import Supervisor


def test_it_has_what_the_other_has() -> None:
    for name, theirs in vars(minisup.Supervisor).items():
        if not name.startswith("_"):
            ours = getattr(Supervisor, name)
            assert [*inspect.signature(ours).parameters.values()] == [*inspect.signature(theirs).parameters.values()]
            assert ours.__doc__ == theirs.__doc__


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_block(backend: str) -> None:
    threads = threading.active_count()
    talk = Program("talk", ["sh", "-c", "echo hi; echo you >&2; exec sleep 1000"], autostart=False, startsecs=0)
    with Supervisor(programs=[talk], backend=backend) as supervisor:
        lines = supervisor.lines()
        events = supervisor.events("PROCESS_STATE_STOPPED")
        supervisor.start("talk")
        assert {next(lines).text, next(lines).text} == {"hi", "you"}
        info = supervisor.info("talk")
        assert [info] == supervisor.processes()
        assert info.pid and is_there(info.pid)
        supervisor.ready()
        supervisor.restart()
        assert supervisor.wait_for("talk", "RUNNING").pid != info.pid
        assert next(events).fields["processname"] == "talk"
        assert {next(lines).text, next(lines).text} == {"hi", "you"}
        assert supervisor.tail("talk", 1, "stderr") == "you\n"
        supervisor.add(Program("b", "sleep 1000", startsecs=0))
        supervisor.signal("b", "KILL")
        supervisor.remove("b")
        supervisor.stop()
        assert supervisor.folder
        with pytest.raises(minisup.UnknownProgram):
            supervisor.stop("b")
    assert not os.path.exists(supervisor.folder)
    assert [event.fields["processname"] for event in events] == ["b", "talk"]
    assert list(lines) == []
    with pytest.raises(minisup.MinisupError, match="outside of its block"):
        supervisor.stop()
    if backend == "asyncio":  # trio keeps a thread for ten seconds, in case that somebody needs one
        until(lambda: threading.active_count() == threads)


def test_an_exception_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), Supervisor(programs=[Program("web", "sleep 1000")]) as supervisor:
        pid = supervisor.info("web").pid
        raise ZeroDivisionError
    assert pid and not is_there(pid)


def test_a_start_that_fails() -> None:
    supervisor = Supervisor(programs=[Program("web", "sleep 1000"), Program("bad", "/not/there")])
    with pytest.raises(minisup.StartError, match="can't find command '/not/there'"), supervisor:
        raise AssertionError("the block is not entered")
    assert supervisor.folder and not os.path.exists(supervisor.folder)
