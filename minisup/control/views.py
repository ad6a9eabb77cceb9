"""What a plugin sees of the daemon: the attributes that plugins in the wild use of supervisord's objects, no others.

The views stand over `minisup.control.port` and hold nothing themselves: each is made anew when it is asked for. Asking
for something that is not there raises `NotServed`, an AttributeError, so that `hasattr` works; who does not catch it is
told in the log, and its client by a fault, which section, which attribute and which line it is about.
"""

import errno
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any, NoReturn

from minisup.control.port import Port
from minisup.control.rpc import METHODS
from minisup.core.lifecycle import Process
from minisup.core.words import Input, SignalCalled, StartCalled, StopCalled, Target
from minisup.errors import Fault, Faults
from minisup.names import make_namespec
from minisup.specs import DaemonSpec, GroupSpec, PluginSpec, ProcessKey, ProcessSpec
from minisup.states import STOPPED_STATES, ProcessStates, SupervisorStates

NOBODY = -1
"""The ticket of what nobody waits for; those of clients begin with 0."""

_LEVELS = {50: "critical", 40: "error", 30: "warn", 20: "info", 10: "debug", 5: "trace", 3: "blather"}
_OPTIONS = frozenset(DaemonSpec.__dataclass_fields__) - {
    *("exit_code_from", "exit_on", "log_syslog", "logfile_default", "loglevel", "mirror", "own", "shutdown_timeout"),
    *("start", "subreaper"),
}
"""Fields of `DaemonSpec` that supervisord's options have, too, and mean the same."""
_MACHINE = frozenset(("backoff", "exitstatus", "pid", "spawnerr", "state"))
"""Attributes of `minisup.core.lifecycle.Process` that supervisord's processes have, too."""
_CONFIG = frozenset(ProcessSpec.__dataclass_fields__) - {"autorestart", "exitcodes", "environment", "stderr", "stdout"}
_LOG = {
    "logfile": "path",
    "logfile_maxbytes": "maxbytes",
    "logfile_backups": "backups",
    "syslog": "syslog",
    "capture_maxbytes": "capture_maxbytes",
    "events_enabled": "events_enabled",
}
"""What follows ``stdout_`` and ``stderr_`` in the name of an option, and the field of `LogSpec`."""


class NotServed(AttributeError):
    """A plugin asks for something that minisup has not."""


def theirs(module: str) -> ModuleType | None:
    """A module of the package `supervisor` (the real one or the stand-in), if a plugin imported it."""
    return sys.modules.get(f"supervisor.{module}")


def raise_theirs(module: str, name: str, *args: object) -> NoReturn:
    """Raise an exception that the plugin knows from there."""
    raise getattr(theirs(module), name, Exception)(*args)


class Desk:
    """What the views of one plugin share.

    Attributes:
        port: the daemon.
        spec: the section of the plugin.
        act: does what changes something: now or, where that cannot be, soon; then its result is None.
        later: makes the function that plugins poll out of an answer that is to come.
    """

    def __init__(
        self,
        port: Port,
        spec: PluginSpec,
        act: Callable[..., Any],
        later: Callable[[Coroutine[Any, Any, Any]], Callable[[], Any]],
    ) -> None:
        self.port = port
        self.spec = spec
        self.act = act
        self.later = later

    def refuse(self, what: str) -> NotServed:
        """The error for something that is not there."""
        place = f"{self.spec.place}: " if self.spec.place else ""
        section = f"[rpcinterface:{self.spec.name}] supervisor.rpcinterface_factory"
        return NotServed(f"{place}{section}: {self.spec.factory} asks for {what}, which minisup has not")

    def post(self, given: Input) -> None:
        """Hand the engine an input."""
        self.act(self.port.post, given)


class View:
    """A part of the daemon: has what the class has, and says so of the rest."""

    path = "supervisord"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._desk.refuse(f"{self.path}.{name}")


