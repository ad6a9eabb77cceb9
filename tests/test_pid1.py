"""minisup as the first process of a PID namespace, as in a container, and next to one."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from daemon import MINISUP, PATIENCE, PYTHON, Daemon, Room, children, is_there, needs, program, room, until, worked

pytestmark = [pytest.mark.slow, needs("unshare")]

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
"""A new PID namespace with a /proc of its own in private mounts."""
BLOCKED = ["env", "--block-signal=TERM,INT,QUIT,HUP,USR2"]
"""GNU env: what the first statement of minisup does, before there is a Python."""
ROOT_LINE = (
    "Supervisor is running as root.  Privileges were not dropped because no user is specified in the config file.  "
    "If you intend to run as root, you can set user=root in the config file to avoid this message."
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    with room(tmp_path) as found:
        yield found


def first(here: Room, *sections: str, supervisord: str = "", **more: Any) -> Daemon:
    """A minisup that is PID 1."""
    return here.run(*sections, supervisord=supervisord, wrapper=NAMESPACE, inside=True, **more)


def zombies(pid: int) -> list[int]:
    return [child for child in children(pid) if not is_there(child)]


def words(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


ORPHANS = """
import os, sys
for _ in range(1000):
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os._exit(7)  # nobody's from now on
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_a_thousand_orphans(here: Room) -> None:
    (here.folder / "orphans.py").write_text(ORPHANS)
    daemon = first(
        here,
        program("orphans", f"{PYTHON} -I -S {here.folder}/orphans.py", autostart=False, startsecs=0, autorestart=False),
        program(
            "own", "sh -c 'exit $SUPERVISOR_PROCESS_NAME'", numprocs=50, process_name="%(process_num)d",
            autostart=False, startsecs=0, autorestart=False,
        ),
    )  # fmt: skip
    daemon.rpc.startProcess("orphans", False)
    daemon.rpc.startProcessGroup("own", False)
    daemon.says("exited: ", 51)
    own = {info["name"]: info["exitstatus"] for info in daemon.rpc.getAllProcessInfo() if info["group"] == "own"}
    assert own == {str(number): number for number in range(50)}
    until(lambda: zombies(daemon.pid) == [], lambda: f"{len(zombies(daemon.pid))} zombies")

    def counted() -> tuple[int, int]:
        more = [int(line.split()[1]) for line in daemon.said(r"reaped \d+ more unknown pids")]
        return len(daemon.said(r"reaped unknown pid \d+ \(exit status 7\)")), sum(more)

    until(lambda: sum(counted()) == 1000, counted)
    assert 10 <= counted()[0] < 100  # ten in a while; how many whiles it takes is the machine's


# --- signals before there is anybody to hear them --------------------------------------------------------------------


def hears(pid: int, signum: int = signal.SIGTERM) -> bool:
    """Whether a signal is held back or caught: to PID 1 every other one is lost."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = [int(mask, 16) for mask in re.findall(r"^Sig(?:Blk|Cgt):\s*(\w+)", status, re.MULTILINE)]
    return any(mask >> signum - 1 & 1 for mask in masks)


def executed(pid: int, word: bytes) -> None:
    """Wait for the moment at which a process becomes a program with `word` in its command line."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if word in Path(f"/proc/{pid}/cmdline").read_bytes():
            return
    raise AssertionError("it was never executed")


def spin(until: float) -> None:
    """A sleep is not exact enough here."""
    while time.monotonic() < until:
        pass


def init(here: Room, wrapper: Sequence[str] = ()) -> tuple[subprocess.Popen[bytes], int]:
    """The wrapper and the pid of a minisup that was executed as PID 1 just now."""
    daemon = here.start(wrapper=[*NAMESPACE, *wrapper], inside=True)
    pid = until(lambda: children(daemon.process.pid))[0]
    executed(pid, here.folder.name.encode()) if not wrapper else executed(pid, b"--block-signal")
    while b"unshare" in Path(f"/proc/{pid}/cmdline").read_bytes():
        pass
    return daemon.process, pid


