"""What the text of an option means: one converter per type, and the ``%`` expansions.

A converter is called with the expanded text and the facts, and returns a plain value or raises `Refused`. Its name is
the name of the type, as `minisup check` and the docs call it.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from minisup import signals
from minisup.config.facts import Facts
from minisup.events import PARENTS

if TYPE_CHECKING:
    from minisup.specs import ReadySpec

Converter = Callable[[str, Facts], Any]

TRUE = ("yes", "true", "on", "1")
FALSE = ("no", "false", "off", "0")
LEVELS = ("critical", "error", "warn", "info", "debug", "trace", "blather")

LARGEST = 2**63 - 1
"""Of any number: the system takes no more, and a time beyond it has no float."""

MODES = 0o7777
"""All bits of permissions."""

AUTO, SYSLOG = "auto", "syslog"
"""What `logfile` makes of these words in any case; no path comes out of it looking so."""


class Refused(ValueError):
    """A text that means nothing here.

    Attributes:
        legacy: what supervisord says.
        why: why, in our words, to follow a colon.
    """

    def __init__(self, legacy: str, why: str | None = None) -> None:
        super().__init__(legacy)
        self.legacy = legacy
        self.why = legacy if why is None else why


def string(text: str, facts: Facts) -> str:
    """Any text."""
    return text


def integer(text: str, facts: Facts) -> int:
    """A whole number: sign, ``_`` between digits and outer blanks are allowed."""
    try:
        return _within(int(text), -LARGEST)
    except Refused:
        raise
    except ValueError as error:
        raise Refused(str(error), "not a whole number") from None


def _within(number: int, least: int, most: int = LARGEST, why: str = "the number does not fit in 64 bits") -> int:
    """The number, where it lies between these two; else supervisord's words for a range."""
    if number < least:
        raise Refused(f"{number} is below lower bound ({least})", why)
    if number > most:
        raise Refused(f"{number} is above upper bound ({most})", why)
    return number


def boolean(text: str, facts: Facts) -> bool:
    """yes, true, on, 1 or no, false, off, 0, in any case."""
    word = text.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise Refused(f"not a valid boolean value: {text!r}", "neither true nor false")


def byte_size(text: str, facts: Facts) -> int:
    """A whole number of bytes, or of KB, MB or GB."""
    word = text.lower()
    unit = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}.get(word[-2:])
    try:
        return _within(int(word) if unit is None else int(word[:-2]) * unit, -LARGEST)
    except Refused:
        raise
    except ValueError as error:
        raise Refused(str(error), "not a size: a whole number, alone or with KB, MB or GB") from None


def octal(text: str, facts: Facts) -> int:
    """An octal number, as for chmod: 0 to 7777."""
    legacy = f"{text} can not be converted to an octal type"
    try:
        number = int(text, 8)
    except ValueError:
        raise Refused(legacy, "not an octal number") from None
    if not 0 <= number <= MODES:
        raise Refused(legacy, f"not between 0 and {MODES:o}")
    return number


def seconds(text: str, facts: Facts) -> float:
    """A number of seconds, not negative; fractions are allowed."""
    legacy = f"not a valid number of seconds: {text!r}"
    if not re.fullmatch(r"\s*\d+(\.\d+)?\s*", text, re.ASCII):
        raise Refused(legacy, "not a number of seconds")
    number = float(text)
    if number > LARGEST:
        raise Refused(legacy, "the number does not fit in 64 bits")
    return number


def positive(text: str, facts: Facts) -> int:
    """A whole number of at least 1."""
    return _within(integer(text, facts), 1, why="must be 1 or more")


def positive_byte_size(text: str, facts: Facts) -> int:
    """A whole number of at least 1 byte, or of KB, MB or GB."""
    return _within(byte_size(text, facts), 1, why="must be 1 or more")


