"""pidproxy: first the real one, then ours; and what ours does better."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from compat_home import THERE, environment, make_home
from daemon import MARK, Room, is_there, room, until

pytestmark = pytest.mark.slow

KINDS = ["supervisord", "minisup"]

# Says in a file what it got, and leaves the pidfile and the file `up` when it is there.
CHILD = """\
import os, signal, sys
pidfile, log, up = sys.argv[1:4]
def note(number, frame):
    with open(log, "a") as file:
        file.write(signal.Signals(number).name + "\\n")
    if number == signal.SIGTERM and not os.path.exists("stay"):
        os._exit(3)
    if number == signal.SIGUSR2 and os.path.exists("stay"):
        os._exit(3)
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
    signal.signal(number, note)
if "--background" in sys.argv and os.fork():
    while not os.path.exists(up):
        signal.sigtimedwait([signal.SIGCHLD], 0.01)
    os._exit(0)
if pidfile != "-":
    with open(pidfile, "w") as file:
        file.write(f"{os.getpid()}\\n")
open(up, "w").close()
while True:
    signal.pause()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    (tmp_path / "child.py").write_text(CHILD)
    with room(tmp_path) as found:
        yield found


class Proxy:
    """A pidproxy over the child."""

    def __init__(self, here: Room, words: Sequence[str | Path], *, pidfile: bool = True, more: Sequence[str] = ()):
        self.folder = here.folder
        self.pidfile = here.folder / "pid"
        self.child = [sys.executable, "child.py", "pid" if pidfile else "-", "log", "up", *more]
        with (here.folder / "stdout").open("wb") as stdout:
            self.process: subprocess.Popen[Any] = subprocess.Popen(
                [*words, "pid", *self.child],
                cwd=here.folder,
                env=environment(THERE, **{MARK: str(here.folder)}),
                stdout=stdout,
            )
        here.daemons.append(_Cleaned(self.process))  # type: ignore[arg-type]
        until((here.folder / "up").exists)

    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().split() if path.exists() else []

    def gets(self, *numbers: signal.Signals) -> None:
        """Send each signal to the proxy, and wait until the child has it."""
        for number in numbers:
            before = len(self.log())
            self.process.send_signal(number)
            until(lambda before=before: len(self.log()) > before, number)

    def said(self) -> str:
        return (self.folder / "stdout").read_text()


class _Cleaned:
    """What a room asks of a daemon at the end."""

    def __init__(self, process: subprocess.Popen[Any]) -> None:
        self.process = process

    def clean(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def commands(kind: str, home: Path) -> Path:
    return THERE if kind == "supervisord" else home


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", [[], ["pid"]], ids=["nothing", "a pidfile only"])
def test_usage(words: list[str], kind: str, home: Path) -> None:
    done = subprocess.run(
        [commands(kind, home) / "pidproxy", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "Usage: " in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_signals(kind: str, here: Room, home: Path) -> None:
    """Each goes to the process of the pidfile; after TERM the end, with 0, whatever the command says."""
    proxy = Proxy(here, [commands(kind, home) / "pidproxy"])
    proxy.gets(signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)
    assert proxy.process.wait(60) == 0
    assert proxy.log() == ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTERM"]
    assert proxy.said() == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_pidfile_that_cannot_be_read(kind: str, here: Room, home: Path) -> None:
    proxy = Proxy(here, [commands(kind, home) / "pidproxy"], pidfile=False)
    proxy.process.send_signal(signal.SIGHUP)
    until(lambda: proxy.said() == "Can't read child pidfile pid!\n", proxy.said)
    proxy.process.send_signal(signal.SIGTERM)
    until(lambda: proxy.said() == 2 * "Can't read child pidfile pid!\n", proxy.said)
    assert proxy.process.poll() is None
    assert proxy.log() == []


@pytest.mark.parametrize("kind", KINDS)
def test_end(kind: str, here: Room, home: Path) -> None:
    """The command ends with 3, the proxy with 0: the real one up to five seconds later."""
    proxy = Proxy(here, [commands(kind, home) / "pidproxy"])
    os.kill(int(proxy.pidfile.read_text()), signal.SIGTERM)
    assert proxy.process.wait(60) == 0


WITHOUT_PIDFDS = "import os, sys; del os.pidfd_open; from supervisor.pidproxy import main; main()"


def variants(home: Path) -> dict[str, list[str | Path]]:
    return {"pidfd": [home / "pidproxy"], "no pidfd": [home / "python", "-c", WITHOUT_PIDFDS]}


@pytest.mark.parametrize("variant", ["pidfd", "no pidfd"])
def test_a_stop_ends_with_the_process(variant: str, here: Room, home: Path) -> None:
    """Not before: who starts it anew at once would meet the old one."""
    (here.folder / "stay").touch()
    proxy = Proxy(here, variants(home)[variant])
    proxy.gets(signal.SIGTERM, signal.SIGHUP)
    assert proxy.process.poll() is None
    proxy.process.send_signal(signal.SIGUSR2)
    assert proxy.process.wait(60) == 0
    assert proxy.log() == ["SIGTERM", "SIGHUP", "SIGUSR2"]


@pytest.mark.parametrize("variant", ["pidfd", "no pidfd"])
def test_a_command_that_goes_into_the_background(variant: str, here: Room, home: Path) -> None:
    """The proxy stays as long as the process that the command has left behind."""
    proxy = Proxy(here, variants(home)[variant], more=["--background"])
    pid = int(proxy.pidfile.read_text())
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] != str(proxy.process.pid))
    proxy.gets(signal.SIGHUP)
    assert proxy.process.poll() is None
    os.kill(pid, signal.SIGTERM)
    assert proxy.process.wait(60) == 0
    until(lambda: not is_there(pid))


def test_a_pidfile_of_an_earlier_life(here: Room, home: Path) -> None:
    """Its number may be anybody's by now: nobody waits for that one."""
    proxy = Proxy(here, [home / "pidproxy"], pidfile=False)
    proxy.pidfile.write_text(f"{os.getpid()}\n")
    os.utime(proxy.pidfile, (time.time() - 1000,) * 2)
    children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text()
    os.kill(int(children), signal.SIGTERM)
    assert proxy.process.wait(60) == 0


def test_a_process_that_is_gone(here: Room, home: Path) -> None:
    """Its pidfile is still there: that is said, and the proxy stays; the real one breaks."""
    proxy = Proxy(here, [home / "pidproxy"], pidfile=False)
    gone = subprocess.Popen(["true"])
    gone.wait()
    proxy.pidfile.write_text(f"{gone.pid}\n")
    proxy.process.send_signal(signal.SIGTERM)
    until(lambda: proxy.said() == f"Can't signal {gone.pid} of child pidfile pid: No such process\n", proxy.said)
    assert proxy.process.poll() is None


def test_what_cannot_be_run(home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [home / "pidproxy", "pid", "sleep", "1"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == f"pidproxy: cannot run '{tmp_path}/sleep': No such file or directory\n"


def test_what_the_command_inherits(home: Path, tmp_path: Path) -> None:
    """No signal is held back from it or ignored."""
    command = ["/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    done = subprocess.run(
        [home / "pidproxy", "pid", *command], cwd=tmp_path, capture_output=True, timeout=120, check=True
    )
    fields = dict(line.split(":") for line in done.stdout.decode().splitlines())
    assert int(fields["SigBlk"], 16) == 0
    assert int(fields["SigIgn"], 16) & (1 << (signal.SIGPIPE - 1)) == 0
