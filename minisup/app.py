"""The composition root: one daemon from its configuration to its end.

    run ── life ── life ...              one life per configuration: HUP and `restart` begin the next
            │ prepare   privileges, limits, main log, sockets, signals, background, groups and AUTO logs, pidfile
            │ boot      the programs that start by themselves
            │ main      task group: driver, server; nothing outlives it
            │ close     sockets, strays (PID 1), pipes, logs, pidfile

What a daemon has in common with a program that embeds us is in `minisup.supervision`.
"""

import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import anyio

from minisup.config.build import ROOT_WITHOUT_USER
from minisup.config.facts import imported
from minisup.config.schema import MAIN_FACTORY
from minisup.control.rpc import Method
from minisup.control.server import serve
from minisup.core.engine import Engine
from minisup.core.essential import watch
from minisup.core.words import Booted, Input, ShutdownCalled, Target
from minisup.errors import ConfigError, Fault, Faults, MinisupError
from minisup.events import Event
from minisup.runtime import daemonize, sockets
from minisup.runtime.driver import Driver
from minisup.runtime.mainlog import MainLog, Mirror
from minisup.runtime.posix import PosixSystem, SignalCatcher, end_strays, note
from minisup.specs import Configuration, DaemonSpec, LogSpec, PluginSpec, ProcessKey, ServerSpec, make_namespec
from minisup.states import RUNNING_STATES, SupervisorStates
from minisup.supervision import Supervision

if TYPE_CHECKING:
    from minisup.control.plugins import Plugins

BROKEN = 70
"""Exit code after a fault of our own (EX_SOFTWARE of sysexits.h)."""
STRAYS = 1.0
"""Seconds that strays get between TERM and KILL when PID 1 leaves."""
LAST_WORDS = 1.0
"""Seconds that a slow reader of stdout gets at the end."""


def run(load: Callable[[], Configuration], configuration: Configuration) -> int:
    """Be a daemon until it is told to end; returns its exit code.

    Args:
        load: reads the configuration again; raises `ConfigError`.
        configuration: what the first call of it gave.

    Raises:
        MinisupError: it cannot start: one line for stderr.
    """
    first, serial = True, 0
    while True:
        life = Life(load, configuration, serial)
        try:
            life.prepare(first)
            life.boot()
            anyio.run(life.main)
        except MinisupError as error:
            if not first:  # a daemon's stderr leads nowhere by now
                life.log("critical", str(error))
            life.close()
            raise
        except BaseException:  # one that leaves would leave the programs behind
            life.fall(traceback.format_exc())
            return BROKEN
        life.close()
        if life.next is None:
            return life.exit_code
        configuration, first, serial = life.next, False, life.serial


