"""A real minisup in a folder of its own: started, asked, signalled, and gone without a trace.

Nothing here sleeps to make a race go away: `until` looks at a condition until it is true. What a test starts carries
the name of its room in its environment; when the test is over whatever is left with that mark is killed, and nothing
else.
"""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from oracle.peer import children, settle

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
MINISUP = str(Path(sys.executable).parent / "minisup")
PATIENCE = 60.0
"""Seconds after which something that should happen has not; only what is broken makes anybody wait so long."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip where a tool is missing, or may not be used: all of them are for root only."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    why = f"needs {', '.join(missing)}" if missing else "" if os.geteuid() == 0 else "needs root"
    if (
        not why
        and "unshare" in tools
        and subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"]).returncode
    ):
        why = "needs the right to make namespaces"
    return pytest.mark.skipif(bool(why), reason=why)


Seen = TypeVar("Seen")


def until(look: Callable[[], Seen], what: object = "", seconds: float = PATIENCE) -> Seen:
    """What `look` gave when it was true at last; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() >= end:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {seconds:g} seconds: {said or look}")
        time.sleep(0.005)
    return seen


# --- processes -------------------------------------------------------------------------------------------------------


MARK = "MINISUP_TEST_ROOM"


def marked(folder: Path) -> list[int]:
    """The pids that carry the mark of a room, zombies not counted."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    found.append(int(name))
    return found


def is_there(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def worked(pid: int) -> float:
    """Seconds of a processor that a process had so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def open_fds(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


# --- clients ---------------------------------------------------------------------------------------------------------


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=3 * PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            self.sock = None
            raise


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        if self._connection[1] is None:
            self._connection = host, _Connection(self._path)
        assert self._connection[1] is not None
        return self._connection[1]


# --- the daemon ------------------------------------------------------------------------------------------------------

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?P<level>\w{4}) (?P<said>.*)")
"""A line of the main log."""


class Daemon:
    """One minisup; made by `Room.start`.

    Attributes:
        process: what was started: minisup itself, or the wrapper around it.
        folder: where its files are.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, wrapped: bool) -> None:
        self.process = process
        self.folder = folder
        self._wrapped = wrapped
        self._proxies: list[xmlrpc.client.ServerProxy] = []

    @property
    def pid(self) -> int:
        """Of minisup itself, also inside of a wrapper."""
        pid = self.process.pid
        return until(lambda: children(pid), "the wrapper has no child")[0] if self._wrapped else pid

    def client(self) -> xmlrpc.client.ServerProxy:
        """A connection of its own."""
        proxy = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=_Transport(str(self.folder / "s")))
        self._proxies.append(proxy)
        return proxy

    @property
    def rpc(self) -> Any:
        """``supervisor.*`` over one connection that is kept."""
        return (self._proxies[0] if self._proxies else self.client()).supervisor

    def mood(self) -> str:
        """The name of its state; empty while nobody answers."""
        try:
            return str(self.rpc.getState()["statename"])
        except (OSError, http.client.HTTPException):
            return ""
        except xmlrpc.client.Fault as fault:
            return fault.faultString

    def up(self) -> "Daemon":
        """Wait until it answers."""

        def answers() -> bool:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.main_log()}"
            return self.mood() == "RUNNING"

        until(answers, self.main_log)
        return self

    def state(self, name: str) -> str:
        """The state of a process, by name."""
        return str(self.rpc.getProcessInfo(name)["statename"])

    def running(self, *names: str) -> "Daemon":
        """Wait until these processes are RUNNING."""

        def down() -> list[str]:
            return [name for name in names if self.state(name) != "RUNNING"]

        until(lambda: not down(), lambda: f"{down()} not RUNNING\n{self.main_log()}")
        settle(self.pid)
        return self

    def main_log(self) -> str:
        """The text of the main log so far."""
        path = self.folder / "main.log"
        return path.read_text() if path.exists() else ""

    def said(self, pattern: str = "") -> list[str]:
        """Lines of the main log that hold `pattern`, without their time and level."""
        return said(self.main_log(), pattern)

    def says(self, pattern: str, times: int = 1) -> list[str]:
        """Wait until the main log holds so many lines with `pattern`."""
        return until(
            lambda: len(found := self.said(pattern)) >= times and found, lambda: f"{pattern}\n{self.main_log()}"
        )

    def output(self, name: str) -> list[str]:
        """The lines in the log of a program, `name`.log."""
        path = self.folder / f"{name}.log"
        return path.read_text().splitlines() if path.exists() else []

    def outputs(self, name: str, lines: int = 1) -> list[str]:
        """Wait until the log of a program has so many lines."""
        return until(lambda: len(found := self.output(name)) >= lines and found, lambda: f"{name}\n{self.main_log()}")

    def send(self, signum: int) -> None:
        """A signal to the daemon."""
        settle(self.pid)
        os.kill(self.pid, signum)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit code, once it has ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {seconds:g} seconds\n{self.main_log()}") from None

    def stop(self, signum: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.send(signum)
        return self.wait(seconds)

    def forget(self) -> None:
        """Close all connections."""
        for proxy in self._proxies:
            proxy("close")()
        self._proxies.clear()

    def clean(self) -> None:
        """End it, gently where that helps."""
        self.forget()
        if self.process.poll() is None and not self._wrapped:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def said(text: str, pattern: str = "") -> list[str]:
    """Lines of a main log that hold `pattern`, without their time and level."""
    return [m["said"] for m in map(LINE.fullmatch, text.splitlines()) if m and re.search(pattern, m["said"])]


HEAD = """\
[supervisord]
logfile=%(here)s/main.log
pidfile=%(here)s/pid
childlogdir=%(here)s
{supervisord}

