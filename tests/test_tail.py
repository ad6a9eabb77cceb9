"""Parts and ends of log files, and files that are followed."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisup.control import tail
from minisup.control.tail import FIRST, TRUNCATED, Follower
from minisup.errors import Fault

SAMPLE = "hello\né\n".encode()

# The cases of supervisord 4.3.0 on the nine bytes of SAMPLE; where it cut the é it answered HTTP 500.
TAILS: dict[tuple[int, int], list[str | int | bool]] = {
    (0, 5): ["o\né\n", 9, True],
    (0, 100): ["hello\né\n", 9, False],
    (5, 3): ["é\n", 9, True],
    (5, 4): ["\né\n", 9, False],
    (-5, 4): ["\né\n", 9, True],
    (100, 4): ["", 9, False],
    (0, -4): ["", 9, True],
    (0, 0): ["", 9, True],
    (9, 0): ["", 9, False],
    (0, 2): ["\n", 9, True],
    (2**62, 5): ["", 9, False],
    (0, 2**62): ["hello\né\n", 9, False],
}
READS: dict[tuple[int, int], str | None] = {
    (0, 0): "hello\né\n",
    (0, 5): "hello",
    (5, 0): "\né\n",
    (-3, 0): "é\n",
    (-100, 0): "hello\né\n",
    (9, 0): "",
    (100, 5): "",
    (2**62, 0): "",
    (2**70, 1): "",
    (1, 2**62): "ello\né\n",
    (-1, 1): None,
    (0, -1): None,
    (-1, -1): None,
    (6, 1): "é",
    (7, 2): "\n",
    (-2, 0): "\n",
}


@pytest.fixture
def sample(tmp_path: Path) -> str:
    path = tmp_path / "log"
    path.write_bytes(SAMPLE)
    return str(path)


@pytest.mark.parametrize("case", TAILS, ids=str)
def test_tails(sample: str, case: tuple[int, int]) -> None:
    assert tail.tail(sample, *case) == TAILS[case]


@pytest.mark.parametrize("case", READS, ids=str)
def test_reads(sample: str, case: tuple[int, int]) -> None:
    if READS[case] is None:
        with pytest.raises(Fault, match=r"^BAD_ARGUMENTS$"):
            tail.read(sample, *case)
    else:
        assert tail.read(sample, *case) == READS[case]


def _tail_of_supervisord(data: bytes, offset: int, length: int) -> bytes:
    """What its ``options.tailFile`` says in words of reference/xmlrpc.md, 6."""
    size = len(data)
    if size > offset + length:
        offset = size - 1
    if offset + length > size:
        length = 0 if offset > size - 1 else length
        offset = size - length
    offset, length = max(offset, 0), max(length, 0)
    return data[offset : offset + length]


@given(st.binary(max_size=40), st.integers(-50, 50), st.integers(-50, 50))
def test_a_tail_of_ascii_is_that_of_supervisord(data: bytes, offset: int, length: int) -> None:
    data = bytes(byte & 0x7F for byte in data)
    window, overflow = tail.tail_window(len(data), offset, length)
    assert data[window.start : window.end] == _tail_of_supervisord(data, offset, length)
    assert overflow == (len(data) > offset + length)
    assert 0 <= window.start <= len(data) and window.end <= len(data)


Folder = pytest.TempPathFactory


@given(st.text(max_size=20), st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_windows_in_a_row_give_every_character_once(tmp_path_factory: Folder, text: str, steps: list[int]) -> None:
    path = tmp_path_factory.getbasetemp() / "windows"
    data = text.encode(errors="replace")
    path.write_bytes(data)
    found, at = "", 0
    for step in steps:
        found += tail.read(str(path), at, step)
        at += step
    assert found + tail.read(str(path), at, 0) == data.decode()


@given(st.binary(max_size=20), st.integers(-25, 25), st.integers(0, 25))
def test_every_file_is_text_in_the_end(tmp_path_factory: Folder, data: bytes, offset: int, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "binary"
    path.write_bytes(data)
    text, size, _ = tail.tail(str(path), offset, length)
    assert isinstance(text, str) and size == len(data)
    assert tail.read(str(path), 0, 0) == data.decode(errors="replace")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(Fault, match=r"^FAILED$"):
            tail.read(str(path), 0, 0)
        assert tail.tail(str(path), 7, 5) == ["", 7, False]


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Fault, match=r"^FAILED$"):
        tail.read(str(tmp_path / "fifo"), 0, 0)
    assert tail.tail(str(tmp_path / "fifo"), 7, 5) == ["", 7, False]
    with pytest.raises(OSError, match="not a regular file"):
        Follower(str(tmp_path / "fifo"))


# --- following ------------------------------------------------------------------------------------------------------


class Followed:
    """A log and who follows it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_bytes(b"begin ")
        self.follower = Follower(str(path))

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def rotate(self) -> None:
        self.path.rename(self.path.with_suffix(".1"))
        self.path.touch()

    def seen(self) -> bytes:
        found = b""
        while data := self.follower.read():
            found += data
        return found


@pytest.fixture
def followed(tmp_path: Path) -> "Followed":
    return Followed(tmp_path / "log")


def test_it_begins_with_the_last_bytes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" + b"y" * FIRST)
    follower = Follower(str(path))
    assert follower.read() == b"y" * FIRST
    assert follower.read() == b""
    follower.close()


def test_it_goes_on_with_what_is_appended(followed: Followed) -> None:
    assert followed.seen() == b"begin "
    followed.append(b"more")
    assert followed.seen() == b"more"
    followed.append("é".encode()[:1])
    assert followed.seen() == "é".encode()[:1]
    followed.follower.close()


def test_nothing_is_lost_over_a_rotation(followed: Followed) -> None:
    followed.append(b"before ")
    followed.rotate()
    followed.append(b"after")
    assert followed.seen() == b"begin before after"
    followed.follower.close()


def test_a_file_that_is_gone_is_kept_until_another_comes(followed: Followed) -> None:
    followed.seen()
    followed.path.unlink()
    assert followed.seen() == b""
    followed.path.write_bytes(b"anew")
    assert followed.seen() == b"anew"
    followed.path.unlink()
    followed.path.mkdir()
    assert followed.seen() == b""
    followed.follower.close()


def test_truncation_is_said_and_followed(followed: Followed) -> None:
    followed.seen()
    followed.path.write_bytes(b"a")
    assert followed.seen() == TRUNCATED + b"a"
    followed.follower.close()


def test_a_flood_comes_in_pieces(followed: Followed) -> None:
    followed.seen()
    followed.append(bytes(tail.PIECE + 1))
    assert [len(followed.follower.read()) for _ in range(3)] == [tail.PIECE, 1, 0]
    followed.follower.close()