class Supervisord(View):
    """The first argument of a factory."""

    @property
    def options(self) -> "Options":
        return Options(self._desk)

    @property
    def process_groups(self) -> "dict[str, GroupView]":
        return {name: GroupView(self._desk, name) for name in self._desk.port.groups}

    def call(self, name: str, *params: object) -> Any:
        """A method by its full name; what has to wait gives a function that gives NOT_DONE_YET until it has an answer.

        Raises:
            supervisor.xmlrpc.RPCError: it refused.
        """
        desk, method = self._desk, METHODS[name]
        try:
            if desk.port.mood < SupervisorStates.RUNNING and not method.always:
                raise Fault(Faults.SHUTDOWN_STATE)
            if iscoroutinefunction(method.handler):
                return desk.later(method.handler(desk.port, *params))
            if name.partition(".")[2].startswith(("get", "read", "tail")):
                return method.handler(desk.port, *params)
            return desk.act(method.handler, desk.port, *params)
        except Fault as fault:
            raise_theirs("xmlrpc", "RPCError", fault.code, fault.about)

    def get_state(self) -> int:
        return self._desk.port.mood

    def reap(self, *_: object, **__: object) -> None:
        """Deaths are noticed when they happen."""

    def diff_to_active(self) -> "tuple[list[GroupConfig], list[GroupConfig], list[GroupConfig]]":
        """The groups that are new, changed, gone, by what was read last."""
        read = {group.name: group for group in self._desk.port.configuration.groups}
        active = {name: group.spec for name, group in self._desk.port.groups.items()}
        added, changed, removed = self._desk.port.diff()
        return tuple(  # type: ignore[return-value]
            [GroupConfig(self._desk, specs[name]) for name in names]
            for names, specs in ((added, read), (changed, read), (removed, active))
        )

    def add_process_group(self, config: "GroupConfig") -> bool:
        if not isinstance(config, GroupConfig):
            raise self._desk.refuse("a group that no configuration has")
        if config.name in self._desk.port.groups:
            return False
        self._desk.act(self._desk.port.add_group, config.spec)
        return True

    def remove_process_group(self, name: str) -> bool:
        if self.process_groups[name].get_unstopped_processes():
            return False
        self._desk.act(self._desk.port.remove_group, name)
        return True


class Options(View):
    """``supervisord.options``."""

    path = "supervisord.options"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._daemon, name) if name in _OPTIONS else super().__getattr__(name)

    @property
    def _daemon(self) -> DaemonSpec:
        return self._desk.port.configuration.daemon

    @property
    def mood(self) -> int:
        return self._desk.port.mood

    @mood.setter
    def mood(self, mood: int) -> None:
        port = self._desk.port
        self._desk.act({SupervisorStates.RESTARTING: port.restart}.get(mood, port.shutdown))

    @property
    def logger(self) -> "Logger":
        return Logger(self._desk)

    @property
    def serverurl(self) -> str | None:
        return self._desk.port.configuration.serverurl

    @property
    def process_group_configs(self) -> "list[GroupConfig]":
        return [GroupConfig(self._desk, spec) for spec in self._desk.port.configuration.groups]

    @property
    def server_configs(self) -> list[dict[str, Any]]:
        found = []
        for spec in self._desk.port.configuration.servers:
            who = {"section": spec.section, "username": spec.username, "password": spec.password}
            if spec.path is None:
                found.append({"name": "inet_http_server", "family": socket.AF_INET} | who)
                found[-1] |= {"host": spec.host, "port": spec.port}
            else:
                found.append({"name": "unix_http_server", "family": socket.AF_UNIX, "file": spec.path} | who)
                found[-1] |= {"chmod": spec.mode, "chown": spec.owner or (-1, -1)}
        return found

    def get_pid(self) -> int:
        return os.getpid()

    def process_config(self, do_usage: bool = True) -> None:
        """Read the configuration again. ValueError: it cannot be used."""
        try:
            self._desk.act(self._desk.port.reread)
        except Fault as fault:
            raise ValueError(fault.about) from None

    def processes_from_section(self, parser: Any, section: str, group_name: str) -> "list[ProcessConfig]":
        """The processes that a section of a parser describes. ValueError: it does not."""
        given = {name: str(text) for name, text in parser.items(section)}
        try:
            specs = self._desk.port.read_program(section, given, group_name)
        except Fault as fault:
            raise ValueError(fault.about) from None
        return [ProcessConfig(self._desk, spec) for spec in specs]


class Logger(View):
    """The main log: a method for each level."""

    path = "supervisord.options.logger"

    def __getattr__(self, name: str) -> Any:
        return partial(self._say, name) if name in _LEVELS.values() else super().__getattr__(name)

    def log(self, level: int, msg: object, **kw: object) -> None:
        self._say(_LEVELS[level], msg, **kw)

    def _say(self, level: str, msg: object, **kw: object) -> None:
        self._desk.port.log(level, str(msg) % kw if kw else str(msg))


class GroupConfig(View):
    """What the configuration says of a group."""

    path = "a group's config"

    def __init__(self, desk: Desk, spec: GroupSpec) -> None:
        super().__init__(desk)
        self.spec = spec
        self.name = spec.name
        self.priority = spec.priority
        self.options = Options(desk)

    @property
    def process_configs(self) -> "list[ProcessConfig]":
        return [ProcessConfig(self._desk, process) for process in self.spec.processes]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GroupConfig) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash(self.name)


class ProcessConfig(View):
    """What the configuration says of a process."""

    path = "a process's config"

    def __init__(self, desk: Desk, spec: ProcessSpec) -> None:
        super().__init__(desk)
        self.spec = spec
        self.options = Options(desk)
        self.exitcodes = list(spec.exitcodes)
        self.environment = dict(spec.environment)

    def __getattr__(self, name: str) -> Any:
        channel, _, option = name.partition("_")
        if channel in ("stdout", "stderr") and option in _LOG:
            return getattr(getattr(self.spec, channel), _LOG[option])
        return getattr(self.spec, name) if name in _CONFIG else super().__getattr__(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessConfig) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash(self.spec.name)

    def create_autochildlogs(self) -> None:
        """They are made when the process comes into its group."""

    def make_process(self, group: "GroupView") -> "ProcessView":
        return ProcessView(self._desk, (group.config.name, self.spec.name), Process(group.config.name, self.spec))


