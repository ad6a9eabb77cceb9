"""A daemon that only remembers what it was asked: the port of the control side, for tests."""

from collections.abc import Mapping, Sequence

import anyio

from minisup.control.rpc import Method
from minisup.core.lifecycle import Process
from minisup.core.roster import Group
from minisup.core.words import Input, Instant, Outcome, Target
from minisup.errors import Fault
from minisup.specs import Configuration, DaemonSpec, GroupSpec, PluginSpec, ProcessKey, ProcessSpec
from minisup.states import ProcessStates, SupervisorStates


def programs(*names: str, **options: object) -> tuple[ProcessSpec, ...]:
    return tuple(ProcessSpec(name, "/bin/true", **options) for name in names)  # type: ignore[arg-type]


class FakePort:
    """Two groups: `web` with the processes a and b, `solo` with one of its own name.

    Attributes:
        asked: what was called, in order.
        faults: outcomes of start, stop and signal other than success, by process.
        gate: when set, start and stop wait for it; `waiting` is set as soon as one does.
        trouble: raised by everything that may raise.
    """

    def __init__(self) -> None:
        self.groups_configured = (GroupSpec("web", 5, programs("b", "a")), GroupSpec("solo", 999, programs("solo")))
        self.configuration = Configuration(
            DaemonSpec(identifier="wheel"),
            self.groups_configured,
            rpcinterfaces=(PluginSpec("supervisor", "supervisor.rpcinterface:make_main_rpcinterface"),),
        )
        self.mood: int = SupervisorStates.RUNNING
        self.groups: Mapping[str, Group] = {spec.name: Group(spec) for spec in self.groups_configured}
        self.asked: list[tuple[object, ...]] = []
        self.faults: dict[ProcessKey, Fault] = {}
        self.refusals: dict[str, Fault] = {}
        self.skipped: set[ProcessKey] = set()
        self.gate: anyio.Event | None = None
        self.waiting: anyio.Event | None = None
        self.trouble: BaseException | None = None
        self.wall = 1_000_000_000.75
        self.lines: list[tuple[str, str]] = []
        self.main_log: str | None = None
        self.reread_gives: tuple[list[str], list[str], list[str]] = ([], [], [])

    def process(self, group: str, name: str, state: int = ProcessStates.RUNNING, **attributes: object) -> Process:
        process = self.groups[group].processes[name]
        process.state = state
        for attribute, value in attributes.items():
            setattr(process, attribute, value)
        return process

    def now(self) -> Instant:
        return Instant(self.wall, self.wall)

    def refusal(self, spec: ProcessSpec) -> Fault | None:
        return self.refusals.get(spec.name)

    async def _carry_out(self, what: str, targets: Sequence[Target], more: object) -> list[Outcome]:
        self.asked.append((what, [target.label for target in targets], more))
        if self.gate is not None and what != "signal":
            if self.waiting is not None:
                self.waiting.set()
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        return [
            Outcome(target.key, target.refusal or self.faults.get(target.key))
            for target in targets
            if target.key not in self.skipped
        ]

    async def start(self, targets: Sequence[Target], wait: bool) -> list[Outcome]:
        return await self._carry_out("start", targets, wait)

    async def stop(self, targets: Sequence[Target], wait: bool) -> list[Outcome]:
        return await self._carry_out("stop", targets, wait)

    async def signal(self, targets: Sequence[Target], signum: int) -> list[Outcome]:
        return await self._carry_out("signal", targets, signum)

    async def wait_ready(self, targets: Sequence[Target], seconds: float | None) -> list[Outcome]:
        return await self._carry_out("wait", targets, seconds)

    def _note(self, *what: object) -> None:
        self.asked.append(what)
        if self.trouble is not None:
            raise self.trouble

    def reread(self) -> tuple[list[str], list[str], list[str]]:
        self._note("reread")
        return self.reread_gives

    def diff(self) -> tuple[list[str], list[str], list[str]]:
        return self.reread_gives

    def change_group(self, spec: GroupSpec) -> None:
        self._note("change", spec.name)

    def read_program(self, section: str, options: Mapping[str, str], group: str) -> tuple[ProcessSpec, ...]:
        self._note("read", section)
        return ()

    def post(self, given: Input) -> None:
        self._note("post", given)

    def plugin_methods(self, section: str) -> Mapping[str, Method]:
        return {}

    def add_group(self, spec: GroupSpec) -> None:
        self._note("add", spec.name)

    def remove_group(self, name: str) -> None:
        self._note("remove", name)

    def shutdown(self) -> None:
        self._note("shutdown")

    def restart(self) -> None:
        self._note("restart")

    def clear_main_log(self) -> None:
        self._note("clear main")

    def clear_logs(self, key: ProcessKey) -> None:
        self._note("clear", key)

    def write_stdin(self, key: ProcessKey, data: bytes) -> None:
        self._note("write", key, data)

    def send_event(self, kind: str, data: str) -> None:
        self._note("event", kind, data)

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))
