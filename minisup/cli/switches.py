"""Options of a command line by getopt's rules: short ones may be bundled, long ones abbreviated to a unique prefix,
``--option=value`` and ``--option value`` are the same, and options end at the first word that is none.

Alone in its file, for the client's sake: it must start fast, and knows none of the daemon's options. Ours are matched
only where none of supervisord's is, so that no abbreviation that works there changes its meaning here.
"""

from minisup.errors import MinisupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from minisup.config.values import Converter


class UsageError(MinisupError):
    """The command line cannot be understood; the text is supervisord's. Print `usage`, exit with 2."""


class Switch:
    """One option of a command line.

    Attributes:
        short: a letter, or ``""``.
        long: without its dashes.
        name: of the value; of two switches with one name only one may be used.
        argument: what the help calls its argument; None for a flag.
        convert: type of the argument; None for a flag.
        help: one line.
        ours: supervisord does not have it.
        many: it may be repeated.
    """

    __slots__ = ("argument", "convert", "help", "long", "many", "name", "ours", "short")

    def __init__(
        self,
        short: str,
        long: str,
        name: str,
        help: str,
        *,
        argument: str | None = None,
        convert: "Converter | None" = None,
        ours: bool = False,
        many: bool = False,
    ) -> None:
        self.short = short
        self.long = long
        self.name = name
        self.help = help
        self.argument = argument
        self.convert = convert
        self.ours = ours
        self.many = many


HELP = Switch("h", "help", "help", "Print this and exit.")


def split(words: "Sequence[str]", switches: "Sequence[Switch]") -> tuple[list[tuple[str, Switch, str]], list[str]]:
    """getopt: (option as supervisord names it, its switch, its argument or ``""``) of each option, and the words left.

    Raises:
        UsageError: in getopt's words.
    """
    shorts = {switch.short: switch for switch in switches if switch.short}
    if "h" in shorts:
        shorts["?"] = shorts["h"]
    found: list[tuple[str, Switch, str]] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, text = word[2:].partition("=")
            switch = _long(name, switches)
            if switch.argument is None and equals:
                raise UsageError(f"option --{switch.long} must not have an argument")
            if switch.argument is not None and not equals:
                if not rest:
                    raise UsageError(f"option --{switch.long} requires argument")
                text = rest.pop(0)
            found.append((f"--{switch.long}", switch, text))
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter not in shorts:
                raise UsageError(f"option -{letter} not recognized")
            switch, text = shorts[letter], ""
            if switch.argument is not None:
                if not letters and not rest:
                    raise UsageError(f"option -{letter} requires argument")
                text, letters = letters or rest.pop(0), ""
            found.append((f"-{letter}", switch, text))
    return found, rest


def _long(name: str, switches: "Sequence[Switch]") -> Switch:
    """The switch of a long name or of a unique prefix of one; supervisord's first."""
    for ours in (False, True):
        candidates = [switch for switch in switches if switch.ours is ours and switch.long.startswith(name)]
        exact = [switch for switch in candidates if switch.long == name]
        if len(exact or candidates) > 1:
            raise UsageError(f"option --{name} not a unique prefix")
        if candidates:
            return (exact or candidates)[0]
    raise UsageError(f"option --{name} not recognized")


def table(switches: "Sequence[Switch]") -> str:
    """The options of a help text, one a line."""
    lines = []
    for switch in switches:
        argument = "" if switch.argument is None else f" {switch.argument}"
        short = f"-{switch.short}, " if switch.short else "    "
        lines.append(f"  {f'{short}--{switch.long}{argument}':<34}{switch.help}\n")
    return "".join(lines)
