"""What becomes of the bytes of a process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minisup.events import Event
from minisup.protocol.capture import BEGIN, END
from minisup.runtime.channel import Channel
from minisup.runtime.console import Consoles
from minisup.specs import LogSpec


class Desk:
    """Everything that a channel needs around it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "out.log"
        self.said: list[tuple[str, str]] = []
        self.events: list[Event] = []
        self.echo = False
        self.consoles = Consoles(lambda _: None, lambda level, text: self.said.append((level, text)))

    def channel(self, name: str = "stdout", *, strip_ansi: bool = False, **spec: object) -> Channel:
        return Channel(
            "cat",
            "pets",
            name,
            LogSpec(**({"path": str(self.path)} | spec)),  # type: ignore[arg-type]
            strip_ansi=strip_ansi,
            consoles=self.consoles,
            say=lambda level, text: self.said.append((level, text)),
            echo=lambda: self.echo,
            publish=self.events.append,
        )

    @property
    def text(self) -> str:
        return self.path.read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.consoles.close()


def test_bytes_go_to_the_file_as_they_are(desk: Desk) -> None:
    channel = desk.channel()
    assert not desk.path.exists()
    channel.open()
    assert desk.text == ""
    channel.feed(1, b"\xff\x00raw")
    assert desk.path.read_bytes() == b"\xff\x00raw"
    channel.end(1)
    channel.open()
    channel.feed(2, b"again")
    channel.end(2)
    assert desk.path.read_bytes() == b"\xff\x00rawagain"


def test_a_missing_directory_is_an_error_of_the_spawn(desk: Desk) -> None:
    channel = desk.channel(path="/nonexistent/x.log")
    with pytest.raises(FileNotFoundError):
        channel.open()


def test_no_file_is_fine(desk: Desk) -> None:
    channel = desk.channel(path=None, events_enabled=True)
    channel.open()
    channel.feed(1, b"x")
    channel.end(1)
    channel.clear()
    channel.reopen()
    assert [event.name for event in desk.events] == ["PROCESS_LOG_STDOUT"]