def positive_seconds(text: str, facts: Facts) -> float:
    """A number of seconds above 0; fractions are allowed."""
    number = seconds(text, facts)
    if number == 0:
        raise Refused(f"not a valid number of seconds: {text!r}", "must be more than 0")
    return number


def level(text: str, facts: Facts) -> str:
    """critical, error, warn, info, debug, trace or blather, in any case."""
    word = text.lower()
    if word not in LEVELS:
        raise Refused(f"bad logging level name {text!r}", f"not one of {', '.join(LEVELS)}")
    return word


def ending(text: str, facts: Facts) -> str | None:
    """fatal or exit, in any case; never for neither."""
    word = text.lower()
    if word not in ("fatal", "exit", "never"):
        raise Refused(f"invalid exit_on value {text!r}", "not one of fatal, exit, never")
    return None if word == "never" else word


def directory(text: str, facts: Facts) -> str:
    """A directory that exists; ``~`` is expanded."""
    path = facts.expand_user(text)
    if not path or not facts.is_dir(facts.absolute(path)):
        raise Refused(f"{text} is not an existing directory", "no such directory")
    return path


def path(text: str, facts: Facts) -> str:
    """A file in a directory that exists; ``~`` is expanded."""
    name = facts.expand_user(text)
    parent = posixpath.dirname(name)
    if parent and not facts.is_dir(facts.absolute(parent)):
        raise Refused(f"The directory named as part of the path {text} does not exist", f"no directory {parent!r}")
    return name


def logfile(text: str, facts: Facts) -> str | None:
    """A path; AUTO for a generated one; NONE, OFF or nothing for no file; syslog."""
    if not text:
        return ""  # no file either, but clients are shown what is there: nothing
    word = text.lower()
    if word in ("none", "off"):
        return None
    return word if word in (AUTO, SYSLOG) else path(text, facts)


def signal(text: str, facts: Facts) -> int:
    """A signal: its name, with or without SIG, or its number."""
    try:
        return signals.number(text)
    except ValueError as error:
        raise Refused(str(error), "no such signal") from None


def exitcodes(text: str, facts: Facts) -> tuple[int, ...]:
    """Exit codes from 0 to 255, with commas between; empty for none."""
    try:
        codes = tuple(int(code) for code in text.split(",")) if text else ()
    except ValueError:
        codes = (-1,)
    if not all(0 <= code <= 255 for code in codes):
        raise Refused(f"not a valid list of exit codes: {text!r}", "not a list of numbers from 0 to 255")
    return codes


def autorestart(text: str, facts: Facts) -> str:
    """true (always), false (never) or unexpected."""
    word = text.lower()
    if word in TRUE:
        return "always"
    if word in FALSE:
        return "never"
    if word == "unexpected":
        return word
    raise Refused(f"invalid 'autorestart' value {word!r}", "none of true, false, unexpected")


def user(text: str, facts: Facts) -> int:
    """The name or number of a user that exists."""
    try:
        number = int(text)
    except ValueError:
        found = facts.user(text)
        if found is None:
            raise Refused(f"Invalid user name {text}", "no such user") from None
        return found[0]
    # A container may run under any uid, without a passwd entry; supervisord refuses its own uid there.
    if number != facts.uid and facts.user(number) is None:
        raise Refused(f"Invalid user id {text}", "no user has this number")
    return number


def owner(text: str, facts: Facts) -> tuple[int, int]:
    """``user`` or ``user:group``, names or numbers; without a group it is left as it is."""
    name, colon, group = text.partition(":")
    try:
        uid = user(name, facts)
    except Refused as error:
        raise Refused(f"Invalid user:group definition {text}", error.why) from None
    if not colon:
        return uid, -1
    try:
        gid = facts.group(int(group))
    except ValueError:
        gid = facts.group(group)
    if gid is None:
        raise Refused(f"Invalid user:group definition {text}", f"no group {group!r}")
    return uid, gid


def strings(text: str, facts: Facts) -> tuple[str, ...]:
    """Texts with commas between."""
    return tuple(item.strip() for item in text.split(",")) if text else ()