class GroupView(View):
    """An active group."""

    path = "a group"

    def __init__(self, desk: Desk, name: str) -> None:
        super().__init__(desk)
        self.config = GroupConfig(desk, desk.port.groups[name].spec)

    def __lt__(self, other: "GroupView") -> bool:
        return bool(self.config.priority < other.config.priority)

    @property
    def processes(self) -> "Processes":
        return Processes(self._desk, self.config.name)

    def get_unstopped_processes(self) -> "list[ProcessView]":
        return [process for process in self.processes.values() if process.state not in STOPPED_STATES]

    def stop_all(self) -> None:
        for process in self.get_unstopped_processes():
            process.stop()

    def transition(self) -> None:
        """States change when it is time."""


class Processes(dict[str, "ProcessView"]):
    """The processes of a group by name; what is put in or taken out comes into the group or goes."""

    def __init__(self, desk: Desk, group: str) -> None:
        machines = desk.port.groups[group].processes
        super().__init__({name: ProcessView(desk, (group, name), machine) for name, machine in machines.items()})
        self._desk = desk
        self._group = group

    def __setitem__(self, name: str, process: "ProcessView") -> None:
        self._become([*(spec for spec in self._specs() if spec.name != name), process.config.spec])
        super().__setitem__(name, process)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._become([spec for spec in self._specs() if spec.name != name])

    def _specs(self) -> tuple[ProcessSpec, ...]:
        return self._desk.port.groups[self._group].spec.processes

    def _become(self, specs: list[ProcessSpec]) -> None:
        spec = self._desk.port.groups[self._group].spec
        if spec.pool is not None:
            raise self._desk.refuse(f"other processes in the pool of event listeners {self._group!r}")
        self._desk.act(self._desk.port.change_group, replace(spec, processes=tuple(specs)))


class ProcessView(View):
    """A process of a group: how it is, and what can be done with it."""

    path = "a process"

    def __init__(self, desk: Desk, key: ProcessKey, machine: Process) -> None:
        super().__init__(desk)
        self._key = key
        self._given = machine

    @property
    def _machine(self) -> Process:
        group = self._desk.port.groups.get(self._key[0])
        return self._given if group is None else group.processes.get(self._key[1], self._given)

    @property
    def _target(self) -> Target:
        return Target(self._key, make_namespec(*self._key))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessView) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __lt__(self, other: "ProcessView") -> bool:
        return bool(self.config.priority < other.config.priority)

    @property
    def config(self) -> ProcessConfig:
        return ProcessConfig(self._desk, self._machine.spec)

    @property
    def group(self) -> GroupView | None:
        return GroupView(self._desk, self._key[0]) if self._key[0] in self._desk.port.groups else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name) if name in _MACHINE else super().__getattr__(name)

    @property
    def killing(self) -> bool:
        return self._machine.state == ProcessStates.STOPPING

    @property
    def laststart(self) -> float:
        return 0 if self._machine.started is None else self._machine.started.wall

    @property
    def laststop(self) -> float:
        return 0 if self._machine.stopped is None else self._machine.stopped.wall

    def get_state(self) -> int:
        return self._machine.state

    def get_execv_args(self) -> tuple[str, list[str]]:
        """The command in words. An exception of `supervisor.options`: it cannot be run."""
        fault = self._desk.port.refusal(self._machine.spec)
        if fault is not None:
            raise_theirs("options", "NotFound" if fault.code == Faults.NO_FILE else "NotExecutable", str(fault.about))
        words = shlex.split(self._machine.spec.command)
        return words[0], words

    def spawn(self) -> int | None:
        """Start it; its pid, or None."""
        self._desk.post(StartCalled(NOBODY, [self._target], False))
        return self._machine.pid or None

    def stop(self) -> None:
        self._desk.post(StopCalled(NOBODY, [self._target], False))

    def kill(self, sig: int) -> None:
        """Stop it by a signal of one's choice."""
        self.signal(sig)
        self.stop()

    def signal(self, sig: int) -> None:
        self._desk.post(SignalCalled(NOBODY, [self._target], int(signal.Signals(sig))))

    def write(self, chars: str | bytes) -> None:
        """To its standard input. OSError with EPIPE: it has none."""
        try:
            data = chars if isinstance(chars, bytes) else chars.encode()
            self._desk.act(self._desk.port.write_stdin, self._key, data)
        except BrokenPipeError:
            raise OSError(errno.EPIPE, f"Process {self._key[1]!r} takes no input") from None

    def removelogs(self) -> None:
        self._desk.act(self._desk.port.clear_logs, self._key)

    def transition(self) -> None:
        """States change when it is time."""

    def stop_report(self) -> None:
        """Who waits for it is told by the daemon."""
