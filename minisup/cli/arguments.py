"""The command line of ``minisup run`` and of ``supervisord``: supervisord's options by getopt's rules, and ours.

One table, made from `minisup.config.schema`, so that an option is described once.
"""

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from minisup import SUPERVISORD_VERSION, __version__
from minisup.cli.switches import HELP, Switch, split, table
from minisup.cli.switches import UsageError as UsageError
from minisup.config.facts import Facts, Overrides
from minisup.config.schema import OURS, SUPERVISORD, Key
from minisup.config.values import Refused, boolean, string, strings
from minisup.specs import split_namespec

ROOT_SEARCH = (
    "Supervisord is running as root and it is searching for its configuration file in default locations (including its "
    'current working directory); you probably want to specify a "-c" argument specifying an absolute path to a '
    "configuration file for improved security."
)


class Options:
    """What a command line says.

    Attributes:
        action: ``run``, ``help`` (print `help_text`, exit 0) or ``version`` (print `version_text`, exit 0).
        overrides: for `minisup.config.build.load`.
        notices: lines for stderr before anything else.
    """

    __slots__ = ("action", "notices", "overrides")

    def __init__(self, action: str, overrides: Overrides, notices: tuple[str, ...] = ()) -> None:
        self.action = action
        self.overrides = overrides
        self.notices = notices


_ARGUMENTS = {
    "byte_size": "BYTES",
    "directory": "DIRECTORY",
    "ending": "fatal|exit",
    "exit_code_from": "PROGRAM",
    "integer": "NUMBER",
    "level": "LEVEL",
    "octal": "MASK",
    "path": "FILE",
    "seconds": "SECONDS",
}


def _argument(key: Key) -> str:
    return _ARGUMENTS.get(key.name) or _ARGUMENTS.get(key.convert.__name__) or key.name.upper()


def _of_schema() -> Iterator[Switch]:
    for key in SUPERVISORD.keys.values():
        ours = key.since == OURS
        if key.short is None and not ours:
            continue
        flag = key.convert is boolean
        yield Switch(
            key.short or "",
            key.name.replace("_", "-") if ours else key.name,
            key.name,
            key.help,
            argument=None if flag else _argument(key),
            convert=None if flag else key.convert,
            ours=ours,
        )


CONFIGURATION = Switch(
    "c", "configuration", "configuration", "The configuration to read.", argument="FILE", convert=string
)
VERSION = Switch("v", "version", "version", "Print the version and exit.")

SWITCHES: tuple[Switch, ...] = (
    CONFIGURATION,
    *_of_schema(),
    Switch(
        "",
        "profile_options",
        "profile_options",
        "Accepted and ignored: supervisord's profiler.",
        argument="LIST",
        convert=strings,
    ),
    Switch(
        "",
        "start",
        "start",
        "Start this group once the control sockets answer; may be repeated.",
        argument="GROUP",
        convert=string,
        ours=True,
        many=True,
    ),
    HELP,
    VERSION,
)


def switches_of(*names: str) -> tuple[Switch, ...]:
    """The switches of these options, for another command that takes them too."""
    return tuple(switch for switch in SWITCHES if switch.name in names)


def parse(words: Sequence[str], facts: Facts, argv0: str = "minisup") -> Options:
    """Understands the words after the program's name (and after ``run``).

    Args:
        words: the command line.
        facts: for directories that must exist.
        argv0: how the program was called, for the search of a configuration.

    Raises:
        UsageError: in supervisord's order of checks: syntax, stray words, then option by option.
    """
    given, rest = split(words, SWITCHES)
    if rest:
        raise UsageError(f"positional arguments are not supported: {rest}")
    values: dict[str, Any] = {}
    start: list[str] = []
    for shown, switch, text in given:
        if switch is HELP or switch is VERSION:
            return Options(switch.name, Overrides(argv0=argv0))
        value: Any = True
        if switch.convert is not None:
            try:
                value = _group(text) if switch.many else switch.convert(text, facts)
            except Refused as error:
                raise UsageError(f"invalid value for {shown} {text!r}: {error.legacy}") from None
        if switch.many:
            start.append(value)
        elif switch.name in values:
            raise UsageError(f"conflicting command line option {shown!r}")
        else:
            values[switch.name] = value
    configfile = values.pop("configuration", None)
    values.pop("profile_options", None)
    notices = (ROOT_SEARCH,) if facts.uid == 0 and configfile is None else ()
    return Options("run", Overrides(configfile, values, start=tuple(start), argv0=argv0), notices)


def _group(text: str) -> str:
    """``GROUP``, ``GROUP:`` and ``GROUP:*`` mean the same."""
    group, process = split_namespec(text)
    if not group or (":" in text and process is not None):
        raise Refused("not the name of a group (GROUP or GROUP:*)")
    return group


def usage(argv0: str, error: UsageError | str) -> str:
    """What supervisord prints on stderr before it exits with 2; of us it depends on the name that we were called by."""
    return f"Error: {error}\nFor help, use {argv0 if _is_supervisord(argv0) else 'minisup run'} -h\n"


def version_text(argv0: str) -> str:
    """The line that ``-v`` prints: scripts ask supervisord for a version of supervisord."""
    return f"{SUPERVISORD_VERSION if _is_supervisord(argv0) else __version__}\n"


def _is_supervisord(argv0: str) -> bool:
    return posixpath.basename(argv0) == "supervisord"


def help_text(program: str = "minisup run") -> str:
    """What ``-h`` prints.

    Args:
        program: what to call it: ``minisup run`` or ``supervisord``.
    """
    return f"""\
Usage: {program} [options]

Runs the programs of a supervisord.conf and keeps them running. Without -c the configuration is searched in
../etc and .. as seen from the program, in . and etc, in /etc and in /etc/supervisor. It becomes a daemon,
unless -n or nodaemon=true says otherwise.

  {program} -n -c ./supervisord.conf
        stay in the foreground, with the log on stdout
  {program} -c FILE --start web --start 'db:*'
        start these two groups too, whatever their autostart says
  minisup check -c FILE
        read FILE, say all that is wrong with it, and exit

What is said here wins over the file, also after a reload.

{table(SWITCHES)}
Exit codes: 0 after a shutdown, 1 without the main log, 2 where the command line, the configuration or the
system does not let it start, 70 after a fault of its own, else that of a program (--exit-on,
--exit-code-from).
"""
