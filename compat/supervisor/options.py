"""Names of processes, the parser of the INI dialect, and a configuration as scripts look at it that check one."""

import configparser as ConfigParser
import os
import socket
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from minisup import SUPERVISORD_VERSION, signals
from minisup import names as _names
from minisup.config import search_places
from minisup.config import values as _values
from minisup.control import tail as _tail
from minisup.ctl.settings import Settings
from minisup.specs import Configuration, GroupSpec, LogSpec, ProcessSpec, ServerSpec
from supervisor import _missing, states
from supervisor.datatypes import (
    Automatic,
    auto_restart,
    boolean,
    byte_size,
    existing_directory,
    existing_dirpath,
    integer,
    list_of_exitcodes,
    list_of_strings,
    logfile_name,
    logging_level,
    octal_type,
    signal_number,
)

__getattr__ = _missing.names_of(__name__)

VERSION = SUPERVISORD_VERSION

_NEEDED: Any = []
"""An option without a default."""


def normalize_path(v: str) -> str:
    """A path from the root; ``~`` is expanded."""
    return os.path.normpath(os.path.abspath(os.path.expanduser(v)))


def make_namespec(group_name: str, process_name: str) -> str:
    """``group:process``, or ``process`` where both are equal."""
    return _names.make_namespec(group_name, process_name)


def split_namespec(namespec: str) -> tuple[str, str | None]:
    """The group and process that a name means; the process is None for ``group:`` and ``group:*``."""
    return _names.split_namespec(namespec)


def expand(s: str, expansions: Mapping[str, Any], name: str) -> str:
    """A text with ``%(name)s`` replaced.

    Args:
        name: what an error calls it, ``section.option``.

    Raises:
        ValueError: an unknown name, or no format.
    """
    try:
        return _values.expand(s, expansions, name)
    except _values.Refused as error:
        raise ValueError(error.legacy) from None


def signame(sig: int) -> str:
    """``SIGTERM`` for 15; ``signal 35`` for a number without a name."""
    return signals.name(sig)


def decode_wait_status(sts: int) -> tuple[int, str]:
    """The exit code, -1 for a signal, and what happened in words; of a status of ``os.waitpid``."""
    if os.WIFEXITED(sts):
        code = os.WEXITSTATUS(sts)
        return code, f"exit status {code}"
    if os.WIFSIGNALED(sts):
        core = " (core dumped)" if os.WCOREDUMP(sts) else ""
        return -1, f"terminated by {signame(os.WTERMSIG(sts))}{core}"
    return -1, f"unknown termination cause 0x{sts:04x}"


def readFile(filename: str, offset: int, length: int) -> bytes:
    """Part of a file, as `readLog` counts; ValueError BAD_ARGUMENTS or FAILED."""
    try:
        with open(filename, "rb") as file:
            window = _tail.read_window(os.fstat(file.fileno()).st_size, offset, length)
            file.seek(window.start)
            return file.read(window.end - window.start)
    except _tail.BadArguments:
        raise ValueError("BAD_ARGUMENTS") from None
    except OSError:
        raise ValueError("FAILED") from None


