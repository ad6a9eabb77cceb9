"""Programs that embed us and are killed, interrupted, or strange: each a process of its own, seen from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from daemon import PATIENCE, ROOT, is_there, until

HEAD = """
import os, signal, subprocess, sys, threading, time
from pathlib import Path
import anyio, minisup
from minisup import Program, Supervisor
"""


class Host:
    """A Python program that embeds us, in a process of its own."""

    def __init__(self, script: str, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", HEAD + script, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def close(self) -> None:
        """End it, if it has not ended."""
        self.process.kill()
        self.process.communicate()

    def read(self) -> str:
        """The next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def end(self) -> tuple[str, str]:
        """What it said till its end, on stdout and on stderr."""
        return self.process.communicate(timeout=PATIENCE)


Start = Callable[..., Host]


@pytest.fixture
def host() -> Iterator[Start]:
    """Starts hosts, and ends them."""
    with ExitStack() as hosts:

        def start(script: str, *words: str) -> Host:
            started = Host(script, *words)
            hosts.callback(started.close)
            return started

        yield start


def children(pid: int) -> list[int]:
    """Of all threads of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            found += map(int, (task / "children").read_text().split())
    return found


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


# As nginx and redis do it: the environment is gone from where others could see it. And one that leaves its group, too.
FAMILY = "echo $$; setsid sleep 1000 & echo $!; env -i sleep 1000 & echo $!; env -i setsid sleep 1000 & echo $!; wait"

KILLED = f"""
async def main():
    async with Supervisor(programs=[Program("web", ["sh", "-c", {FAMILY!r}])]) as supervisor:
        print(supervisor.folder, flush=True)
        count = 0
        async for line in supervisor.lines():
            print(line.text, flush=True)
            count += 1
            if count == 4:
                break
        {{more}}
        print("so far", flush=True)
        await anyio.sleep_forever()

anyio.run(main, backend=sys.argv[1])
"""

HOSTS = {
    "asyncio": ("asyncio", ""),
    "trio": ("trio", ""),
    "after restarts": (
        "asyncio",
        "await supervisor.add(Program('b', 'sleep 1', startsecs=0)); await supervisor.stop('b')",
    ),
    "with a copy of itself": (
        "asyncio",
        "\n        if os.fork() == 0:\n            os.close(1); os.close(2)\n            time.sleep(1000)",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "more"), HOSTS.values(), ids=HOSTS)
def test_a_host_that_is_killed(backend: str, more: str, host: Start) -> None:
    program = host(KILLED.replace("{more}", more), backend)
    folder = Path(program.read())
    pids = [int(program.read()) for _ in range(4)]
    assert program.read().strip() == "so far"
    assert folder.is_dir() and all(map(is_there, pids))
    ours = children(program.process.pid)
    watchers = [pid for pid in ours if b"minisup-watcher" in cmdline(pid)]
    copies = [pid for pid in ours if b"import anyio, minisup" in cmdline(pid)]
    assert len(watchers) == 1
    program.process.kill()
    try:
        until(lambda: not any(map(is_there, [*pids, *watchers])) and not folder.exists())
    finally:
        for pid in copies:
            os.kill(pid, signal.SIGKILL)
    assert len(copies) == ("fork" in more)


NESTED = f"""
INNER = {HEAD + KILLED.replace("{more}", "")!r}

async def main():
    async with Supervisor(programs=[Program("inner", [sys.executable, "-c", INNER, "asyncio"])]) as supervisor:
        print(supervisor.folder, flush=True)
        count = 0
        async for line in supervisor.lines():
            print(line.text, flush=True)
            count += 1
            if count == 5:
                break
        if sys.argv[1] == "sleep":
            await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["sleep", "leave"])
def test_a_host_in_a_host(how: str, host: Start) -> None:
    program = host(NESTED, how)
    folders = [Path(program.read()), Path(program.read())]
    pids = [int(program.read()) for _ in range(4)]
    if how == "sleep":
        assert all(map(Path.is_dir, folders)) and all(map(is_there, pids))
        program.process.kill()
    else:
        assert program.end() == ("", "")
    until(lambda: not any(map(is_there, pids)) and not any(map(Path.exists, folders)))


INTERRUPTED = """
async def main():
    script = "trap 'echo told' TERM; echo up; while :; do sleep 1000 & wait $!; done"
    async with Supervisor(programs=[Program("web", ["sh", "-c", script], stdout_logfile=sys.argv[2], stopwaitsecs=1)]):
        await anyio.sleep_forever()

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_host_that_is_interrupted(backend: str, times: int, host: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = host(INTERRUPTED, backend, str(log))
    until(lambda: log.exists() and "up" in log.read_text())
    (pid,) = [pid for pid in children(program.process.pid) if b"echo told" in cmdline(pid)]
    program.process.send_signal(signal.SIGINT)
    until(lambda: "told" in log.read_text() or not is_there(pid))
    for _ in range(times - 1):
        program.process.send_signal(signal.SIGINT)
    _, errors = program.end()
    assert "KeyboardInterrupt" in errors
    until(lambda: not is_there(pid))


THIEF = """
def steal():
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(0.01)

async def main():
    program = Program("web", "sh -c 'sleep 0.2; exit 3'", startsecs=0, autorestart=False)
    async with Supervisor(programs=[program]) as supervisor:
        if sys.argv[1] == "thief":
            threading.Thread(target=steal, daemon=True).start()
            while Path(f"/proc/{supervisor.info('web').pid}").exists():  # ours must not be the faster one
                time.sleep(0.01)
        info = await supervisor.wait_for("web", "EXITED")
        print(info.returncode)
        print(Path(supervisor.folder, "supervisord.log").read_text())

if sys.argv[1] == "deaf":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
anyio.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["thief", "deaf", "innocent"])
def test_a_host_that_takes_the_status_of_our_children(kind: str, host: Start) -> None:
    out, errors = host(THIEF, kind).end()
    assert errors == ""
    code, _, log = out.partition("\n")
    if kind == "innocent":
        assert code == "3"
    else:
        assert code == "255"
        assert "something in this program waits for all children (waitpid(-1)) or ignores SIGCHLD" in log


NEIGHBOUR = """
async def main():
    handler = signal.getsignal(signal.SIGCHLD)
    mine = subprocess.Popen(["sh", "-c", "exit 42"])
    while Path(f"/proc/{mine.pid}/stat").read_text().split()[2] != "Z":
        await anyio.sleep(0.01)
    program = Program("web", "sh -c 'exit 3'", startsecs=0, autorestart=False)
    async with Supervisor(programs=[program]) as supervisor:
        await supervisor.wait_for("web", "EXITED")
    assert signal.getsignal(signal.SIGCHLD) is handler
    async with await anyio.open_process(["sh", "-c", "exit 43"]) as process:
        await process.wait()
    print(mine.wait(), process.returncode)

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_children_of_the_host_are_its_own(backend: str, host: Start) -> None:
    assert host(NEIGHBOUR, backend).end() == ("42 43\n", "")