[unix_http_server]
file=%(here)s/s

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def program(name: str, command: str, **options: object) -> str:
    """A section with a log `name`.log, both outputs in it; `redirect_stderr=False` and the like override."""
    chosen = {"stdout_logfile": f"%(here)s/{name}.log", "redirect_stderr": True, "stdout_logfile_maxbytes": 0}
    chosen |= options
    escaped = command.replace("%", "%%")
    return f"\n[program:{name}]\ncommand={escaped}\n" + "".join(f"{key}={value}\n" for key, value in chosen.items())


class Room:
    """A folder and the daemons that run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: list[Daemon] = []

    def write(self, *sections: str, supervisord: str = "", head: str = HEAD, name: str = "c.conf") -> Path:
        """Write the configuration; `supervisord` are further lines of that section."""
        path = self.folder / name
        path.write_text(head.replace("{supervisord}", supervisord) + "".join(sections))
        return path

    def start(
        self,
        *options: str,
        wrapper: Sequence[str] = (),
        command: Sequence[str] = (MINISUP, "run", "-n"),
        conf: str = "c.conf",
        inside: bool = False,
        env: Mapping[str, str] | None = None,
        stdin: Any = subprocess.DEVNULL,
        stdout: Any = subprocess.DEVNULL,
        stderr: Any = subprocess.DEVNULL,
        **more: Any,
    ) -> Daemon:
        """Start minisup on the configuration; `wrapper` goes in front, `inside` if it stays as minisup's parent."""
        process = subprocess.Popen(
            [*wrapper, *command, "-c", str(self.folder / conf), *options],
            cwd=self.folder,
            env={**(os.environ if env is None else env), MARK: str(self.folder)},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # what a terminal sends to us is none of its business
            **more,
        )
        daemon = Daemon(process, self.folder, inside)
        self.daemons.append(daemon)
        return daemon

    def run(self, *sections: str, supervisord: str = "", options: Sequence[str] = (), **more: Any) -> Daemon:
        """Write a configuration, start minisup on it and wait until it answers."""
        self.write(*sections, supervisord=supervisord)
        return self.start(*options, **more).up()


@contextlib.contextmanager
def room(folder: Path) -> Iterator[Room]:
    """A room that is cleaned at the end: of the processes of its daemons, not of its files."""
    found = Room(folder)
    try:
        yield found
    finally:
        for daemon in found.daemons:
            daemon.clean()
        while left := marked(folder):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
