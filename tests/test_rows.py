"""Rows of docs/compatibility.md that no other test shows: supervisord and minisup, seen to do what the row says."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from daemon import children
from oracle.case import HEAD
from oracle.peer import MINISUP, REAL, Peer, until
from oracle.programs import FILES, program
from radial import STAYS, ini, needs_git, wheel

pytestmark = pytest.mark.slow

both = pytest.mark.parametrize("kind", [REAL, MINISUP])
ARGUMENTS = ("-n", "-c", "@DIR@/s.conf")


@pytest.fixture
def peer(kind: str, tmp_path: Path) -> Iterator[Peer]:
    with Peer(kind, tmp_path / "p") as found:
        for name, content in FILES.items():
            found.write(name, content)
        yield found


def up(peer: Peer, config: str, *args: str, **popen: Any) -> Peer:
    """Write the configuration, start on it, wait until it answers."""
    peer.write("s.conf", HEAD + config)
    peer.start(args or ARGUMENTS, **popen)
    assert peer.wait_ready(), peer.stderr + peer.read("supervisord.log")
    return peer


def info(peer: Peer, name: str) -> dict[str, Any]:
    found = peer.call("supervisor.getProcessInfo", name)
    assert isinstance(found, dict)
    return found


def wait(look: Callable[[], Any], peer: Peer) -> Any:
    seen = until(look)
    assert seen, peer.read("supervisord.log")
    return seen


def reaches(peer: Peer, name: str, state: str) -> None:
    wait(lambda: info(peer, name)["statename"] == state, peer)


@both
def test_maxbytes_negative(peer: Peer) -> None:
    up(peer, program("a", "/bin/echo words", startsecs=0, autorestart="false", stdout_logfile_maxbytes=-1))
    reaches(peer, "a", "EXITED")
    assert peer.read("a.log") == ("" if peer.kind == REAL else "words\n")


@both
def test_reread_daemon_options(peer: Peer) -> None:
    """Of [supervisord] a reread takes what later spawns need, and nothing else: the level of the log stays."""
    colour = program("a", r"/usr/bin/printf '\033[1mplain\n'", startsecs=0, autostart="false", autorestart="false")
    up(peer, "loglevel=info\n" + colour)
    new = program("b", "/bin/cat", stdout_logfile="AUTO", stderr_logfile="NONE")
    before = "strip_ansi=true\nidentifier=other\nloglevel=critical\n" + colour + new
    (peer.folder / "elsewhere").mkdir()
    peer.write("s.conf", HEAD.replace("/logs", "/elsewhere") + before)
    peer.call("supervisor.reloadConfig")
    assert peer.call("supervisor.getIdentification") == "other"
    peer.call("supervisor.addProcessGroup", "b")
    wait(lambda: list((peer.folder / "elsewhere").glob("b-stdout---other-*.log")), peer)
    peer.call("supervisor.startProcess", "a", False)  # one that waits may see nothing but its end
    wait(lambda: peer.read("a.log"), peer)
    assert "INFO spawned: 'a'" in peer.read("supervisord.log")
    # What a spawn reads, that is; the channels of "a" were made with its group, in the one, at its spawn, in the other.
    assert peer.read("a.log") == "plain\n"


def test_reread_relative_files(tmp_path: Path) -> None:
    """After the chdir of a daemon, too: the next life writes where the first did."""
    with Peer(MINISUP, tmp_path / "p") as peer:
        (peer.folder / "sub").mkdir()
        config = HEAD.replace("@DIR@/supervisord", "supervisord") + "directory=@DIR@/sub\n" + program("a", "/bin/cat")
        peer.write("s.conf", config)
        peer.start(("-c", "s.conf"))
        assert peer.wait_exit() == 0

        def started() -> int:
            return peer.read("supervisord.log").count("supervisord started with pid")

        assert until(lambda: started() == 1)
        pid = int(peer.read("supervisord.pid"))
        try:
            os.kill(pid, signal.SIGHUP)
            assert until(lambda: started() == 2), peer.read("supervisord.log")
            assert list((peer.folder / "sub").iterdir()) == []
        finally:
            os.kill(pid, signal.SIGTERM)
            until(lambda: not (peer.folder / "supervisord.pid").exists())


@both
def test_daemon_pidfile_late(peer: Peer) -> None:
    """The pidfile is a FIFO without a reader: who writes it waits, the parent has left already."""
    os.mkfifo(peer.folder / "supervisord.pid")
    peer.write("s.conf", HEAD + program("a", "/bin/cat", startsecs=0))
    peer.start(("-c", "@DIR@/s.conf"))
    assert peer.wait_exit() == 0
    with open(peer.folder / "supervisord.pid") as fifo:
        pid = int(fifo.read())
    assert pid in [each for each, _ in peer.offspring()]
    if peer.kind == MINISUP:  # nor does it wait for a reader when it removes the pidfile
        os.kill(pid, signal.SIGTERM)
        assert until(lambda: pid not in [each for each, _ in peer.offspring()])


@both
def test_shown_stop_time(peer: Peer) -> None:
    """Of one that was stopped in BACKOFF: when it ended before; of one that was never reaped: the epoch."""
    up(
        peer,
        program("ran", "/bin/sh -c 'exit 1'", startretries=50) + program("never", "/no/such/command", startretries=50),
    )
    for name in ("ran", "never"):
        reaches(peer, name, "BACKOFF")
        peer.call("supervisor.stopProcess", name)
    ran, never = info(peer, "ran"), info(peer, "never")
    assert ran["statename"] == never["statename"] == "STOPPED"
    assert 0 < ran["stop"] <= ran["now"]
    for seen in (ran, never):
        assert seen["description"] == time.strftime("%b %d %I:%M %p", time.gmtime(seen["stop"]))
    assert never["stop"] == 0 < never["start"]


@both
def test_startsecs_zero_loop(peer: Peer) -> None:
    """Supervisor/supervisor#1285: a program that dies at once, again and again, is never FATAL."""
    command = "/bin/sh -c 'echo run; exit 1'"
    up(peer, program("a", command, startsecs=0, startretries=1, autorestart="true"))
    wait(lambda: peer.read("a.log").count("run") > 5, peer)
    assert info(peer, "a")["statename"] != "FATAL"
    assert "FATAL" not in peer.read("supervisord.log") and "BACKOFF" not in peer.read("supervisord.log")