def words(text: str, facts: Facts) -> tuple[str, ...]:
    """Texts with white space between."""
    return tuple(text.split())


def event_names(text: str, facts: Facts) -> tuple[str, ...]:
    """Names of events, in any case, with commas between, each once."""
    names = tuple(dict.fromkeys(name.upper() for name in strings(text, facts)))
    for name in names:
        if name not in PARENTS:
            raise Refused(f"Unknown event type {name}", f"no event is called {name!r}")
    return names


def port(text: str, facts: Facts) -> int:
    """A TCP port, 1 to 65535."""
    return _within(integer(text, facts), 1, 65535, "a port is between 1 and 65535")


def inet_address(text: str, facts: Facts) -> tuple[str, int]:
    """``port``, ``:port``, ``*:port`` or ``host:port``; without a host, or with ``*``, all IPv4 addresses."""
    host, colon, number = text.rpartition(":")
    if colon and not number:
        raise Refused(f"no port number specified in {number!r}", "the port is missing")
    try:
        return ("" if host == "*" else host.lower()), port(number, facts)
    except Refused as error:
        if colon:
            raise
        raise Refused(f"not a valid port number: {text!r} ", error.why) from None


def server_url(text: str, facts: Facts) -> str | None:
    """A URL, or AUTO for that of the daemon's own server."""
    return None if text.strip().upper() == "AUTO" else text


def environment(text: str, facts: Facts) -> dict[str, str]:
    """``KEY=value,KEY2="v a l"``: values with other characters than ``[A-Za-z0-9_/.+-():]`` need quotes.

    QUIRK(supervisor): tokens are read in fours, and the fourth, the separator, is never looked at; a character that is
    no word is a token of its own; a backslash escapes nothing. tests/test_config_values.py: environment
    """
    import shlex

    lexer = shlex.shlex(text)
    lexer.wordchars += "/.+-():"
    try:
        tokens = list(lexer)
    except ValueError as error:
        raise Refused(str(error), "a quote is not closed") from None
    pairs = {}
    for at in range(0, len(tokens), 4):
        if len(tokens) < at + 3 or tokens[at + 1] != "=":
            why = _no_value(tokens)
            why = why or f"expected KEY=value at {' '.join(tokens[at : at + 3])!r}; quote what is not a plain word"
            raise Refused(f"Unexpected end of key/value pairs in value '{text}'", why)
        pairs[tokens[at]] = tokens[at + 2].strip("'\"")
    return pairs


def _no_value(tokens: list[str]) -> str:
    """Why pairs come to no end: the first key with nothing behind its ``=``, or nothing to say."""
    for at in range(1, len(tokens)):
        if tokens[at] == "=" and tokens[at + 1 : at + 2] in ([], [","]):
            return f'{tokens[at - 1]} has no value (an empty one is written {tokens[at - 1]}="")'
    return ""


def ready(text: str, facts: Facts) -> "ReadySpec":
    """``tcp:[HOST:]PORT``, ``http://HOST:PORT/PATH [STATUS]``, ``log:REGEX``, ``file:PATH``, ``unix:PATH``,
    ``exec:COMMAND`` or ``notify``."""
    kind, colon, rest = text.strip().partition(":")
    if not colon and kind == "notify":
        return _ready(kind, "")
    try:
        if not colon or kind not in READY:
            raise Refused(text, f"begins with none of {', '.join(f'{word}:' for word in READY)} and is not notify")
        if not rest.strip():
            raise Refused(text, f"nothing follows {kind}:")
        return READY[kind](rest.strip(), facts)
    except Refused as error:
        raise Refused(f"invalid ready value {text!r}", error.why) from None


def _ready(kind: str, target: str, expect: str = "") -> "ReadySpec":
    from minisup.specs import ReadySpec  # dataclasses with it: the client expands its section here, and has no programs

    return ReadySpec(kind, target, expect)


