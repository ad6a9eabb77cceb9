"""A world for the core: programs, effects as text, and a simulated one with children that die in time.

`World` keeps the rules that hold whatever happens (one answer per call, one child per process, nothing is spawned
once the end has begun or after a stop, states change along `ARROWS` only, one `Quit` when all is down); a test that
breaks one fails wherever that happens.
"""

from collections.abc import Iterable
from typing import Any

from minisup import testing
from minisup.core.words import (
    Answer,
    Effect,
    GroupAdded,
    GroupRemoved,
    Input,
    Kill,
    Log,
    Probe,
    Publish,
    Quit,
    ReadyCalled,
    ShutdownCalled,
    SignalCalled,
    SignalReceived,
    Spawn,
    StartCalled,
    StopCalled,
    Target,
)
from minisup.specs import GroupSpec, ProcessKey, ProcessSpec
from minisup.states import ProcessStates, SupervisorStates
from minisup.testing import Habits as Habits
from minisup.testing import at as at
from minisup.testing import tell as tell
from minisup.testing import tell_outcome

ARROWS = {
    "STOPPED": {"STARTING"},
    "EXITED": {"STARTING"},
    "FATAL": {"STARTING"},
    "BACKOFF": {"STARTING", "FATAL", "STOPPED"},
    "STARTING": {"RUNNING", "BACKOFF", "STOPPING", "UNKNOWN"},
    "RUNNING": {"EXITED", "STOPPING", "UNKNOWN"},
    "STOPPING": {"STOPPED", "UNKNOWN"},
    "UNKNOWN": {"EXITED"},
}
"""Every change of state there is."""


def program(name: str, **more: Any) -> ProcessSpec:
    """A program that is started by hand, unless `more` says otherwise."""
    return ProcessSpec(**{"name": name, "command": f"/bin/{name}", "autostart": False, **more})


def group(name: str, *programs: ProcessSpec, priority: int = 999) -> GroupSpec:
    """A group; of one program of its own name where none are given."""
    return GroupSpec(name, priority, programs or (program(name),))


class World(testing.World):
    """An engine, its children and the clock, and the rules.

    Attributes:
        killed: by process name, when SIGKILL was sent.
        tickets: of all calls; `answered` has the answers.
        unwanted: what was stopped and not started since.
    """

    def __init__(self, *groups: GroupSpec, timeout: float | None = None, boot: bool = True) -> None:
        self.killed: dict[str, float] = {}
        self.tickets: set[int] = set()
        self.answered: dict[int, list[str]] = {}
        self.unwanted: set[ProcessKey] = set()
        self._states: dict[ProcessKey, str] = {}
        super().__init__(*groups, timeout=timeout, boot=boot)

    def give(self, given: Input) -> None:
        if isinstance(given, GroupAdded | GroupRemoved):  # what it was is forgotten
            name = given.spec.name if isinstance(given, GroupAdded) else given.name
            if name not in self.engine.groups or isinstance(given, GroupRemoved):
                self.unwanted = {key for key in self.unwanted if key[0] != name}
                self._states = {key: state for key, state in self._states.items() if key[0] != name}
        super().give(given)

    def carry_out(self, effect: Effect) -> None:
        assert not self.ended or isinstance(effect, Log | Publish | Answer), f"{effect} after Quit"
        match effect:
            case Spawn(key=key):
                assert key not in self.children.values(), f"{key} has a child already"
                assert self.engine.mood == SupervisorStates.RUNNING, f"{key} is spawned although the end has begun"
                assert key not in self.unwanted, f"{key} is spawned although it was stopped"
            case Kill(key=key, pid=pid, signum=signum):
                assert pid > 0
                assert self.children.get(pid, key) == key
                if signum == 9:
                    self.killed[key[1]] = self.now
            case Probe(key=key, pid=pid):
                assert key not in self.probes, f"{key} is probed already"
                assert self.children.get(pid) == key, f"{effect} for nobody"
            case Publish():
                self._check_arrow(effect)
            case Answer(ticket=ticket, outcomes=outcomes):
                assert ticket in self.tickets, f"{effect} was not asked for"
                assert ticket not in self.answered, f"{effect} for the second time"
                self.answered[ticket] = [tell_outcome(outcome) for outcome in outcomes]
            case Quit():
                self._check_end()
        super().carry_out(effect)

    def _check_arrow(self, effect: Publish) -> None:
        if not effect.event.name.startswith("PROCESS_STATE_"):
            return
        fields = dict(word.split(":", 1) for word in effect.event.payload.split())
        key = (fields["groupname"], fields["processname"])
        before, after = fields["from_state"], effect.event.name.removeprefix("PROCESS_STATE_")
        assert after in ARROWS[before], f"{key} went from {before} to {after}"
        assert self._states.get(key, "STOPPED") == before, f"{key} was not {before}"
        self._states[key] = after

    def _check_end(self) -> None:
        for process in self.processes():
            left = process.key in self.children.values()
            assert not left or process.undead or process.state == ProcessStates.UNKNOWN, f"{process} is still up"

    # --- asking ------------------------------------------------------------------------------------------------------

    def _call(self, ticket: int, names: Iterable[str]) -> list[Target]:
        self.tickets.add(ticket)
        return self._targets(names)

    # With a ticket, whose answer is looked at.

    def start(self, ticket: int, *names: str, wait: bool = True) -> None:
        targets = self._call(ticket, names)
        self.unwanted.difference_update(target.key for target in targets)
        self.give(StartCalled(ticket, targets, wait))

    def stop(self, ticket: int, *names: str, wait: bool = True) -> None:
        targets = self._call(ticket, names)
        self.unwanted.update(target.key for target in targets)
        self.give(StopCalled(ticket, targets, wait))

    def signal(self, ticket: int, signum: int, *names: str) -> None:
        self.give(SignalCalled(ticket, self._call(ticket, names), signum))

    def ask_ready(self, ticket: int, *names: str, seconds: float | None = None) -> None:
        self.give(ReadyCalled(ticket, self._call(ticket, names), seconds))

    def shutdown(self, restart: bool = False) -> None:
        self.give(ShutdownCalled(restart))

    def receive(self, signum: int) -> None:
        self.give(SignalReceived(signum))
