"""The daemon as a whole: real processes, real signals, real files."""

import contextlib
import errno
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tty
import xmlrpc.client
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from daemon import (
    HEAD,
    LINE,
    MARK,
    MINISUP,
    PATIENCE,
    PYTHON,
    Daemon,
    Room,
    is_there,
    needs,
    needs_root,
    open_fds,
    program,
    room,
    until,
    worked,
)
from daemon import said as lines_of

from minisup import signals

pytestmark = pytest.mark.slow

STUBBORN = "sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.1; done'"
"""Says when it no longer listens to TERM."""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    with room(tmp_path) as found:
        yield found


def pid_of(daemon: Daemon, name: str) -> int:
    return int(daemon.rpc.getProcessInfo(name)["pid"])


def moments(daemon: Daemon, pattern: str) -> list[float]:
    """When, in seconds, the main log said lines with `pattern`."""
    found = [line for line in daemon.main_log().splitlines() if re.search(pattern, line) and LINE.fullmatch(line)]
    return [datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp() for line in found]


class TestRestart:
    def test_a_killed_program_is_back_within_milliseconds(self, here: Room) -> None:
        daemon = here.run(program("a", "sleep 1000", startsecs=0, autorestart=True))
        took = []
        for times in range(1, 10):
            daemon.says("success: a", times)
            pid = pid_of(daemon, "a")
            killed = time.time()
            os.kill(pid, signal.SIGKILL)
            daemon.says("spawned: 'a'", times + 1)
            took.append(moments(daemon, "spawned: 'a'")[times] - killed)
        # It takes a few milliseconds. A tick of a second would make half a second of it.
        assert median(took) < 0.25, took

    def test_the_brake(self, here: Room) -> None:
        daemon = here.run(program("quick", "true", startsecs=0, autorestart=True))

        def pauses() -> list[float]:
            return [later - at for at, later in pairwise(moments(daemon, "spawned: 'quick'"))]

        # A second, but for the time that a line of the log takes. How many come before is told by the machine's tests.
        braked = until(lambda: (found := pauses()) and max(found) > 0.6 and found)
        assert min(braked) < 0.6, braked


class Asker(threading.Thread):
    """Asks getState without pause, and notes how much else the daemon did before each answer.

    Attributes:
        worked: seconds of a processor that the daemon used from each question to its answer. What the other processes
            of a busy machine use meanwhile is not its fault.
    """

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self._proxy = daemon.client()
        self._pid = daemon.pid
        self._over = threading.Event()
        self.worked: list[float] = []
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            before = worked(self._pid)
            self._proxy.supervisor.getState()
            self.worked.append(worked(self._pid) - before)
            self._over.wait(0.002)

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(PATIENCE)
        self._proxy("close")()


def rss(pid: int) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class TestThousand:
    def test_answerable_while_they_start_and_die_and_nothing_is_left(self, here: Room) -> None:
        many = program(
            "many", "sleep 1000", numprocs=1000, process_name="%(process_num)04d", autostart=False, autorestart=True,
            startsecs=0, stdout_logfile="NONE",
        )  # fmt: skip
        few = program(
            "few", "sleep 1000", numprocs=50, process_name="%(process_num)02d", autostart=False, startsecs=0,
            stdout_logfile="NONE",
        )  # fmt: skip
        daemon = here.run(many, few, supervisord="minfds=4096\nloglevel=warn")

        def pids() -> set[int]:
            return {info["pid"] for info in daemon.rpc.getAllProcessInfo() if info["statename"] == "RUNNING"}

        patience = 3 * PATIENCE  # a thousand of them

        def start() -> set[int]:
            assert len(daemon.rpc.startProcessGroup("many")) == 1000
            return until(lambda: len(found := pids()) == 1000 and found, seconds=patience)

        def stop() -> None:
            assert {answer["status"] for answer in daemon.rpc.stopProcessGroup("many")} == {80}
            assert pids() == set()

        fds = open_fds(daemon.pid)
        with Asker(daemon) as asker:
            first = start()
            for pid in first:
                os.kill(pid, signal.SIGKILL)
            second = until(lambda: len(found := pids() - first) == 1000 and found, seconds=patience)
            stop()
        assert median(asker.worked) < 0.05
        assert max(asker.worked) < 0.5
        assert not any(map(is_there, first | second))
        until(lambda: open_fds(daemon.pid) == fds, lambda: f"{open_fds(daemon.pid)} descriptors, {fds} before")
        memory = rss(daemon.pid)
        for _ in range(5):
            daemon.rpc.startProcessGroup("few")
            daemon.rpc.stopProcessGroup("few")
        assert rss(daemon.pid) < memory + 1024 * 1024
        assert open_fds(daemon.pid) == fds
        assert daemon.stop() == 0


