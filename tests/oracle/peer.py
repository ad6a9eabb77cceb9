"""One supervisor of either kind in a folder of its own: started, asked, signalled, and gone without a trace."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import venv
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REAL, MINISUP = "supervisord", "minisup"
PATIENCE = 60.0
"""Seconds after which a condition that should come true has not; only a broken peer makes anybody wait so long."""

_STEP = 0.03
"""Seconds between two looks at a condition."""

_PYTHON = str(Path(sysconfig.get_config_var("BINDIR")) / f"python3.{sys.version_info.minor}")
"""Not that of the virtual environment: programs of the cases start faster without one."""

_BOOT = (
    "import runpy, sys; sys.path.insert(0, {root!r}); sys.argv[0] = 'minisup'; "
    "runpy.run_module('minisup', run_name='__main__', alter_sys=True)"
)


def oracle_venv() -> Path:
    """The virtual environment that holds the real supervisor; made on first use.

    Its place is `$MINISUP_ORACLE_VENV`, or `.venv-supervisor` in the checkout.
    """
    folder = Path(os.environ.get("MINISUP_ORACLE_VENV") or ROOT / ".venv-supervisor")
    if (folder / "bin" / "supervisord").exists():
        return folder
    venv.create(folder, with_pip=True, clear=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "supervisor==4.3.0"], check=True)
    return folder


def command_of(kind: str) -> list[str]:
    """The command that runs a supervisor of `kind`; options are appended by the caller.

    `minisup:NAME` is minisup broken on purpose in the way called NAME (see tests/mutants).
    """
    if kind == REAL:
        return [str(oracle_venv() / "bin" / "supervisord")]
    if kind == MINISUP:
        return [sys.executable, "-c", _BOOT.format(root=str(ROOT)), "run"]
    return [sys.executable, str(ROOT / "tests" / "mutants" / "launch.py"), "run"]


def client_of(client: str) -> list[str]:
    """The command that is the client: ``ctl`` is ours, nothing the real one."""
    if client:
        return [sys.executable, "-c", _BOOT.format(root=str(ROOT)), client]
    return [str(oracle_venv() / "bin" / "supervisorctl")]


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Look at `condition` until it is true or `seconds` have gone; return what it gave last."""
    end = time.monotonic() + seconds
    while True:
        seen = condition()
        if seen or time.monotonic() >= end:
            return seen
        time.sleep(_STEP)


def command_line(pid: int) -> bytes:
    """The command line of a process; empty if it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def children(pid: int) -> list[int]:
    """The children of a process, zombies too; none if it is gone."""
    try:
        tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return []


def settle(pid: int) -> None:
    """Wait until every child of the supervisor `pid` runs its own program.

    The real one forks a copy of itself; a signal that reaches it before exec is swallowed by the handlers of the
    supervisor, and the child lives on until somebody kills it. Whatever makes a supervisor signal its children comes
    after this.
    """
    until(lambda: command_line(pid) not in [command_line(child) or None for child in children(pid)])


def is_idle(pid: int) -> bool:
    """Whether a process sleeps and no signal is on its way to it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tS" in status and not re.search(r"^(?:Sig|Shd)Pnd:\t0*[1-9a-f]", status, re.M)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, given by its path."""

    def __init__(self, path: str, timeout: float = PATIENCE) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            self.sock = None
            raise