DELAYS = [0, 5, 10, 20, 50, 100, 200]
"""Milliseconds."""


class TestEarlyTerm:
    def test_pid_1_obeys_from_its_first_statement_on(self, here: Room) -> None:
        """Before that the kernel drops signals to PID 1; afterwards none is lost, whatever is being imported."""
        here.write(program("a", "sleep 1000"))
        for delay in [*DELAYS, None]:
            process, pid = init(here)
            if delay is None:
                until(lambda pid=pid: hears(pid))
            else:
                spin(time.monotonic() + delay / 1000)
            heard = hears(pid)
            os.kill(pid, signal.SIGTERM)
            if not heard:
                process.kill()  # it may have heard it in between, or not
                process.wait(PATIENCE)
                continue
            assert process.wait(PATIENCE) == 0

    def test_first_statement_comes_soon(self, here: Room) -> None:
        """Ten milliseconds of our own after exec, and not the hundreds that the imports take."""
        here.write()
        took = []
        for _ in range(10):
            process, pid = init(here)
            began = worked(pid)
            while not hears(pid):
                pass
            took.append(worked(pid) - began)
            os.kill(pid, signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        assert min(took) < 0.1, took

    @pytest.mark.parametrize("delay", [5, 20])
    def test_with_env_nothing_is_lost_at_all(self, here: Room, delay: int) -> None:
        here.write()
        daemon = here.start(wrapper=[*NAMESPACE, *BLOCKED], inside=True)
        pid = daemon.pid
        # unshare holds signals back too, and drops what came when it lets go.
        until(lambda: not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"unshare") and hears(pid))
        spin(time.monotonic() + delay / 1000)
        assert daemon.stop() == 0

    @pytest.mark.parametrize("delay", DELAYS)
    def test_any_other_pid_ends_at_every_moment(self, here: Room, delay: int) -> None:
        here.write(program("a", "sleep 1000"))
        daemon = here.start()
        spin(time.monotonic() + delay / 1000)
        assert daemon.stop() in (0, -signal.SIGTERM)


# --- the end ---------------------------------------------------------------------------------------------------------

SLOW = """
import os, signal, sys, time
def leave(*_):
    print("told", flush=True)
    while not os.path.exists("go"):
        time.sleep(0.02)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
signal.pause()
"""


def test_ten_programs_are_told_to_stop_at_once(here: Room) -> None:
    """Nobody waits for a neighbour."""
    (here.folder / "slow.py").write_text(SLOW)
    names = [f"slow{number}" for number in range(10)]
    slow = f"{PYTHON} -I -S {here.folder}/slow.py"
    daemon = first(here, *[program(name, slow, startsecs=0, stopwaitsecs=600) for name in names])
    for name in names:
        daemon.outputs(name)
    daemon.send(signal.SIGTERM)
    for name in names:
        daemon.outputs(name, 2)
    (here.folder / "go").touch()
    assert daemon.wait() == 0
    assert sorted(daemon.said("stopped: ")) == [f"stopped: {name} (exit status 0)" for name in names]


STUBBORN = "sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.1; done'"


def test_second_term_is_sigkill(here: Room) -> None:
    daemon = first(here, program("a", STUBBORN, startsecs=0, stopwaitsecs=600))
    daemon.outputs("a")
    daemon.send(signal.SIGTERM)
    daemon.says("waiting for a to die")
    assert daemon.stop() == 0
    assert daemon.said("stopped: ") == ["stopped: a (terminated by SIGKILL)"]


STRAY = """
import os, signal, time
if os.fork():
    os._exit(0)
os.setsid()
def told(*_):
    with open("told", "a") as file:
        file.write(f"{time.monotonic()}\\n")
signal.signal(signal.SIGTERM, told)
open("up", "w").close()
while True:
    signal.pause()
"""