@needs("strace")
@pytest.mark.parametrize("count", [1, 100])
def test_an_idle_daemon_makes_no_system_call(here: Room, count: int) -> None:
    daemon = here.run(
        program("idle", "sleep 1000", numprocs=count, process_name="%(process_num)03d", startsecs=0, ready="file:/"),
        supervisord="minfds=1024",
    )
    daemon.says("success: ", count)
    daemon.says("ready: ", count)
    daemon.forget()
    trace = here.folder / "trace"
    strace = subprocess.Popen(
        ["strace", "-f", "-tt", "-o", trace, "-p", str(daemon.pid)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, MARK: str(here.folder)},
    )
    try:
        # It may be seen at the end of its last work; after that there is silence, or there never is.
        until(lambda: trace.exists() and "epoll" in trace.read_text())
        for _ in range(4):
            size = trace.stat().st_size
            time.sleep(3)  # how long is looked
            if trace.stat().st_size == size:
                break
        else:
            raise AssertionError(trace.read_text())
    finally:
        strace.terminate()
        strace.wait(PATIENCE)
    assert re.search(r"epoll_p?wait\S*\(.* <detached \.\.\.>$", trace.read_text().rstrip())


class TestShutdownBudget:
    def test_all_levels_fit_and_the_late_are_named(self, here: Room) -> None:
        daemon = here.run(
            program("last", STUBBORN, priority=1, stopwaitsecs=60, startsecs=0),
            program("first", STUBBORN, priority=2, stopwaitsecs=60, startsecs=0),
            program("polite", "sleep 1000", priority=2, startsecs=0),
            options=["--shutdown-timeout", "3"],
        )
        daemon.outputs("first"), daemon.outputs("last")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 40  # 120 by stopwaitsecs
        late = "used up its share of the shutdown timeout of 3 seconds"
        assert daemon.said("used up") == [f"'first' {late}", f"'last' {late}"]
        assert daemon.said("stopped: polite") == ["stopped: polite (terminated by SIGTERM)"]

    def test_second_term_kills_at_once(self, here: Room) -> None:
        daemon = here.run(program("a", STUBBORN, stopwaitsecs=600, startsecs=0))
        daemon.outputs("a")
        pid = pid_of(daemon, "a")
        daemon.send(signal.SIGTERM)
        daemon.says("waiting for a to die")
        assert daemon.stop() == 0
        assert daemon.said()[-4:] == [
            "waiting for a to die",
            "received SIGTERM again, killing what still runs",
            f"killing 'a' ({pid}) with SIGKILL",
            "stopped: a (terminated by SIGKILL)",
        ]


STARTED = "supervisord started with pid"


