"""Containers as they are: nothing writable, nobody's uid, no capabilities, absurd limits. And not a line of noise."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import LINE, ROOT, Daemon, Room, needs, program, room

pytestmark = pytest.mark.slow

READ_ONLY = """
cut -d" " -f5 /proc/self/mountinfo | sort -u | while read -r mount; do mount -o remount,bind,ro "$mount" 2>&1; done
exec "$@"
"""
NOBODY = 12345
"""A uid that has no line in /etc/passwd."""
ROOT_LINE = (
    "CRIT Supervisor is running as root.  "
    "Privileges were not dropped because no user is specified in the config file.  "
    "If you intend to run as root, you can set user=root in the config file to avoid this message."
)
UNPROTECTED = "CRIT Server 'unix_http_server' running without any HTTP authentication checking"
PLAIN = "INFO RPC interface 'supervisor' initialized"


@pytest.fixture
def here() -> Iterator[Room]:
    """A folder that every user may enter and write to."""
    folder = Path(tempfile.mkdtemp(prefix="minisup-"))
    folder.chmod(0o777)
    try:
        with room(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder)


def lines(text: str) -> list[str]:
    """The lines of a main log, with N for all pids."""
    return [re.sub(r"\bpid \d+", "pid N", f"{m['level']} {m['said']}") for m in map(LINE.match, text.splitlines()) if m]


def life(*names: str) -> list[str]:
    """What is said about programs that start and are stopped by TERM."""
    running = "entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)"
    return [
        "INFO supervisord started with pid N",
        *[line for name in names for line in (f"INFO spawned: '{name}' with pid N", f"INFO success: {name} {running}")],
        "WARN received SIGTERM indicating exit request",
        f"INFO waiting for {', '.join(names)} to die",
        *[f"WARN stopped: {name} (terminated by SIGTERM)" for name in names],
    ]


def ended(daemon: Daemon) -> str:
    """Stop it; all that it said on stdout. It said nothing on stderr."""
    daemon.send(signal.SIGTERM)
    out, err = daemon.process.communicate(timeout=20)
    assert (daemon.process.returncode, err) == (0, b"")
    return out.decode()


# --- nothing writable ------------------------------------------------------------------------------------------------

BARE = """\
[supervisord]
logfile={logfile}
pidfile=NONE
childlogdir=%(here)s
"""
PROBE = (
    "sh -c 'for at in / /tmp /var/tmp /run /dev /dev/shm {here}; do touch $at/minisup-probe && echo writable $at; done'"
)


@needs("unshare", "mount")
@pytest.mark.parametrize("logfile", ["NONE", "/dev/null"])
def test_no_writable_directory_at_all(here: Room, logfile: str) -> None:
    here.write(
        program("a", "sleep 1000", startsecs=0, stdout_logfile="NONE"),
        program("b", "sh -c 'echo hello; exec sleep 1000'", startsecs=0, stdout_logfile="/dev/stdout"),
        program(
            "probe", PROBE.format(here=here.folder), startsecs=0, autorestart=False, stdout_logfile="/dev/stdout",
            redirect_stderr=False, stderr_logfile="NONE", exitcodes="1",
        ),
        head=BARE.format(logfile=logfile),
    )  # fmt: skip
    daemon = here.start(
        wrapper=["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert daemon.process.stdout is not None
    text = ""
    while not ("hello\n" in text and "exited: probe" in text):
        text += (line := daemon.process.stdout.readline().decode())
        assert line, text
    text += ended(daemon)
    expected = [ROOT_LINE, *life("a", "b")]
    spawned = ["INFO spawned: 'probe' with pid N", "INFO exited: probe (exit status 1; expected)"]
    assert sorted(line for line in lines(text) if "success: probe" not in line) == sorted([*expected, *spawned])
    assert [line for line in text.splitlines() if not LINE.fullmatch(line)] == ["hello"]


@needs("unshare", "mount")
def test_auto_logs_without_a_place_for_them(here: Room) -> None:
    """The default of stdout_logfile: two lines about it, and the program runs."""
    here.write(
        "[program:a]\ncommand=sh -c 'echo lost; exec sleep 1000'\nstartsecs=0\n", head=BARE.format(logfile="NONE")
    )
    daemon = here.start(
        wrapper=["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert daemon.process.stdout is not None
    text = ""
    while "success: a" not in text:
        text += (line := daemon.process.stdout.readline().decode())
        assert line, text
    text += ended(daemon)
    why = f"WARN cannot create a log of 'a' in '{here.folder}': Read-only file system"
    assert lines(text) == [ROOT_LINE, why, why, *life("a")]


# --- users and capabilities ------------------------------------------------------------------------------------------


def closed_to_others(path: str) -> list[Path]:
    """The folders above a path that only their owner may enter."""
    return [parent for parent in Path(path).parents if not parent.stat().st_mode & 0o001]


def opened() -> list[str]:
    """A wrapper in whose mounts every user can reach Python and this checkout, wherever they are."""
    wanted = dict.fromkeys(os.path.realpath(path) for path in (sys.base_prefix, sys.prefix, ROOT))
    hidden = {path: closed_to_others(path)[-1] for path in wanted if closed_to_others(path)}
    if not hidden:
        return []
    script = ["t=$(mktemp -d)", "mount -t tmpfs tmpfs $t"]
    script += [f"mkdir $t/{n}; mount --bind '{path}' $t/{n}" for n, path in enumerate(hidden)]
    script += [f"mount -t tmpfs -o mode=755 tmpfs '{folder}'" for folder in dict.fromkeys(hidden.values())]
    script += [f"mkdir -p '{path}'; mount --bind $t/{n} '{path}'" for n, path in enumerate(hidden)]
    script += ["umount -l $t; rmdir $t", 'exec "$@"']
    return ["unshare", "--mount", "sh", "-ec", "\n".join(script), "sh"]


NO_CAPABILITIES = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
SOMEBODY = [f"--reuid={NOBODY}", "--regid=0", "--clear-groups"]
IDENTITIES = {
    "a uid without a passwd entry": (SOMEBODY, "", NOBODY, []),
    "user= is who we are": (SOMEBODY, f"user={NOBODY}", NOBODY, [f"INFO Set uid to user {NOBODY} succeeded"]),
    "root without capabilities": (NO_CAPABILITIES, "", 0, [ROOT_LINE]),
    "nobody without capabilities": ([*SOMEBODY, *NO_CAPABILITIES], "", NOBODY, []),
}


@needs("unshare", "setpriv")
@pytest.mark.parametrize("options, line, uid, first", IDENTITIES.values(), ids=IDENTITIES)
def test_identity(here: Room, options: list[str], line: str, uid: int, first: list[str]) -> None:
    here.write(
        program("a", "sh -c 'id -u; id -g; grep CapEff /proc/self/status; exec sleep 1000'", startsecs=0),
        supervisord=line,
    )
    daemon = here.start(
        wrapper=[*opened(), "setpriv", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean(os.environ)
    )
    daemon.up().running("a")
    assert daemon.outputs("a", 3) == [str(uid), "0", "CapEff:\t0000000000000000"]
    text = ended(daemon)
    assert text == daemon.main_log()
    crit = [line for line in first if line == ROOT_LINE]
    info = [line for line in first if line != ROOT_LINE]
    assert lines(text) == [*crit, *info, PLAIN, UNPROTECTED, *life("a")]


def clean(env: "os._Environ[str]") -> dict[str, str]:
    """An environment as poor as a container's: no HOME, no USER, no locale."""
    return {name: env[name] for name in ("PATH", "PYTHONPATH") if name in env}


