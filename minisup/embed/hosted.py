"""What a `Supervisor` works with: the supervision of its programs, and everything that has to be opened and closed.

All of it that waits for a disk or another process is done by functions that are called in a thread (`open`, `remember`,
`close`); between them, in the event loop, only the driver runs.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from minisup.config.build import load
from minisup.config.facts import Facts, Overrides
from minisup.config.schema import MAIN_FACTORY
from minisup.core.engine import Engine
from minisup.core.words import Input
from minisup.embed.program import Path, Program, read
from minisup.embed.streams import Bell, Line, Source, Tap
from minisup.errors import ConfigError, Fault, Faults, MinisupError, Problem
from minisup.events import Event
from minisup.runtime import sockets
from minisup.runtime.driver import Driver
from minisup.runtime.mainlog import MainLog
from minisup.runtime.pidfd import PidfdSystem
from minisup.runtime.remains import Remains
from minisup.specs import Configuration, GroupSpec, LogSpec, PluginSpec, ProcessKey, ServerSpec
from minisup.supervision import Supervision

TEXT = "<text>"
"""How errors call a configuration that stands in no file."""
EMPTY = "\n[supervisord]\n"
NOT_OURS = "the program around this supervisor decides about its end"


class Wish:
    """What a `Supervisor` is asked to be; the arguments of its constructor."""

    __slots__ = ("conf", "folder", "log", "programs", "shutdown_timeout", "socket", "text")

    def __init__(
        self,
        conf: Path | None,
        text: str | None,
        programs: Sequence[Program],
        folder: Path | None,
        log: Path | None,
        socket: Path | None,
        shutdown_timeout: float | None,
    ) -> None:
        self.conf = None if conf is None else os.fspath(conf)
        self.text = text
        self.programs = tuple(programs)
        self.folder = None if folder is None else os.fspath(folder)
        self.log = None if log is None else os.fspath(log)
        self.socket = None if socket is None else os.fspath(socket)
        self.shutdown_timeout = shutdown_timeout


class HostedDriver(Driver):
    """A driver that says what is wrong with itself, in whichever task that shows.

    Attributes:
        fall: called with a fault of ours.
    """

    fall: Callable[[BaseException], None]

    def post(self, given: Input) -> None:
        try:
            super().post(given)
        except Exception as fault:
            self.fall(fault)
            raise

    def give_up(self) -> None:
        """After a fault: the programs go, and the task comes to its end."""
        self.kill_all()
        self.over = True
        self._rearm()


class Hosted(Supervision):
    """Programs inside a host.

    Attributes:
        folder: of logs; a temporary one is removed at the end.
        servers: the control socket, where there is one.
        events: what happens.
        lines: what programs write.
        changed: rings when a process may have changed.
        silent: the end has begun, nothing changes any more.
    """

    def __init__(self, wish: Wish, fall: Callable[[BaseException], None]) -> None:
        """Open everything; nothing runs yet but the watcher. To be called in a thread.

        Raises:
            ConfigError: of the configuration.
            MinisupError: something else cannot be had. Then nothing is left open.
        """
        self.events: Source[Event] = Source()
        self.lines: Source[Line] = Source()
        self.changed = Bell()
        self.servers: list[tuple[ServerSpec, sockets.Server]] = []
        self._fall = fall
        self._facts = Facts.of_this_machine()
        self._temporary = wish.folder is None
        self._remains: Remains | None = None
        self._pidfds: PidfdSystem | None = None
        self.silent = False
        self._main_log = None
        self._driver = None
        self.folder = self._make_folder(wish.folder)
        try:
            self._open(wish)
        except BaseException:
            self.close()
            raise

    def _make_folder(self, wanted: str | None) -> str:
        if wanted is None:
            return tempfile.mkdtemp(prefix="minisup-")
        folder = self._facts.absolute(wanted)
        if not os.path.isdir(folder):
            raise MinisupError(f"cannot use the folder {wanted!r}: there is no such directory")
        return folder

    def _open(self, wish: Wish) -> None:
        configuration = _read(wish, self.folder, self._facts)
        daemon = configuration.daemon
        timeout = daemon.shutdown_timeout if wish.shutdown_timeout is None else wish.shutdown_timeout
        self._remains = Remains(self.folder if self._temporary else None)
        self._pidfds = PidfdSystem(self._remains, self.log)
        super().__init__(lambda: self._configuration, configuration, self._pidfds, Engine(timeout))
        self._environment = {**self._environment, self._remains.mark: str(os.getpid())}
        self._main_log = MainLog(daemon)
        for spec in configuration.servers:
            try:
                self.servers.append((spec, sockets.open_server(spec, self.log)))
            except MinisupError as why:
                raise MinisupError(f"cannot open the socket {spec.path!r}: {why}") from None
        self._driver = HostedDriver(self._engine, self._pidfds, self._log, self, self._consoles, None, self._pidfds)
        self._driver.fall = self._fall
        self._driver.announced = lambda key, state: self.changed.ring()
        for group in configuration.groups:
            self.activate(group)

    # --- the end ------------------------------------------------------------------------------------------------------

    def remember(self) -> None:
        """Note who descends from whom, before anybody is stopped. To be called in a thread."""
        assert self._remains is not None
        self._remains.remember()

    def silence(self) -> None:
        """Nothing is read from children any more, and streams end. To be called in the event loop."""
        if not self.silent:
            self.silent = True
            self.driver.close()
            self.changed.ring()
            self.events.end()
            self.lines.end()

    def close(self) -> None:
        """Leave nothing behind. To be called in a thread, after `silence`.

        Raises:
            MinisupError: a process cannot be ended.
        """
        with ExitStack() as steps:  # last in, first out; each is taken, whatever became of the others
            if self._temporary:
                steps.callback(shutil.rmtree, self.folder, ignore_errors=True)
            if self._main_log is not None:
                steps.callback(self._main_log.close)
            if self._pidfds is not None:
                steps.callback(self._pidfds.close)
            if self._remains is not None:
                steps.callback(self._end_remains, self._remains)
            steps.callback(sockets.close_servers, [server for _, server in self.servers])
            if self._driver is not None:
                steps.callback(self.silence)

    def _end_remains(self, remains: Remains) -> None:
        if left := remains.end():
            pids = ", ".join(map(str, left))
            raise MinisupError(f"cannot end process {pids}: SIGKILL does not help")

    @property
    def driver(self) -> HostedDriver:
        assert isinstance(self._driver, HostedDriver)
        return self._driver

    # --- what differs from a daemon -----------------------------------------------------------------------------------

    def copy(self, key: ProcessKey, name: str, spec: LogSpec) -> Tap:
        return Tap(key, name, self.lines)

    def publish(self, event: Event) -> None:
        self.events.put(event)
        self.changed.ring()

    def shutdown(self) -> None:
        raise Fault(Faults.FAILED, NOT_OURS)

    def restart(self) -> None:
        raise Fault(Faults.FAILED, NOT_OURS)

    # --- programs -----------------------------------------------------------------------------------------------------

    def read(self, program: Program) -> GroupSpec:
        """What a program that is to be added means here. To be called in a thread.

        Raises:
            ConfigError: it cannot be.
        """
        _check_name(program, self._engine.groups)
        return read(program, self._configuration.daemon, self._facts)

    def know(self, groups: Iterable[GroupSpec]) -> None:
        """These are the groups from now on; clients that ask for differences find none."""
        self._configuration = replace(self._configuration, groups=tuple(groups))


def _read(wish: Wish, folder: str, facts: Facts) -> Configuration:
    path = TEXT if wish.conf is None else wish.conf
    if wish.conf is None:
        data = ((wish.text or "") + EMPTY).encode()
        place, others, exists = facts.absolute(TEXT), facts.read, facts.exists
        facts.read = lambda path: data if path == place else others(path)
        facts.exists = lambda path: path == place or exists(path)
    found = load(Overrides(path), facts)
    daemon = replace(
        found.daemon,
        logfile=facts.absolute(wish.log) if wish.log is not None else os.path.join(folder, "supervisord.log"),
        logfile_default=False,
        log_syslog=False,
        childlogdir=folder,
        nodaemon=False,
        pidfile=None,
    )
    server = () if wish.socket is None else (ServerSpec("unix_http_server", path=facts.normalize(wish.socket)),)
    groups = {group.name: group for group in reversed(found.groups)}  # of one name, the first counts
    for program in wish.programs:
        _check_name(program, groups)
        groups[program.name] = read(program, daemon, facts)
    return replace(
        found,
        daemon=daemon,
        groups=tuple(sorted(groups.values(), key=lambda group: (group.priority, group.name))),
        servers=server,
        rpcinterfaces=(PluginSpec("supervisor", MAIN_FACTORY),),
    )


def _check_name(program: Program, groups: Mapping[str, object]) -> None:
    if program.name in groups:
        raise ConfigError([Problem(f"cannot use name {program.name!r}: there is a program or group of that name")])