class TestHup:
    def test_same_pid_new_children_new_programs_new_sockets(self, here: Room) -> None:
        daemon = here.run(program("a", "sleep 1000", startsecs=0))
        old = pid_of(daemon, "a")
        here.write(
            program("a", "sleep 1000", startsecs=0),
            program("b", "sleep 1000", startsecs=0),
            head=HEAD.replace("/s\n", "/t\n"),
        )
        daemon.forget()
        daemon.send(signal.SIGHUP)
        daemon.says(STARTED, 2)
        (here.folder / "s").symlink_to(here.folder / "t")  # the old one is gone, or this fails
        daemon.up().running("a", "b")
        assert pid_of(daemon, "a") != old
        assert not is_there(old)
        assert daemon.rpc.getPID() == daemon.process.pid
        assert daemon.said("SIGHUP|waiting for|stopped: ") == [
            "received SIGHUP indicating restart request",
            "waiting for a to die",
            "stopped: a (terminated by SIGTERM)",
        ]
        (here.folder / "s").unlink()
        assert daemon.stop() == 0
        assert not (here.folder / "t").exists()

    def test_a_broken_configuration_stops_nothing(self, here: Room) -> None:
        daemon = here.run(program("a", "sleep 1000", startsecs=0))
        pid = pid_of(daemon, "a")
        conf = here.write("[program:a]\ncommand=sleep 1000\nstartsecs=soon\nnumprocs=few\n")
        daemon.send(signal.SIGHUP)
        daemon.says("not restarted")
        broken = daemon.said(re.escape(str(conf)))
        line = conf.read_text().splitlines().index("startsecs=soon") + 1
        assert [said.split(": ")[0] for said in broken] == [f"{conf}:{line}", f"{conf}:{line + 1}"]
        assert (daemon.mood(), daemon.state("a"), pid_of(daemon, "a")) == ("RUNNING", "RUNNING", pid)
        with pytest.raises(xmlrpc.client.Fault) as caught:
            daemon.rpc.restart()
        assert (caught.value.faultCode, caught.value.faultString[:12]) == (92, "CANT_REREAD:")
        assert (daemon.mood(), pid_of(daemon, "a")) == ("RUNNING", pid)
        here.write(program("a", "sleep 1000", startsecs=0))
        assert daemon.rpc.restart() is True
        daemon.forget()
        daemon.says(STARTED, 2)
        assert daemon.up().stop() == 0

    def test_while_a_program_starts(self, here: Room) -> None:
        daemon = here.run(program("slow", "sleep 1000", startsecs=60), program("no", "/no/such", startretries=10))
        daemon.says("spawned: 'slow'")
        daemon.send(signal.SIGHUP)
        daemon.says("spawned: 'slow'", 2)
        assert daemon.up().state("slow") == "STARTING"
        assert daemon.stop() == 0

    def test_twenty_leak_no_descriptor(self, here: Room) -> None:
        daemon = here.run(program("a", "sleep 1000", startsecs=0), program("b", "sleep 1000", stdout_logfile="AUTO"))
        daemon.running("a")
        before = 0
        for times in range(2, 23):
            daemon.forget()
            daemon.send(signal.SIGHUP)
            daemon.says(STARTED, times)
            daemon.up().running("a")
            before = before or open_fds(daemon.pid)
        until(lambda: open_fds(daemon.pid) == before, lambda: f"{open_fds(daemon.pid)} descriptors, {before} before")
        assert daemon.stop() == 0

    def test_term_turns_a_restart_into_an_end(self, here: Room) -> None:
        daemon = here.run(program("a", STUBBORN, stopwaitsecs=1, startsecs=0))
        daemon.outputs("a")
        daemon.send(signal.SIGHUP)
        daemon.says("waiting for a to die")
        assert daemon.stop() == 0
        assert len(daemon.said(STARTED)) == 1

    def test_while_a_client_listens(self, here: Room) -> None:
        daemon = here.run(program("a", "sleep 1000", startsecs=0))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.settimeout(PATIENCE)
            listener.connect(str(here.folder / "s"))
            listener.sendall(b"GET /mainlogtail HTTP/1.1\r\nHost: x\r\n\r\n")
            assert listener.recv(4096).startswith(b"HTTP/1.1 200")
            daemon.send(signal.SIGHUP)
            daemon.says(STARTED, 2)
            while listener.recv(4096):  # the end of the stream, and no hanging
                pass
        daemon.forget()
        assert daemon.up().stop() == 0


def test_an_error_of_configuration_is_2(here: Room) -> None:
    conf = here.write("[program:a]\nstartsecs=soon\n")
    daemon = here.start(stderr=subprocess.PIPE)
    assert daemon.wait() == 2
    assert daemon.process.stderr is not None
    assert daemon.process.stderr.read().decode().startswith(f"{conf}:")