@both
def test_clear_syslog(peer: Peer) -> None:
    up(peer, program("a", "/bin/cat", startsecs=0, stdout_syslog="true"))
    reaches(peer, "a", "RUNNING")
    if peer.kind == REAL:
        with pytest.raises(HTTPException, match="500"):
            peer.call("supervisor.clearProcessLogs", "a")
    else:
        assert peer.call("supervisor.clearProcessLogs", "a") is True


@both
def test_child_limits(peer: Peer) -> None:
    def low() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 4096))

    up(
        peer,
        "minfds=300\nminprocs=1\n" + program("a", "/bin/sh -c 'ulimit -n; exec sleep 1000'", startsecs=0),
        preexec_fn=low,
    )
    wait(lambda: peer.read("a.log") == "300\n", peer)


@both
def test_child_relative(peer: Peer) -> None:
    """Looked for where the daemon is, executed where the program is."""
    peer.write("here", "#!/bin/sh\necho here\n")
    peer.write("both", "#!/bin/sh\necho of the daemon\n")
    peer.write("sub/both", "#!/bin/sh\necho of the program\n")
    peer.write("sub/there", "#!/bin/sh\necho there\n")
    options: dict[str, Any] = {"startsecs": 0, "startretries": 0, "autorestart": "false", "directory": "@DIR@/sub"}
    up(peer, "".join(program(name, f"./{name}", **options) for name in ("here", "both", "there")))
    wait(lambda: peer.read("both.log") == "of the program\n", peer)
    wait(lambda: "supervisor: couldn't exec ./here: ENOENT\n" in peer.read("here.err"), peer)
    reaches(peer, "there", "FATAL")
    assert info(peer, "there")["spawnerr"] == "can't find command './there'"


@needs_git
def test_radial_background(tmp_path: Path) -> None:
    """A spoke's children are its programs."""
    with wheel(tmp_path) as here:
        here.fill(ini("web-group", {"a": STAYS, "b": STAYS}, here.root))
        spoke = here.spoke("web")
        spoke.up()
        assert until(lambda: list(spoke.states().values()) == ["RUNNING"] * 2), spoke.main_log()
        pids = [spoke.rpc.getProcessInfo(f"web-group:{name}")["pid"] for name in "ab"]
        assert sorted(children(spoke.pid)) == sorted(pids)