def tailFile(filename: str, offset: int, length: int) -> list[Any]:
    """The end of a file, its size, and whether more was written, as `tailLog` counts."""
    try:
        with open(filename, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            window, overflow = _tail.tail_window(size, offset, length)
            return [_tail.characters(file, window), size, overflow]
    except OSError:
        return ["", offset, False]


class ProcessException(Exception):
    """A program cannot be started."""


class BadCommand(ProcessException):
    """Its command is no command."""


class NotExecutable(ProcessException):
    """Its file may not be executed."""


class NotFound(ProcessException):
    """Its file is not there."""


class NoPermission(ProcessException):
    """We may not execute its file."""


class UnhosedConfigParser(ConfigParser.RawConfigParser):
    """The parser of Python with the rules of supervisord, for listeners that read its configuration.

    Attributes:
        mysection: the section of `getdefault`.
        section_to_file: where each section was read.
        expansions: what ``%(name)s`` may name.
    """

    mysection = "supervisord"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"inline_comment_prefixes": (";", "#"), "strict": False, **kwargs})
        self.section_to_file: dict[str, str] = {}
        self.expansions: dict[str, Any] = {}

    def read_string(self, string: str, source: str = "<string>") -> None:
        """Read a text."""
        super().read_string(string, source)

    def read(self, filenames: Any, **kwargs: Any) -> list[str]:  # type: ignore[override]
        """Read one file or several, as far as they are there; returns those that were read."""
        found = []
        for filename in [filenames] if isinstance(filenames, str) else filenames:
            before = set(self.sections())
            found += super().read([filename], **kwargs)
            self.section_to_file.update(dict.fromkeys(set(self.sections()) - before, filename))
        return found

    def saneget(
        self,
        section: str,
        option: str,
        default: Any = _NEEDED,
        do_expand: bool = True,
        expansions: Mapping[str, Any] = {},
    ) -> Any:
        """An option, expanded; the default, expanded, where there is none.

        Raises:
            ConfigParser.NoOptionError: it is not there, and has no default.
            ValueError: it cannot be expanded.
        """
        try:
            value: Any = self.get(section, option)
        except ConfigParser.NoOptionError:
            if default is _NEEDED:
                raise
            value = default
        if do_expand and isinstance(value, str):
            return expand(value, {**self.expansions, **expansions}, f"{section}.{option}")
        return value

    def getdefault(
        self,
        option: str,
        default: Any = _NEEDED,
        expansions: Mapping[str, Any] = {},
        **kwargs: Any,
    ) -> Any:
        """`saneget` of our own section."""
        return self.saneget(self.mysection, option, default=default, expansions=expansions, **kwargs)

    def expand_here(self, here: str) -> None:
        """Put a folder where ``%(here)s`` stands, in all that was read."""
        for section in self.sections():
            for key, value in self.items(section):
                if "%(here)s" in value:
                    self.set(section, key, value.replace("%(here)s", here))


class Options:
    """What `ServerOptions` and `ClientOptions` have in common: a command line and a file, looked at and not more."""

    stderr = sys.stderr
    stdout = sys.stdout
    exit = staticmethod(sys.exit)
    warnings = warnings

    uid: int | None = None
    gid: int | None = None
    progname = sys.argv[0]
    configfile: str | None = None
    here: str | None = None
    positional_args_allowed = 0

    def __init__(self, require_configfile: bool = True) -> None:
        self.require_configfile = require_configfile
        self.args: list[str] = []
        self.searchpaths = list(search_places(sys.argv[0]))
        self.environ_expansions = {f"ENV_{name}": value for name, value in os.environ.items()}

    def __getattr__(self, name: str) -> Any:
        raise _missing.attribute(self, name)

    def usage(self, msg: object) -> None:
        """Say on stderr what is wrong, and exit with 2."""
        self.stderr.write(f"Error: {msg}\nFor help, use {self.progname} -h\n")
        self.exit(2)


class ServerOptions(Options):
    """A configuration of the daemon, read and checked: `realize` a command line, then look at the attributes.

    The daemon itself does not work with this; minisup's own classes are in `minisup.specs`.
    """

    mood = states.SupervisorStates.RUNNING
    process_group_configs: Sequence[Any] = ()
    server_configs: Sequence[dict[str, Any]] = ()
    serverurl: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self._words: Sequence[str] = ()

    def realize(self, *arg: Any, **kw: Any) -> None:
        """Understand a command line (by default our own), then the configuration that it names.

        Called with what `supervisord` takes: ``realize(args, doc, progname)``. What is wrong ends the process with
        exit code 2 and a line on stderr.
        """
        self._words, self.progname = _given(arg, kw)
        self.process_config()

    def process_config(self, do_usage: bool = True) -> None:
        """Read the configuration, `configfile` where nothing else was said.

        Raises:
            ValueError: it cannot be used, in supervisord's words; with `do_usage` the process ends instead.
        """
        from minisup.cli.arguments import UsageError, parse
        from minisup.config.build import load
        from minisup.config.facts import Facts
        from minisup.errors import ConfigError

        facts = Facts.of_this_machine()
        try:
            overrides = parse(self._words, facts, self.progname).overrides
            overrides.configfile = overrides.configfile or self.configfile
            self._take(load(overrides, facts))
        except (UsageError, ConfigError) as error:
            text = error.problems[0].legacy if isinstance(error, ConfigError) else str(error)
            if not do_usage:
                raise ValueError(text) from None
            self.usage(text)

    def _take(self, configuration: Configuration) -> None:
        daemon = configuration.daemon
        for name in (
            *("childlogdir", "configfile", "directory", "here", "identifier", "logfile_backups", "logfile_maxbytes"),
            *("minfds", "minprocs", "nocleanup", "nodaemon", "pidfile", "silent", "strip_ansi", "uid", "umask"),
        ):
            setattr(self, name, getattr(daemon, name))
        self.environment = dict(daemon.environment)
        self.logfile = "syslog" if daemon.log_syslog else daemon.logfile
        self.loglevel = logging_level(daemon.loglevel)
        self.process_group_configs = [_group(group) for group in configuration.groups]
        self.server_configs = [_server(server) for server in configuration.servers]
        self.serverurl = configuration.serverurl


