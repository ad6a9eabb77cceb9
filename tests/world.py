"""A world for the core: programs, effects as text, and a simulated one with children that die in time.

`World` keeps the rules that hold whatever happens (one answer per call, one child per process, nothing is spawned
once the end has begun or after a stop, states change along `ARROWS` only, one `Quit` when all is down); a test that
breaks one fails wherever that happens.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from minisup.core.engine import Engine
from minisup.core.words import (
    Announce,
    Answer,
    Booted,
    Effect,
    Exited,
    GroupAdded,
    GroupRemoved,
    Input,
    Instant,
    Kill,
    KillFailed,
    Log,
    Outcome,
    Probe,
    Probed,
    Publish,
    Quit,
    ReadyCalled,
    Reload,
    ReopenLogs,
    ShutdownCalled,
    SignalCalled,
    SignalReceived,
    SignalSent,
    Spawn,
    Spawned,
    SpawnFailed,
    StartCalled,
    StopCalled,
    StopProbing,
    Target,
    TimePassed,
)
from minisup.specs import GroupSpec, ProcessKey, ProcessSpec, make_namespec, split_namespec
from minisup.states import PROCESS_STATE_NAMES, ProcessStates, SupervisorStates

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


def at(mono: float) -> Instant:
    return Instant(mono, 1.6e9 + mono)


def program(name: str, **more: Any) -> ProcessSpec:
    """A program that is started by hand, unless `more` says otherwise."""
    return ProcessSpec(**{"name": name, "command": f"/bin/{name}", "autostart": False, **more})


def group(name: str, *programs: ProcessSpec, priority: int = 999) -> GroupSpec:
    """A group; of one program of its own name where none are given."""
    return GroupSpec(name, priority, programs or (program(name),))


def tell(effect: Effect) -> str:
    """An effect in one line."""
    match effect:
        case Publish(event=event) if event.name.startswith("PROCESS_STATE_"):
            fields = dict(word.split(":") for word in event.payload.split())
            name, _, before = fields.pop("processname"), fields.pop("groupname"), fields.pop("from_state")
            state = event.name.removeprefix("PROCESS_STATE_")
            return " ".join([f"{name} {before}>{state}", *(f"{field}:{value}" for field, value in fields.items())])
        case Publish(event=event):
            return f"{event.name} {event.payload}".strip()
        case Log(level=level, text=text):
            return f"{level}: {text}"
        case Spawn(key=(_, name)):
            return f"spawn {name}"
        case Kill(key=(_, name), signum=signum, group=by_group):
            return f"kill {name} {signum}{' group' if by_group else ''}"
        case Answer(ticket=ticket, outcomes=outcomes):
            return f"answer {ticket}: {', '.join(map(tell_outcome, outcomes))}".strip()
        case Quit(restart=restart):
            return "quit, restart" if restart else "quit"
        case Probe(key=(_, name)):
            return f"probe {name}"
        case StopProbing(key=(_, name)):
            return f"stop probing {name}"
        case Announce(key=(_, name), state=state):
            return f"{name} is {state}"
        case Reload():
            return "reload"
        case ReopenLogs():
            return "reopen logs"
    raise AssertionError(f"what is {effect}?")


def tell_outcome(outcome: Outcome) -> str:
    return f"{outcome.key[1]} {'ok' if outcome.fault is None else outcome.fault.text}"


class Habits:
    """How the children of a program behave.

    Attributes:
        lives: seconds until it ends by itself; None for never.
        status: the raw wait status of that.
        obeys: seconds from its stop signal, or any that is not SIGKILL, to its end; None for never.
        mortal: SIGKILL helps.
        spawns: "" or why it cannot be spawned.
        refuses: "" or why no signal can be sent to it.
        ready: seconds from its spawn until a probe finds it ready; None for never.
        answers: seconds that a probe takes; None for a probe that is never answered.
    """

    def __init__(
        self,
        lives: float | None = None,
        status: int = 0,
        obeys: float | None = 0.0,
        mortal: bool = True,
        spawns: str = "",
        refuses: str = "",
        ready: float | None = None,
        answers: float | None = 0.0,
    ) -> None:
        self.lives = lives
        self.status = status
        self.obeys = obeys
        self.mortal = mortal
        self.spawns = spawns
        self.refuses = refuses
        self.ready = ready
        self.answers = answers


class World:
    """An engine, its children and the clock.

    Attributes:
        now: seconds since the beginning.
        said: every effect as a line, in order; `heard` takes it away.
        children: pid to key of everything alive.
        habits: by process name.
        probes: the pid that each probe under way is about.
        killed: by process name, when SIGKILL was sent.
        deaths_first: of a death and a deadline at one instant, the engine hears of the death first.
    """

    def __init__(self, *groups: GroupSpec, timeout: float | None = None, boot: bool = True) -> None:
        self.engine = Engine(timeout)
        self.now = 0.0
        self.said: list[str] = []
        self.children: dict[int, ProcessKey] = {}
        self.habits: dict[str, Habits] = {}
        self.killed: dict[str, float] = {}
        self.probes: dict[ProcessKey, int] = {}
        self.deaths_first = True
        self.tickets: set[int] = set()
        self.answered: dict[int, list[str]] = {}
        self.spawned = 0
        self.ended = False
        self.unwanted: set[ProcessKey] = set()
        self._states: dict[ProcessKey, str] = {}
        self._deaths: list[tuple[float, int, int, int]] = []
        self._answers: list[tuple[float, int, Probed]] = []
        self._births: dict[int, float] = {}
        self._pids = count(100)
        self._order = count()
        for spec in groups:
            self.give(GroupAdded(spec))
        if boot:
            self.give(Booted())
        self.said.clear()

    # --- driving -----------------------------------------------------------------------------------------------------

    def give(self, given: Input) -> None:
        """Hand an input to the engine and carry out what it says."""
        if isinstance(given, GroupAdded | GroupRemoved):  # what it was is forgotten
            name = given.spec.name if isinstance(given, GroupAdded) else given.name
            if name not in self.engine.groups or isinstance(given, GroupRemoved):
                self.unwanted = {key for key in self.unwanted if key[0] != name}
                self._states = {key: state for key, state in self._states.items() if key[0] != name}
        for effect in self.engine.handle(given, at(self.now)):
            self.carry_out(effect)

    def carry_out(self, effect: Effect) -> None:
        assert not self.ended or isinstance(effect, Log | Publish | Answer), f"{effect} after Quit"
        self.said.append(tell(effect))
        match effect:
            case Spawn():
                self._spawn(effect)
            case Kill():
                self._kill(effect)
            case Probe():
                self._probe(effect)
            case StopProbing(key=key):
                self.probes.pop(key, None)
            case Publish():
                self._check_arrow(effect)
            case Answer(ticket=ticket, outcomes=outcomes):
                assert ticket in self.tickets, f"{effect} was not asked for"
                assert ticket not in self.answered, f"{effect} for the second time"
                self.answered[ticket] = [tell_outcome(outcome) for outcome in outcomes]
            case Quit():
                self._check_end()

    def _spawn(self, effect: Spawn) -> None:
        assert effect.key not in self.children.values(), f"{effect.key} has a child already"
        assert self.engine.mood == SupervisorStates.RUNNING, f"{effect.key} is spawned although the end has begun"
        assert effect.key not in self.unwanted, f"{effect.key} is spawned although it was stopped"
        self.spawned += 1
        habits = self._habits(effect.key)
        if habits.spawns:
            self.give(SpawnFailed(effect.key, habits.spawns))
            return
        pid = next(self._pids)
        self.children[pid] = effect.key
        self._births[pid] = self.now
        if habits.lives is not None:
            self._dies(pid, habits.lives, habits.status)
        self.give(Spawned(effect.key, pid))

    def _kill(self, effect: Kill) -> None:
        assert effect.pid > 0
        if effect.signum == 9:
            self.killed[effect.key[1]] = self.now
        habits = self._habits(effect.key)
        if habits.refuses:
            self.give(KillFailed(effect.key, habits.refuses, gone=False))
        elif effect.pid not in self.children:
            self.give(KillFailed(effect.key, "[Errno 3] No such process", gone=True))
        else:
            assert self.children[effect.pid] == effect.key
            if effect.signum == 9 and habits.mortal:
                self._dies(effect.pid, 0.0, 9)
            elif effect.signum != 9 and habits.obeys is not None:
                self._dies(effect.pid, habits.obeys, effect.signum)
            self.give(SignalSent(effect.key))

    def _probe(self, effect: Probe) -> None:
        assert effect.key not in self.probes, f"{effect.key} is probed already"
        assert self.children.get(effect.pid) == effect.key, f"{effect} for nobody"
        habits = self._habits(effect.key)
        self.probes[effect.key] = effect.pid
        if habits.answers is None:
            return
        then = self.now + habits.answers
        ok = habits.ready is not None and then >= self._births[effect.pid] + habits.ready
        answer = Probed(effect.key, effect.pid, ok, "" if ok else "not yet")
        if habits.answers:
            heappush(self._answers, (then, next(self._order), answer))
        else:
            self._answer(answer)

    def _answer(self, answer: Probed) -> None:
        if self.probes.get(answer.key) == answer.pid:
            del self.probes[answer.key]
            self.give(answer)

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
        self.ended = True
        for process in self.processes():
            left = process.key in self.children.values()
            assert not left or process.undead or process.state == ProcessStates.UNKNOWN, f"{process} is still up"

    def _habits(self, key: ProcessKey) -> Habits:
        return self.habits.get(key[1]) or Habits()

    def _dies(self, pid: int, after: float, status: int) -> None:
        heappush(self._deaths, (self.now + after, next(self._order), pid, status))

    def run(self, seconds: float) -> None:
        """Let time pass: children die, deadlines come. Ends at Quit."""
        end = self.now + seconds
        for _ in range(10_000):
            if self.ended:  # nobody is there any more to hear of it
                return
            while self._deaths and self._deaths[0][2] not in self.children:
                heappop(self._deaths)
            death = self._deaths[0][0] if self._deaths else float("inf")
            answer = self._answers[0][0] if self._answers else float("inf")
            deadline = self.engine.deadline
            due = float("inf") if deadline is None else max(deadline, self.now)
            if min(death, due, answer) > end:
                self.now = end
                return
            if answer < min(death, due):
                self.now = answer
                self._answer(heappop(self._answers)[2])
            elif death < due or (death == due and self.deaths_first):
                self.now = max(self.now, death)
                _, _, pid, status = heappop(self._deaths)
                self.reap(pid, status)
            else:
                self.now = due
                self.give(TimePassed())
        raise AssertionError("the engine turns without end")

    def reap(self, pid: int, status: int) -> None:
        """A child of ours or of somebody else has ended."""
        self.children.pop(pid, None)
        self.give(Exited(pid, status))

    # --- asking ------------------------------------------------------------------------------------------------------

    def _call(self, ticket: int, names: Iterable[str]) -> list[Target]:
        self.tickets.add(ticket)
        return [Target(self.key(name), name) for name in names]

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

    def die(self, name: str, status: int = 0) -> None:
        """The child of a process ends now."""
        (pid,) = (pid for pid, key in self.children.items() if key == self.key(name))
        self.reap(pid, status)

    # --- looking -----------------------------------------------------------------------------------------------------

    @staticmethod
    def key(name: str) -> ProcessKey:
        first, second = split_namespec(name)
        assert second is not None
        return first, second

    def process(self, name: str) -> Any:
        return self.engine.find(self.key(name))

    def processes(self) -> list[Any]:
        return [process for group in self.engine.groups.values() for process in group.processes.values()]

    def states(self) -> dict[str, str]:
        return {make_namespec(*p.key): PROCESS_STATE_NAMES[p.state] for p in self.processes()}

    def heard(self, *beginnings: str) -> list[str]:
        """What was said since the last time; only lines that begin so, where beginnings are given."""
        lines = [line for line in self.said if not beginnings or line.startswith(beginnings)]
        self.said.clear()
        return lines
