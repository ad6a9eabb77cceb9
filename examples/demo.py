"""A wheel on one machine: two spokes, side by side, each with its own programs.

    python examples/demo.py                          # minisup
    python examples/demo.py --with supervisord       # the same wheel under the real supervisord

Copies examples/wheel into a temporary folder, starts one supervisor per spoke, asks, kills, looks and stops, and says
what it does. The exit code is 0 only if everything was seen. Needs nothing but the standard library.
"""

import argparse
import contextlib
import http.client
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

WHEEL = Path(__file__).resolve().parent / "wheel"
PATIENCE = 15.0
"""Seconds that anything may take before the demo fails."""

T = TypeVar("T")


class DemoError(Exception):
    """Something that should have been seen was not."""


def say(text: str = "") -> None:
    print(text, flush=True)


def await_that(what: str, look: Callable[[], T | None]) -> T:
    """Look again and again until there is something to see."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (seen := look()) is not None:
            return seen
        time.sleep(0.002)
    raise DemoError(f"not seen in {PATIENCE:g} s: {what}")


def expect(seen: bool, what: str) -> None:
    if not seen:
        raise DemoError(f"not so: {what}")


class UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.path))
        return connection


class Spoke:
    """One spoke: what its entrypoint prepares, the supervisor, and questions to its socket."""

    def __init__(self, root: Path, name: str, host: str, command: list[str], port: int) -> None:
        self.group = f"{name}-group"
        self.host = host
        self.run = root / "run/supervisor" / host
        self.log = root / "log" / host
        self.run.mkdir(parents=True)
        self.log.mkdir(parents=True)
        (self.run / name).touch()
        (self.run / "supervisord.conf").symlink_to(root / "config/supervisor/supervisord.conf")
        self.command = [*command, "-c", str(self.run / "supervisord.conf"), "-l", str(self.log / "supervisord.log")]
        self.environment = os.environ | {
            "HOSTNAME": host,
            "WHEEL_ROOT": str(root),
            "WHEEL_WEB_PORT": str(port),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, starts_groups: bool) -> None:
        """Start the supervisor and its own group."""
        command = [*self.command, "--start", self.group] if starts_groups else self.command
        say(f"$ HOSTNAME={self.host} {shlex.join(self.shown(word) for word in command)} &")
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        await_that(f"an answer of {self.host}", self.answer)
        if not starts_groups:
            self.rpc.startProcessGroup(self.group)

    def shown(self, word: str) -> str:
        return word.replace(f"{self.run.parents[2]}/", "").replace(sys.executable, "python")

    def answer(self) -> str | None:
        expect(self.process is None or self.process.poll() is None, f"{self.host} runs")
        with contextlib.suppress(OSError):
            return str(self.rpc.getIdentification())
        return None

    @property
    def rpc(self) -> Any:
        path = self.run / "supervisor.sock"
        return xmlrpc.client.ServerProxy("http://localhost", transport=UnixTransport(path)).supervisor

    def status(self) -> list[dict[str, Any]]:
        return list(self.rpc.getAllProcessInfo())

    def running(self) -> list[str] | None:
        """The programs of its group, once all of them are RUNNING."""
        states = {row["name"]: row["statename"] for row in self.status() if row["group"] == self.group}
        return list(states) if set(states.values()) == {"RUNNING"} else None

    def pid_of(self, namespec: str) -> int:
        return int(self.rpc.getProcessInfo(namespec)["pid"])

    def stop(self) -> int:
        """TERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def show_status(spokes: list[Spoke]) -> list[int]:
    """Ask every spoke over its socket; each must run its own group and nothing else. Gives the pids."""
    pids = []
    for spoke in spokes:
        await_that(f"{spoke.group} up on {spoke.host}", spoke.running)
        say(f"{spoke.host}, asked over its socket:")
        for row in spoke.status():
            say(f"  {row['group'] + ':' + row['name']:<24} {row['statename']:<8} {row['description']}")
            expect((row["pid"] != 0) == (row["group"] == spoke.group), f"{spoke.host} runs {spoke.group} only")
            pids.append(row["pid"])
        say()
    return [pid for pid in pids if pid]


def show_http(port: int) -> None:
    url = f"http://127.0.0.1:{port}/hello.txt"

    def fetch() -> str | None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:
            return f"{reply.status} {reply.read().decode().strip()}"
        return None

    say(f"$ curl {url}")
    text = await_that("an answer of the web server", fetch)
    expect(text == "200 hello from the hub of the wheel", f"the answer {text!r}")
    say(f"  {text}")
    say()


