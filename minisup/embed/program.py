"""A program as Python describes it, read by the same schema as a [program:x] of a file."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypedDict, Unpack

from minisup.config.facts import Facts
from minisup.config.programs import read_program
from minisup.config.remarks import nearest
from minisup.config.schema import PROGRAM
from minisup.errors import ConfigError, Problem
from minisup.specs import DaemonSpec, GroupSpec

Path = str | os.PathLike[str]
Log = Path | None
"""Of a log file: a path, ``AUTO`` for a file in the folder of the supervisor, None for none."""


class ProgramOptions(TypedDict, total=False):
    """The options of a [program:x], as keywords; what they mean is in docs/interface.md."""

    priority: int
    autostart: bool
    autorestart: bool | Literal["unexpected"]
    startsecs: int
    startretries: int
    stopsignal: str | int
    stopwaitsecs: int
    stopasgroup: bool
    killasgroup: bool
    exitcodes: int | Sequence[int]
    redirect_stderr: bool
    numprocs: int
    numprocs_start: int
    stdout_capture_maxbytes: int | str
    stdout_events_enabled: bool
    stderr_capture_maxbytes: int | str
    stderr_events_enabled: bool
    serverurl: str
    user: str | int
    umask: int
    process_name: str
    environment: Mapping[str, str]
    directory: Path
    stdout_logfile: Log
    stdout_logfile_backups: int
    stdout_logfile_maxbytes: int | str
    stdout_syslog: bool
    stderr_logfile: Log
    stderr_logfile_backups: int
    stderr_logfile_maxbytes: int | str
    stderr_syslog: bool
    ready: str
    ready_timeout: float


class Program:
    """A program for a `Supervisor`.

    Values are Python's: a ``%`` is a percent sign and nothing is expanded, but in `process_name`, which is a template
    as in a file.

    Args:
        name: what it is called; no blank, colon or slash.
        command: its words; or a text, split into words as a shell would, without being run by one.
        options: those of a [program:x], by name: ``Program("web", ["python", "app.py"], stopwaitsecs=3)``.

    Raises:
        ConfigError: an option that there is not, or a value that it cannot have; each is named.
    """

    __slots__ = ("_environment", "_written", "command", "name", "options")

    def __init__(self, name: str, command: str | Sequence[Path], **options: Unpack[ProgramOptions]) -> None:
        self.name = name
        self.command = command
        self.options = options
        self._environment: dict[str, str] = {}
        self._written: dict[str, str] = {}
        problems: list[Problem] = []
        for option, value in {"command": command, **options}.items():
            try:
                self._write(option, value)
            except ValueError as why:
                problems.append(Problem(f"cannot use {option} {_shown(value)} of program {name!r}: {why}"))
        if problems:
            raise ConfigError(problems)
        read(self, DaemonSpec(), _NOWHERE)

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"Program({self.name!r}, {self.command!r}{options})"

    def _write(self, option: str, value: object) -> None:
        """Put down a value as it would stand in a file."""
        if option not in PROGRAM.keys:
            raise ValueError(f"there is no such option{nearest(option, PROGRAM.keys)}")
        if option == "environment":
            self._environment = _environment(value)
        elif value is not None:
            text = _command(value) if option == "command" else _text(option, value)
            if "\0" in text:
                raise ValueError("it holds a NUL character")
            self._written[option] = text if option == "process_name" else _unexpanded(option, text)
        elif option.endswith("_logfile"):
            self._written[option] = "NONE"


def read(program: Program, daemon: DaemonSpec, facts: Facts) -> GroupSpec:
    """The group of its processes in a supervisor.

    Raises:
        ConfigError: a value that an option cannot have here, for example a directory that is not there.
    """
    name = program.name
    try:
        processes = read_program(f"program:{name}", program._written, name, daemon, facts)
    except ConfigError as error:  # the place that it names is none
        raise ConfigError([Problem(problem.text) for problem in error.problems]) from None
    own = tuple(replace(one, environment={**one.environment, **program._environment}) for one in processes)
    return GroupSpec(name, own[0].priority if own else 999, own)


_NOWHERE = Facts(user=lambda name: (0, 0))
"""Knows no machine: what is wrong everywhere is wrong here, too."""


def _unexpanded(option: str, text: str) -> str:
    """Log files are expanded twice."""
    return text.replace("%", "%%%%" if option.endswith("_logfile") else "%%")


def _command(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and value and all(isinstance(word, str | os.PathLike) for word in value):
        return shlex.join(os.fspath(word) for word in value)
    raise ValueError("neither a text nor a list of words")


def _text(option: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:o}" if option == "umask" else f"{value:d}"
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, int) for item in value):
        return ",".join(map(str, value))
    raise ValueError(f"no option has a value of type {type(value).__name__}")


def _environment(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise ValueError("not a mapping of texts to texts")
    for name, text in value.items():
        if not name or "=" in name or "\0" in name + text:
            raise ValueError(f"{name!r} cannot be a variable" if "\0" not in text else f"{name} holds a NUL character")
    return dict(value)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