class Life(Supervision):
    """One life of the daemon, from one configuration to the next.

    Args:
        load: reads the configuration again; raises `ConfigError`.
        configuration: of this life.
        serial: the number of its first event.

    Attributes:
        next: the configuration of the life after this one; None where this is the last.
    """

    def __init__(self, load: Callable[[], Configuration], configuration: Configuration, serial: int = 0) -> None:
        daemon = configuration.daemon
        self._essential = watch(configuration)
        self._plugged = any(plugin.factory != MAIN_FACTORY for plugin in configuration.rpcinterfaces)
        engine = Engine(daemon.shutdown_timeout, self._essential, daemon.identifier, serial, ticks=self._plugged)
        super().__init__(load, configuration, PosixSystem(), engine)
        self.next: Configuration | None = None
        self._plugins: Plugins | None = None
        self._catcher: SignalCatcher | None = None
        self._servers: list[tuple[ServerSpec, sockets.Server]] = []
        self._pidfile: daemonize.PidFile | None = None

    @property
    def serial(self) -> int:
        """The number of the next event: listeners see one count over all lives."""
        return self._engine.pools.serial

    @property
    def exit_code(self) -> int:
        """What the daemon leaves with after an orderly end."""
        return 0 if self._essential is None else self._essential.code

    # --- start --------------------------------------------------------------------------------------------------------

    def prepare(self, first: bool) -> None:
        """All that can fail, before anything runs. Source: ``supervisord.Supervisor.main``.

        Raises:
            MinisupError: something did.
        """
        spec = self._configuration.daemon
        pid_1 = os.getpid() == 1
        foreground = spec.nodaemon or pid_1
        notes = list(self._configuration.messages)
        if pid_1 and not spec.nodaemon:
            notes.append(("warn", "nodaemon=false has no meaning for PID 1, staying in the foreground"))
        if first:
            daemonize.fill_standard_descriptors()
            daemonize.mark_inherited_cloexec()
        notes += self._privileges(first)
        self._open_log(replace(spec, nodaemon=foreground))
        for level in ("critical", "warn", "info"):
            for kind, text in notes:
                if kind == level:
                    self.log("info" if pid_1 and text == ROOT_WITHOUT_USER else kind, text)
        # The sockets come before the AUTO logs: whoever finds them in use must not have removed a living daemon's logs.
        for server in self._configuration.servers:
            try:
                self._servers.append((server, sockets.open_server(server, self.log)))
            except MinisupError:
                for opened, _ in self._servers if not self._plugged else ():  # plugins would look for groups
                    self._make_interfaces(opened, first, pid_1)
                raise
        if not spec.nocleanup:
            daemonize.clear_auto_logs(spec.childlogdir, spec.identifier, self.log)
        self._catcher = SignalCatcher()
        self._driver = Driver(self._engine, self._system, self._log, self, self._consoles, self._catcher)
        for group in self._configuration.groups:
            self.activate(group)
        for server in self._configuration.servers:
            self._make_interfaces(server, first, pid_1)
        if first and not foreground:
            daemonize.daemonize(spec, self.log)
        if spec.subreaper and not pid_1 and not daemonize.become_subreaper():
            self.log("warn", "cannot become a subreaper: orphans of programs go to PID 1")
        if spec.pidfile is not None:
            self._pidfile = daemonize.write_pidfile(spec.pidfile, self.log)
        else:
            self.log("info", f"supervisord started with pid {os.getpid()}")

    def _privileges(self, first: bool) -> list[tuple[str, str]]:
        spec = self._configuration.daemon
        said: list[tuple[str, str]] = []
        if spec.uid is not None:
            if spec.uid != os.getuid():
                _import_the_rest()
            problem = daemonize.drop_privileges(spec.uid)
            if problem is not None:
                raise MinisupError(problem)
            said.append(("info", f"Set uid to user {spec.uid} succeeded"))
        if first:
            said += [("info", text) for text in daemonize.set_rlimits(spec.minfds, spec.minprocs)]
        return said

    def _open_log(self, spec: DaemonSpec) -> None:
        stdout = stderr = None
        if spec.nodaemon:
            stdout, stderr = self._consoles.of_fd(1), self._consoles.of_fd(2)
        self._main_log = MainLog(spec, stdout=stdout, stderr=stderr)

    def _make_interfaces(self, server: ServerSpec, first: bool, pid_1: bool) -> None:
        """What answers the calls on a server: our own methods, and the objects of plugins."""
        for plugin in self._configuration.rpcinterfaces:
            ours = plugin.factory == MAIN_FACTORY and plugin.name == "supervisor"
            if ours or self._make_interface(server, plugin, first):
                self.log("info", f"RPC interface {plugin.name!r} initialized")
        if not server.username:
            # In a container a socket that only its owner may open is the normal case, not a critical one.
            private = pid_1 and server.path is not None and not server.mode & 0o077
            text = f"Server '{server.section}' running without any HTTP authentication checking"
            self.log("info" if private else "critical", text)

    def _make_interface(self, server: ServerSpec, plugin: PluginSpec, first: bool) -> bool:
        from minisup.control.plugins import Plugins

        if self._plugins is None:
            self._plugins = Plugins(self)
        return self._plugins.make(server, plugin, imported, first)

    # --- the task tree ------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start what is to start by itself; before the event loop, whose import takes a third of our own start."""
        self.driver.post(Booted())

    async def main(self) -> None:
        """Until the engine says so, everything of this life."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve, self._servers, self)
            if self._plugins is not None:
                tasks.start_soon(self._plugins.run)
            for name in self._configuration.daemon.start:
                tasks.start_soon(self._start_group, name)
            await self.driver.run()
            if self._engine.mood != SupervisorStates.RESTARTING:
                self.next = None  # a restart was under way when somebody asked for the end
            tasks.cancel_scope.cancel()

    async def _start_group(self, name: str) -> None:
        """What ``--start`` asks for."""
        group = self._engine.groups.get(name.removesuffix(":*").removesuffix(":"))
        if group is None:
            there = ", ".join(sorted(self._engine.groups)) or "none"
            self.log("error", f"cannot start the group {name!r}: there is no such group (there are: {there})")
            return
        targets = [
            Target(process.key, make_namespec(*process.key), self.refusal(process.spec))
            for process in group.by_priority()
            if process.state not in RUNNING_STATES
        ]
        for key, fault in await self.start(targets, wait=False):
            if fault is not None:
                self.log("error", f"cannot start {make_namespec(*key)!r}: {fault.text}")

    # --- end ----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Leave nothing behind: sockets, strays, pipes, logs, pidfile. Also after a start that failed half-way."""
        with ExitStack() as steps:  # last in, first out; each is taken, whatever became of the others
            if self._catcher is not None:
                steps.callback(self._catcher.close)
            steps.callback(self._consoles.close)
            if self._main_log is not None:
                steps.callback(self._main_log.close)
            steps.callback(self._consoles.drain, LAST_WORDS)
            steps.callback(daemonize.remove_pidfile, self._pidfile)
            if self._driver is not None:
                steps.callback(self._driver.close)
                steps.callback(self._end_strays)
            steps.callback(sockets.close_servers, [server for _, server in self._servers])

    def _end_strays(self) -> None:
        if self.next is None and os.getpid() == 1 and (reaped := end_strays(STRAYS)):
            self.log("info", f"ended {reaped} stray process{'' if reaped == 1 else 'es'}")

    def fall(self, why: str) -> None:
        """A fault of our own: say it, take the children along, and leave nothing behind."""
        self.next = None
        self.log("critical", f"internal error: {why}")
        if self._main_log is None:
            note(f"internal error: {why}")
        if self._driver is not None:
            self._driver.kill_all()
        self.close()

    # --- what the driver needs to know --------------------------------------------------------------------------------

    def copy(self, key: ProcessKey, name: str, spec: LogSpec) -> Mirror | None:
        daemon = self._configuration.daemon
        own = daemon.own is None or key in daemon.own
        if name != "stderr" or not own or not daemon.mirror or (spec.path and self._consoles.of_path(spec.path)):
            return None
        return Mirror(self._log, self._consoles.of_fd(1).voice())

    def publish(self, event: Event) -> None:
        if self._plugins is not None:
            self._plugins.notify(event)

    def reload(self) -> Input | None:
        """For SIGHUP: what cannot be used changes nothing."""
        try:
            self._prepare_next()
        except (ConfigError, MinisupError):
            return None
        return ShutdownCalled(restart=True)

    def _prepare_next(self) -> None:
        """Read the configuration of the next life, and try what can be tried before this one is given up for it.

        Raises:
            ConfigError: it has errors; all of them are in the log.
            MinisupError: the next life could not begin with it; the log says why.
        """
        try:
            configuration = self._load()
            self._rehearse(configuration)
        except MinisupError as error:
            for line in str(error).splitlines():
                self.log("critical", line)
            self.log("critical", "not restarted, nothing is stopped")
            raise
        self.next = configuration

    def _rehearse(self, configuration: Configuration) -> None:
        """Open and close what the next life opens and this one does not have."""
        spec = configuration.daemon
        watch(configuration)
        if spec.uid is not None and os.getuid() not in (0, spec.uid):
            raise MinisupError("Can't drop privilege as nonroot user")
        if spec.logfile is not None and spec.logfile != self._log.path and not spec.logfile.startswith("/dev/"):
            MainLog(replace(spec, nodaemon=False, logfile_maxbytes=0)).close()
        held = {server.path or server.port for server, _ in self._servers}
        for server in configuration.servers:
            if (server.path or server.port) not in held:
                sockets.close_servers([sockets.open_server(server, self.log)])
        sockets.probe_new(configuration.groups, [group.spec for group in self.groups.values()], self.log)

    # --- the port -----------------------------------------------------------------------------------------------------

    def reread(self) -> tuple[list[str], list[str], list[str]]:
        changes = super().reread()
        if self._essential is not None:
            self._essential.own = self._configuration.daemon.own
        return changes

    def plugin_methods(self, section: str) -> Mapping[str, Method]:
        return {} if self._plugins is None else self._plugins.methods.get(section, {})

    def shutdown(self) -> None:
        self.driver.post(ShutdownCalled(restart=False))

    def restart(self) -> None:
        try:
            self._prepare_next()
        except ConfigError as error:
            raise Fault(Faults.CANT_REREAD, error.problems[0].legacy) from None
        except MinisupError as error:
            raise Fault(Faults.CANT_REREAD, error) from None
        self.driver.post(ShutdownCalled(restart=True))


def _import_the_rest() -> None:
    """What is imported on first use, before we become somebody who may not be allowed to read our Python."""
    ours = "minisup.control.page"
    for name in ("asyncio", "anyio._backends._asyncio", "h11", "shlex", "syslog", "xml.parsers.expat", ours):
        import_module(name)
