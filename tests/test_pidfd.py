"""Children inside a host: what they get of it, how they are reaped, and what is said where they cannot be."""

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon import is_there, needs_root, until

from minisup.runtime.pidfd import PidfdSystem
from minisup.runtime.remains import Remains
from minisup.runtime.system import Child, CommandProblem
from minisup.specs import ProcessSpec


class Embedded:
    """A system with its remains, and the pipes of its children."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.pipes: list[int] = []
        self.remains = Remains(None)
        self.system = PidfdSystem(self.remains, lambda *said: self.said.append(said))

    def spawn(self, command: str, **options: Any) -> Child:
        spec = ProcessSpec("web", command, **options)
        environment = {**os.environ, self.remains.mark: ""}
        child = self.system.spawn(spec, self.system.resolve(spec), environment)
        self.pipes.extend(fd for fd in child[1:] if fd is not None)
        return child

    def reap(self) -> tuple[int, int]:
        poll = select.poll()
        poll.register(self.system, select.POLLIN)
        poll.poll(60_000)
        found = self.system.reap()
        assert found is not None
        return found

    def said_by(self, child: Child) -> str:
        self.reap()
        return os.read(child.stdout, 65536).decode()


@pytest.fixture
def embedded() -> Iterator[Embedded]:
    before = len(os.listdir("/proc/self/fd"))
    made = Embedded()
    yield made
    assert made.remains.end() == []
    made.system.close()
    for fd in made.pipes:
        os.close(fd)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 3", 3 << 8), ("kill -9 $$", 9), ("kill -TERM $$", 15), ("exit 255", 255 << 8)],
)
def test_statuses(script: str, status: int, embedded: Embedded) -> None:
    child = embedded.spawn(f"sh -c '{script}'")
    assert embedded.reap() == (child.pid, status)
    assert embedded.system.reap() is None
    assert embedded.said == []


def test_several_end_at_once(embedded: Embedded) -> None:
    pids = {embedded.spawn("true").pid for _ in range(20)}
    assert {embedded.reap()[0] for _ in range(20)} == pids


def test_what_a_child_gets_of_its_host(embedded: Embedded, tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        os.set_inheritable(file.fileno(), True)
        found = embedded.said_by(embedded.spawn("ls /proc/self/fd")).split()
    assert found == ["0", "1", "2", "3"]  # the last one is the folder that it lists
    child = embedded.spawn("sleep 1000")
    assert os.getpgid(child.pid) == child.pid
    assert os.getsid(child.pid) == os.getsid(0)


def test_signals(embedded: Embedded) -> None:
    child = embedded.spawn("sh -c 'sleep 1000 & echo $!; wait'")
    until(lambda: select.select([child.stdout], [], [], 0)[0])
    grandchild = int(os.read(child.stdout, 100))
    embedded.system.kill(child.pid, signal.SIGTERM, group=False)
    assert embedded.reap() == (child.pid, signal.SIGTERM)
    assert is_there(grandchild)
    with pytest.raises(ProcessLookupError):
        embedded.system.kill(child.pid, signal.SIGTERM, group=False)
    embedded.system.kill(child.pid, signal.SIGKILL, group=True)
    until(lambda: not is_there(grandchild))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"command": "/etc"}, "command at '/etc' is a directory"),
        ({"directory": "/not/there"}, "cannot run 'web' in directory '/not/there': No such file or directory"),
        ({"uid": 4_000_000}, "cannot run 'web': '/bin/true': Can't find uid 4000000"),
    ],
)
def test_what_cannot_be_run_is_said_at_once(options: dict[str, Any], text: str, embedded: Embedded) -> None:
    if "uid" in options and os.geteuid() != 0:
        text = "cannot run 'web': '/bin/true': Can't drop privilege as nonroot user"
    with pytest.raises(CommandProblem) as problem:
        embedded.spawn(**{"command": "/bin/true", **options})
    assert str(problem.value) == text


def test_no_program_behind_an_executable_file(embedded: Embedded, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("#!/not/there\n")
    path.chmod(0o755)
    with pytest.raises(CommandProblem, match=rf"^cannot run 'web': '{path}': No such file or directory$"):
        embedded.spawn(str(path))


@needs_root
def test_a_user_of_its_own(embedded: Embedded) -> None:
    child = embedded.spawn("sh -c 'id -un; id -gn; id -Gn; umask'", uid=65534, umask=0o027)
    assert embedded.said_by(child).split() == ["nobody", "nogroup", "nogroup", "0027"]


def test_somebody_was_faster(embedded: Embedded) -> None:
    child = embedded.spawn("true")
    os.waitpid(child.pid, 0)
    assert embedded.reap() == (child.pid, 255 << 8)
    ((level, text),) = embedded.said
    assert level == "error"
    assert text.startswith(f"cannot know how process {child.pid} ended, it counts as exit code 255: ")


def test_a_copy_of_the_host_does_not_hold_the_watcher(embedded: Embedded) -> None:
    """After fork(2) the end of the socket is the host's alone."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, b"%d" % embedded.remains._socket.fileno())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    assert os.read(read, 100) == b"-1"
    os.close(read)


def test_a_watcher_that_was_killed(embedded: Embedded) -> None:
    embedded.remains._watcher.kill()
    until(lambda: not is_there(embedded.remains._watcher.pid))
    child = embedded.spawn("sleep 1000")
    assert embedded.remains.end() == []
    assert embedded.reap() == (child.pid, signal.SIGTERM)
    embedded.remains = Remains(None)