class TestSignals:
    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGRTMIN + 3])
    def test_stop(self, here: Room, signum: int) -> None:
        daemon = here.run(program("a", "sleep 1000", startsecs=0))
        assert daemon.stop(signum) == 0
        assert daemon.said()[-3:] == [
            f"received {signals.name(signum)} indicating exit request",
            "waiting for a to die",
            "stopped: a (terminated by SIGTERM)",
        ]
        assert sorted(path.name for path in here.folder.iterdir()) == ["a.log", "c.conf", "main.log"]

    def test_usr1_and_alrm_are_a_line(self, here: Room) -> None:
        daemon = here.run()
        for name in ("SIGUSR1", "SIGALRM"):
            daemon.send(getattr(signal, name))
            daemon.says(f"received {name} indicating nothing")
        assert daemon.mood() == "RUNNING"

    def test_usr2_reopens_what_was_moved(self, here: Room) -> None:
        daemon = here.run(program("a", "sh -c 'echo one; read x; echo two; read x'", startsecs=0))
        daemon.outputs("a")
        for name in ("main.log", "a.log"):
            (here.folder / name).rename(here.folder / f"{name}.old")
        daemon.send(signal.SIGUSR2)
        until((here.folder / "a.log").exists)
        daemon.rpc.sendProcessStdin("a", "\n")
        assert daemon.outputs("a") == ["two"]
        assert (here.folder / "a.log.old").read_text() == "one\n"
        old = lines_of((here.folder / "main.log.old").read_text())
        assert old[-2:] == ["received SIGUSR2 indicating log reopen request", "supervisord logreopen"]
        daemon.stop()
        assert daemon.said()[0] == "received SIGTERM indicating exit request"

    def test_usr2_with_a_vanished_folder(self, here: Room) -> None:
        logs = here.folder / "logs"
        logs.mkdir()
        daemon = here.run(program("a", "cat", startsecs=0, stdout_logfile="%(here)s/logs/a.log"))
        daemon.running("a")
        (logs / "a.log").unlink()
        logs.rmdir()
        daemon.send(signal.SIGUSR2)
        daemon.says("cannot reopen the log '.*/logs/a.log': No such file or directory")
        daemon.rpc.sendProcessStdin("a", "still here\n")
        assert (daemon.mood(), daemon.state("a")) == ("RUNNING", "RUNNING")
        assert daemon.stop() == 0


class TestEarlySignal:
    @pytest.mark.parametrize("user", ["", pytest.param("nobody", marks=needs_root)])
    def test_stop_right_after_start_never_waits(self, here: Room, user: str) -> None:
        more = {"user": user} if user else {}
        daemon = here.run(
            program("a", "sleep 1000", autostart=False, startsecs=0, stopwaitsecs=60, stdout_logfile="NONE", **more)
        )
        for _ in range(200):
            daemon.rpc.startProcess("a", False)
            daemon.rpc.stopProcess("a")
        assert len(daemon.said(r"stopped: a \(terminated by SIGTERM\)")) == 200
        assert daemon.said("SIGKILL") == []


class TestLastWords:
    def test_all_of_it_is_in_the_log_when_the_end_is_told(self, here: Room) -> None:
        daemon = here.run(
            program(
                "w", "head -c 61440 /dev/zero", numprocs=50, process_name="%(process_num)02d", startsecs=0,
                autorestart=False, stdout_logfile="%(here)s/%(process_num)02d.log",
            ),
            program("big", "head -c 5000000 /dev/zero", startsecs=0, autorestart=False),
        )  # fmt: skip
        daemon.says("exited: ", 51)
        sizes = {path.stat().st_size for path in here.folder.glob("[0-9][0-9].log")}
        assert (sizes, (here.folder / "big.log").stat().st_size) == ({61440}, 5_000_000)

    def test_also_of_programs_that_are_stopped_with_the_daemon(self, here: Room) -> None:
        code = "trap 'head -c 200000 /dev/zero; exit 0' TERM; echo up; while :; do sleep 0.05; done"
        (here.folder / "talker.sh").write_text(code)
        daemon = here.run(program("a", f"sh {here.folder}/talker.sh", startsecs=0))
        daemon.outputs("a")
        assert daemon.stop() == 0
        assert (here.folder / "a.log").read_bytes() == b"up\n" + bytes(200_000)

    def test_a_grandchild_is_heard_for_a_second(self, here: Room) -> None:
        code = (
            "(until test -e go; do sleep 0.01; done; echo early; until test -e closed; do sleep 0.05; done; "
            "echo late; echo survived > survived; echo) &"
        )
        daemon = here.run(program("a", f"sh -c '{code}'", startsecs=0, autorestart=False))
        daemon.says("exited: a")
        (here.folder / "go").touch()
        [pipe] = {found for pid in sleepers(here) for fd, found in descriptors(pid).items() if fd == "1"}
        until(lambda: pipe not in descriptors(daemon.pid).values())
        (here.folder / "closed").touch()
        until(lambda: not sleepers(here))
        assert daemon.output("a") == ["early"]
        assert not (here.folder / "survived").exists()  # SIGPIPE took it at its next word


