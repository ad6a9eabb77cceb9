"""The text of a configuration: supervisord's INI dialect on top of iniconfig, with the origin of every option.

Theory of operation. supervisord reads with ``configparser.RawConfigParser`` (inline comments after ``;`` and ``#``,
duplicates allowed, no interpolation, Python 3.11). Its rules are decided here, line by line: what is a comment, a
continuation, a header, an option. Each section block is then written down again in canonical lines, one for one, so
that the numbers stay, and iniconfig reads those:

- comments, broken lines and options that a later line of the block overrides become empty lines;
- options start in column 0 with a lower-case key, continuations are indented by one blank;
- what iniconfig would drop or misread is hidden behind lone surrogates, which no decoded text can contain: empty
  lines inside a value, keys that begin with ``[``, characters at which ``str.splitlines`` would break a line.

One `IniConfig` per block, its offset kept beside it: the cost is linear in the size of the text.
Nothing here expands anything but the textual ``%(here)s`` of files with [include].
"""

from collections.abc import Iterable

from iniconfig import IniConfig

from minisup.errors import Problem

DEFAULT = "DEFAULT"
HEADLESS = "File contains no section headers."
"""How supervisord's text begins where a file does not begin with a section."""

HERE = "%(here)s"

_BREAKS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # where str.splitlines breaks a line and a text file does not
_HIDE = {ord(char): 0xD800 + index for index, char in enumerate(_BREAKS)}
_SHOW = {0xD800 + index: char for index, char in enumerate(_BREAKS)}
_EMPTY, _BRACKET = "\ud810", "\ud811"
_BLOCK = "block"
_BOM = "\ufeff"
_UNCLOSED = "the closing ] is missing"


class Option:
    """The raw text of one option, and where it stands."""

    __slots__ = ("line", "path", "text")

    def __init__(self, text: str, path: str, line: int) -> None:
        self.text = text
        self.path = path
        self.line = line


class Section:
    """A section as merged from all its blocks; `path` and `line` are those of its first header.

    Attributes:
        main: whether the section appeared in the main file first.
        options: own options, without those of [DEFAULT], in the order of their first appearance.
        broken: first words of its lines that cannot be read, in lower case.
    """

    __slots__ = ("broken", "line", "main", "name", "options", "path")

    def __init__(self, name: str, path: str, line: int, main: bool) -> None:
        self.name = name
        self.path = path
        self.line = line
        self.main = main
        self.options: dict[str, Option] = {}
        self.broken: set[str] = set()


class Block:
    """One header and what follows it, as read from one file; `again` are options that it has said before, by line."""

    __slots__ = ("again", "broken", "line", "name", "options")

    def __init__(
        self, name: str, line: int, options: "list[tuple[str, Option]]", broken: set[str], again: dict[int, str]
    ) -> None:
        self.name = name
        self.line = line
        self.options = options
        self.broken = broken
        self.again = again


class Document:
    """Everything that the files said. Later files override earlier ones, option by option."""

    def __init__(self) -> None:
        self.sections: dict[str, Section] = {}
        self.defaults: dict[str, Option] = {}

    def get(self, section: str, option: str) -> Option | None:
        """The option as the section sees it: its own, else that of [DEFAULT]."""
        found = self.sections.get(section)
        return (found.options.get(option) if found else None) or self.defaults.get(option)

    def keys(self, section: str) -> list[str]:
        """Names of all options that the section sees, its own first."""
        own = self.sections[section].options
        return [*own, *(key for key in self.defaults if key not in own)]

    def add(self, blocks: Iterable[Block], path: str, *, main: bool = False, here: str | None = None) -> None:
        """Lays the blocks of one file over what is known.

        Args:
            blocks: as `read_blocks` returned them.
            path: where they come from.
            main: they come from the main file.
            here: with a text, `substitute_here` for what this file brought.
        """
        fresh: list[Section] = []
        keys: list[tuple[Section, str]] = []
        defaults_changed = False
        for block in blocks:
            if block.name == DEFAULT:
                self.defaults.update(block.options)
                defaults_changed = True
                continue
            section = self.sections.get(block.name)
            if section is None:
                section = self.sections[block.name] = Section(block.name, path, block.line, main)
                fresh.append(section)
            section.broken |= block.broken
            for key, option in block.options:
                section.options[key] = option
                keys.append((section, key))
        if here is not None:
            self._substitute(here, keys, self.sections.values() if defaults_changed else fresh)

    def substitute_here(self, here: str) -> None:
        """Replaces ``%(here)s`` in every option of every section, as text.

        QUIRK(supervisor): textual, so that ``%%(here)s`` breaks; options of [DEFAULT] become own options of the
        sections that exist by now. tests/test_config_build.py: here_textual, here_default
        """
        keys = [(section, key) for section in self.sections.values() for key in section.options]
        self._substitute(here, keys, self.sections.values())

    def _substitute(self, here: str, keys: Iterable[tuple[Section, str]], heirs: Iterable[Section]) -> None:
        for section, key in keys:
            option = section.options[key]
            if HERE in option.text:
                section.options[key] = Option(option.text.replace(HERE, here), option.path, option.line)
        inherited = [(key, option) for key, option in self.defaults.items() if HERE in option.text]
        if inherited:
            for section in heirs:
                for key, option in inherited:
                    section.options.setdefault(key, Option(option.text.replace(HERE, here), option.path, option.line))


