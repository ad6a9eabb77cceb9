"""FastCGI programs: a listening socket that the processes of a group share. What both kinds of daemon do is asked of
both; where minisup mends, the test says which row of docs/compatibility.md it is."""

import contextlib
import grp
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import MINISUP, Daemon, Room, needs_root, program, room, said, until
from oracle.peer import free_port, oracle_venv

pytestmark = pytest.mark.slow

ANSWERER = """
import os, socket
listening = socket.socket(fileno=0)
while True:
    line, _ = listening.accept()
    line.sendall(b"%d" % os.getpid())
    line.close()
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    tmp_path.chmod(0o755)
    (tmp_path / "answer.py").write_text(ANSWERER)
    with room(tmp_path) as found:
        yield found


@pytest.fixture(params=["supervisord", "minisup"])
def command(request: pytest.FixtureRequest) -> tuple[str, ...]:
    real = str(oracle_venv() / "bin" / "supervisord")
    return (real, "-n") if request.param == "supervisord" else (MINISUP, "run", "-n")


def fcgi(name: str, url: str = "", command: str = "", **options: object) -> str:
    """A section of one program, whose processes say their pid to whoever connects; its socket is `name`.sock."""
    chosen = {"socket": url or f"unix://%(here)s/{name}.sock", "stopsignal": "KILL", **options}
    section = program(name, command or f"{sys.executable} -I -S %(here)s/answer.py", **chosen)
    return section.replace("[program:", "[fcgi-program:").replace("%%(here)s", "%(here)s")


def ask(address: str | tuple[str, int]) -> int:
    """The pid that answers there; 0 for nobody."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as line:
        line.settimeout(30)
        try:
            line.connect(address)
            return int(line.recv(99) or 0)
        except OSError:
            return 0


def pid_of(daemon: Daemon, name: str) -> int:
    return int(daemon.rpc.getProcessInfo(name)["pid"])


def listener(pid: int) -> str:
    """What its standard input is: ``socket:[inode]``."""
    return os.readlink(f"/proc/{pid}/fd/0")


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    fds = f"/proc/{pid}/fd"
    found = 0
    for fd in os.listdir(fds):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found += os.readlink(f"{fds}/{fd}").startswith("socket:")
    return found