def descriptors(pid: int) -> dict[str, str]:
    """What a process has open, by number; nothing if it is gone."""
    found = {}
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            found[path.name] = os.readlink(path)
    return found


def sleepers(here: Room) -> list[int]:
    """Shells of the room that are not minisup's children."""
    from daemon import marked

    own = {daemon.process.pid for daemon in here.daemons}
    found = []
    for pid in marked(here.folder):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if pid not in own and command.startswith(b"sh\0"):
            found.append(pid)
    return found


class TestChildren:
    def test_a_megabyte_through_stdin(self, here: Room) -> None:
        daemon = here.run(program("cat", "cat", startsecs=0))
        text = "".join(f"{number:07d}\n" for number in range(131072))
        assert daemon.rpc.sendProcessStdin("cat", text) is True
        path = here.folder / "cat.log"
        until(lambda: path.stat().st_size >= len(text), lambda: f"{path.stat().st_size} of {len(text)}")
        assert path.read_text() == text

    def test_what_a_child_is_given(self, here: Room) -> None:
        read, write = os.pipe()
        try:
            (here.folder / "sub").mkdir()
            daemon = here.run(
                program(
                    "tell",
                    'sh -c \'umask; pwd; grep -E "SigBlk|SigIgn" /proc/self/status; ls /proc/self/fd; '
                    'env | grep -E "^(SUPERVISOR|A=|KEPT=)" | sort; echo over\'',
                    umask="027",
                    directory="%(here)s/sub",
                    environment='A="1, 2"',
                    startsecs=0,
                    autorestart=False,
                ),
                env={**os.environ, "KEPT": "kept"},
                pass_fds=[read, write],
            )
            daemon.says("exited: tell")
            said = daemon.output("tell")
            # 32 and 33 are the C library's: nobody can set them, and make(1) hands them on ignored.
            said[3] = f"SigIgn:\t{int(said[3].split()[1], 16) & ~(3 << 31):016x}"
            assert said == [
                "0027",
                str(here.folder / "sub"),
                "SigBlk:\t0000000000000000",
                "SigIgn:\t0000000000000000",
                *"0123",  # 3 is the folder that ls lists
                "A=1, 2",
                "KEPT=kept",
                "SUPERVISOR_ENABLED=1",
                "SUPERVISOR_GROUP_NAME=tell",
                "SUPERVISOR_PROCESS_NAME=tell",
                f"SUPERVISOR_SERVER_URL=unix://{here.folder}/s",
                "over",
            ]
        finally:
            os.close(read)
            os.close(write)

    @needs_root
    def test_user(self, here: Room) -> None:
        daemon = here.run(program("who", "id -un", user="nobody", startsecs=0, autorestart=False))
        assert daemon.outputs("who") == ["nobody"]