def show_replacement(spoke: Spoke, namespec: str) -> int:
    """Kill a program as hard as can be; the supervisor must put a new one in its place. Gives the new pid."""
    old = spoke.pid_of(namespec)
    say(f"$ kill -KILL {old}    # {namespec} on {spoke.host}")
    began = time.monotonic()
    os.kill(old, signal.SIGKILL)

    def look() -> int | None:
        info = spoke.rpc.getProcessInfo(namespec)
        return int(info["pid"]) if info["pid"] not in (0, old) and info["statename"] == "RUNNING" else None

    new = await_that(f"a new {namespec}", look)
    say(f"  replaced by pid {new} within {(time.monotonic() - began) * 1000:.0f} ms")
    say()
    return new


def show_logs(root: Path, spokes: list[Spoke], wanted: dict[str, str]) -> None:
    """Every file in the log folders of the spokes, and its last line."""
    missing = dict(wanted)

    def look() -> bool | None:
        for path in [path for path, text in missing.items() if text in (root / "log" / path).read_text()]:
            del missing[path]
        return None if missing else True

    await_that(f"in log/: {wanted}", look)
    for spoke in spokes:
        say(f"log/{spoke.host}:")
        for file in sorted(spoke.log.iterdir()):
            lines = file.read_text().splitlines()
            say(f"  {file.name:<20} {file.stat().st_size:>5} bytes  {textwrap.shorten(lines[-1], 84) if lines else ''}")
        say()


def show_stop(spokes: list[Spoke], pids: list[int]) -> None:
    for spoke in spokes:
        began = time.monotonic()
        code = spoke.stop()
        say(f"$ kill -TERM {spoke.host}: exit code {code} after {(time.monotonic() - began) * 1000:.0f} ms")
        expect(code == 0, f"{spoke.host} exits with 0")
        expect(not (spoke.run / "supervisor.sock").exists(), f"the socket of {spoke.host} is gone")
        expect(not (spoke.run / "supervisord.pid").exists(), f"the pidfile of {spoke.host} is gone")
    expect(not any(alive(pid) for pid in pids), "no program is left")
    say("nothing is left: no program, no socket, no pidfile")


def demonstrate(root: Path, command: list[str], starts_groups: bool) -> None:
    say(f"# a wheel in {root}: config/ from examples/wheel, data/, log/, run/")
    shutil.copytree(WHEEL, root / "config")
    (root / "data").mkdir()
    (root / "data/hello.txt").write_text("hello from the hub of the wheel\n")
    port = free_port()
    spokes = [
        Spoke(root, "web", "spoke-one", command, port),
        Spoke(root, "worker", "spoke-two", command, port),
    ]
    try:
        say("# two spokes, each starts its own group")
        for spoke in spokes:
            spoke.start(starts_groups)
        say()
        pids = show_status(spokes)
        show_http(port)
        pids.append(show_replacement(spokes[1], "worker-group:worker"))
        show_logs(
            root,
            spokes,
            {
                "spoke-one/supervisord.log": "spawned: 'web'",
                "spoke-one/web_stderr.log": "GET /hello.txt",
                "spoke-two/supervisord.log": "exited: worker (terminated by SIGKILL; not expected)",
                "spoke-two/worker_stdout.log": f"work {pids[-1]} on spoke-two",
                "spoke-two/reporter_stderr.log": "nothing to complain about yet",
            },
        )
        show_stop(spokes, pids)
    finally:
        for spoke in spokes:
            if spoke.process is not None and spoke.process.poll() is None:
                spoke.stop()


@contextlib.contextmanager
def wheel_root() -> Iterator[Path]:
    # Short, for a unix socket has at most 108 bytes of path.
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        yield Path(folder).resolve()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--with", dest="supervisord", metavar="SUPERVISORD", help="use the real supervisord instead")
    arguments = parser.parse_args()
    # The real one knows no --start: its group is started over the socket.
    command = [arguments.supervisord, "-n"] if arguments.supervisord else [sys.executable, "-m", "minisup", "run"]
    with wheel_root() as root:
        try:
            demonstrate(root, command, starts_groups=not arguments.supervisord)
        except (DemoError, OSError, xmlrpc.client.Error, subprocess.TimeoutExpired) as error:
            say(f"FAILED: {error}")
            for log in sorted(root.glob("log/*/*.log")):
                say(f"--- {log.relative_to(root)}\n{log.read_text(errors='replace')}")
            return 1
    say("all of it was seen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
