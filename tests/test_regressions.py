"""What once ended the daemon, lost a signal or kept it busy; each was seen before it was mended."""

import os
import resource
import signal
import socket
import subprocess
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemon import PYTHON, Room, needs_root, open_fds, program, room, until, worked
from oracle.case import HEAD
from oracle.peer import MINISUP, REAL, Peer
from oracle.peer import until as look_until

pytestmark = pytest.mark.slow

QUIET = "sh -c 'exec sleep 1000'"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    with room(tmp_path) as found:
        yield found


def test_a_child_dies_with_its_stdin_unread(here: Room) -> None:
    daemon = here.run(program("deaf", QUIET, startsecs=0, autorestart="true"), program("other", QUIET, startsecs=0))
    daemon.running("deaf", "other")
    for _ in range(5):
        pid = daemon.rpc.getProcessInfo("deaf")["pid"]
        assert daemon.rpc.sendProcessStdin("deaf", "x" * 200_000)
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: daemon.rpc.getProcessInfo("deaf")["pid"] not in (0, pid))
    assert daemon.rpc.sendProcessStdin("deaf", "x" * 200_000)
    assert daemon.rpc.stopProcess("deaf")
    assert daemon.state("other") == "RUNNING"


def test_stdout_is_a_file_on_a_disk_that_is_full(here: Room) -> None:
    here.write(
        program(
            "loud", "sh -c 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exec sleep 1000'"
        ).replace("stdout_logfile=%(here)s/loud.log", "stdout_logfile=/dev/stdout"),
        program("other", QUIET, startsecs=0),
    )

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    with open(here.folder / "out", "wb") as out:
        daemon = here.start("-s", stdout=out, preexec_fn=small_disk).up()
    daemon.running("loud", "other")
    assert (here.folder / "out").stat().st_size == 10_000


def test_a_term_between_two_lives_ends_the_daemon(here: Room) -> None:
    """Whether it comes before the old life has decided, or after: it is never lost."""
    here.write(program("a", QUIET, startsecs=0))
    for _ in range(5):
        daemon = here.start().up().running("a")
        daemon.forget()
        daemon.send(signal.SIGHUP)
        daemon.send(signal.SIGTERM)
        assert daemon.wait() == 0


@needs_root
def test_a_group_is_stopped_right_after_its_start(here: Room) -> None:
    options = {"user": "nobody", "stopasgroup": "true", "autostart": "false", "startsecs": 0, "stopwaitsecs": 30}
    daemon = here.run(program("a", QUIET, **options))
    calls = [
        {"methodName": "supervisor.startProcess", "params": ["a", False]},
        {"methodName": "supervisor.stopProcess", "params": ["a"]},
    ]
    for _ in range(20):
        assert daemon.client().system.multicall(calls) == [True, True]
    assert not daemon.said("SIGKILL")


@needs_root
def test_no_spin_while_a_child_changes_its_user(here: Room) -> None:
    """A pipe that is closed while a forked child has a copy must not be watched any more."""
    slow = "import minisup.runtime.posix as p, time, sys\n" + (
        "real = p.drop_privileges\ndef slow(uid):\n    time.sleep(1.5)\n    return real(uid)\n"
        "p.drop_privileges = slow\nfrom minisup.__main__ import main\nmain()\n"
    )
    (here.folder / "launch.py").write_text(slow)
    here.write(
        program("slow", QUIET, user="nobody", startsecs=0),
        program("short", "sh -c 'sleep 0.2'", startsecs=0, autorestart="false"),
    )
    daemon = here.start(command=(PYTHON, str(here.folder / "launch.py"), "run", "-n")).up()
    until(lambda: daemon.state("short") == "EXITED")
    before = worked(daemon.pid)
    until(lambda: Path(f"/proc/{daemon.rpc.getProcessInfo('slow')['pid']}/comm").read_text() == "sleep\n")
    asked = 0.4  # our own questions cost something, too
    assert worked(daemon.pid) - before < asked


def test_a_backup_number_without_end(here: Room) -> None:
    loud = program("a", "sh -c 'while :; do echo line; sleep 0.01; done'", startsecs=0, stdout_logfile_maxbytes=10)
    daemon = here.run(loud + "stdout_logfile_backups=1000000000\n")
    until((here.folder / "a.log.3").exists)
    assert daemon.mood() == "RUNNING"


def test_no_stderr_and_no_configuration_named(here: Room) -> None:
    here.write(program("a", QUIET, startsecs=0), name="supervisord.conf")
    process = subprocess.Popen(
        ["sh", "-c", f"exec {PYTHON} -m minisup run -n 2>&-"], cwd=here.folder, stdout=subprocess.DEVNULL
    )
    try:
        until((here.folder / "pid").exists)
    finally:
        process.terminate()
        assert process.wait() == 0


NEW_PLACES = {
    "a socket in a folder that is not there": lambda text: text.replace("file=%(here)s/s", "file=/no/such/folder/s"),
    "an address of somebody else": lambda text: text + "[inet_http_server]\nport=203.0.113.1:9\n",
    "a log that is a folder": lambda text: text.replace("logfile=%(here)s/main.log", "logfile=%(here)s/folder"),
}


