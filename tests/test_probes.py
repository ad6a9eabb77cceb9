"""Probes against real sockets, files, commands and programs; then the whole of it in a daemon."""

import array
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from selectors import DefaultSelector
from typing import Any

import pytest
from config_world import world
from daemon import HEAD, MINISUP, PATIENCE, PYTHON, Daemon, Room, is_there, needs, program, room, until
from hypothesis import given
from hypothesis import strategies as st
from oracle.peer import oracle_venv

from minisup.config import values
from minisup.core.words import Input, Probe, Probed
from minisup.runtime import probes
from minisup.runtime.probes import LONGEST_LINE, Dial, Lines, Mailbox, Prober, Run, is_of
from minisup.specs import ProcessSpec

KEY = ("g", "p")
PID = 4711

slow = pytest.mark.slow


class Ears:
    """What `Prober` needs of a channel."""

    def __init__(self) -> None:
        self.watcher: Callable[[int, bytes], None] | None = None

    def watch(self, watcher: Callable[[int, bytes], None] | None) -> None:
        self.watcher = watcher


class Bench:
    """A prober, and what its driver would do for it; commands are run for real."""

    def __init__(self) -> None:
        from minisup.runtime.posix import PosixSystem

        self.selector = DefaultSelector()
        self.answers: list[Input] = []
        self.ears = [Ears(), Ears()]
        self.system = PosixSystem()
        self.prober = Prober(
            self.system,
            self.selector,
            lambda key, spec: {**os.environ, **spec.environment},
            lambda key, spec: self.ears,  # type: ignore[arg-type, return-value]
            self.answers.append,
        )

    def begin(self, ready: str, pid: int = PID, **more: Any) -> None:
        spec = ProcessSpec("p", "true", ready=values.ready(ready, world()), **more)
        answer = self.prober.probe(Probe(KEY, pid, spec))
        if answer is not None:
            self.answers.append(answer)

    def turn(self) -> None:
        for key, _ in self.selector.select(0.005):
            self.prober.advance(key.fileobj)  # type: ignore[arg-type]
        for pid in [*self.prober._runs]:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                assert self.prober.buried(found, status)

    def answer(self) -> tuple[bool, str]:
        """The next one."""

        def come() -> bool:
            self.turn()
            return bool(self.answers)

        until(come)
        answer = self.answers.pop(0)
        assert isinstance(answer, Probed)
        assert answer.key == KEY
        return answer.ok, answer.why

    def look(self, ready: str, **more: Any) -> tuple[bool, str]:
        """A probe and its answer; nothing is left of it."""
        self.begin(ready, **more)
        answer = self.answer()
        assert not self.selector.get_map()
        return answer


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    yield found
    found.prober.close()
    assert not found.selector.get_map()
    found.selector.close()
    for pid in found.prober._runs:
        os.waitpid(pid, 0)


@contextmanager
def listening(family: int = socket.AF_INET, address: Any = ("127.0.0.1", 0)) -> Iterator[socket.socket]:
    with closing(socket.socket(family)) as server:
        server.bind(address)
        server.listen()
        yield server


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# --- tcp, unix, file --------------------------------------------------------------------------------------------------


def test_tcp(bench: Bench) -> None:
    with listening() as server:
        port = server.getsockname()[1]
        for target in (f"tcp:{port}", f"tcp:127.0.0.1:{port}", f"tcp:LocalHost:{port}"):
            assert bench.look(target) == (True, "")


def test_tcp_where_nobody_listens(bench: Bench) -> None:
    with closed_port() as port:
        assert bench.look(f"tcp:127.0.0.1:{port}") == (False, "Connection refused")
        assert bench.look(f"tcp:{port}")[0] is False


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="needs IPv6")
def test_localhost_is_both(bench: Bench) -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("needs IPv6")
    with server:
        port = server.getsockname()[1]
        assert bench.look(f"tcp:{port}") == (True, "")
        assert bench.look(f"tcp:[::1]:{port}") == (True, "")


