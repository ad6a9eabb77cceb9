"""``minisup check``: reads a configuration, says all that is wrong with it and all that nothing reads, and leaves."""

import posixpath
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from minisup.cli.arguments import CONFIGURATION
from minisup.cli.switches import HELP, Switch, UsageError, split, table
from minisup.config.build import examine
from minisup.config.facts import Facts, Overrides
from minisup.errors import ConfigError, Problem
from minisup.specs import Configuration
from minisup.spoke.advice import advice
from minisup.spoke.plan import Spoke

SPOKE = Switch("", "spoke", "spoke", "Read it as a spoke of a Radial wheel does; say what hurts there.")

HELP_TEXT = f"""\
Usage: minisup check [-c FILE] [--spoke]

Reads a configuration with all its included files, as `minisup run -c FILE` would, and starts nothing.
Every mistake is one line, PATH:LINE: WHAT, on stderr. In a good configuration, options and sections
that nothing reads and settings that may surprise are told on stdout: supervisord accepts them too.

{table((CONFIGURATION, SPOKE, HELP))}
Exit codes: 0 for a good configuration, 2 for one that `minisup run` would refuse. What only a start can tell
(a port that is taken, rights, limits) is not looked at.
"""


def check(
    words: Sequence[str],
    facts: Facts | None = None,
    out: TextIO | None = None,
    err: TextIO | None = None,
    *,
    argv0: str = "minisup",
) -> int:
    """The command.

    Args:
        words: what follows ``minisup check``.
        facts: what the configuration may know; None for this machine.
        out: for remarks and the summary; None for stdout.
        err: for mistakes; None for stderr.
        argv0: how the program was called, for the search of a configuration.

    Returns:
        The exit code: 0 or 2.
    """
    out, err = out or sys.stdout, err or sys.stderr
    try:
        given, rest = split(words, (CONFIGURATION, SPOKE, HELP))
        if rest:
            raise UsageError(f"cannot use {rest[0]!r}: name the file with -c")
        files = [(shown, text) for shown, switch, text in given if switch is CONFIGURATION]
        if len(files) > 1:
            raise UsageError(f"conflicting command line option {files[1][0]!r}")
    except UsageError as error:
        err.write(f"minisup check: {error}\nminisup check --help says what it takes\n")
        return 2
    if any(switch is HELP for _, switch, _ in given):
        out.write(HELP_TEXT)
        return 0
    path = files[0][1] if files else None
    facts = facts or Facts.of_this_machine()
    spoke = Spoke(facts.environ, facts.host_node_name) if any(switch is SPOKE for _, switch, _ in given) else None
    if spoke is not None:
        facts.host_node_name = spoke.id
        facts.environ = {"HOSTNAME": spoke.id, **facts.environ}
        facts.is_dir = _with(_made(spoke), facts.is_dir)
        path = path or (spoke.link if facts.exists(spoke.link) else spoke.target)
    try:
        configuration, problems = examine(Overrides(path, argv0=argv0), facts)
    except ConfigError as error:
        configuration, problems = None, error.problems
    if problems or configuration is None:
        for line in mistakes(problems, configuration, facts):
            err.write(f"{line}\n")
        err.write(f"cannot use the configuration: {_count(len(problems), 'mistake')}\n")
        return 2
    for line in [*remarks(configuration), *(advice(configuration, spoke.id) if spoke else ())]:
        out.write(f"{line}\n")
    out.write(f"{path or configuration.daemon.configfile}: good: {summary(configuration)}\n")
    return 0


def _made(spoke: Spoke) -> frozenset[str]:
    """Folders that the hub and the spoke itself have made when the configuration is read there."""
    return frozenset((spoke.wheel.data, spoke.wheel.log, spoke.logs, spoke.folder))


def _with(made: frozenset[str], is_dir: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda path: posixpath.normpath(path) in made or is_dir(path)


def mistakes(problems: Sequence[Problem], configuration: Configuration | None, facts: Facts) -> list[str]:
    """Problems by file, the main one first, and line; then what nothing reads, which is often their cause."""
    main = configuration.daemon.configfile if configuration else ""
    paths = [problem.path or "" for problem in problems]
    files = {path: (facts.absolute(path) != main, number) for number, path in enumerate(dict.fromkeys(paths))}
    ordered = sorted(problems, key=lambda problem: (files[problem.path or ""], problem.line or 0))
    return [*map(str, ordered), *(configuration.unknown if configuration else ())]


def remarks(configuration: Configuration) -> list[str]:
    """What is no mistake but worth a line."""
    warnings = [text for level, text in configuration.messages if level == "warn" and "minisup check" not in text]
    return [*configuration.unknown, *configuration.advice, *warnings]


def summary(configuration: Configuration) -> str:
    """What is in it, in a few words."""
    processes = sum(len(group.processes) for group in configuration.groups)
    parts = [
        _count(len(configuration.groups), "group"),
        _count(processes, "process", "es"),
        _count(len(configuration.servers), "control socket"),
    ]
    return ", ".join(parts)


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else plural}"