class ClientOptions(Settings):
    """What the client goes by: a command line, and the section [supervisorctl] of the file that it names."""

    exit = staticmethod(sys.exit)

    def __init__(self) -> None:
        super().__init__()
        self.progname = sys.argv[0]

    def __getattr__(self, name: str) -> Any:
        raise _missing.attribute(self, name)

    def realize(self, *arg: Any, **kw: Any) -> None:
        """Understand a command line (by default our own): ``realize(args, doc, progname)``.

        Help is printed, and what is wrong is said on stderr; both end the process.
        """
        from minisup.cli.ctl import client, help_text
        from minisup.errors import MinisupError

        words, self.progname = _given(arg, kw)
        try:
            found = client(self.progname, list(words))
        except MinisupError as error:
            self.usage(error)
        else:
            if found is None:
                sys.stdout.write(help_text(self.progname))
                self.exit(0)
            else:
                vars(self).update(vars(found))

    def usage(self, msg: object) -> None:
        """Say on stderr what is wrong, and exit with 2."""
        sys.stderr.write(f"Error: {msg}\nFor help, use {self.progname} -h\n")
        self.exit(2)


def _given(arg: tuple[Any, ...], kw: dict[str, Any]) -> tuple[Sequence[str], str]:
    """The words of a command line, and what it is that they are said to."""
    given = dict(zip(("args", "doc", "progname"), arg, strict=False)) | kw
    words = given.get("args")
    return sys.argv[1:] if words is None else words, given.get("progname") or sys.argv[0]


def _server(server: ServerSpec) -> dict[str, Any]:
    common = {"name": None, "username": server.username, "password": server.password}
    if server.path is None:
        return {**common, "family": socket.AF_INET, "host": server.host, "port": server.port}
    return {**common, "family": socket.AF_UNIX, "file": server.path, "chown": server.owner, "chmod": server.mode}


def _group(group: GroupSpec) -> SimpleNamespace:
    processes = [_process(process) for process in group.processes]
    found = SimpleNamespace(name=group.name, priority=group.priority, process_configs=processes)
    if group.pool is not None:
        found.buffer_size = group.pool.buffer_size
    return found


_AUTORESTART = {"always": "true", "never": "false", "unexpected": "unexpected"}


def _process(spec: ProcessSpec) -> SimpleNamespace:
    names = (
        *("autostart", "command", "directory", "exitcodes", "killasgroup", "name", "priority", "redirect_stderr"),
        *("serverurl", "startretries", "startsecs", "stopasgroup", "stopsignal", "stopwaitsecs", "uid", "umask"),
    )
    found = SimpleNamespace(**{name: getattr(spec, name) for name in names})
    found.autorestart = auto_restart(_AUTORESTART[spec.autorestart])
    found.environment = dict(spec.environment)
    found.exitcodes = list(spec.exitcodes)
    for channel, log in (("stdout", spec.stdout), ("stderr", spec.stderr)):
        found.__dict__.update(_log(channel, log))
    return found


def _log(channel: str, log: LogSpec) -> Iterable[tuple[str, Any]]:
    yield f"{channel}_logfile", Automatic if log.auto else log.path
    yield f"{channel}_logfile_maxbytes", log.maxbytes
    yield f"{channel}_logfile_backups", log.backups
    yield f"{channel}_capture_maxbytes", log.capture_maxbytes
    yield f"{channel}_events_enabled", log.events_enabled
    yield f"{channel}_syslog", log.syslog