class TestLogsInTrouble:
    def test_a_full_disk(self, here: Room) -> None:
        code = "sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.01; done; echo done > done; sleep 1000'"
        daemon = here.run(
            program("a", code, stdout_logfile="/dev/full", startsecs=0),
            program("b", "sh -c 'echo fine; sleep 1000'", startsecs=0),
        )
        until((here.folder / "done").exists)
        said = daemon.says(r"cannot write to the log '/dev/full': No space left on device; \d+ bytes lost")
        assert len(said) == 1
        assert (daemon.state("a"), daemon.outputs("b")) == ("RUNNING", ["fine"])

    def test_nothing_is_lost_at_rotation(self, here: Room) -> None:
        code = "import sys\nfor i in range(20000): sys.stdout.write(f'{i:07d}\\n'); sys.stdout.flush()"
        (here.folder / "count.py").write_text(code)
        daemon = here.run(
            program(
                "a", f"{PYTHON} -I -S %(here)s/count.py".replace("%(here)s", str(here.folder)), startsecs=0,
                autorestart=False, stdout_logfile_maxbytes="8KB", stdout_logfile_backups=100,
            )
        )  # fmt: skip
        daemon.says("exited: a")
        files = sorted(here.folder.glob("a.log*"), key=lambda path: -int(path.suffix[1:].replace("log", "0")))
        assert len(files) > 1
        assert "".join(path.read_text() for path in files) == "".join(f"{i:07d}\n" for i in range(20000))

    def test_a_stdout_that_nobody_reads(self, here: Room) -> None:
        lines = 60_000
        (here.folder / "flood.py").write_text(
            "import sys\n"
            f"for i in range({lines}):\n"
            "    sys.stdout.write(f'out {i} ' + 70 * 'x' + '\\n'); sys.stderr.write(f'err {i}\\n')\n"
        )
        flood = f"{PYTHON} -I -S {here.folder}/flood.py"
        both = [
            program(
                name, flood, stdout_logfile="/dev/stdout", redirect_stderr=False, startsecs=0, autorestart=False,
                stderr_logfile=f"%(here)s/{name}.log", stderr_logfile_maxbytes=0,
            )
            for name in "ab"
        ]  # fmt: skip
        daemon = here.run(*both, program("c", "cat", startsecs=0), stdout=subprocess.PIPE)
        with Asker(daemon) as asker:
            daemon.says("exited: [ab]", 2)
        assert max(asker.worked) < 0.5
        for name in "ab":
            assert daemon.output(name) == [f"err {i}" for i in range(lines)]
        dropped = daemon.said("cannot write to stdout")  # at most one every ten seconds
        words = re.compile(r"cannot write to stdout: it is read too slowly; \d+ lines \(\d+ bytes\) dropped")
        assert dropped and all(map(words.fullmatch, dropped))
        daemon.send(signal.SIGTERM)
        assert daemon.process.stdout is not None
        text = daemon.process.stdout.read().decode()
        assert daemon.wait() == 0
        whole = re.compile(rf"out \d+ x{{70}}|{LINE.pattern}")
        assert [line for line in text.splitlines() if not whole.fullmatch(line)] == []

    def test_stdout_closed(self, here: Room) -> None:
        here.write(program("a", "sh -c 'echo hello; sleep 1000'", stdout_logfile="/dev/stdout", startsecs=0))
        daemon = here.start(wrapper=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]).up().running("a")
        assert daemon.stop() == 0
        assert daemon.said("cannot|error|Traceback") == []

    def test_stdout_is_a_file(self, here: Room) -> None:
        path = here.folder / "out"
        path.write_text("before\n")
        here.write(program("a", "sh -c 'echo hello; sleep 1000'", stdout_logfile="/dev/stdout", startsecs=0))
        with path.open("a") as file:
            daemon = here.start(stdout=file).up()
        until(lambda: "hello\n" in path.read_text())
        assert daemon.stop() == 0
        assert path.read_text().startswith("before\n")
        assert path.read_text().endswith("stopped: a (terminated by SIGTERM)\n")

    def test_stdout_is_a_socket(self, here: Room) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            here.write(program("a", "sh -c 'echo hello; sleep 1000'", stdout_logfile="/dev/stdout", startsecs=0))
            daemon = here.start(stdout=theirs, stderr=theirs).up()
            theirs.close()
            read = reader(ours.recv, lambda text: "hello\n" in text)
            assert "supervisord started with pid" in read
            assert daemon.stop() == 0
            assert os.get_blocking(ours.fileno())

    def test_stdout_is_a_terminal(self, here: Room) -> None:
        ours, theirs = pty.openpty()
        try:
            tty.setraw(theirs)
            here.write(program("a", "sh -c 'echo hello; sleep 1000'", stdout_logfile="/dev/stdout", startsecs=0))
            daemon = here.start(stdout=theirs, stderr=theirs)
            os.close(theirs)
            read = reader(lambda size: os.read(ours, size), lambda text: "hello\n" in text)
            assert "supervisord started with pid" in read
            assert daemon.stop() == 0
        finally:
            os.close(ours)


