"""The daemon's own log."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from minisup.runtime.console import Console
from minisup.runtime.mainlog import LEVELS, LogError, MainLog
from minisup.specs import DaemonSpec


class Desk:
    """A folder, a clock and a console that is a pipe."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "main.log"
        self.spec = DaemonSpec(logfile=str(self.path), logfile_maxbytes=0)
        self.now = 1_700_000_000.25
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.stdout = Console(self.writer, lambda _: None, lambda level, text: None)

    def log(self, *, stderr: Console | None = None, **spec: object) -> MainLog:
        spec_ = replace(self.spec, **spec)  # type: ignore[arg-type]
        return MainLog(spec_, stdout=self.stdout, stderr=stderr, clock=lambda: self.now)

    @property
    def text(self) -> str:
        return self.path.read_text()

    def shown(self) -> str:
        try:
            return os.read(self.reader, 1 << 20).decode()
        except BlockingIOError:
            return ""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    desk = Desk(tmp_path)
    yield desk
    desk.stdout.close()
    os.close(desk.reader)
    os.close(desk.writer)
    monkeypatch.undo()
    time.tzset()


def test_the_format(desk: Desk) -> None:
    log = desk.log(loglevel="blather")
    for word in LEVELS:
        log.log(word, f"a {word} 100%")
        desk.now += 0.3333
    log.log("info", "two\nlines")
    log.close()
    assert desk.text == (
        "2023-11-14 22:13:20,250 CRIT a critical 100%\n"
        "2023-11-14 22:13:20,583 ERRO a error 100%\n"
        "2023-11-14 22:13:20,916 WARN a warn 100%\n"
        "2023-11-14 22:13:21,249 INFO a info 100%\n"
        "2023-11-14 22:13:21,583 DEBG a debug 100%\n"
        "2023-11-14 22:13:21,916 TRAC a trace 100%\n"
        "2023-11-14 22:13:22,249 BLAT a blather 100%\n"
        "2023-11-14 22:13:22,583 INFO two\nlines\n"
    )
    assert desk.shown() == ""


def test_local_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-05:30")
    time.tzset()
    log = desk.log()
    log.log("info", "x")
    log.close()
    assert desk.text == "2023-11-15 03:43:20,250 INFO x\n"


@pytest.mark.parametrize("level", LEVELS)
def test_levels(desk: Desk, level: str) -> None:
    log = desk.log(loglevel=level)
    words = list(LEVELS)
    for word in words:
        log.log(word, word)
    wanted = words[: words.index(level) + 1]
    assert [line.split()[-1] for line in desk.text.splitlines()] == wanted
    assert [word for word in words if log.enabled(word)] == wanted
    log.close()


def test_text_that_is_no_utf8_is_written_as_it_was(desk: Desk) -> None:
    log = desk.log()
    log.log("info", "caf\xe9 \udcff")
    log.log("info", "\ud800")
    log.close()
    assert desk.path.read_bytes().endswith(b"INFO caf\xc3\xa9 \xff\n2023-11-14 22:13:20,250 INFO \\ud800\n")


FOREGROUND = {
    "daemon": ({}, 1, 0),
    "foreground": ({"nodaemon": True}, 1, 1),
    "silent": ({"nodaemon": True, "silent": True}, 1, 0),
    "stdout": ({"nodaemon": True, "logfile": "/dev/stdout"}, 0, 1),
    "silent stdout": ({"nodaemon": True, "silent": True, "logfile": "/dev/fd/1"}, 0, 1),
    "nothing": ({"logfile": None}, 0, 0),
    "no file": ({"logfile": None, "nodaemon": True}, 0, 1),
}


@pytest.mark.parametrize("name", FOREGROUND)
def test_where_lines_go(desk: Desk, name: str) -> None:
    spec, in_file, on_stdout = FOREGROUND[name]
    log = desk.log(**spec)
    log.log("info", "hello")
    line = "2023-11-14 22:13:20,250 INFO hello\n"
    assert desk.shown() == line * on_stdout
    assert (desk.text if desk.path.exists() else "") == line * in_file
    assert log.path == (str(desk.path) if in_file else None)
    log.reopen()
    log.clear()
    log.close()