def lines_of(text: str) -> list[str]:
    """The lines of a file, their ends as a text file delivers them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_blocks(text: str, path: str, problems: list[Problem]) -> list[Block]:
    """Splits a text into its section blocks.

    Args:
        text: a whole file.
        path: its name, as problems show it.
        problems: what cannot be understood is appended here, one problem a line, and reading goes on after it.
    """
    lines = lines_of(text)
    drafts: list[_Draft] = []
    broken: list[tuple[int, str, str]] = []
    draft: _Draft | None = None
    headless = False  # supervisord reads no further than this; what follows is read here for its own problems
    if text.startswith(_BOM):
        headless = True
        problems.append(_headless(path, 1, lines[0], lines[0] + ("\n" if len(lines) > 1 else "")))
        lines[0] = lines[0].removeprefix(_BOM)
    key = ""  # of the option that a continuation would continue
    level = 0  # indentation of the line that began it
    for number, line in enumerate(lines, 1):
        cut = _comment_start(line)
        value = (line if cut is None else line[:cut]).strip()
        if not value:
            if draft is not None:
                draft.lines.append(" " + _EMPTY if cut is None and key else "")
            continue
        indent = len(line) - len(line.lstrip())
        if draft is not None and key and indent > level:
            draft.lines.append(" " + value)
            continue
        level = indent
        closing = value.rfind("]")
        if value[0] == "[" and closing > 1:
            draft = _Draft(value[1:closing], number)
            drafts.append(draft)
            key = ""
            continue
        raw = line + ("\n" if number < len(lines) else "")
        if draft is None:
            if not headless:
                headless = True
                problems.append(_headless(path, number, value, raw))
            continue
        end = min((at for at in (value.find("="), value.find(":")) if at >= 0), default=-1)
        if end <= 0:
            broken.append((number, value, raw))
            draft.broken.add(value.split()[0].lower())
            draft.lines.append("")
            if end == 0:
                key = ""
            continue
        key = value[:end].rstrip().lower()
        draft.put(key, value[end + 1 :].strip())
    problems.extend(_unreadable(path, broken))
    return [draft.block(path) for draft in drafts]


class _Draft:
    """A block on its way to iniconfig: its canonical lines, the first one for the header."""

    __slots__ = ("again", "broken", "last", "line", "lines", "name", "spans")

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line
        self.lines = [f"[{_BLOCK}]"]
        self.broken: set[str] = set()
        self.again: dict[int, str] = {}
        self.spans: dict[str, range] = {}  # of each key its lines; those of the last one are not all there yet
        self.last = ""

    def put(self, key: str, value: str) -> None:
        if self.last:
            self.spans[self.last] = range(self.spans[self.last].start, len(self.lines))
        if key in self.spans:
            self.again[self.line + len(self.lines)] = key
        for index in self.spans.get(key, ()):  # the last one wins; every line is emptied at most once
            self.lines[index] = ""
        self.spans[key] = range(len(self.lines), len(self.lines) + 1)
        self.last = key
        self.lines.append(f"{_BRACKET if key[0] == '[' else ''}{key}={value or _EMPTY}")

    def block(self, path: str) -> Block:
        parsed = IniConfig(path, "\n".join(self.lines).translate(_HIDE))
        options = []
        for key, text in parsed.sections[_BLOCK].items():
            line = (parsed.lineof(_BLOCK, key) or 1) + self.line - 1
            shown = text.replace(_EMPTY, "").translate(_SHOW).rstrip()
            options.append((key.removeprefix(_BRACKET).translate(_SHOW), Option(shown, path, line)))
        # An option that was overridden keeps its first place in configparser's order.
        order = {key: index for index, key in enumerate(self.spans)}
        options.sort(key=lambda item: order[item[0]])
        return Block(self.name, self.line, options, self.broken, self.again)


def _comment_start(line: str) -> int | None:
    """Where the comment of a line begins, or None.

    QUIRK(supervisor): the first ``;`` and the first ``#`` are looked at together, then the second of each, and so on;
    as soon as one of a pair begins a comment, later ones do not count. tests/test_config_document.py: mixed marks
    """
    if line.lstrip()[:1] in (";", "#"):
        return 0
    semicolon = hash_ = -2
    while semicolon != -1 or hash_ != -1:
        if semicolon != -1:
            semicolon = line.find(";", semicolon + 1 if semicolon >= 0 else 0)
        if hash_ != -1:
            hash_ = line.find("#", hash_ + 1 if hash_ >= 0 else 0)
        starts = [at for at in (semicolon, hash_) if at == 0 or (at > 0 and line[at - 1].isspace())]
        if starts:
            return min(starts)
    return None


def _headless(path: str, number: int, value: str, raw: str) -> Problem:
    text = f"cannot read {value!r}: no [section] stands before it"
    if value.startswith(_BOM):
        text = "cannot read the line: the file begins with a byte order mark; save it without"
    elif value[0] == "[" and "]" not in value:
        text = f"cannot read {value!r}: {_UNCLOSED}"
    legacy = f"{HEADLESS}\nfile: {path!r}, line: {number}\n{raw!r}"
    return Problem(text, path=path, line=number, legacy=legacy)


def _unreadable(path: str, broken: list[tuple[int, str, str]]) -> list[Problem]:
    """One problem a line; supervisord has one text for all of a file."""
    legacy = f"Source contains parsing errors: {path!r}"
    legacy += "".join(f"\n\t[line {number:2d}]: {raw!r}" for number, _, raw in broken)
    problems = []
    for number, value, _ in broken:
        why = "it is no key = value, no [section] and no indented continuation"
        if value[0] == "[":
            why = "the name between [ and ] is missing" if "]" in value else _UNCLOSED
        elif value[0] in "=:":
            why = "the name before it is missing"
        problems.append(Problem(f"cannot read {value!r}: {why}", path=path, line=number, legacy=legacy))
    return problems
