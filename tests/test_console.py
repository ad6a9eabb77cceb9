"""The inherited stdout and stderr: never blocking, whole lines, a bounded buffer."""

import fcntl
import os
import pty
import socket
import tempfile
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minisup.runtime import console as module
from minisup.runtime.console import Console, Consoles, inherited_fd


class Desk:
    """A clock that stands still, what was said, and who woke."""

    def __init__(self) -> None:
        self.now = 50.0
        self.said: list[tuple[str, str]] = []
        self.woken: list[Console] = []

    def clock(self) -> float:
        return self.now

    def say(self, level: str, text: str) -> None:
        self.said.append((level, text))

    def console(self, fd: int, limit: int = 1024 * 1024) -> Console:
        return Console(fd, self.woken.append, self.say, limit=limit, clock=self.clock)


@pytest.fixture
def desk() -> Desk:
    return Desk()


class Ends:
    """Something to write to, and how to read what came."""

    def __init__(self, reader: int, writer: int) -> None:
        os.set_blocking(reader, False)
        self.reader = reader
        self.writer = writer

    def read(self) -> bytes:
        parts = []
        while True:
            try:
                part = os.read(self.reader, 1 << 20)
            except OSError:
                break
            if not part:
                break
            parts.append(part)
        return b"".join(parts)


def make_pipe() -> Ends:
    reader, writer = os.pipe()
    return Ends(reader, writer)


def make_socket() -> Ends:
    one, two = socket.socketpair()
    return Ends(one.detach(), two.detach())


def make_tty() -> Ends:
    reader, writer = pty.openpty()
    tty.setraw(writer)
    return Ends(reader, writer)


def make_file() -> Ends:
    with tempfile.NamedTemporaryFile() as file:
        return Ends(os.open(file.name, os.O_RDONLY), os.open(file.name, os.O_WRONLY))


KINDS = {"pipe": make_pipe, "socket": make_socket, "tty": make_tty, "file": make_file}


@pytest.fixture(params=KINDS)
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    ends = KINDS[request.param]()
    yield ends
    os.close(ends.reader)
    os.close(ends.writer)


@pytest.fixture
def pipe() -> Iterator[Ends]:
    ends = make_pipe()
    yield ends
    for fd in (ends.reader, ends.writer):
        try:
            os.close(fd)
        except OSError:
            pass