def test_dns_is_not_asked(bench: Bench) -> None:
    assert bench.look("tcp:nobody.invalid:80") == (False, "nobody.invalid is no address, and not in /etc/hosts")


def test_names_of_etc_hosts(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    monkeypatch.setattr(probes, "hosts", lambda: "# comment\n\n127.0.0.1 me Me.lan # you\nnonsense me\n")
    with listening() as server:
        port = server.getsockname()[1]
        assert bench.look(f"tcp:me.LAN:{port}") == (True, "")
        assert bench.look(f"tcp:you:{port}")[0] is False


def test_a_connection_with_ourselves_is_none() -> None:
    """connect(2) to a port that nobody listens on may get that very port for its own end."""
    with closing(socket.socket()) as both:
        both.bind(("127.0.0.1", 0))
        both.connect(both.getsockname())
        dial = Dial(KEY, PID, iter([]))
        dial.line = both
        assert dial.step() == (False, "Connection refused")


def test_unix(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert bench.look(f"unix:{path}") == (False, "No such file or directory")
    with listening(socket.AF_UNIX, str(path)):
        assert bench.look(f"unix:{path}") == (True, "")
        assert bench.look("unix:s", directory=str(tmp_path)) == (True, "")
    assert bench.look(f"unix:{path}") == (False, "Connection refused")
    assert bench.look(f"unix:{tmp_path}/{'x' * 200}") == (False, "AF_UNIX path too long")


def test_file(bench: Bench, tmp_path: Path) -> None:
    assert bench.look(f"file:{tmp_path}/f") == (False, "No such file or directory")
    (tmp_path / "f").touch()
    assert bench.look(f"file:{tmp_path}/f") == (True, "")
    assert bench.look("file:f", directory=str(tmp_path)) == (True, "")


# --- http -------------------------------------------------------------------------------------------------------------


@contextmanager
def answering(*parts: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server of one connection: its port, and what it was asked; it says each of the parts when it is read."""
    asked: list[bytes] = []

    def serve() -> None:
        line, _ = server.accept()
        with line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked.append(line.recv(65536))
            for part in parts:
                line.sendall(part)

    with listening() as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
# status wanted, what the server says -> verdict
HTTP: dict[str, tuple[str, tuple[bytes, ...], tuple[bool, str]]] = {
    "ok": ("", (OK,), (True, "HTTP status 200")),
    "no content": ("", (b"HTTP/1.1 204 No Content\r\n\r\n",), (True, "HTTP status 204")),
    "elsewhere": ("", (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",), (True, "HTTP status 302")),
    "not there": ("", (b"HTTP/1.1 404 Not Found\r\n\r\n",), (False, "HTTP status 404")),
    "busy": ("", (b"HTTP/1.0 503 Busy\r\n\r\n",), (False, "HTTP status 503")),
    "wanted": ("404", (b"HTTP/1.1 404 Not Found\r\n\r\n",), (True, "HTTP status 404")),
    "another wanted": ("204", (OK,), (False, "HTTP status 200")),
    "class": ("2xx", (OK,), (True, "HTTP status 200")),
    "another class": ("2xx", (b"HTTP/1.1 302 Found\r\n\r\n",), (False, "HTTP status 302")),
    "in pieces": ("", tuple(bytes([byte]) for byte in OK[:40]), (True, "HTTP status 200")),
    "something before": ("", (b"HTTP/1.1 103 Early\r\n\r\n", OK), (True, "HTTP status 200")),
    "nothing": ("", (), (False, "the connection was closed before an answer")),
    "half": ("", (b"HTTP/1.1 20",), (False, "the connection was closed before an answer")),
    "no http": ("", (b"220 mail.example ESMTP\r\n\r\n",), (False, "what answers there speaks no HTTP")),
    "without end": ("", (b"x" * LONGEST_LINE * 2,), (False, "what answers there speaks no HTTP")),
}


@pytest.mark.parametrize("name", HTTP)
def test_http(name: str, bench: Bench) -> None:
    status, parts, expected = HTTP[name]
    with answering(*parts) as (port, asked):
        found = bench.look(f"http://localhost:{port}/a?b=c {status}")
    assert found == expected or (not expected[0] and found == (False, "Connection reset by peer"))
    head, *fields, _, _ = asked[0].decode().split("\r\n")
    assert head == "GET /a?b=c HTTP/1.1"
    assert [field.partition(":")[0] for field in fields] == ["Host", "User-Agent", "Connection"]
    assert fields[0] == f"Host: localhost:{port}"


def test_http_where_nobody_listens(bench: Bench) -> None:
    with closed_port() as port:
        assert bench.look(f"http://127.0.0.1:{port}") == (False, "Connection refused")


def test_a_server_that_does_not_answer_is_given_up(bench: Bench) -> None:
    with listening() as server:
        bench.begin(f"http://127.0.0.1:{server.getsockname()[1]}/")
        line, _ = server.accept()
        with line:
            until(lambda: (bench.turn(), line.recv(65536, socket.MSG_DONTWAIT) if readable(line) else b"")[1])
            bench.prober.stop(KEY)
            assert not bench.selector.get_map()
            assert line.recv(1) == b""
    assert bench.answers == []


def readable(line: socket.socket) -> bool:
    with closing(DefaultSelector()) as selector:
        selector.register(line, 1)
        return bool(selector.select(0))


# --- exec -------------------------------------------------------------------------------------------------------------

EXEC: dict[str, tuple[str, tuple[bool, str]]] = {
    "good": ("true", (True, "exit status 0")),
    "bad": ("false", (False, "exit status 1")),
    "says why": ("sh -c 'echo one; echo two >&2; echo; exit 3'", (False, "exit status 3: two")),
    "says what no log should hold": ("printf '\\033[1mx\\ry'", (True, "exit status 0: ?[1mx?y")),
    "says much": ("sh -c 'printf %%0300d 7; exit 1'", (False, f"exit status 1: {'0' * 200}")),
    "dies": ("sh -c 'kill -9 $$'", (False, "terminated by SIGKILL")),
    "not there": ("/no/such/command", (False, "can't find command '/no/such/command'")),
    "a folder": ("/tmp", (False, "command at '/tmp' is a directory")),
    "leaves somebody behind": ("sh -c 'sleep 600 & echo $!'", (True, "exit status 0: ")),
    "reads": ("cat", (True, "exit status 0")),
    "never stops talking": ("sh -c 'yes & sleep 0.1; kill $!; exit 5'", (False, "exit status 5: y")),
    "closes its output": ("sh -c 'exec >&- 2>&-; exit 4'", (False, "exit status 4")),
}


@pytest.mark.parametrize("name", EXEC)
def test_exec(name: str, bench: Bench) -> None:
    command, (ok, why) = EXEC[name]
    found = bench.look(f"exec:{command.replace('%%', '%')}")
    assert (found[0], found[1][: len(why)] if name == "leaves somebody behind" else found[1]) == (ok, why)
    if name == "leaves somebody behind":
        os.kill(int(found[1].rpartition(" ")[2]), signal.SIGKILL)


def test_exec_has_the_folder_and_the_environment_of_its_program(bench: Bench, tmp_path: Path) -> None:
    more: dict[str, Any] = {"directory": str(tmp_path), "environment": {"HUE": "blue"}, "umask": 0o27}
    assert bench.look("exec:sh -c 'echo $PWD $HUE; umask > u'", **more) == (True, f"exit status 0: {tmp_path} blue")
    assert (tmp_path / "u").read_text() == "0027\n"


def test_a_command_that_takes_too_long_ends_with_all_its_processes(bench: Bench, tmp_path: Path) -> None:
    bench.begin(f"exec:sh -c 'sleep 600 & echo $! > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; wait'")
    (pid,) = bench.prober._runs
    until((tmp_path / "pid").exists)
    sleeper = int((tmp_path / "pid").read_text())
    bench.prober.stop(KEY)
    assert not bench.selector.get_map()
    until(lambda: not is_there(sleeper))
    until(lambda: (bench.turn(), not bench.prober._runs)[1])
    assert bench.answers == []
    assert not bench.prober.buried(pid, 0)  # it was one of ours only once


def test_no_descriptor_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **more: Any) -> Any:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    assert bench.look("tcp:80") == (False, "Too many open files")
    monkeypatch.setattr(bench.system, "spawn", refuse)
    assert bench.look("exec:true") == (False, "Too many open files")


def test_answers_of_somebody_else_are_not_taken(bench: Bench) -> None:
    """What the selector still tells in a turn in which the look was given up."""
    with listening() as server:
        bench.begin(f"tcp:{server.getsockname()[1]}")
        look = bench.prober._looks.get(KEY)
        if look is not None:
            bench.prober.stop(KEY)
            bench.prober.advance(look)
            assert bench.answers == []


# --- log --------------------------------------------------------------------------------------------------------------

# chunks -> the line that is found
LINES: dict[str, tuple[str, list[bytes], str]] = {
    "a line": ("ready", [b"starting\nready now\n"], "ready now"),
    "over a border": ("ready now", [b"starting\nrea", b"dy", b" now\nmore"], "ready now"),
    "not before its end": ("ready", [b"rea", b"dy"], ""),
    "only within a line": ("a.*b", [b"a\nb\n"], ""),
    "the first": (r"\d+", [b"x\n1\n2\n"], "1"),
    "anchors": (r"^up$", [b"not up\nup\r\n"], "up"),
    "an empty line": (r"^$", [b"x\n\n"], ""),
    "not UTF-8": ("r.ady", [b"r\xffady\n"], "r\ufffdady"),
    "a character over a border": (
        "bereit\u00fc",
        ["bereit\u00fc\n".encode()[:7], "bereit\u00fc\n".encode()[7:]],
        "bereit\u00fc",
    ),
    "an endless line": ("end", [b"x" * LONGEST_LINE, b"x" * 10, b"end\n", b"the end\n"], "the end"),
    "a long line": ("end$", [b"x" * (LONGEST_LINE - 3) + b"end\n"], "x" * (LONGEST_LINE - 3) + "end"),
}


@pytest.mark.parametrize("name", LINES)
def test_lines(name: str) -> None:
    pattern, chunks, expected = LINES[name]
    found: list[str] = []
    lines = Lines(pattern, PID, found.append)
    for chunk in chunks:
        lines.feed(PID + 1, b"ready now 1 end\n")
        lines.feed(PID, chunk)
    assert found[:1] == ([expected] if expected or name == "an empty line" else [])


@given(st.lists(st.binary(max_size=10), max_size=20).map(lambda parts: [part.replace(b"\0", b"\n") for part in parts]))
def test_lines_wherever_they_are_cut(chunks: list[bytes]) -> None:
    whole: list[str] = []
    Lines("[a-f0-9]", PID, whole.append).feed(PID, b"".join(chunks))
    found: list[str] = []
    lines = Lines("[a-f0-9]", PID, found.append)
    for chunk in chunks:
        lines.feed(PID, chunk)
        if found:
            break
    assert found[:1] == whole[:1]


def test_both_outputs_are_watched_until_a_line_is_found(bench: Bench) -> None:
    bench.begin("log:ready")
    one, two = bench.ears
    assert one.watcher is not None
    assert two.watcher is not None
    two.watcher(PID, b"not rea")
    one.watcher(PID, b"dy\n")
    assert bench.answers == []
    two.watcher(PID, b"dy\n")
    assert bench.answers == [Probed(KEY, PID, True, "not ready")]
    assert one.watcher is None
    assert two.watcher is None


def test_nobody_watches_after_the_end(bench: Bench) -> None:
    bench.begin("log:ready")
    bench.prober.stop(KEY)
    assert [ear.watcher for ear in bench.ears] == [None, None]


# --- notify -----------------------------------------------------------------------------------------------------------

SEND = (
    "import os,socket,sys\n"
    "line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "line.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
    "line.send(sys.argv[1].encode())\n"
    "print('sent', flush=True)\n"
    "sys.stdin.read()\n"  # who sends must be there when it is read
)


@contextmanager
def sender(mailbox: str, text: str, *wrapper: str) -> Iterator[int]:
    """A child in a process group of its own that has sent a message, itself or somebody under it; its pid."""
    child = subprocess.Popen(
        [*wrapper, PYTHON, "-c", SEND, text],
        env={**os.environ, "NOTIFY_SOCKET": mailbox},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"sent\n"
        yield child.pid
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(PATIENCE)


def mailbox_of(bench: Bench) -> str:
    given = bench.prober.expect(KEY, ProcessSpec("p", "true", ready=values.ready("notify", world())))
    assert bench.prober.expect(("other", "p"), ProcessSpec("p", "true")) == {}
    return given["NOTIFY_SOCKET"]


# Each sends from: the child, a grandchild of its group, a grandchild with a session of its own.
SENDERS = {
    "the child": (),
    "of its group": ("sh", "-c", '"$@" & wait', "sh"),
    "a descendant": ("sh", "-c", 'setsid "$@" <&0 & wait', "sh"),
}


@pytest.mark.parametrize("name", SENDERS)
def test_notify(name: str, bench: Bench) -> None:
    mailbox = mailbox_of(bench)
    with sender(mailbox, "STATUS=all is well\nREADY=1", *SENDERS[name]) as pid:
        bench.begin("notify", pid=pid)
        assert bench.answer() == (True, "")
        bench.prober.forget(KEY)
        assert not bench.selector.get_map()


def test_notify_of_a_stranger(bench: Bench) -> None:
    mailbox = mailbox_of(bench)
    with sender(mailbox, "READY=1") as stranger, sender(mailbox, "STATUS=loading\nX=1") as child:
        bench.begin("notify", pid=child)
        assert bench.answer() == (False, "loading")
    why = f"a message of pid {stranger}, which is none of its processes"
    with sender(mailbox, "READY=1") as stranger:
        why = f"a message of pid {stranger}, which is none of its processes"
        assert bench.answer() == (False, why)


def test_notify_of_somebody_who_is_gone_or_says_nothing_of_it() -> None:
    with closing(Mailbox(KEY)) as mailbox:
        mailbox.pid = PID
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
            line.connect("\0" + mailbox.name[1:])
            line.send(b"READY=1")
        assert mailbox.step() == (False, f"a message of pid {os.getpid()}, which is none of its processes")
        assert mailbox.step() is None
        mailbox.pid = os.getpid()
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
            line.connect("\0" + mailbox.name[1:])
            for text in (b"READY=0", b"XREADY=1", b"\xff", b"", b"MAINPID=1"):
                line.send(text)
            assert mailbox.step() is None


def test_descriptors_that_come_along_are_closed() -> None:
    """BARRIER=1, sd_notify_barrier(3): whoever waits for the other end of its pipe to be closed waits no longer."""
    with closing(Mailbox(KEY)) as mailbox:
        mailbox.pid = os.getpid()
        ours, theirs = os.pipe()
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
            line.connect("\0" + mailbox.name[1:])
            line.sendmsg([b"BARRIER=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs]))])
        os.close(theirs)
        before = set(os.listdir("/proc/self/fd"))
        assert mailbox.step() is None
        assert set(os.listdir("/proc/self/fd")) <= before
        assert os.read(ours, 1) == b""
        os.close(ours)


def test_messages_are_read_as_long_as_the_child_lives(bench: Bench) -> None:
    """More than the queue of a socket holds: nobody is kept waiting."""
    mailbox = mailbox_of(bench)
    bench.begin("notify", pid=os.getpid())
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
        line.connect("\0" + mailbox[1:])
        line.settimeout(PATIENCE)
        line.send(b"READY=1")
        assert bench.answer() == (True, "")
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                bench.turn()

        thread = threading.Thread(target=read)
        thread.start()
        try:
            for _ in range(2000):
                line.send(b"WATCHDOG=1")
        finally:
            stop.set()
            thread.join()
    assert bench.answers == []


def test_whose_a_process_is() -> None:
    assert is_of(os.getpid(), os.getpid())
    assert is_of(os.getpid(), os.getppid())
    assert not is_of(os.getppid(), os.getpid())
    assert not is_of(0, os.getpid())
    done = subprocess.Popen(["true"], process_group=0)
    done.wait()
    assert not is_of(done.pid, os.getpid())
    assert not is_of(1, os.getpid())


def test_a_run_that_nobody_waits_for_may_end_as_it_likes(bench: Bench) -> None:
    bench.begin("exec:true")
    (run,) = bench.prober._runs.values()
    assert isinstance(run, Run)
    os.waitpid(run.child, 0)
    bench.prober.stop(KEY)  # ESRCH
    assert bench.prober.buried(run.child, 0)
    assert bench.answers == []


# --- in a daemon ------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    with room(tmp_path) as found:
        yield found


def ask(daemon: Room | Daemon, *words: str) -> tuple[int, list[str]]:
    """``minisup ctl ready``: its exit code, and what it says, blanks made one."""
    done = subprocess.run(
        [MINISUP, "ctl", "-s", f"unix://{daemon.folder}/s", "ready", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, [re.sub(" +", " ", line) for line in done.stdout.splitlines()]


SERVE = """\
import http.server, os, socket, sys, time
kind, what = sys.argv[1:]
if kind == "tcp":
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    line.bind(("127.0.0.1", int(what)))
    line.listen()
    line.setblocking(True)
    if os.environ.get("ANSWER"):
        while True:
            one, _ = line.accept()
            one.recv(65536)
            one.sendall(os.environ["ANSWER"].encode() + b"\\r\\n\\r\\n")
            one.close()
elif kind == "unix":
    line = socket.socket(socket.AF_UNIX)
    line.bind(what)
    line.listen()
elif kind == "notify":
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:])
    line.send(what.encode())
    time.sleep(600)
time.sleep(600)
"""


@contextmanager
def reserved(number: int) -> Iterator[list[int]]:
    """Ports that nobody else gets, but a program of ours may listen on."""
    with ExitStack() as stack:
        ports = []
        for _ in range(number):
            taken = stack.enter_context(closing(socket.socket()))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind(("127.0.0.1", 0))
            ports.append(taken.getsockname()[1])
        yield ports


@slow
def test_every_kind_in_a_daemon(here: Room) -> None:
    (here.folder / "serve.py").write_text(SERVE)
    serve = f"{PYTHON} {here.folder}/serve.py"
    answer = 'ANSWER="HTTP/1.1 204 No"'
    with reserved(2) as (tcp, http):
        in_folder: dict[str, object] = {"directory": "%(here)s"}
        daemon = here.run(
            program("tcp", f"{serve} tcp {tcp}", ready=f"tcp:{tcp}"),
            program("http", f"{serve} tcp {http}", ready=f"http://localhost:{http}/ 2xx", environment=answer),
            program("log", "sh -c 'echo up: 100% >&2; exec sleep 600'", ready="log:^up: .*%%$", redirect_stderr=False),
            program("file", "sh -c 'touch there; exec sleep 600'", ready="file:there", **in_folder),
            program("unix", f"{serve} unix us", ready="unix:us", **in_folder),
            program("exec", "sh -c 'touch mine; exec sleep 600'", ready="exec:test -e mine", **in_folder),
            program("notify", f"{serve} notify READY=1", ready="notify"),
            program("plain", "sleep 600"),
            program("hand", "sleep 600", autostart=False, ready="notify"),
            program("job", "true", startsecs=0, autorestart=False),
        )
        daemon.says(r"exited: job \(exit status 0; expected\)")
        code, lines = ask(here, "-t", f"{PATIENCE:g}")
        names = ["exec", "file", "http", "log", "notify", "plain", "tcp", "unix"]
        assert [re.sub(r"\d+\.\d{3}", "N", line) for line in lines] == [
            f"{name} READY after N seconds" for name in names
        ]
        assert code == 0
        assert sorted(line.split()[1] for line in daemon.says(r"^ready: \w+ after \d+\.\d{3} seconds$", 7)) == [
            name for name in names if name != "plain"
        ]
        check_wire(daemon, names)
        assert ask(here, "hand") == (1, ["hand STOPPED not started"])
        assert ask(here, "all", "job")[0] == 0
        assert ask(here, "plain", "nobody") == (1, ["ERROR: no such process nobody"])
        assert ask(here, "job", "tcp") == (
            1,
            ["job EXITED exit status 0", f"tcp READY {' '.join(lines[6].split()[2:])}"],
        )
        assert ask(here, "-t", "soon")[1][0] == "Error: -t needs a number of seconds"
        daemon.rpc.stopProcess("tcp")
        assert ask(here)[0] == 1
        assert ask(here, "tcp:*") == (1, ["tcp STOPPED terminated by SIGTERM"])
        daemon.rpc.startProcess("tcp", False)
        assert ask(here, "-t", f"{PATIENCE:g}", "tcp")[0] == 0
        assert daemon.stop() == 0
        assert ask(here) == (1, [f"unix://{here.folder}/s no such file"])


def check_wire(daemon: Daemon, names: list[str]) -> None:
    """What clients see of it, and what those of supervisord do not."""
    rpc: Any = daemon.client()
    infos = {info["name"]: info for info in rpc.minisup.getAllReadiness()}
    assert sorted(infos) == sorted([*names, "hand", "job"])
    assert set(infos["tcp"]) == {
        *("name", "group", "statename", "pid", "exitstatus", "ready", "state", "seconds", "why"),
    }
    assert {name for name, info in infos.items() if info["ready"] and info["state"] == "READY"} == set(names)
    assert (infos["hand"]["state"], infos["hand"]["why"], infos["hand"]["seconds"]) == ("DOWN", "not started", 0.0)
    assert [info["name"] for info in rpc.minisup.waitReady(["tcp:*", "plain"], 0)] == ["tcp", "plain"]
    assert [info["name"] for info in rpc.minisup.waitReady()] == names
    for wrong in ("tcp", 7):
        with pytest.raises(Exception, match="INCORRECT_PARAMETERS"):
            rpc.minisup.waitReady(wrong, 0)
    assert not [name for name in rpc.system.listMethods() if name.startswith("minisup.")]
    assert "ready" not in rpc.supervisor.getProcessInfo("tcp")
    for name, pid in ((name, info["pid"]) for name, info in infos.items() if info["pid"]):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert (b"NOTIFY_SOCKET=@" in environment) == (name == "notify")


@slow
def test_late_and_down(here: Room) -> None:
    with reserved(1) as (port,):
        daemon = here.run(
            program("late", "sleep 600", ready=f"tcp:127.0.0.1:{port}", ready_timeout=0.2, startsecs=0),
            program("dies", "sh -c 'echo Ready; exit 3'", ready="log:never", startsecs=0, autorestart=False),
            program("gone", "sh -c 'echo Ready; exit 3'", ready="log:Ready", startsecs=0, autorestart=False),
            program("quick", "false", ready="notify", startretries=0),
        )
        daemon.says("^late: late is RUNNING but not ready after 0.2 seconds: (Connection refused|no answer yet)$")
        rpc: Any = daemon.client()
        until(
            lambda: {one["name"]: one["why"] for one in rpc.minisup.getAllReadiness()}["late"] == "Connection refused"
        )
        daemon.says("^gave up: quick")
        daemon.says("^exited: dies")
        daemon.says("^ready: gone after")  # its last words count
        daemon.says("^exited: gone")
        assert ask(here, "-t", f"{10 * PATIENCE:g}") == (
            1,
            [
                "dies EXITED exit status 3",
                "gone EXITED exit status 3",
                "late LATE Connection refused",
                "quick FATAL Exited too quickly (process log may have details); exit status 1",
            ],
        )
        assert ask(here, "-t", "0.05", "late") == (1, ["late LATE Connection refused"])
        with closing(socket.socket()) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            assert ask(here, "-t", f"{PATIENCE:g}", "late")[0] == 0
        assert len(daemon.says("^late: ")) == 1
        assert daemon.stop() == 0


@slow
def test_notify_from_far_and_near(here: Room) -> None:
    """A stranger who knows the name of the socket, then a grandchild in a session of its own."""
    (here.folder / "serve.py").write_text(SERVE)
    near = f"setsid {PYTHON} {here.folder}/serve.py notify READY=1"
    shell = f"echo $NOTIFY_SOCKET > new; mv new name; while ! test -e go; do sleep 0.05; done; {near} & wait"
    daemon = here.run(program("p", f"sh -c '{shell}; wait'", ready="notify", directory="%(here)s"))
    name = here.folder / "name"
    until(name.exists)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
        line.connect("\0" + name.read_text().strip()[1:])
        line.send(b"READY=1")
        why = f"a message of pid {os.getpid()}, which is none of its processes"
        until(lambda: daemon.client().minisup.getAllReadiness()[0]["why"] == why)  # type: ignore[index, union-attr]
    assert ask(here) == (1, [f"p WAITING {why}"])
    (here.folder / "go").touch()
    assert ask(here, "-t", f"{PATIENCE:g}")[0] == 0


@slow
@needs("perl")
def test_exec_and_notify_as_another_user(here: Room) -> None:
    """With perl, for our Python may lie where only root can go."""
    send = 'send S, "READY=1", 0, pack_sockaddr_un("\\0" . substr $ENV{NOTIFY_SOCKET}, 1) or die $!'
    daemon = here.run(
        program("exec", "sleep 600", ready="exec:sh -c 'test $(id -un) = nobody'", user="nobody"),
        program(
            "notify",
            f"perl -MSocket -e 'socket S, AF_UNIX, SOCK_DGRAM, 0; {send}; sleep 600'",
            ready="notify",
            user="nobody",
        ),
    )
    code, lines = ask(here, "-t", f"{PATIENCE:g}")
    assert code == 0, (lines, daemon.main_log(), (here.folder / "notify.log").read_text())


@slow
def test_asked_of_supervisord(here: Room) -> None:
    """It takes the options for nothing, and cannot say who is ready."""
    here.write(program("p", "sleep 600", startsecs=0, ready="tcp:no port", ready_timeout="soon"))
    daemon = here.start(command=[str(oracle_venv() / "bin" / "supervisord"), "-n"]).up().running("p")
    url = f"unix://{here.folder}/s"
    assert ask(here, "p") == (1, [f"ERROR: cannot ask {url} who is ready: it is no minisup"])
    daemon.stop()


@slow
def test_asked_of_a_daemon_without_the_interface(here: Room) -> None:
    """It is a minisup, and what it lacks is said."""
    here.write(head=HEAD.partition("[rpcinterface")[0])
    daemon = here.start()
    code, [line] = ask(here, "-t", f"{PATIENCE:g}")
    assert (code, "[rpcinterface:supervisor]" in line) == (1, True), line
    daemon.stop()


@slow
def test_a_reread_sees_it_change(here: Room) -> None:
    sections = [program("p", "sleep 600", ready="file:/nowhere/at/all")]
    daemon = here.run(*sections)
    here.write(program("p", "sleep 600", ready="file:/"))
    assert daemon.rpc.reloadConfig() == [[[], ["p"], []]]
    daemon.rpc.stopProcess("p")
    daemon.rpc.removeProcessGroup("p")
    daemon.rpc.addProcessGroup("p")
    assert ask(here, "-t", f"{PATIENCE:g}")[0] == 0


@slow
def test_ctl_waits_for_the_daemon_too(here: Room) -> None:
    here.write(program("p", "sleep 600", startsecs=0))
    waiting = subprocess.Popen(
        [MINISUP, "ctl", "-s", f"unix://{here.folder}/s", "ready", "-t", f"{PATIENCE:g}"], stdout=subprocess.PIPE
    )
    try:
        here.start()
        out, _ = waiting.communicate(timeout=PATIENCE)
    finally:
        waiting.kill()
        waiting.wait()
    assert waiting.returncode == 0
    assert out.split()[:2] == [b"p", b"READY"]
