"""The splitter of capture tags and the stripper of control sequences."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minisup.protocol.capture import BEGIN, BLOCK, END, INSIDE, PLAIN, AnsiStripper, CaptureSplitter, Piece


def run(chunks: list[bytes], maxbytes: int = 1000, strip: bool = False) -> list[Piece]:
    """All pieces of `chunks`, neighbours of one kind joined."""
    splitter = CaptureSplitter(maxbytes, AnsiStripper() if strip else None)
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.end()
    joined: list[Piece] = []
    for kind, data in pieces:
        if joined and joined[-1][0] == kind != BLOCK:
            joined[-1] = (kind, joined[-1][1] + data)
        else:
            joined.append((kind, data))
    return joined


CASES = {
    "plain": ([b"hello\n"], [(PLAIN, b"hello\n")]),
    "nothing": ([b""], []),
    "block": ([b"a" + BEGIN + b"in" + END + b"z"], [(PLAIN, b"a"), (INSIDE, b"in"), (BLOCK, b"in"), (PLAIN, b"z")]),
    "empty block": ([BEGIN + END], [(BLOCK, b"")]),
    "two blocks": (
        [BEGIN + b"1" + END + BEGIN + b"2" + END],
        [(INSIDE, b"1"), (BLOCK, b"1"), (INSIDE, b"2"), (BLOCK, b"2")],
    ),
    "a begin inside is data": ([BEGIN + BEGIN + END], [(INSIDE, BEGIN), (BLOCK, BEGIN)]),
    "an end outside is text": ([END + b"x"], [(PLAIN, END + b"x")]),
    "false start": ([b"<!--XSUP" + BEGIN + b"i" + END], [(PLAIN, b"<!--XSUP"), (INSIDE, b"i"), (BLOCK, b"i")]),
    "never closed": ([b"a" + BEGIN + b"lost"], [(PLAIN, b"a"), (INSIDE, b"lost")]),
    "partial tag at the end": ([b"a<!--X"], [(PLAIN, b"a<!--X")]),
    "the buffer keeps the last bytes": ([BEGIN + b"x" * 10 + b"y" * 995 + END], None),
}


@pytest.mark.parametrize("name", CASES)
def test_pieces(name: str) -> None:
    chunks, expected = CASES[name]
    if expected is None:
        assert run(chunks)[-1] == (BLOCK, b"x" * 5 + b"y" * 995)
    else:
        assert run(chunks) == expected


def test_ordinary_output_is_never_held_back() -> None:
    splitter = CaptureSplitter(100)
    assert splitter.feed(b"ready\n") == [(PLAIN, b"ready\n")]
    assert splitter.feed(b"a<b") == [(PLAIN, b"a<b")]
    assert splitter.feed(b"a<!") == [(PLAIN, b"a")]
    assert splitter.feed(b"x") == [(PLAIN, b"<!x")]
    assert splitter.feed(BEGIN + b"i") == [(INSIDE, b"i")]
    assert splitter.feed(b"j" + END) == [(INSIDE, b"j"), (BLOCK, b"ij")]


def test_clear_forgets_the_captured_bytes() -> None:
    splitter = CaptureSplitter(100)
    splitter.feed(BEGIN + b"old")
    splitter.clear()
    assert splitter.feed(b"new" + END) == [(INSIDE, b"new"), (BLOCK, b"new")]


def test_the_end_of_the_stream_ends_the_capture() -> None:
    splitter = CaptureSplitter(100)
    splitter.feed(BEGIN + b"old")
    splitter.end()
    assert splitter.feed(b"text" + BEGIN + b"n" + END) == [(PLAIN, b"text"), (INSIDE, b"n"), (BLOCK, b"n")]


def strip(*chunks: bytes) -> bytes:
    stripper = AnsiStripper()
    return b"".join(stripper.feed(chunk) for chunk in chunks) + stripper.end()


ANSI_CASES = {
    "none": (b"plain", b"plain"),
    "color": (b"\x1b[01;31mred\x1b[0m\n", b"red\n"),
    "erase": (b"\x1b[5Xc", b"c"),
    "private": (b"\x1b[?25lx", b"x"),
    "intermediate": (b"\x1b[1 qx", b"x"),
    "upper": (b"\x1b[2Jx", b"x"),
    "tilde": (b"\x1b[3~x", b"x"),
    "broken by a newline": (b"\x1b[31\nx", b"\nx"),
    "broken by an escape": (b"\x1b[31\x1b[0mx", b"x"),
    "other escape": (b"\x1b(Bx\x1b", b"\x1b(Bx\x1b"),
    "open": (b"x\x1b[31", b"x"),
    "after an intermediate no parameter": (b"\x1b[ 1x", b"1x"),
}


@pytest.mark.parametrize("name", ANSI_CASES)
def test_strip(name: str) -> None:
    text, expected = ANSI_CASES[name]
    assert strip(text) == expected
    assert strip(*[text[i : i + 1] for i in range(len(text))]) == expected


TEXT = st.lists(
    st.sampled_from(
        [BEGIN, END, b"<!--", b"XSUP", b"<", b"\x1b", b"\x1b[", b"31", b"m", b" ", b"X", b"\n", b"a", b"\xc3\xa4"]
    )
).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


@settings(deadline=None)
@given(TEXT, st.lists(st.integers(0, 500)), st.integers(1, 40), st.booleans())
def test_how_the_input_is_cut_changes_nothing(data: bytes, places: list[int], maxbytes: int, ansi: bool) -> None:
    assert run(cut(data, places), maxbytes, ansi) == run([data], maxbytes, ansi)


@settings(deadline=None)
@given(TEXT)
def test_without_tags_and_stripping_nothing_is_lost(data: bytes) -> None:
    pieces = run([data], maxbytes=10_000)
    rebuilt = re.sub(rb"(?s)(%s).*?(%s|\Z)" % (BEGIN, END), b"", data)
    assert b"".join(piece for kind, piece in pieces if kind == PLAIN) == rebuilt


@settings(deadline=None)
@given(TEXT, st.lists(st.integers(0, 500)))
def test_any_cut_strips_the_same(data: bytes, places: list[int]) -> None:
    assert strip(*cut(data, places)) == strip(data)