def fault(daemon: Daemon, method: str, *args: object) -> str:
    with pytest.raises(xmlrpc.client.Error) as caught:
        getattr(daemon.rpc, method)(*args)
    error = caught.value
    return error.faultString if isinstance(error, xmlrpc.client.Fault) else str(getattr(error, "errcode", error))


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_socket_lives_from_the_first_start_to_the_last_end(here: Room, command: tuple[str, ...], kind: str) -> None:
    port = free_port()
    url = "" if kind == "unix" else f"tcp://127.0.0.1:{port}"
    address = str(here.folder / "f.sock") if kind == "unix" else ("127.0.0.1", port)
    two = {"process_name": "%(program_name)s%(process_num)d", "numprocs": 2, "autostart": False}
    daemon = here.run(fcgi("f", url, **two), command=command)
    assert ask(address) == 0
    before = sockets(daemon.pid)

    daemon.rpc.startProcessGroup("f")
    pids = [pid_of(daemon, f"f:f{number}") for number in (0, 1)]
    assert listener(pids[0]) == listener(pids[1])
    for pid, other in (pids, pids[::-1]):
        os.kill(other, signal.SIGSTOP)
        until(lambda other=other: Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        assert ask(address) == pid
        os.kill(other, signal.SIGCONT)
    assert fault(daemon, "sendProcessStdin", "f:f0", "x") == "NO_FILE: f:f0"

    daemon.rpc.stopProcess("f:f0")
    assert ask(address) == pids[1]
    daemon.rpc.startProcess("f:f0")
    assert listener(pid_of(daemon, "f:f0")) == listener(pids[1])
    daemon.rpc.stopProcessGroup("f")
    assert ask(address) == 0
    until(lambda: sockets(daemon.pid) == before)  # the line comes first
    assert kind == "tcp" or os.path.exists(here.folder / "f.sock")

    daemon.rpc.startProcess("f:f1")
    assert ask(address) == pid_of(daemon, "f:f1")
    assert daemon.stop() == 0
    name = url or f"unix://{here.folder}/f.sock"
    made, gone, spawned, stopped = f"Creating socket {name}", f"Closing socket {name}", "spawned:", "stopped:"
    lines = daemon.said("socket |spawned|stopped")
    assert [line if "socket" in line else line.partition(" ")[0] for line in lines] == [
        *(made, gone),  # the probe, when the group became active
        *(made, spawned, spawned, stopped, spawned, stopped, stopped, gone),
        *(made, spawned, stopped, gone),
    ]


def test_what_a_child_has(here: Room, command: tuple[str, ...]) -> None:
    """The socket at 0, no other descriptor of ours, and nobody else has it. What was in its place is replaced."""
    (here.folder / "f.sock").write_text("a file in its place")
    sections = (fcgi("f", priority=1), program("plain", "/bin/sleep 600", priority=2))
    daemon = here.run(*sections, command=command).running("f", "plain")
    pids = pid_of(daemon, "f"), pid_of(daemon, "plain")
    opened = [{os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")} for pid in pids]
    assert listener(pids[0]) in opened[0]
    assert listener(pids[0]) not in opened[1]
    assert [sorted(os.listdir(f"/proc/{pid}/fd"))[:4] for pid in pids] == [["0", "1", "2"]] * 2
    assert ask(str(here.folder / "f.sock")) == pids[0]
    assert stat.S_IMODE(os.stat(here.folder / "f.sock").st_mode) == 0o700


@needs_root
def test_owner_and_mode(here: Room, command: tuple[str, ...]) -> None:
    ours = {"user": "nobody", "command": "/bin/sleep 600"}  # whose processes are forked, and whose the socket is
    daemon = here.run(
        fcgi("a", socket_owner="daemon:adm", socket_mode="0640"),
        fcgi("b", socket_mode="0600", **ours),
        fcgi("c", socket_owner="daemon", **ours),
        command=command,
    ).running("a", "b", "c")
    nobody, other = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
    found = {}
    for name in "abc":
        status = os.stat(here.folder / f"{name}.sock")
        found[name] = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
        assert listener(pid_of(daemon, name)).startswith("socket:")
    assert found == {
        "a": (other.pw_uid, grp.getgrnam("adm").gr_gid, 0o640),
        "b": (nobody.pw_uid, nobody.pw_gid, 0o600),
        "c": (other.pw_uid, os.getgid(), 0o700),
    }


def test_restarts(here: Room, command: tuple[str, ...]) -> None:
    """One that ends by itself, and all with a HUP: clients find the same address."""
    daemon = here.run(fcgi("f", autorestart=True), command=command).running("f")
    address = str(here.folder / "f.sock")
    first = ask(address)
    os.kill(first, signal.SIGKILL)
    daemon.says("spawned", 2)
    second = until(lambda: ask(address))
    assert second != first
    daemon.send(signal.SIGHUP)
    daemon.forget()
    daemon.says("spawned", 3)
    assert until(lambda: ask(address)) not in (0, first, second)
    daemon.up()
    here.write(fcgi("f", "unix://%(here)s/no/f.sock"))
    if len(command) > 2:  # row hup-broken-config
        assert fault(daemon, "restart").startswith("CANT_REREAD: Could not create FastCGI socket")
    # the probe, the first life, the second; and again after the HUP
    lines = [line for line in daemon.said("socket unix") if "/no/" not in line]
    assert [line.partition(" ")[0] for line in lines] == ["Creating", "Closing"] * 4 + ["Creating"]


def test_a_start_that_fails_leaves_no_socket(here: Room, command: tuple[str, ...]) -> None:
    gone = here.folder / "program"
    gone.write_text("#!/no/such/interpreter\n")
    gone.chmod(0o755)
    options = {"startsecs": 600, "startretries": 0, "autostart": False}
    sections = (fcgi("f", command=str(gone), **options), fcgi("late", stdout_logfile="%(here)s/d/late.log", **options))
    (here.folder / "d").mkdir()
    daemon = here.run(*sections, command=command)
    before = sockets(daemon.pid)
    shutil.rmtree(here.folder / "d")
    assert fault(daemon, "startProcess", "f") == "SPAWN_ERROR: f"
    assert fault(daemon, "startProcess", "late") == "SPAWN_ERROR: late"
    daemon.says("Closing socket", 4)
    until(lambda: sockets(daemon.pid) == before)  # the line comes first
    lines = daemon.said("socket unix|spawnerr|exited")
    assert [line.split(" ")[0] for line in lines] == [
        *("Creating", "Closing") * 2,  # the probes
        *("Creating", "exited:", "Closing"),
        *("Creating", "spawnerr:", "Closing"),
    ]


def test_no_socket_when_the_group_becomes_active(here: Room, command: tuple[str, ...]) -> None:
    """At the start it is the end of the daemon (row fcgi-socket-fails)."""
    why = f"Could not create FastCGI socket unix://{here.folder}/no/f.sock: [Errno 2] No such file or directory"
    bad = fcgi("f", "unix://%(here)s/no/f.sock")
    daemon = here.run(command=command)
    here.write(bad)
    daemon.rpc.reloadConfig()
    assert fault(daemon, "addProcessGroup", "f") == ("500" if len(command) == 2 else f"FAILED: {why}")
    daemon.stop()
    daemon = here.start(command=command, stderr=subprocess.PIPE)
    assert daemon.process.stderr is not None
    assert daemon.process.stderr.read().decode().splitlines()[-1].partition("Error: ")[2] == why
    assert daemon.wait() == 1


def test_no_socket_when_a_process_is_spawned(here: Room) -> None:
    """supervisord answers 500 to a start, and dies of a restart: row fcgi-socket-fails."""
    folder = here.folder / "d"
    folder.mkdir()
    daemon = here.run(fcgi("f", "unix://%(here)s/d/f.sock", startretries=1, autorestart=True)).running("f")
    shutil.rmtree(folder)
    os.kill(pid_of(daemon, "f"), signal.SIGKILL)
    until(lambda: daemon.state("f") == "FATAL", daemon.main_log)
    why = f"Could not create FastCGI socket unix://{folder}/f.sock: [Errno 2] No such file or directory"
    assert daemon.rpc.getProcessInfo("f")["spawnerr"] == why
    assert fault(daemon, "startProcess", "f") == "SPAWN_ERROR: f"
    folder.mkdir()
    daemon.rpc.stopProcess("f")
    daemon.rpc.startProcess("f")
    assert ask(str(folder / "f.sock")) == pid_of(daemon, "f")


def test_supervisord_dies_of_a_socket(here: Room) -> None:
    """What row fcgi-socket-fails says of the real one."""
    folder = here.folder / "d"
    folder.mkdir()
    real = (str(oracle_venv() / "bin" / "supervisord"), "-n")
    daemon = here.run(fcgi("f", "unix://%(here)s/d/f.sock", autorestart=True), command=real).running("f")
    shutil.rmtree(folder)
    os.kill(pid_of(daemon, "f"), signal.SIGKILL)
    assert daemon.wait() == 1


def test_a_start_while_it_stops_keeps_the_socket(here: Room) -> None:
    """Row fcgi-start-stopping: supervisord closes it under the process that has it."""
    stubborn = "/bin/sh -c 'trap : TERM; echo ready; while :; do sleep 0.1; done'"
    daemon = here.run(fcgi("f", command=stubborn, stopsignal="TERM", stopwaitsecs=600))
    daemon.outputs("f")
    daemon.rpc.stopProcess("f", False)
    daemon.rpc.startProcess("f", False)
    daemon.says("already running")
    assert len(daemon.said("Closing")) == 1  # the probe
    os.kill(pid_of(daemon, "f"), signal.SIGKILL)
    daemon.says("stopped: f")
    daemon.says("Closing", 2)


def test_a_second_daemon_touches_nothing(here: Room) -> None:
    """Row fcgi-probe: our own sockets come first."""
    here.run(fcgi("f")).running("f")
    before = os.stat(here.folder / "f.sock").st_ino
    other = here.start(stdout=subprocess.PIPE)
    assert other.wait() == 2
    assert other.process.stdout is not None
    assert not said(other.process.stdout.read().decode(), "socket unix")
    assert os.stat(here.folder / "f.sock").st_ino == before