def _ready_tcp(text: str, facts: Facts) -> "ReadySpec":
    host, _, number = text.rpartition(":")
    if not re.fullmatch(HOST, host or "localhost", re.ASCII):
        raise Refused(text, f"{host!r} is no host (an IPv6 address stands in [])")
    return _ready("tcp", f"{host or 'localhost'}:{port(number, facts)}")


def _ready_http(text: str, facts: Facts) -> "ReadySpec":
    url, _, status = text.partition(" ")
    match = re.fullmatch(rf"//{HOST}(:\d+)?(/[!-~]*)?", url, re.ASCII)
    if match is None:
        raise Refused(text, "not of the form http://HOST:PORT/PATH")
    if match[1]:
        port(match[1][1:], facts)
    if not re.fullmatch(r"([2-5](\d\d|xx))?", status.strip(), re.ASCII):
        raise Refused(text, f"{status.strip()!r} is no status: 200, 2xx or the like")
    return _ready("http", f"http:{url}", status.strip())


def _ready_log(text: str, facts: Facts) -> "ReadySpec":
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused(text, f"not a regular expression: {error}") from None
    return _ready("log", text)


def _ready_exec(text: str, facts: Facts) -> "ReadySpec":
    import shlex

    try:
        shlex.split(text)
    except ValueError as error:
        raise Refused(text, f"not a command: {error}") from None
    return _ready("exec", text)


HOST = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])"
READY: "dict[str, Callable[[str, Facts], ReadySpec]]" = {
    "tcp": _ready_tcp,
    "http": _ready_http,
    "log": _ready_log,
    "file": lambda text, facts: _ready("file", text),
    "unix": lambda text, facts: _ready("unix", text),
    "exec": _ready_exec,
}


def process_name(text: str, facts: Facts) -> str:
    """A name without blank, colon and slash; outer white space is removed."""
    name = text.strip()
    for character in " :/":
        if character in name:
            raise Refused(f"Invalid name: {text!r} because of character: {character!r}", f"a name has no {character!r}")
    return name


def worded(convert: Converter, legacy: str) -> Converter:
    """The converter, with supervisord's own wording of a failure for one option; ``%s`` stands for the text."""

    def converter(text: str, facts: Facts) -> Any:
        try:
            return convert(text, facts)
        except Refused as error:
            raise Refused(legacy % text, error.why) from None

    converter.__name__ = convert.__name__
    converter.__doc__ = convert.__doc__
    return converter


def expand(text: str, names: Mapping[str, Any], label: str) -> str:
    """Replaces ``%(name)s`` and ``%%`` by Python's ``%``.

    Args:
        text: raw text of an option.
        names: what may be named.
        label: what supervisord calls the option in its error text, ``section.option``.

    Raises:
        Refused: an unknown name, or no valid format.
    """
    if "%" not in text:
        return text
    try:
        expanded = text % names
    except KeyError as missing:
        known = ", ".join(sorted(names))
        legacy = f"Format string {text!r} for {label!r} contains names ({missing}) which cannot be expanded. "
        raise Refused(f"{legacy}Available names: {known}", _unknown_name(str(missing.args[0]), names)) from None
    except Exception as error:
        legacy = f"Format string {text!r} for {label!r} is badly formatted: {error}"
        raise Refused(legacy, f"{error} (a literal % is written %%)") from None
    if "\0" in expanded:  # %(process_num)c
        legacy = f"Format string {text!r} for {label!r} is badly formatted: embedded null byte"
        raise Refused(legacy, "a NUL character comes out of it")
    return expanded


def _unknown_name(name: str, names: Mapping[str, Any]) -> str:
    if name.startswith("ENV_"):
        return f"the environment has no {name[4:]}"
    here = ", ".join([*sorted(known for known in names if not known.startswith("ENV_")), "ENV_..."])
    return f"%({name})s is not known here; known are {here}"
