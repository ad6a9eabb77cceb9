"""Simulated time: the engine as it is, with children that are made up and a clock that is turned by hand.

    world = World(Program("web", "web", autorestart=True), habits={"web": Habits(lives=60, status=exited(1))})
    world.run(3 * 24 * 3600)
    assert world.spawned == 4_321

What the engine decides about restarts, stops, readiness and shutdowns is decided here too, in milliseconds. Nothing is
executed, no time passes, and two runs are the same. Our own tests use it.
"""

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count

from minisup import signals
from minisup.config.build import load
from minisup.config.facts import Facts, Overrides
from minisup.core.engine import Engine
from minisup.core.lifecycle import Process
from minisup.core.words import (
    Announce,
    Answer,
    Booted,
    Effect,
    Exited,
    GroupAdded,
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
    Reload,
    ReopenLogs,
    ShutdownCalled,
    SignalCalled,
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
from minisup.embed.program import Program, read
from minisup.specs import DaemonSpec, GroupSpec, ProcessKey, make_namespec, split_namespec
from minisup.states import PROCESS_STATE_NAMES

TURNS = 10_000
"""So often the engine may be asked at one moment."""


def exited(code: int) -> int:
    """The status of a process that ended with this exit code."""
    return code << 8


def killed(signal: str | int) -> int:
    """The status of a process that died of this signal."""
    return signals.number(signal)


def at(mono: float) -> Instant:
    """So many seconds after the beginning."""
    return Instant(mono, 1.6e9 + mono)


def tell(effect: Effect) -> str:
    """An effect of the engine in one line, as `World.said` has it."""
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
        status: how that is reported, see `exited` and `killed`.
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

    Args:
        what: the programs.
        habits: how the children of a process behave, by its name; `Habits()` for those that are not there.
        text: a configuration with more of them; see `minisup.Supervisor`.
        timeout: shutdown_timeout.
        boot: start those with `autostart`.

    Attributes:
        now: seconds since the beginning.
        said: everything that the engine did, a line each, in order; `heard` takes it away.
        children: pid to (group, name) of everything alive.
        habits: as given; may be changed while time passes.
        probes: the pid that each probe under way is about.
        spawned: how many children there were.
        deaths_first: of a death and a deadline at one instant, the engine hears of the death first.
        ended: after a shutdown, everything.
        engine: for a look at its machines.

    Raises:
        ConfigError: of the text.
    """

    def __init__(
        self,
        *what: Program | GroupSpec,
        habits: Mapping[str, Habits] | None = None,
        text: str | None = None,
        timeout: float | None = None,
        boot: bool = True,
    ) -> None:
        self.engine = Engine(timeout)
        self.now = 0.0
        self.said: list[str] = []
        self.children: dict[int, ProcessKey] = {}
        self.habits: dict[str, Habits] = {**(habits or {})}
        self.probes: dict[ProcessKey, int] = {}
        self.deaths_first = True
        self.spawned = 0
        self.ended = False
        self._deaths: list[tuple[float, int, int, int]] = []
        self._answers: list[tuple[float, int, Probed]] = []
        self._births: dict[int, float] = {}
        self._pids = count(100)
        self._order = count()
        for spec in _groups(what, text):
            self.give(GroupAdded(spec))
        if boot:
            self.give(Booted())
        self.said.clear()

    # --- driving -----------------------------------------------------------------------------------------------------

    def give(self, given: Input) -> None:
        """Hand an input to the engine and carry out what it says."""
        for effect in self.engine.handle(given, at(self.now)):
            self.carry_out(effect)

    def carry_out(self, effect: Effect) -> None:
        """Do what the engine says, and remember it."""
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
            case Quit():
                self.ended = True

    def _spawn(self, effect: Spawn) -> None:
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
        habits = self._habits(effect.key)
        if habits.refuses:
            self.give(KillFailed(effect.key, habits.refuses, gone=False))
        elif effect.pid not in self.children:
            self.give(KillFailed(effect.key, "[Errno 3] No such process", gone=True))
        else:
            if effect.signum == 9 and habits.mortal:
                self._dies(effect.pid, 0.0, 9)
            elif effect.signum != 9 and habits.obeys is not None:
                self._dies(effect.pid, habits.obeys, effect.signum)
            self.give(SignalSent(effect.key))

    def _probe(self, effect: Probe) -> None:
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

    def _habits(self, key: ProcessKey) -> Habits:
        return self.habits.get(key[1]) or Habits()

    def _dies(self, pid: int, after: float, status: int) -> None:
        heappush(self._deaths, (self.now + after, next(self._order), pid, status))

    def run(self, seconds: float) -> None:
        """Let time pass: children die, deadlines come. Stops early when the engine has ended."""
        end = self.now + seconds
        turns = 0
        while not self.ended:
            while self._deaths and self._deaths[0][2] not in self.children:
                heappop(self._deaths)
            death = self._deaths[0][0] if self._deaths else float("inf")
            answer = self._answers[0][0] if self._answers else float("inf")
            deadline = self.engine.deadline
            due = float("inf") if deadline is None else max(deadline, self.now)
            soonest = min(death, due, answer)
            if soonest > end:
                self.now = end
                return
            turns = turns + 1 if soonest <= self.now else 0
            assert turns < TURNS, "the engine turns without end"
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

    def reap(self, pid: int, status: int) -> None:
        """A child, or somebody else's, has ended."""
        self.children.pop(pid, None)
        self.give(Exited(pid, status))

    # --- asking ------------------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start processes."""
        self.give(StartCalled(0, self._targets(names), wait=False))

    def stop(self, *names: str) -> None:
        """Stop processes."""
        self.give(StopCalled(0, self._targets(names), wait=False))

    def signal(self, name: str, signal: str | int) -> None:
        """Send a signal to a process."""
        self.give(SignalCalled(0, self._targets([name]), signals.number(signal)))

    def shutdown(self) -> None:
        """Stop everything and end."""
        self.give(ShutdownCalled(restart=False))

    def die(self, name: str, status: int = 0) -> None:
        """The child of a process ends now."""
        (pid,) = (pid for pid, key in self.children.items() if key == self.key(name))
        self.reap(pid, status)

    def _targets(self, names: Iterable[str]) -> list[Target]:
        return [Target(self.key(name), name) for name in names]

    # --- looking -----------------------------------------------------------------------------------------------------

    @staticmethod
    def key(name: str) -> ProcessKey:
        """(group, name) of a process that is called so."""
        first, second = split_namespec(name)
        assert second is not None, f"{name!r} is a group"
        return first, second

    def process(self, name: str) -> Process:
        """The machine of a process."""
        found = self.engine.find(self.key(name))
        assert found is not None, f"there is no process {name!r}"
        return found

    def processes(self) -> list[Process]:
        """The machines of all processes."""
        return [process for group in self.engine.groups.values() for process in group.processes.values()]

    def states(self) -> dict[str, str]:
        """The state of every process, by its name."""
        return {make_namespec(*p.key): PROCESS_STATE_NAMES[p.state] for p in self.processes()}

    def heard(self, *beginnings: str) -> list[str]:
        """What was said since the last time; only lines that begin so, where beginnings are given."""
        lines = [line for line in self.said if not beginnings or line.startswith(beginnings)]
        self.said.clear()
        return lines


def _groups(what: Sequence[Program | GroupSpec], text: str | None) -> list[GroupSpec]:
    facts = Facts(read=lambda path: f"{text or ''}\n[supervisord]\n".encode(), user=lambda name: (0, 0))
    groups = load(Overrides("<text>"), facts).groups if text is not None else ()
    return [*groups, *(read(one, DaemonSpec(), facts) if isinstance(one, Program) else one for one in what)]