@pytest.fixture(params=["own", "polled"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the descriptor can be opened anew, or not, as after a change of user."""
    if request.param == "polled":
        real = os.open

        def refuse(path: str, *args: int) -> int:
            if path.startswith("/proc/self/fd/"):
                raise PermissionError(13, "Permission denied")
            return real(path, *args)

        monkeypatch.setattr(module.os, "open", refuse)
    return str(request.param)


def test_lines_come_through(ends: Ends, desk: Desk, way: str) -> None:
    flags = fcntl.fcntl(ends.writer, fcntl.F_GETFL)
    console = desk.console(ends.writer)
    console.voice().write(b"one\ntwo\n")
    assert ends.read() == b"one\ntwo\n"
    assert not console.pending
    assert fcntl.fcntl(ends.writer, fcntl.F_GETFL) == flags  # shared with whoever started us
    console.close()
    os.fstat(ends.writer)


@pytest.mark.parametrize("kind", ["pipe", "socket", "tty"])
def test_a_reader_that_sleeps_costs_nobody_anything(kind: str, desk: Desk, way: str) -> None:
    ends = KINDS[kind]()
    console = desk.console(ends.writer, limit=300_000)
    voice = console.voice()
    line = b"%05d" + b"." * 94 + b"\n"
    for number in range(10_000):
        voice.write(line % number)
    assert console.pending
    assert desk.woken == [console]
    assert console.lost_lines > 0
    name, text = desk.said[0]
    assert (name, text) == ("warn", "cannot write to stdout: it is read too slowly; 1 lines (100 bytes) dropped")
    assert len(desk.said) == 1
    got = b""
    while console.pending:
        got += ends.read()
        console.flush()
    got += ends.read()
    lines = got.splitlines()
    assert [len(each) for each in lines] == [99] * len(lines)
    assert lines == [(line % number).rstrip() for number in range(len(lines))]
    assert len(lines) == 10_000 - console.lost_lines
    desk.now += 10
    console.flush()
    assert desk.said[1][1].endswith(f"{console.lost_lines - 1} lines ({console.lost_bytes - 100} bytes) dropped")
    console.close()
    os.close(ends.reader)
    os.close(ends.writer)


def test_after_a_gap_output_goes_on_with_a_whole_line(pipe: Ends, desk: Desk) -> None:
    console = desk.console(pipe.writer, limit=1000)
    voice = console.voice()
    voice.write(b"x" * 70_000)  # longer than a line may wait: goes out in part, then is cut
    voice.write(b"end of it\n")
    voice.write(b"lost too\n" * 200)
    got = pipe.read()
    console.flush()
    voice.write(b"new\n")
    got += pipe.read()
    assert got.endswith(b"\nnew\n")
    assert {line.strip(b"x") for line in got.splitlines()} <= {b"", b"lost too", b"new"}
    console.close()


def test_lines_of_two_programs_are_never_mixed(pipe: Ends, desk: Desk) -> None:
    console = desk.console(pipe.writer)
    one, two = console.voice(), console.voice()
    one.write(b"he")
    two.write(b"wor")
    one.write(b"llo\nag")
    two.write(b"ld\n")
    one.write(b"ain\n")
    assert pipe.read() == b"hello\nworld\nagain\n"
    assert console.deadline is None
    console.close()


def test_a_prompt_waits_a_fifth_of_a_second(pipe: Ends, desk: Desk) -> None:
    console = desk.console(pipe.writer)
    one, two = console.voice(), console.voice()
    one.write(b"name? ")
    desk.now += 0.1
    two.write(b"part")
    one.write(b"your ")
    assert console.deadline == pytest.approx(50.2)
    console.flush_due(50.19)
    assert pipe.read() == b""
    console.flush_due(50.2)
    assert pipe.read() == b"name? your "
    assert console.deadline == pytest.approx(50.3)
    one.write(b"name!\n")
    assert pipe.read() == b"name!\n"
    one.write(b"open")
    console.flush_due(60)
    assert pipe.read() == b"part\nopen"  # a newline, for somebody else's line was open
    console.close()


def test_the_end_of_a_channel_brings_out_its_last_words(pipe: Ends, desk: Desk) -> None:
    console = desk.console(pipe.writer)
    voice = console.voice()
    voice.write(b"bye")
    voice.end()
    assert pipe.read() == b"bye"
    console.voice().write(b"next\n")
    assert pipe.read() == b"\nnext\n"
    console.close()


def test_a_line_without_end_goes_out_in_parts(pipe: Ends, desk: Desk) -> None:
    console = desk.console(pipe.writer)
    voice = console.voice()
    voice.write(b"x" * 60_000)
    assert pipe.read() == b""
    voice.write(b"x" * 6_000)
    got = pipe.read()
    console.flush()
    assert len(got + pipe.read()) == 66_000
    console.close()


def test_a_reader_that_left_is_no_noise(pipe: Ends, desk: Desk, way: str) -> None:
    console = desk.console(pipe.writer)
    console.voice().write(b"1\n")
    os.close(pipe.reader)
    console.voice().write(b"2\n")
    assert console.gone
    console.voice().write(b"3\n")
    console.flush()
    assert (desk.said, console.fileno(), console.pending) == ([], -1, False)


def test_a_closed_descriptor_is_no_noise(pipe: Ends, desk: Desk) -> None:
    os.close(pipe.writer)
    console = desk.console(pipe.writer)
    console.voice().write(b"nobody\n")
    assert console.gone
    assert console.drain(1)
    assert desk.said == []


def test_a_descriptor_for_reading_is_no_console(pipe: Ends, desk: Desk) -> None:
    assert desk.console(pipe.reader).gone


def test_a_full_disk_costs_lines(desk: Desk) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    console = desk.console(fd)
    console.voice().write(b"a\nb\n")
    assert desk.said == [("warn", "cannot write to stdout: No space left on device; 2 lines (4 bytes) dropped")]
    assert not console.gone
    console.close()
    os.close(fd)


def test_a_file_is_written_where_the_shell_writes(desk: Desk, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"before\n")
    console = desk.console(fd)
    console.voice().write(b"ours\n")
    os.write(fd, b"after\n")
    assert (tmp_path / "out").read_bytes() == b"before\nours\nafter\n"
    console.close()
    os.close(fd)


def test_drain_waits_for_the_reader_only_so_long(pipe: Ends) -> None:
    console = Console(pipe.writer, lambda _: None, lambda level, text: None)
    voice = console.voice()
    voice.write(b"x" * 99 + b"\n")
    voice.write(b"rest")
    assert console.drain(0.01)
    assert pipe.read().endswith(b"\nrest")
    voice.write((b"x" * 99 + b"\n") * 1000)
    assert not console.drain(0.01)
    console.close()
    assert console.drain(1)


def test_the_last_losses_are_told_at_the_end(pipe: Ends, desk: Desk) -> None:
    console = desk.console(pipe.writer, limit=100)
    voice = console.voice()
    voice.write(b"x\n" * 60_000)
    voice.write(b"y\n" * 100)
    assert len(desk.said) == 1
    console.drain(0)
    assert desk.said[1][1].endswith("100 lines (200 bytes) dropped")
    console.close()


def test_the_word_about_lost_lines_may_come_back_here(pipe: Ends) -> None:
    voices = []

    def say(level: str, text: str) -> None:
        voices[0].write(text.encode() + b"\n")

    console = Console(pipe.writer, lambda _: None, say, limit=100)
    voices.append(console.voice())
    console.voice().write(b"x\n" * 60_000)
    assert console.lost_lines
    console.close()


NAMES = {
    "/dev/stdout": 1,
    "/dev/stderr": 2,
    "/dev/fd/1": 1,
    "/dev/fd/2": 2,
    "//dev/fd/2": 2,
    "/proc/self/fd/1": 1,
    "/proc/self/fd/2": 2,
    f"/proc/{os.getpid()}/fd/1": 1,
    "/proc/0/fd/1": None,
    "/dev/fd/3": None,
    "/dev/fd/11": None,
    "/dev/null": None,
    "/tmp/stdout": None,
}


@pytest.mark.parametrize("path", NAMES)
def test_names(path: str) -> None:
    assert inherited_fd(path) == NAMES[path]


def test_links_are_followed(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "a.log").symlink_to("b.log")
    (tmp_path / "b.log").symlink_to("/dev/stdout")
    (tmp_path / "loop").symlink_to("loop")
    consoles = Consoles(desk.woken.append, desk.say)
    assert consoles.of_path(str(tmp_path / "a.log")) is consoles.of_fd(1)
    assert consoles.of_path(str(tmp_path / "loop")) is None
    assert consoles.of_path(str(tmp_path / "none")) is None
    consoles.close()


@contextmanager
def two_pipes() -> Iterator[tuple[int, int]]:
    """Two pipes in the place of stdout and stderr; gives their reading ends. (pytest moves both between phases.)"""
    saved = os.dup(1), os.dup(2)
    pairs = os.pipe(), os.pipe()
    for fd, (_, writer) in zip((1, 2), pairs, strict=True):
        os.dup2(writer, fd)
        os.close(writer)
    try:
        yield pairs[0][0], pairs[1][0]
    finally:
        for fd, old in zip((1, 2), saved, strict=True):
            os.dup2(old, fd)
            os.close(old)
        for reader, _ in pairs:
            os.close(reader)


def test_stdout_and_stderr_are_two_or_one(desk: Desk) -> None:
    with two_pipes() as readers:
        consoles = Consoles(desk.woken.append, desk.say)
        out, err = consoles.of_fd(1), consoles.of_fd(2)
        out.voice().write(b"a")
        due = consoles.deadline
        consoles.flush_due(due or 0)
        err.voice().write(b"b")
        consoles.drain(1)
        told = os.read(readers[0], 10), os.read(readers[1], 10)
        later = consoles.deadline
        consoles.close()
        os.dup2(1, 2)
        one = consoles.of_fd(1) is consoles.of_fd(2)
        opened = len(consoles.opened)
        consoles.close()
    assert (out.name, err.name) == ("stdout", "stderr")
    assert out is not err
    assert due is not None
    assert told == (b"a", b"b")
    assert later is None
    assert one
    assert opened == 1