def test_the_file_is_closed_between_runs(desk: Desk) -> None:
    before = len(os.listdir("/proc/self/fd"))
    channel = desk.channel()
    channel.open()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    channel.end(1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_grandchild_of_the_last_run_still_writes(desk: Desk) -> None:
    channel = desk.channel()
    channel.open()
    channel.open()
    channel.feed(1, b"old ")
    channel.end(1)
    channel.feed(2, b"new")
    channel.end(2)
    assert desk.text == "old new"


def test_log_events(desk: Desk) -> None:
    channel = desk.channel("stderr", events_enabled=True)
    channel.open()
    channel.feed(7, b"oops\n")
    channel.end(7)
    text = "processname:cat groupname:pets pid:7 channel:stderr\noops\n"
    assert desk.events == [Event("PROCESS_LOG_STDERR", text)]
    assert desk.text == "oops\n"


def test_capture(desk: Desk) -> None:
    channel = desk.channel(capture_maxbytes=100)
    channel.open()
    channel.feed(7, b"a" + BEGIN + b"sec")
    channel.feed(7, b"ret" + END + b"b<!--")
    assert desk.text == "ab"
    channel.end(7)
    assert desk.text == "ab<!--"
    assert desk.events == [
        Event("PROCESS_COMMUNICATION_STDOUT", "processname:cat groupname:pets pid:7\nsecret"),
    ]
    assert desk.said == [("debug", "'cat' stdout emitted a comm event")]


def test_captured_data_is_a_log_event_too(desk: Desk) -> None:
    channel = desk.channel(capture_maxbytes=100, events_enabled=True)
    channel.open()
    channel.feed(7, b"a" + BEGIN + b"x" + END)
    channel.end(7)
    assert [(event.name, event.payload[-2:]) for event in desk.events] == [
        ("PROCESS_LOG_STDOUT", "\na"),
        ("PROCESS_LOG_STDOUT", "\nx"),
        ("PROCESS_COMMUNICATION_STDOUT", "\nx"),
    ]


def test_a_run_begins_outside_a_capture(desk: Desk) -> None:
    channel = desk.channel(capture_maxbytes=100)
    channel.open()
    channel.feed(1, BEGIN + b"lost")
    channel.end(1)
    channel.open()
    channel.feed(2, b"text")
    channel.end(2)
    assert desk.text == "text"
    assert desk.events == []


def test_clear_forgets_the_capture(desk: Desk) -> None:
    channel = desk.channel(capture_maxbytes=100)
    channel.open()
    channel.feed(1, b"a" + BEGIN + b"old")
    channel.clear()
    channel.feed(1, b"new" + END + b"b")
    channel.end(1)
    assert desk.text == "b"
    assert desk.events[0].payload.endswith("\nnew")


def test_debug_echo(desk: Desk) -> None:
    desk.echo = True
    channel = desk.channel()
    channel.open()
    desk.echo = False  # decided at the spawn
    channel.feed(1, b"hi\n")
    channel.feed(1, b"\xff")
    channel.end(1)
    assert desk.said == [
        ("debug", "'cat' stdout output:\nhi\n"),
        ("debug", "'cat' stdout output:\nUndecodable: b'\\xff'"),
    ]


@pytest.mark.parametrize("capture", [0, 100])
def test_strip_ansi_over_chunks(desk: Desk, capture: int) -> None:
    channel = desk.channel(strip_ansi=True, capture_maxbytes=capture, events_enabled=True)
    channel.open()
    for chunk in (b"\x1b[3", b"1m", b"red\x1b", b"[0m", b"!\x1b"):
        channel.feed(1, chunk)
    channel.end(1)
    assert desk.path.read_bytes() == b"red!\x1b"
    assert "".join(event.payload.partition("\n")[2] for event in desk.events) == "red!\x1b"


def test_reopen_and_clear(desk: Desk, tmp_path: Path) -> None:
    channel = desk.channel()
    channel.open()
    channel.feed(1, b"old")
    desk.path.rename(tmp_path / "moved")
    channel.reopen()
    channel.feed(1, b"new")
    assert (desk.text, (tmp_path / "moved").read_text()) == ("new", "old")
    channel.clear()
    channel.feed(1, b"newer")
    assert desk.text == "newer"
    channel.end(1)
    channel.clear()
    assert not desk.path.exists()


def test_clear_of_a_program_that_never_ran(desk: Desk) -> None:
    desk.path.write_text("of an earlier daemon")
    desk.channel().clear()
    assert not desk.path.exists()


def test_reopen_where_the_directory_vanished(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    channel = desk.channel(path=str(folder / "x"))
    channel.open()
    folder.rename(tmp_path / "gone")
    channel.reopen()
    channel.feed(1, b"kept")
    channel.end(1)
    assert (tmp_path / "gone" / "x").read_text() == "kept"
    assert desk.said == [("error", f"cannot reopen the log '{folder}/x': No such file or directory")]


def test_rotation(desk: Desk, tmp_path: Path) -> None:
    channel = desk.channel(maxbytes=4, backups=1)
    channel.open()
    channel.feed(1, b"12345")
    channel.end(1)
    assert (desk.text, (tmp_path / "out.log.1").read_text()) == ("", "12345")


def test_syslog_gets_lines_with_the_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    import syslog

    lines: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lines.append)
    channel = desk.channel(syslog=True)
    channel.open()
    channel.feed(1, b"one\ntwo\n\n")
    channel.feed(1, b"caf\xc3")
    channel.feed(1, b"\xa9 \xff\n")
    channel.end(1)
    channel.clear()
    assert lines == ["cat one", "cat two", "cat caf", "cat é \ufffd"]


@contextmanager
def pipe_as_stdout() -> Iterator[int]:
    """A pipe in the place of stdout; gives its reading end. (pytest moves descriptor 1 between phases.)"""
    saved = os.dup(1)
    reader, writer = os.pipe()
    os.dup2(writer, 1)
    os.close(writer)
    os.set_blocking(reader, False)
    try:
        yield reader
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(reader)


def test_the_inherited_stdout(desk: Desk) -> None:
    with pipe_as_stdout() as reader:
        one, two = desk.channel(path="/dev/stdout"), desk.channel("stderr", path="/proc/self/fd/1")
        for channel in (one, two):
            channel.open()
        one.feed(1, b"a")
        two.feed(1, b"b\n")
        one.feed(1, b"a\nrest")
        one.clear()
        one.reopen()
        one.end(1)
        two.end(1)
        told = os.read(reader, 100)
    assert told == b"b\naa\nrest"
    assert desk.said == []


def test_a_console_nobody_reads_costs_files_nothing(desk: Desk) -> None:
    chunk = b"0123456789abcde\n" * 4096
    with pipe_as_stdout():
        on_console, in_file = desk.channel(path="/dev/stdout"), desk.channel("stderr")
        on_console.open()
        in_file.open()
        for _ in range(40):
            on_console.feed(1, chunk)
            in_file.feed(1, chunk)
        on_console.end(1)
        in_file.end(1)
        lost = desk.consoles.of_fd(1).lost_bytes
    assert desk.path.stat().st_size == 40 * len(chunk)
    assert lost > 1024 * 1024
    assert [level for level, _ in desk.said] == ["warn"]
