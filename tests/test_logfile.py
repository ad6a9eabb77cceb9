"""Log files: rotation, trouble, reopening."""

import os
import stat
from pathlib import Path

import pytest

from minisup.runtime import logfile
from minisup.runtime.logfile import LogFile


class Desk:
    """A clock that stands still, and what was said."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[tuple[str, str]] = []

    def clock(self) -> float:
        return self.now

    def say(self, level: str, text: str) -> None:
        self.said.append((level, text))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def opened(path: Path, desk: Desk, maxbytes: int = 0, backups: int = 0) -> LogFile:
    log = LogFile(str(path), maxbytes, backups, desk.say, clock=desk.clock)
    log.open()
    return log


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_open_creates_the_file(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "a.log", desk)
    assert content(tmp_path) == {"a.log": ""}
    log.close()


def test_open_says_what_is_wrong(tmp_path: Path, desk: Desk) -> None:
    log = LogFile(str(tmp_path / "none" / "a.log"), 0, 0, desk.say)
    with pytest.raises(FileNotFoundError):
        log.open()
    assert not log.is_open
    log.write(b"lost")
    assert log.lost_bytes == 4
    assert desk.said == []


def test_rotation_of_the_reference(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "l", desk, 10, 2)
    log.write(b"aaaa")
    log.write(b"bbbbbb")
    assert content(tmp_path) == {"l": "", "l.1": "aaaabbbbbb"}
    log.write(b"cc")
    log.write(b"d" * 22)
    assert content(tmp_path) == {"l": "", "l.1": "cc" + "d" * 22, "l.2": "aaaabbbbbb"}
    log.write(b"e" * 10)
    assert content(tmp_path) == {"l": "", "l.1": "e" * 10, "l.2": "cc" + "d" * 22}
    log.close()
    assert desk.said == []


def test_without_backups_the_file_is_truncated_in_place(tmp_path: Path, desk: Desk) -> None:
    path = tmp_path / "l"
    log = opened(path, desk, 10, 0)
    inode = path.stat().st_ino
    log.write(b"x" * 12)
    log.write(b"y")
    assert content(tmp_path) == {"l": "y"}
    assert path.stat().st_ino == inode
    log.close()


def test_what_is_there_counts_but_rotates_only_after_a_write(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "l").write_text("0123456789ab")
    log = opened(tmp_path / "l", desk, 10, 1)
    assert content(tmp_path) == {"l": "0123456789ab"}
    log.write(b"!")
    assert content(tmp_path) == {"l": "", "l.1": "0123456789ab!"}
    log.close()


def test_what_others_append_counts(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "l", desk, 10, 1)
    log.write(b"a")
    with (tmp_path / "l").open("ab") as other:
        other.write(b"foreign ")
    log.write(b"b")
    assert content(tmp_path) == {"l": "", "l.1": "aforeign b"}
    log.close()


def test_missing_files_are_ignored(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "l.2").write_text("two")
    log = opened(tmp_path / "l", desk, 5, 3)
    (tmp_path / "l").unlink()
    log.write(b"xxxxx")
    assert content(tmp_path) == {"l": "", "l.3": "two"}
    log.write(b"yyyyy")
    assert content(tmp_path) == {"l": "", "l.1": "yyyyy", "l.3": "two"}
    log.close()


def test_truncation_from_outside_leaves_no_hole(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "l", desk, 10, 1)
    log.write(b"0123456789")
    log.write(b"abc")
    os.truncate(tmp_path / "l", 0)
    log.write(b"def")
    assert content(tmp_path)["l"] == "def"
    log.close()


def test_two_writers_of_one_path_rotate_it_once(tmp_path: Path, desk: Desk) -> None:
    one, two = opened(tmp_path / "l", desk, 10, 3), opened(tmp_path / "l", desk, 10, 3)
    one.write(b"1" * 6)
    two.write(b"2" * 6)  # rotates
    one.write(b"3" * 6)  # still to the moved file, then follows
    one.write(b"4")
    two.write(b"5")
    assert content(tmp_path) == {"l": "45", "l.1": "1" * 6 + "2" * 6 + "3" * 6}
    one.close()
    two.close()


def test_a_full_disk_costs_the_chunk_and_is_said_every_ten_seconds(desk: Desk) -> None:
    log = opened(Path("/dev/full"), desk, 10, 1)
    for _ in range(3):
        log.write(b"12345")
    text = "cannot write to the log '/dev/full': No space left on device; {} bytes lost"
    assert desk.said == [("error", text.format(5))]
    desk.now += 10
    log.write(b"12345")
    assert desk.said[1:] == [("error", text.format(15))]
    assert log.lost_bytes == 20
    log.write(b"1")
    log.close()
    assert desk.said[2:] == [("error", "cannot write to the log '/dev/full': it failed before; 1 bytes lost")]


def test_losses_are_told_when_it_works_again(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(tmp_path / "l", desk)
    real = os.write

    def broken(fd: int, data: bytes) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(logfile.os, "write", broken)
        log.write(b"one")
        log.write(b"two")
    assert os.write is real
    log.write(b"three")
    assert len(desk.said) == 1
    desk.now += 10
    log.write(b"four")
    assert desk.said[1][1].endswith("3 bytes lost")
    assert content(tmp_path) == {"l": "threefour"}
    log.close()


def test_a_short_write_is_continued(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(tmp_path / "l", desk)
    real = os.write
    monkeypatch.setattr(logfile.os, "write", lambda fd, data: real(fd, data[:3]))
    log.write(b"0123456789")
    assert content(tmp_path) == {"l": "0123456789"}
    log.close()


def test_a_rotation_that_fails_loses_nothing(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "l.1").write_text("old")
    log = opened(tmp_path / "l", desk, 5, 3)
    real = os.rename

    def refuse(old: str, new: str) -> None:
        if old.endswith("/l"):
            raise PermissionError(13, "Permission denied")
        real(old, new)

    monkeypatch.setattr(logfile.os, "rename", refuse)
    log.write(b"aaaaa")
    log.write(b"b")
    desk.now += 10
    log.write(b"c")  # tries again, and must not move the backups on
    assert content(tmp_path) == {"l": "aaaaabc", "l.2": "old"}
    why = f"cannot rotate the log '{tmp_path}/l': Permission denied; going on with the old file"
    assert desk.said == [("error", why)] * 2
    monkeypatch.undo()
    desk.now += 10
    log.write(b"d")
    assert content(tmp_path) == {"l": "", "l.1": "aaaaabcd", "l.2": "old"}
    log.close()


def test_reopen_follows_a_file_that_was_moved_away(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "l", desk)
    log.write(b"old")
    (tmp_path / "l").rename(tmp_path / "moved")
    log.write(b"er")
    log.reopen()
    log.write(b"new")
    assert content(tmp_path) == {"l": "new", "moved": "older"}
    log.close()


def test_reopen_that_fails_keeps_the_old_file(tmp_path: Path, desk: Desk) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = opened(folder / "l", desk)
    folder.rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        log.reopen()
    log.write(b"still here")
    assert (tmp_path / "gone" / "l").read_text() == "still here"
    log.close()


def test_clear_begins_anew_and_leaves_backups(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "l", desk, 5, 1)
    log.write(b"first")
    log.write(b"2nd")
    log.clear()
    assert content(tmp_path) == {"l": "", "l.1": "first"}
    (tmp_path / "l").unlink()
    log.clear()
    assert content(tmp_path) == {"l": "", "l.1": "first"}
    log.close()
    log.clear()
    assert content(tmp_path) == {"l.1": "first"}


def test_clear_never_removes_a_device(desk: Desk) -> None:
    log = opened(Path("/dev/null"), desk)
    log.clear()
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    log.close()


def test_a_fifo_never_blocks_and_never_rotates(tmp_path: Path, desk: Desk) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    log = opened(path, desk, 10, 1)  # no reader yet
    log.write(b"0123456789abc")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(reader, 100) == b"0123456789abc"
    for _ in range(30):
        log.write(b"x" * 4096)  # more than it holds
    assert log.lost_bytes > 0
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]
    os.close(reader)
    log.close()


def test_opening_again_keeps_what_was_written(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "l", desk)
    log.write(b"1")
    log.open()
    log.write(b"2")
    log.close()
    log.close()
    assert content(tmp_path) == {"l": "12"}


def test_the_descriptor_is_not_inherited(tmp_path: Path, desk: Desk) -> None:
    log = opened(tmp_path / "l", desk)
    inheritable = {os.get_inheritable(int(fd)) for fd in os.listdir("/proc/self/fd") if _points_to(fd, tmp_path / "l")}
    assert inheritable == {False}
    log.close()


def _points_to(fd: str, path: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == str(path)
    except OSError:
        return False