@pytest.mark.parametrize("change", NEW_PLACES.values(), ids=NEW_PLACES)
def test_a_next_life_that_could_not_begin_is_not_begun(here: Room, change: Callable[[str], str]) -> None:
    (here.folder / "folder").mkdir()
    daemon = here.run(program("a", QUIET, startsecs=0)).running("a")
    pid = daemon.rpc.getProcessInfo("a")["pid"]
    conf = here.folder / "c.conf"
    conf.write_text(change(conf.read_text()))
    daemon.send(signal.SIGHUP)
    daemon.says("not restarted, nothing is stopped")
    with pytest.raises(xmlrpc.client.Fault, match="CANT_REREAD: "):
        daemon.rpc.restart()
    assert daemon.rpc.getProcessInfo("a")["pid"] == pid
    assert not list(here.folder.glob("s.*"))


# --- what users of supervisord reported: rows issue-... of docs/compatibility.md ------------------------------------


def test_two_programs_with_one_log(here: Room) -> None:
    """Supervisor/supervisor#136, #853: it is rotated by two, and has every line of both once."""
    count = 300
    lines = f"sh -c 'i=0; while [ $i -lt {count} ]; do echo %s $i; i=$((i+1)); done; echo end; exec sleep 1000'"
    options = {"startsecs": 0, "stdout_logfile": "%(here)s/both.log", "stdout_logfile_maxbytes": 200}
    here.run(*(program(name, lines % name, **options) + "stdout_logfile_backups=10000\n" for name in "ab"))

    def found() -> list[str]:
        return [line for path in here.folder.glob("both.log*") for line in path.read_text().splitlines()]

    until(lambda: found().count("end") == 2)
    assert sorted(found()) == sorted([f"{name} {number}" for name in "ab" for number in range(count)] + 2 * ["end"])
    assert (here.folder / "both.log.1").exists()


def test_a_life_of_changes_leaves_no_descriptor_and_no_work(here: Room) -> None:
    """Supervisor/supervisor#184, #201, #807, #1003, #1440, #1704: restarts, rotations, clients that vanish, USR2."""
    loud = "sh -c 'i=0; while [ $i -lt 50 ]; do echo line $i; echo line $i >&2; i=$((i+1)); done; exec sleep 1000'"
    small = {"startsecs": 0, "redirect_stderr": False, "stderr_logfile": "AUTO"}
    daemon = here.run(
        program("loud", loud, stdout_logfile_maxbytes=100, **small) + "stdout_logfile_backups=2\n",
        program("told", loud, stdout_logfile="syslog", **{**small, "stderr_logfile": "NONE"}),
        program("clock", "sh -c 'sleep 1; touch clock'", startsecs=0, autostart="false", autorestart="false"),
    ).running("loud", "told")
    before = open_fds(daemon.pid)
    for _ in range(10):
        for name in ("loud", "told"):
            assert daemon.rpc.stopProcess(name)
            assert daemon.rpc.startProcess(name)
        for request in (b"GET /logtail/loud HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /RPC2 HTTP/1.1\r\nContent-Len"):
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(here.folder / "s"))
                line.sendall(request)
        daemon.send(signal.SIGUSR2)
    daemon.says("supervisord logreopen", times=10)
    until(lambda: open_fds(daemon.pid) == before)
    fds = [os.readlink(path) for path in Path(f"/proc/{daemon.pid}/fd").iterdir()]
    assert [path for path in fds if path.endswith("(deleted)")] == []
    daemon.rpc.startProcess("clock")
    used = worked(daemon.pid)
    until((here.folder / "clock").exists)
    assert worked(daemon.pid) - used < 0.4, "it is busy with nothing to do"


@pytest.mark.parametrize("kind", [REAL, MINISUP])
def test_devices_need_no_maxbytes(kind: str, tmp_path: Path) -> None:
    """Supervisor/supervisor#935, #1078, #1224: `Illegal seek`, with the default of stdout_logfile_maxbytes."""
    with Peer(kind, tmp_path / "p") as peer:
        read, write = os.pipe()
        command = "/bin/sh -c 'for n in 1 2 3; do echo line $n; sleep 0.1; done'"
        peer.write(
            "s.conf",
            f"{HEAD}silent=true\n[program:a]\ncommand={command}\nstartsecs=0\nautorestart=false\n"
            f"stdout_logfile=/dev/fd/{write}\nstderr_logfile=NONE\n",
        )
        try:
            peer.start(("-n", "-c", "@DIR@/s.conf"), pass_fds=[write])
            assert look_until(lambda: "exited: a" in peer.read("supervisord.log")), peer.read("supervisord.log")
            assert os.read(read, 1000).decode() == "line 1\nline 2\nline 3\n"
        finally:
            os.close(read)
            os.close(write)
        assert ("Illegal seek" in peer.read("supervisord.log")) is (kind == REAL)


def test_restart_of_programs_that_crash_all_the_time(here: Room) -> None:
    """Supervisor/supervisor#1387, #1477, #1600: the kill that comes too late ends nobody, and nobody is in UNKNOWN."""
    names = [f"p{number}" for number in range(6)]
    daemon = here.run(
        *(program(name, "sh -c 'exit 1'", startsecs=0, autorestart="true", stopsignal="KILL") for name in names)
    )
    calls = [{"methodName": f"supervisor.{what}AllProcesses", "params": [False]} for what in ("stop", "start")] * 5
    for _ in range(5):
        daemon.client().system.multicall(calls)
    assert daemon.mood() == "RUNNING"
    assert "UNKNOWN" not in {daemon.state(name) for name in names}
    assert not daemon.said("unknown problem|internal error|Traceback")