def test_strays_are_told_and_then_killed(here: Room) -> None:
    (here.folder / "stray.py").write_text(STRAY)
    daemon = first(here, program("a", f"{PYTHON} -I -S {here.folder}/stray.py", startsecs=0, autorestart=False))
    until((here.folder / "up").exists)
    assert daemon.stop() == 0
    over = time.monotonic()
    [told] = words(here.folder / "told")
    assert 0.1 <= over - float(told) < 10  # a second, but for what a busy machine adds at either end
    assert daemon.said()[-1] == "ended 1 stray process"


def test_polite_strays_cost_no_second(here: Room) -> None:
    took = []
    for times in range(1, 6):
        daemon = first(here, program("a", "sh -c 'setsid sleep 1000 & echo up'", startsecs=0, autorestart=False))
        daemon.says("exited: a", times)
        began = time.monotonic()
        assert daemon.stop() == 0
        took.append(time.monotonic() - began)
        assert daemon.said()[-1] == "ended 1 stray process"
        if took[-1] < 1:
            break
    assert min(took) < 1, took  # of several, for a machine may be busy for a second


# --- what is normal in a container -----------------------------------------------------------------------------------


def test_stays_in_the_foreground(here: Room) -> None:
    here.write(program("a", "sleep 1000", startsecs=0), supervisord="nodaemon=false")
    daemon = here.start(wrapper=NAMESPACE, inside=True, command=[MINISUP, "run"], stdout=subprocess.PIPE)
    daemon.up().running("a")
    pid = daemon.rpc.getProcessInfo("a")["pid"]
    daemon.send(signal.SIGTERM)
    assert daemon.process.stdout is not None
    assert daemon.process.stdout.read().decode() == daemon.main_log()
    assert daemon.wait() == 0
    lines = [re.sub(r"^\S+ \S+ ", "", line) for line in daemon.main_log().splitlines()]
    assert lines == [
        f"INFO {ROOT_LINE}",
        "WARN nodaemon=false has no meaning for PID 1, staying in the foreground",
        "INFO RPC interface 'supervisor' initialized",
        "INFO Server 'unix_http_server' running without any HTTP authentication checking",
        "INFO supervisord started with pid 1",
        f"INFO spawned: 'a' with pid {pid}",
        "INFO success: a entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)",
        "WARN received SIGTERM indicating exit request",
        "INFO waiting for a to die",
        "WARN stopped: a (terminated by SIGTERM)",
    ]


def test_children_from_before_are_reaped_and_ended(here: Room) -> None:
    """The background jobs of a shell that becomes minisup."""
    here.write(program("a", "sleep 1000", startsecs=0))
    jobs = 'sleep 1000 & echo $! > job; sh -c "exit 5" & exec "$@"'
    daemon = here.start(wrapper=[*NAMESPACE, "sh", "-c", jobs, "sh"], inside=True).up().running("a")
    daemon.says(r"reaped unknown pid \d+ \(exit status 5\)")
    assert zombies(daemon.pid) == []
    assert daemon.stop() == 0
    assert daemon.said()[-1] == "ended 1 stray process"


def test_hup_leaves_strays_alone(here: Room) -> None:
    daemon = first(here, program("a", "sh -c 'setsid sleep 1000 & echo $!; exec sleep 1000'", startsecs=0))
    daemon.outputs("a")
    daemon.send(signal.SIGHUP)
    daemon.says("supervisord started", 2)
    daemon.outputs("a", 2)
    assert daemon.up().stop() == 0
    assert daemon.said("stray") == ["ended 2 stray processes"]


ORPHAN = "sh -c '(sh -c \"echo \\$\\$; sleep 0.2; exit 6\") & exit 0'"


@pytest.mark.parametrize("options, reaped", [(["--subreaper"], 1), ([], 0)], ids=["subreaper", "without"])
def test_not_pid_1(here: Room, options: list[str], reaped: int) -> None:
    daemon = here.run(program("a", ORPHAN, startsecs=0, autorestart=False), options=options)
    [orphan] = map(int, daemon.outputs("a"))
    until(lambda: not is_there(orphan))
    if reaped:
        daemon.says(rf"reaped unknown pid {orphan} \(exit status 6\)")
    assert daemon.stop() == 0
    assert len(daemon.said("reaped")) == reaped