def reader(read: Any, enough: Any) -> str:
    """What `read` gives until `enough` says so."""
    text = ""
    while not enough(text):
        try:
            data = read(65536)
        except OSError as why:
            assert why.errno == errno.EIO  # the terminal was hung up
            data = b""
        assert data, text
        text += data.decode()
    return text


FAULTY = """
import os, sys
from minisup.runtime import driver
real = driver.Driver._bury
def bury(self, pid, status):
    if os.path.exists("fault"):
        raise RuntimeError("on purpose")
    real(self, pid, status)
driver.Driver._bury = bury
from minisup.cli.main import main
main(["minisup", *sys.argv[1:]])
"""


def test_a_fault_of_our_own_leaves_nothing_behind(here: Room) -> None:
    here.write(program("a", "sleep 1000", startsecs=0), program("b", STUBBORN, startsecs=0))
    daemon = here.start(command=[PYTHON, "-c", FAULTY, "run", "-n"]).up().running("a", "b")
    pids = [pid_of(daemon, name) for name in "ab"]
    (here.folder / "fault").touch()
    os.kill(pids[0], signal.SIGKILL)
    assert daemon.wait() == 70
    assert daemon.said("internal error: ") != []
    assert "RuntimeError: on purpose\n" in daemon.main_log()
    until(lambda: not any(map(is_there, pids)))
    assert not (here.folder / "s").exists()
    assert not (here.folder / "pid").exists()


def test_in_the_background(here: Room) -> None:
    here.write(program("a", "sh -c 'pwd; umask; sleep 1000'", startsecs=0), supervisord="directory=/\numask=027")
    launcher = here.start(command=[MINISUP, "run"])
    assert launcher.wait() == 0
    pid = int(until(lambda: (path := here.folder / "pid").exists() and path.read_text()))
    assert launcher.mood() == "RUNNING"
    assert (launcher.rpc.getPID(), os.getsid(pid)) == (pid, pid)
    assert [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    assert launcher.outputs("a", 2) == ["/", "0027"]
    assert launcher.said("daemoniz|started") == ["daemonizing the supervisord process", f"{STARTED} {pid}"]
    os.kill(pid, signal.SIGTERM)
    until(lambda: not is_there(pid))
    assert launcher.said()[-1] == "stopped: a (terminated by SIGTERM)"
    assert not (here.folder / "pid").exists()


class TestSecondInstance:
    def test_it_leaves_and_takes_nothing_along(self, here: Room) -> None:
        first = here.run(program("a", "cat", startsecs=0, stdout_logfile="AUTO"))
        auto = {path.name for path in here.folder.glob("a-stdout---*")}
        assert len(auto) == 1
        second = here.start("-l", str(here.folder / "second.log"), stderr=subprocess.PIPE)
        assert second.wait() == 2
        assert second.process.stderr is not None
        assert second.process.stderr.read().decode() == (
            "Error: Another program is already listening on a port that one of our HTTP servers is configured to use.  "
            "Shut this program down first before starting supervisord.\n"
            "For help, use minisup run -h\n"
        )
        assert {path.name for path in here.folder.glob("a-stdout---*")} == auto
        assert (first.mood(), first.state("a")) == ("RUNNING", "RUNNING")
        assert int((here.folder / "pid").read_text()) == first.pid

    def test_a_stale_socket_and_pidfile_are_replaced(self, here: Room) -> None:
        first = here.run(program("a", "sleep 1000", startsecs=0)).running("a")
        left = pid_of(first, "a")
        first.forget()
        first.process.kill()
        first.wait()
        assert (here.folder / "s").exists()
        second = here.start().up().running("a")
        assert int((here.folder / "pid").read_text()) == second.pid
        os.kill(left, signal.SIGKILL)
        assert second.stop() == 0
        assert not (here.folder / "s").exists()


def test_python_of_the_tests() -> None:
    """The command that is tested is this checkout's."""
    assert Path(MINISUP).exists(), sys.executable