def test_stderr_as_log(desk: Desk) -> None:
    reader, writer = os.pipe()
    stderr = Console(writer, lambda _: None, lambda level, text: None)
    log = desk.log(logfile="/dev/stderr", nodaemon=True, stderr=stderr)
    log.log("info", "both")
    assert desk.shown() == os.read(reader, 100).decode() == "2023-11-14 22:13:20,250 INFO both\n"
    stderr.close()
    os.close(reader)
    os.close(writer)


def test_one_console_for_both_says_it_once(desk: Desk) -> None:
    log = desk.log(logfile="/dev/stderr", nodaemon=True, stderr=desk.stdout)
    log.log("info", "once")
    assert desk.shown().count("once") == 1


def test_rotation(desk: Desk, tmp_path: Path) -> None:
    log = desk.log(logfile_maxbytes=10, logfile_backups=1)
    log.log("info", "first")
    assert desk.text == ""
    assert (tmp_path / "main.log.1").read_text().endswith("first\n")
    log.close()


def test_reopen(desk: Desk, tmp_path: Path) -> None:
    log = desk.log()
    desk.path.rename(tmp_path / "old")
    log.reopen()
    log.log("info", "new")
    log.close()
    assert (tmp_path / "old").read_text() == "2023-11-14 22:13:20,250 INFO supervisord logreopen\n"
    assert desk.text == "2023-11-14 22:13:20,250 INFO new\n"


def test_reopen_that_fails_is_said_in_the_old_file(tmp_path: Path, desk: Desk) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = desk.log(logfile=str(folder / "x"))
    folder.rename(tmp_path / "gone")
    log.reopen()
    log.close()
    last = (tmp_path / "gone" / "x").read_text().splitlines()[-1]
    assert last.endswith(f"ERRO cannot reopen the log '{folder}/x': No such file or directory")


def test_clear(desk: Desk) -> None:
    log = desk.log(nodaemon=True)
    log.log("info", "old")
    desk.shown()
    log.clear()
    assert desk.text == ""
    assert desk.shown() == "2023-11-14 22:13:20,250 INFO reopening log file\n" * 2
    log.log("info", "new")
    assert desk.text == "2023-11-14 22:13:20,250 INFO new\n"
    log.close()


def test_clear_that_fails(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = desk.log(logfile=str(folder / "x"))
    folder.rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        log.clear()
    log.close()


def test_a_file_that_cannot_be_opened(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(LogError, match=re.escape(f"cannot open the log file '{tmp_path}': Is a directory")):
        desk.log(logfile=str(tmp_path))


def test_a_default_file_that_cannot_be_opened(desk: Desk, tmp_path: Path) -> None:
    log = desk.log(logfile=str(tmp_path), logfile_default=True, nodaemon=True)
    assert log.path is None
    why = f"cannot open the log file '{tmp_path}': Is a directory; going on without it"
    assert desk.shown() == f"2023-11-14 22:13:20,250 WARN {why}\n"


def test_a_full_disk_is_told_on_stdout(desk: Desk) -> None:
    log = desk.log(logfile="/dev/full", nodaemon=True)
    log.log("info", "x")
    first, second = desk.shown().splitlines()
    assert first.endswith(
        f"ERRO cannot write to the log '/dev/full': No space left on device; {len(second) + 1} bytes lost"
    )
    assert second.endswith("INFO x")


def test_a_full_disk_is_told_on_stderr_where_stdout_is_silent(desk: Desk) -> None:
    log = desk.log(logfile="/dev/full", stderr=desk.stdout)
    log.log("info", "x")
    assert "No space left on device" in desk.shown()


def test_syslog(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    import syslog

    lines: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lines.append)
    log = desk.log(logfile=None, log_syslog=True)
    log.log("info", "one\ntwo")
    log.reopen()
    assert lines == [
        "2023-11-14 22:13:20,250 INFO one",
        "2023-11-14 22:13:20,250 INFO two",
        "2023-11-14 22:13:20,250 INFO supervisord logreopen",
    ]
