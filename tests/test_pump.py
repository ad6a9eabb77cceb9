"""The pipes between a child and its channels."""

import fcntl
import os
from collections.abc import Iterator

import pytest

from minisup.runtime import pump
from minisup.runtime.pump import BIG_PIPE, PATIENCE, SMALL_PIPE, PipeBudget, Pump, StdinFeed


class Listener:
    """A channel that remembers."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: list[int] = []

    def feed(self, pid: int, data: bytes) -> None:
        self.data += data

    def end(self, pid: int) -> None:
        self.ended.append(pid)


class Pipe:
    """A pipe with a pump at its reading end."""

    def __init__(self, budget: PipeBudget) -> None:
        reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.listener = Listener()
        self.pump = Pump(reader, self.listener, 7, budget=budget)

    def write(self, data: bytes) -> None:
        assert os.write(self.writer, data) == len(data)

    def hang_up(self) -> None:
        os.close(self.writer)
        self.writer = -1

    def close(self) -> None:
        self.pump.close()
        if self.writer >= 0:
            self.hang_up()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(PipeBudget())
    yield pipe
    pipe.close()


def size(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)


def test_pump_reads_once_and_tells_the_end(pipe: Pipe) -> None:
    assert pipe.pump.pump() is True
    pipe.write(b"hello")
    assert pipe.pump.pump() is True
    assert pipe.listener.data == b"hello"
    pipe.hang_up()
    assert pipe.pump.pump() is False
    assert pipe.pump.closed
    assert pipe.pump.fileno() == -1
    assert pipe.pump.pump() is False
    assert pipe.listener.ended == [7]


def test_drain_reads_all_that_is_there(pipe: Pipe) -> None:
    pipe.write(b"x" * SMALL_PIPE)
    assert pipe.pump.drain() is False
    assert len(pipe.listener.data) == SMALL_PIPE
    pipe.write(b"last words")
    pipe.hang_up()
    assert pipe.pump.drain() is True
    assert pipe.listener.data.endswith(b"last words")
    assert pipe.pump.drain() is True
    assert pipe.listener.ended == [7]


def test_drain_ends_though_a_grandchild_writes_on(pipe: Pipe) -> None:
    class Echoing(Listener):
        def feed(self, pid: int, data: bytes) -> None:
            super().feed(pid, data)
            pipe.write(data)

    listener = Echoing()
    pipe.pump.channel = listener
    pipe.write(b"y" * 1024)
    assert pipe.pump.drain() is False
    assert len(listener.data) == SMALL_PIPE
    pipe.pump.channel = pipe.listener


def test_close_tells_the_end_once(pipe: Pipe) -> None:
    pipe.pump.close()
    pipe.pump.close()
    assert pipe.listener.ended == [7]


def test_a_pipe_found_full_several_times_grows(pipe: Pipe) -> None:
    for _ in range(PATIENCE):
        assert size(pipe.writer) == SMALL_PIPE
        pipe.write(b"x" * SMALL_PIPE)
        pipe.pump.pump()
    assert size(pipe.writer) == BIG_PIPE
    pipe.write(b"y" * BIG_PIPE)
    pipe.pump.pump()
    assert len(pipe.listener.data) == PATIENCE * SMALL_PIPE + 2 * SMALL_PIPE
    pipe.pump.drain()
    assert len(pipe.listener.data) == PATIENCE * SMALL_PIPE + BIG_PIPE


def test_a_pipe_that_is_emptied_in_between_stays_small(pipe: Pipe) -> None:
    for _ in range(3):
        for _ in range(PATIENCE - 1):
            pipe.write(b"x" * SMALL_PIPE)
            pipe.pump.pump()
        pipe.write(b"x")
        pipe.pump.pump()
    assert size(pipe.writer) == SMALL_PIPE


def test_a_pipe_full_of_half_pages_grows_too(pipe: Pipe) -> None:
    for _ in range(PATIENCE):
        for _ in range(16):
            pipe.write(b"x" * 2100)
        pipe.pump.pump()
    assert size(pipe.writer) == BIG_PIPE


def fill(pipe: Pipe) -> int:
    """Keep a pipe full for a while; returns its size then."""
    for _ in range(PATIENCE):
        pipe.write(b"x" * SMALL_PIPE)
        pipe.pump.pump()
    return size(pipe.writer)


def test_big_pipes_have_a_common_budget() -> None:
    budget = PipeBudget(BIG_PIPE)
    one, two = Pipe(budget), Pipe(budget)
    assert fill(one) == BIG_PIPE
    assert fill(two) == SMALL_PIPE
    one.close()
    assert fill(two) == BIG_PIPE
    two.close()


def test_a_refusal_of_the_kernel_is_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = PipeBudget()
    calls: list[int] = []

    def refuse(fd: int, command: int, size: int = 0) -> int:
        calls.append(command)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(pump.fcntl, "fcntl", refuse)
    assert not budget.grow(3)
    assert not budget.grow(3)
    assert calls == [fcntl.F_SETPIPE_SZ]


@pytest.fixture
def stdin() -> Iterator[tuple[StdinFeed, int]]:
    reader, writer = os.pipe()
    feed = StdinFeed(writer)
    yield feed, reader
    feed.close()
    try:
        os.close(reader)
    except OSError:
        pass


def test_stdin_is_queued_and_flushed(stdin: tuple[StdinFeed, int]) -> None:
    feed, reader = stdin
    assert not feed.wanted
    feed.write(b"one")
    feed.write(b"two")
    assert feed.wanted
    assert feed.flush() is True
    assert not feed.wanted
    assert os.read(reader, 100) == b"onetwo"


def test_a_child_that_does_not_read_does_not_hang_us(stdin: tuple[StdinFeed, int]) -> None:
    feed, reader = stdin
    feed.write(b"x" * 200_000)
    assert feed.flush() is False
    assert feed.wanted
    got = 0
    while feed.wanted:
        got += len(os.read(reader, SMALL_PIPE))
        feed.flush()
    got += len(os.read(reader, 2 * SMALL_PIPE))
    assert got == 200_000


def test_a_closed_stdin_is_a_broken_pipe(stdin: tuple[StdinFeed, int]) -> None:
    feed, reader = stdin
    os.close(reader)
    feed.write(b"nobody")
    assert feed.flush() is True
    assert feed.closed
    assert not feed.wanted
    with pytest.raises(BrokenPipeError):
        feed.write(b"again")
