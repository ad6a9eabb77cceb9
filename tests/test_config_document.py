"""The dialect equals supervisord's reader, `configparser.RawConfigParser` as it calls it; origins are right."""

import configparser
import io
import sys

import pytest
from config_world import lines_run
from hypothesis import given, settings
from hypothesis import strategies as st

from minisup.config.document import Document, read_blocks
from minisup.errors import Problem


def theirs(text: str) -> tuple[object, str | None]:
    """(sections and defaults, error) as supervisord's parser on Python 3.11 has them."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    error = None
    try:
        parser.read_file(io.StringIO(text, newline=None), "f")
    except configparser.ParsingError as why:
        error = str(why)
    sections = {name: {key: parser.get(name, key) for key in parser.options(name)} for name in parser.sections()}
    return ([(name, list(keys.items())) for name, keys in sections.items()], list(parser.defaults().items())), error


def ours(text: str) -> tuple[object, str | None]:
    problems: list[Problem] = []
    document = Document()
    document.add(read_blocks(text, "f", problems), "f", main=True)
    sections = []
    for name in document.sections:
        found = [(key, document.get(name, key)) for key in document.keys(name)]
        sections.append((name, [(key, option.text if option else None) for key, option in found]))
    defaults = [(key, option.text) for key, option in document.defaults.items()]
    return (sections, defaults), problems[0].legacy if problems else None


# From 3.13 on the library has other error texts, and later another rule for mixed comment marks.
same_library = pytest.mark.skipif(sys.version_info >= (3, 13), reason="supervisord's dialect is that of Python 3.11")


def assert_equal(text: str) -> None:
    expected, their_error = theirs(text)
    found, our_error = ours(text)
    assert our_error == their_error
    if their_error is None:
        assert found == expected


CASES = {
    "plain": "[a]\nb=c\n",
    "colon": "[a]\nb: c = d\nc = d: e\n",
    "comment lines": "; x\n# y\n[a]\n  ; z\nb=1\n",
    "inline": "[a] ; x\nb = c ; d\nc = c;d\nd = x\t# y\n",
    "marks in front": "[a]\nk=;x\nl= ;x\nm=#x\nn = #x\n",
    "mixed marks": "[a]\nk = x a;b ;c # d\nl = x # a ; b\nm = a#b #c ;d\n",
    "continuation": "[a]\nk = 1\n  2\n    3\n 4\nl=2\n",
    "indented keys": "[a]\n  k = 1\n  l = 2\n    3\n m = 4\n",
    "comment inside a value": "[a]\nk = 1\n  ; no\n  2 ; no\n\n\n  3\n\nl=4\n",
    "empty first line": "[a]\nk =\n  1\n  2\nl=\n\n\n",
    "header as continuation": "[a]\nk = 1\n  [b]\n  c = d\n",
    "header with more": "[a] b] c\nk=1\n[x]y\nl=2\n",
    "header with marks": "[a#b;c]\nk=1\n[d ; e]\nl=1\n",
    "duplicate keys": "[a]\nk=1\n  2\nl=2\nK=3\n\nk : 4\n",
    "duplicate with blanks between": "[a]\nk=1\n\n; x\n  2\n\nl=1\nk=2\n   5\n",
    "duplicate sections": "[a]\nk=1\nl=2\n[b]\n[a]\nm=1\nk=2\n",
    "default": "[DEFAULT]\nk=1\nl=2\n[a]\nl=3\n[DEFAULT]\nk=9\nm=2\n",
    "bracket key": "[a]\n[k = 1\n[k = 2\n",
    "bracket value": "[a]\n[k = 1]\nl=2\n",
    "crlf": "[a]\r\nk=1\r\n  2\r\n\r\nl=2\r",
    "line separators": "[a]\nk=1\x0b2\x1c\u20283\n\u2028l\x0c=\x852\n",
    "bom": "\ufeff[a]\nk=1\n",
    "no section": "k=1\n[a]\nl\n",
    "nothing between": "[]\n",
    "no delimiter": "[a]\nfoo\nb=1\n  x\nbar baz\n",
    "no delimiter, then deeper": "[a]\nk=1\nfoo\n  more\n",
    "no key": "[a]\n=1\n  x=2\n: 2\n",
    "unclosed": "[a\nk=1\n[b]\n[c\n",
    "empty": "",
    "only blank": "\n \n\t\n",
    "unicode case": "[\xc4]\n\xc4\u0130K=\xdc\n",
    "no newline at the end": "[a]\nb",
    "empty name": "[program:]\nk=1\n[]]\nl=1\n",
}


@same_library
@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_case(text: str) -> None:
    assert_equal(text)


PIECES = [
    "[", "]", "=", ":", ";", "#", " ", "  ", "\t", "\n", "\n", "\n ", "\n  ", "\n\n", "\r\n", "\r", " ;", " #", "\t;",
    "k", "K", "key", "v", "a", "b=", "k=1", "l: ", "[a]", "\n[a]\n", "\n[b]\n", "\n[DEFAULT]\n", "\n[program:x]\n",
    "%(here)s", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\xc4", "\u0130",
    "\x00", "'", '"', ",",
]  # fmt: skip


@same_library
@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_text(text: str) -> None:
    assert_equal(text)


@same_library
@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(lambda pieces: "[s]\n" + "".join(pieces)))
def test_any_text_after_a_header(text: str) -> None:
    assert_equal(text)


LINES = [
    "[a]", "[b]", "[DEFAULT]", " [c]", "k=1", "K = 2", "  l = 3", "k = 4 ; x", "l: 5 # y", "  more",
    "   deeper ; z", "", "",    "  ", "; note", "  # note", "\tm=;1", "m =", "x", "k = a;b ;c # d", "\u2028n=1",
]  # fmt: skip


@same_library
@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=25), st.sampled_from(["\n", "\r\n"]))
def test_any_lines(lines: list[str], end: str) -> None:
    assert_equal(end.join(["[s]", *lines]))


def test_origins_are_lines_of_the_last_assignment() -> None:
    text = "; one\n[a]\nk=1\n\n[b]\nl=2\n[a]\n; eight\nk=\n  9\nm=\u2028\x0cx\nn=1\n"
    document = Document()
    document.add(read_blocks(text, "f", []), "f", main=True)
    lines = {key: option.line for key, option in document.sections["a"].options.items()}
    assert lines == {"k": 9, "m": 11, "n": 12}
    assert (document.sections["a"].line, document.sections["b"].line) == (2, 5)


def test_every_broken_line_is_a_problem() -> None:
    problems: list[Problem] = []
    read_blocks("[a]\nfoo\n=1\n[x\n[]\nk=1\n", "f.conf", problems)
    assert [str(problem) for problem in problems] == [
        "f.conf:2: cannot read 'foo': it is no key = value, no [section] and no indented continuation",
        "f.conf:3: cannot read '=1': the name before it is missing",
        "f.conf:4: cannot read '[x': the closing ] is missing",
        "f.conf:5: cannot read '[]': the name between [ and ] is missing",
    ]
    assert len({problem.legacy for problem in problems}) == 1


def test_what_stands_before_the_first_section_is_one_problem_and_reading_goes_on() -> None:
    problems: list[Problem] = []
    (block,) = read_blocks("x=1\ny=2\n[a]\nk=1\nfoo\n", "f.conf", problems)
    assert [problem.line for problem in problems] == [1, 5]
    assert str(problems[0]) == "f.conf:1: cannot read 'x=1': no [section] stands before it"
    assert [key for key, _ in block.options] == ["k"]


def test_a_byte_order_mark_is_one_problem_and_hides_no_section() -> None:
    problems: list[Problem] = []
    (block,) = read_blocks("\ufeff[a]\nk=1\n", "f.conf", problems)
    assert [str(problem) for problem in problems] == [
        "f.conf:1: cannot read the line: the file begins with a byte order mark; save it without"
    ]
    assert (block.name, [key for key, _ in block.options]) == ("a", ["k"])


def test_a_first_section_that_is_not_closed() -> None:
    problems: list[Problem] = []
    assert read_blocks("[supervisord\nk=1\n", "f.conf", problems) == []
    assert [str(problem) for problem in problems] == ["f.conf:1: cannot read '[supervisord': the closing ] is missing"]


def test_first_words_of_broken_lines_are_kept() -> None:
    (block,) = read_blocks("[a]\nCommand x\nk=1\n", "f.conf", [])
    assert block.broken == {"command"}


def lines_to_read(text: str) -> int:
    return lines_run(lambda: read_blocks(text, "s.conf", []))


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "[program:p{n}]\ncommand=/bin/cat\nautostart=false ; no\n\n",
        "k=1\n  2\n\n",
        "k{n}=a;b#c;d#e ;x\n",
        "\n",
        "  x\n",
    ],
    ids=["sections", "duplicates", "comments", "blank lines", "continuations"],
)
def test_cost_is_linear(piece: str) -> None:
    def lines(count: int) -> int:
        return lines_to_read("[s]\nz=1\n" + "".join(piece.format(n=n) for n in range(count)))

    assert lines(800) < 4.5 * lines(200)


@pytest.mark.slow
def test_cost_of_overriding_backwards_is_linear() -> None:
    def lines(count: int) -> int:
        numbers = [*range(count), *reversed(range(count))]
        return lines_to_read("[s]\n" + "".join(f"k{n}=1\n" for n in numbers))

    assert lines(800) < 4.5 * lines(200)