class Peer:
    """A supervisor of one kind in `folder`. Use it as a context: leaving it kills all that it started.

    Attributes:
        kind: `REAL`, `MINISUP`, or `minisup:` and the name of a mutant; with ``/ctl`` behind it is asked by our client.
        folder: its working directory; `@DIR@` in configurations, arguments and files.
        port: a TCP port that was free; `@PORT@`.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, _, self.client = kind.partition("/")
        self.folder = folder
        self.port = free_port()
        self.daemon: subprocess.Popen[bytes] | None = None
        self.started = 0
        self._mark = f"ORACLE_PEER={folder}"
        folder.mkdir(parents=True)
        (folder / "logs").mkdir()

    # --- files --------------------------------------------------------------------------------------------------

    def fill(self, text: str) -> str:
        """`text` with the marks of the case table replaced by what they are for this peer."""
        return (
            text.replace("@DIR@", str(self.folder))
            .replace("@PORT@", str(self.port))
            .replace("@PYTHON@", _PYTHON)
            .replace("@OUT@", f"{self.folder.name}.out")
        )

    def write(self, name: str, content: str | bytes, mode: int | None = None) -> None:
        """Put a file there; one that begins with `#!` is made executable."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = self.fill(content).encode() if isinstance(content, str) else content
        path.write_bytes(data)
        if mode is None and data.startswith(b"#!"):
            mode = 0o755
        if mode is not None:
            path.chmod(mode)

    def read(self, name: str) -> str:
        """The text of a file of the folder; `` if there is none."""
        try:
            return (self.folder / name).read_bytes().decode(errors="backslashreplace")
        except (FileNotFoundError, NotADirectoryError):
            return ""

    @property
    def stdout(self) -> str:
        """What the supervisors of this peer wrote to stdout."""
        return self._beside("out").read_text(errors="backslashreplace")

    @property
    def stderr(self) -> str:
        """What they wrote to stderr."""
        return self._beside("err").read_text(errors="backslashreplace")

    def _beside(self, suffix: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{suffix}")

    # --- life ---------------------------------------------------------------------------------------------------

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """What a supervisor is started with: nothing of the caller's but the search path."""
        kind = self.kind.partition(":")
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "ORACLE_PEER": str(self.folder),
            **({"MINISUP_MUTANT": kind[2]} if kind[1] else {}),
            **{name: self.fill(value) for name, value in extra.items()},
        }

    def start(
        self,
        args: Sequence[str],
        env: Mapping[str, str] = {},
        umask: int = 0o022,
        wrapper: Sequence[str] = (),
        **popen: Any,
    ) -> None:
        """Run the supervisor with `args`, by way of a `wrapper` that executes it; does not wait for anything."""
        self.started += 1
        with open(self._beside("out"), "ab") as out, open(self._beside("err"), "ab") as err:
            self.daemon = subprocess.Popen(
                [*wrapper, *command_of(self.kind), *map(self.fill, args)],
                cwd=self.folder,
                env=self.environment(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                umask=umask,
                start_new_session=True,
                **popen,
            )
        if self.kind == REAL:
            threading.Thread(target=self._keep_awake, args=(self.daemon,), daemon=True).start()

    def _keep_awake(self, daemon: "subprocess.Popen[bytes]") -> None:
        """Wake the loop of the real one ten times a second: left alone it looks at deaths, signals and deadlines once
        a second, in an order that makes a program that died young RUNNING now and then."""
        while self.daemon is daemon and self.folder.exists():  # it may go on in the background
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(1.0)
                line.connect(str(self.folder / "s.sock"))
            time.sleep(0.1)

    def wait_ready(self, sock: str = "s.sock") -> bool:
        """Wait until the main loop answers on the socket; False if the supervisor ended or never did."""
        assert self.daemon is not None
        daemon = self.daemon

        def answered() -> bool:
            if daemon.poll() is not None:
                return True
            try:
                self.http("GET", "/ok.html", sock=sock, timeout=2.0)
            except (OSError, http.client.HTTPException):
                return False
            return True

        return bool(until(answered)) and daemon.poll() is None

    def signal(self, signum: int) -> None:
        """Send the supervisor a signal once it is settled; nothing if it has ended."""
        assert self.daemon is not None
        settle(self.pid)
        if self.daemon.poll() is None:
            self.daemon.send_signal(signum)

    def wait_exit(self, seconds: float = PATIENCE) -> int | None:
        """The exit status once the supervisor ended; None if it is still there after `seconds`."""
        assert self.daemon is not None
        daemon = self.daemon
        until(lambda: daemon.poll() is not None, seconds)
        return daemon.poll()

    @property
    def pid(self) -> int:
        """Of the supervisor; of the one in the background if what was started has left; 0 if there is none."""
        assert self.daemon is not None
        if self.daemon.poll() is None:
            return self.daemon.pid
        told = self.read("supervisord.pid").strip()
        return int(told) if told.isdigit() else 0

    def offspring(self) -> Iterator[tuple[int, str]]:
        """Pid and command line of every living process that comes from this peer, the supervisor itself left out."""
        mark = self._mark.encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or (self.daemon and int(entry.name) == self.daemon.pid):
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    line = (entry / "cmdline").read_bytes()
                    if line:
                        yield int(entry.name), line.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue

    def left(self) -> list[str]:
        """Command lines of what outlives the supervisor: whatever has not gone once nothing happens any more."""
        quiet_since = time.monotonic()

        def settled() -> bool:
            nonlocal quiet_since
            left = list(self.offspring())
            if not all(is_idle(pid) for pid, _ in left):
                quiet_since = time.monotonic()
            return not left or time.monotonic() - quiet_since > 0.5

        until(settled)
        return sorted(line for _, line in self.offspring())

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *exc: object) -> None:
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()

        def gone() -> bool:
            left = list(self.offspring())
            for pid, _ in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        until(gone)
        shutil.rmtree(self.folder, ignore_errors=True)
        for suffix in ("out", "err"):
            self._beside(suffix).unlink(missing_ok=True)

    # --- talk ---------------------------------------------------------------------------------------------------

    def http(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        sock: str | None = "s.sock",
        timeout: float = PATIENCE,
    ) -> tuple[int, str, dict[str, str], bytes]:
        """One request on a connection of its own, to a settled supervisor; on the TCP port where `sock` is None."""
        settle(self.pid)
        if sock is None:
            line: http.client.HTTPConnection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        else:
            line = UnixConnection(str(self.folder / sock), timeout)
        try:
            line.request(method, url, body, dict(headers))
            answer = line.getresponse()
            return answer.status, answer.reason, dict(answer.getheaders()), answer.read()
        finally:
            line.close()

    def call(self, method: str, *args: Any, sock: str | None = "s.sock", headers: Mapping[str, str] = {}) -> Any:
        """An XML-RPC call.

        Raises:
            xmlrpc.client.Fault: the peer answered with one.
            http.client.HTTPException: anything but 200; the message is status and reason.
            OSError: nobody there.
        """
        body = xmlrpc.client.dumps(args, method, allow_none=True).encode()
        status, reason, _, answer = self.http("POST", "/RPC2", body, {"Content-Type": "text/xml", **headers}, sock)
        if status != 200:
            raise http.client.HTTPException(f"{status} {reason}")
        return xmlrpc.client.loads(answer)[0][0]

    def supervisorctl(
        self,
        *args: str,
        options: Sequence[str] = ("-s", "unix://@DIR@/s.sock"),
        seconds: float = 2 * PATIENCE,
        stdin: str = "",
        stop_on: str | None = None,
        env: Mapping[str, str] = {},
    ) -> tuple[int, str, str]:
        """Run supervisorctl, or `minisup ctl`; exit status, stdout, stderr.

        Args:
            stop_on: send SIGINT (Ctrl-C) as soon as this text is on stdout; for commands that never end.
        """
        settle(self.pid)
        command = [*client_of(self.client), *map(self.fill, (*options, *args))]
        environment = self.environment(env)
        del environment["ORACLE_PEER"]
        with open(self._beside("ctl"), "w+b") as out, open(self._beside("ctl.err"), "w+b") as err:
            with subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=err
            ) as process:
                assert process.stdin is not None
                process.stdin.write(stdin.encode())
                process.stdin.close()
                if stop_on is not None:
                    wanted = self.fill(stop_on).encode()
                    until(lambda: wanted in self._beside("ctl").read_bytes() or process.poll() is not None)
                    # What it said came before it was ready for Ctrl-C; when it waits it is.
                    until(lambda: is_idle(process.pid) or process.poll() is not None)
                    process.send_signal(signal.SIGINT)
                try:
                    status = process.wait(seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    status = process.wait()
            texts = [self._beside(name).read_text(errors="backslashreplace") for name in ("ctl", "ctl.err")]
        for name in ("ctl", "ctl.err"):
            self._beside(name).unlink()
        return status, texts[0], texts[1]


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