# --- limits ----------------------------------------------------------------------------------------------------------


def highest() -> int:
    """The highest limit of descriptors that we may have."""
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    command = ["prlimit", f"--nofile={most}:{most}", "true"]
    return most if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0 else hard


@needs("prlimit", "strace")
def test_a_huge_limit_of_descriptors_costs_nothing(here: Room) -> None:
    limit = highest()
    here.write(
        program("a", "sh -c 'ulimit -n; exec sleep 1000'", startsecs=0),
        *[program(f"b{number}", "sleep 1000", startsecs=0, user="nobody") for number in range(5)],
        supervisord="user=root",
    )
    trace = here.folder / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=close,close_range,fcntl,dup2", "-o", str(trace)]
    daemon = here.start(
        wrapper=[*strace, "prlimit", f"--nofile={limit}:{limit}"],
        inside=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    daemon.up().running("a", *[f"b{number}" for number in range(5)])
    assert daemon.outputs("a") == [str(limit)]
    ended(daemon)
    assert len(trace.read_text().splitlines()) < 2000 < limit


@needs("prlimit")
def test_and_starts_in_no_time(here: Room) -> None:
    """Of the processor, that is: how busy the machine is does not count."""
    limit = highest()
    here.write(program("a", "sleep 1000", startsecs=0), supervisord="user=root")
    daemon = here.start(
        wrapper=["prlimit", f"--nofile={limit}:{limit}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    daemon.up().running("a")
    used = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    assert sum(map(int, used)) / os.sysconf("SC_CLK_TCK") < 1
    assert lines(ended(daemon)) == ["INFO Set uid to user 0 succeeded", PLAIN, UNPROTECTED, *life("a")]
