"""Programs under one engine, whoever hosts it: what a daemon (`minisup.app`) and a program that embeds us
(`minisup.embed`) have in common.

`Supervision` is the port (`minisup.control.port`) through which clients reach the engine, and the outlet
(`minisup.runtime.outlet`) through which the driver reaches configuration and channels. What only a host can know (how
it ends, who else listens) is left to it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from minisup.config.changes import diff
from minisup.config.facts import Facts, imported
from minisup.config.programs import read_program
from minisup.core.engine import Engine
from minisup.core.pool import ACCEPTED, FAILED, REJECTED
from minisup.core.roster import Group
from minisup.core.words import (
    GroupAdded,
    GroupChanged,
    GroupRemoved,
    Input,
    Instant,
    Outcome,
    SignalCalled,
    StartCalled,
    StopCalled,
    Target,
)
from minisup.errors import ConfigError, Fault, Faults
from minisup.events import Event
from minisup.runtime import daemonize, sockets
from minisup.runtime.channel import Channel, Copy
from minisup.runtime.children import child_environment
from minisup.runtime.console import Console, Consoles
from minisup.runtime.driver import Driver
from minisup.runtime.mainlog import MainLog
from minisup.runtime.system import System
from minisup.specs import Configuration, GroupSpec, LogSpec, ProcessKey, ProcessSpec

if TYPE_CHECKING:
    from minisup.control.rpc import Method


class Supervision:
    """An engine with its driver, its channels and its log.

    Args:
        load: reads the configuration again; raises `ConfigError`.
        configuration: what there is to run.
        system: who runs it.
        engine: of these programs.
    """

    def __init__(
        self, load: Callable[[], Configuration], configuration: Configuration, system: System, engine: Engine
    ) -> None:
        self._load = load
        self._configuration = configuration
        self._system = system
        self._engine = engine
        self._serverurl = configuration.serverurl
        self._environment: Mapping[str, str] = dict(os.environ)
        self._active: dict[str, tuple[GroupSpec, GroupSpec]] = {}
        self._consoles = Consoles(self._wake, self.log)
        self._main_log: MainLog | None = None
        self._driver: Driver | None = None

    @property
    def driver(self) -> Driver:
        """The driver, once there is one."""
        assert self._driver is not None
        return self._driver

    @property
    def _log(self) -> MainLog:
        assert self._main_log is not None
        return self._main_log

    def _echo(self) -> bool:
        return self._log.enabled("debug")

    def _wake(self, console: Console) -> None:
        if self._driver is not None:
            self._driver.watch_console(console)

    # --- what the driver needs to know --------------------------------------------------------------------------------

    def environment(self, key: ProcessKey, spec: ProcessSpec) -> Mapping[str, str]:
        return child_environment(self._environment, key, spec, self._serverurl)

    def channel(self, key: ProcessKey, name: str, spec: LogSpec) -> Channel:
        protocol = name == "stdout" and key[0] in self._engine.pools
        if protocol:  # what a listener says there is for its pool, and at most for a file
            spec = replace(spec, capture_maxbytes=0, events_enabled=False, syslog=False)
        return Channel(
            key[1],
            key[0],
            name,
            spec,
            strip_ansi=self._configuration.daemon.strip_ansi,
            consoles=self._consoles,
            say=self.log,
            echo=_never if protocol else self._echo,
            publish=self.driver.publish,
            copy=self.copy(key, name, spec),
        )

    def copy(self, key: ProcessKey, name: str, spec: LogSpec) -> Copy | None:
        """Who else gets what is written to a channel."""
        return None

    def publish(self, event: Event) -> None:
        """An event, for whoever listens beside the pools of the engine."""

    def judge(self, handler: str, event: Event, result: bytes) -> str:
        try:
            imported(handler)(HandledEvent(event), result)
        except (Exception, SystemExit) as error:
            # By its name: the handler may have it from the real `supervisor.dispatchers` or from a stand-in.
            if any(kind.__name__ == "RejectEvent" for kind in type(error).__mro__):
                return REJECTED
            self.log("error", f"cannot judge a result by {handler!r}: {type(error).__name__}: {error}")
            return FAILED
        return ACCEPTED

    def reload(self) -> Input | None:
        """For SIGHUP; nothing happens where nobody begins anew."""
        return None

    # --- the port -----------------------------------------------------------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        return self._configuration

    @property
    def mood(self) -> int:
        return self._engine.mood

    @property
    def groups(self) -> Mapping[str, Group]:
        return self._engine.groups

    def now(self) -> Instant:
        return self._system.now()

    def refusal(self, spec: ProcessSpec) -> Fault | None:
        return self.driver.refusal(spec)

    async def start(self, targets: Sequence[Target], wait: bool) -> list[Outcome]:
        return await self.driver.call(lambda ticket: StartCalled(ticket, targets, wait))

    async def stop(self, targets: Sequence[Target], wait: bool) -> list[Outcome]:
        return await self.driver.call(lambda ticket: StopCalled(ticket, targets, wait))

    async def wait_ready(self, targets: Sequence[Target], seconds: float | None) -> list[Outcome]:
        return await self.driver.when_ready(targets, seconds)

    async def signal(self, targets: Sequence[Target], signum: int) -> list[Outcome]:
        return await self.driver.call(lambda ticket: SignalCalled(ticket, targets, signum))

    def reread(self) -> tuple[list[str], list[str], list[str]]:
        try:
            self._configuration = self._load()
        except ConfigError as error:
            raise Fault(Faults.CANT_REREAD, error.problems[0].legacy) from None
        return self.diff()

    def diff(self) -> tuple[list[str], list[str], list[str]]:
        return diff([group.spec for group in self._engine.groups.values()], self._configuration.groups)

    def add_group(self, spec: GroupSpec) -> None:
        try:
            self.activate(spec)
        except sockets.SharedSocketError as error:
            raise Fault(Faults.FAILED, error) from None

    def activate(self, spec: GroupSpec) -> None:
        """Make a group active.

        Raises:
            SharedSocketError: the socket that its processes share cannot be made.
        """
        # A group that comes back before the file was read again has the AUTO logs that it had.
        known = self._active.get(spec.name)
        if known is None or known[0] is not spec:
            known = self._active[spec.name] = spec, daemonize.with_auto_logs(spec, self._configuration.daemon, self.log)
        self.driver.expect_group(known[1])
        self.driver.post(GroupAdded(known[1]))

    def change_group(self, spec: GroupSpec) -> None:
        before = self._engine.groups[spec.name].spec.processes
        self.driver.forget_group(spec.name, {process.name for process in before if process in spec.processes})
        self.driver.post(GroupChanged(daemonize.with_auto_logs(spec, self._configuration.daemon, self.log)))

    def read_program(self, section: str, options: Mapping[str, str], group: str) -> tuple[ProcessSpec, ...]:
        try:
            return read_program(section, options, group, self._configuration.daemon, Facts.of_this_machine())
        except ConfigError as error:
            raise Fault(Faults.INCORRECT_PARAMETERS, error.problems[0].legacy) from None

    def post(self, given: Input) -> None:
        self.driver.post(given)

    def plugin_methods(self, section: str) -> "Mapping[str, Method]":
        return {}

    def remove_group(self, name: str) -> None:
        self.driver.post(GroupRemoved(name))
        self.driver.forget_group(name)

    @property
    def main_log(self) -> str | None:
        return self._log.path

    def clear_main_log(self) -> None:
        self._log.clear()

    def clear_logs(self, key: ProcessKey) -> None:
        process = self._engine.find(key)
        assert process is not None
        for channel in self.driver.channels.of(key, process.spec):
            channel.clear()

    def write_stdin(self, key: ProcessKey, data: bytes) -> None:
        self.driver.write_stdin(key, data)

    def send_event(self, kind: str, data: str) -> None:
        self.driver.publish(Event("REMOTE_COMMUNICATION", f"type:{kind}\n{data}"))

    def log(self, level: str, text: str) -> None:
        if self._main_log is not None:
            self._main_log.log(level, text)


class HandledEvent:
    """An event as result handlers get it."""

    def __init__(self, event: Event) -> None:
        self.name = event.name
        self._payload = event.payload

    def payload(self) -> str:
        """Its text, as listeners read it."""
        return self._payload


def _never() -> bool:
    return False
