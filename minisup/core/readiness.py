"""Whether a process is ready for what it is there for, and the calls that wait until some are.

             spawned                  a probe says so
    DOWN ──────────────► WAITING ─────────────────────────► READY
     ▲                      │                                 ▲
     │                      │ ready_timeout                   │ a probe says so
     │                      └───────────────► LATE ───────────┘
     │                                         │
     └──── from all three: ended, or told to stop

Each process has such a machine beside its lifecycle and nothing of it changes the lifecycle: a process may be READY
while it is STARTING, and RUNNING but LATE. Who decides: the lifecycle, which `look` turns into `Began`, `StayedUp` and
`Ended`; the shell, which answers `Probe` by `Probed`; the clock.

The awkward parts:

* Without `ready` in its spec a process is READY when it is RUNNING, without a probe, a line or a deadline.
* One look at a time, and after each that found nothing a rest: a tenth of the time that it has taken so far, so that
  nothing is seen much too late. A look that takes longer than `LIMIT` is given up, but for those that wait for a word
  of the process itself (`PATIENT`).
* An answer may come late, of the run before: what is not of the present pid does not count.
* LATE is no end: one WARN is said, and the looking goes on.
"""

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

from minisup.core import narration
from minisup.core.words import (
    Announce,
    Answer,
    DeadlineReached,
    Effect,
    Input,
    Instant,
    Outcome,
    Probe,
    Probed,
    ReadyCalled,
    StopProbing,
    Target,
)
from minisup.errors import Fault, Faults
from minisup.specs import ProcessKey, ProcessSpec
from minisup.states import PROCESS_STATE_NAMES, STOPPED_STATES, ProcessStates

if TYPE_CHECKING:
    from minisup.core.lifecycle import Process

DOWN, WAITING, LATE, READY = "DOWN", "WAITING", "LATE", "READY"
STATES = (DOWN, WAITING, LATE, READY)

PATIENT = {"log": "no line matched yet", "notify": "no READY=1 yet"}
"""Kinds of `ready` where the process itself says it, in its own time; with what is known until then."""
SHORTEST_REST = 0.01
LONGEST_REST = 1.0
"""Seconds from a look that found nothing to the next."""
LIMIT = 10.0
"""Seconds that one look may take."""


class Began(Input):
    """There is a child, spawned at `since` (monotonic seconds)."""

    __slots__ = ("pid", "since")

    def __init__(self, pid: int, since: float) -> None:
        self.pid = pid
        self.since = since


class StayedUp(Input):
    """It is RUNNING."""

    __slots__ = ()


class Ended(Input):
    """The child is gone, or is told to go; `how` it ended, empty where that is not known (yet)."""

    __slots__ = ("how",)

    def __init__(self, how: str) -> None:
        self.how = how


class Readiness:
    """The machine of one process. `handle` is the only way to change it; `look` finds out with what.

    Attributes:
        key: (group, name).
        state: one of `STATES`.
        pid: of the child that it is about, 0 when there is none.
        why: what the last probe of this child said; empty once it is READY.
        how: the end of the child before, as log lines call it; empty when there was none.
        deadline: when to hand in `DeadlineReached`, in monotonic seconds; None for never.
    """

    __slots__ = (
        "_began", "_late", "_next", "_over", "_running", "_spec", "_took", "armed", "deadline", "how", "key",
        "pid", "state", "why",
    )  # fmt: skip

    def __init__(self, group: str, spec: ProcessSpec) -> None:
        self.key: ProcessKey = (group, spec.name)
        self.state = DOWN
        self.pid = 0
        self.why = ""
        self.how = ""
        self.deadline: float | None = None
        self.armed: float | None = None  # the engine's: the deadline that its heap knows
        self._spec = spec
        self._began = 0.0
        self._took = 0.0  # seconds until it was READY
        self._late = 0.0  # when it will be
        self._next: float | None = None  # when to look again; None while a look is under way
        self._over: float | None = None  # when to give up the look under way; None for never
        self._running = False

    def __repr__(self) -> str:
        return f"<Readiness {self.key} {self.state} pid {self.pid}>"

    @property
    def ready(self) -> bool:
        """Whether it is."""
        return self.state == READY

    def seconds(self, now: float) -> float:
        """How long it took to be ready, or takes by now; 0 where there is no child."""
        return self._took if self.ready else 0.0 if self.state == DOWN else now - self._began

    def handle(self, given: Input, at: Instant) -> list[Effect]:
        """Take one input and say what to do about it, in order. Never raises for a state."""
        handler = HANDLERS.get((self.state, type(given)))
        return [] if handler is None else handler(self, given, at)

    def look(self, process: "Process", at: Instant) -> list[Effect]:
        """The process took an input: what that means here."""
        state = process.state
        effects: list[Effect] = []
        pid = process.pid if state in (ProcessStates.STARTING, ProcessStates.RUNNING) else 0
        if pid != self.pid:
            if self.pid:
                how = "" if process.status is None else narration.wait_status(process.status)[1]
                effects += self.handle(Ended(how), at)
            if pid:
                since = at if process.started is None else process.started
                effects += self.handle(Began(pid, since.mono), at)
        if pid and state == ProcessStates.RUNNING and not self._running:
            effects += self.handle(StayedUp(), at)
        return effects

    # --- steps that several handlers share ----------------------------------------------------------------------------

    def _probe(self, at: Instant) -> list[Effect]:
        assert self._spec.ready is not None
        self._next = None
        self._over = None if self._spec.ready.kind in PATIENT else at.mono + LIMIT
        self._set_deadline()
        return [Probe(self.key, self.pid, self._spec)]

    def _wait(self, at: Instant) -> None:
        """A look found nothing."""
        self._next = at.mono + min(max(SHORTEST_REST, (at.mono - self._began) / 10), LONGEST_REST)
        self._set_deadline()

    def _set_deadline(self) -> None:
        times = [self._next, self._over if self._next is None else None, self._late if self.state == WAITING else None]
        self.deadline = min((time for time in times if time is not None), default=None)

    def _turn(self, state: str) -> list[Effect]:
        self.state = state
        return [] if self._spec.ready is None else [Announce(self.key, state)]

    def _be_ready(self, at: Instant) -> list[Effect]:
        self.why = ""
        self.deadline = None
        self._took = at.mono - self._began
        return self._turn(READY)


# --- handlers, named by state and input ------------------------------------------------------------------------------


def down_began(one: Readiness, given: Began, at: Instant) -> list[Effect]:
    one.pid = given.pid
    one._began = given.since
    one._running = False
    effects = one._turn(WAITING)
    if one._spec.ready is None:
        return effects
    one._late = given.since + one._spec.ready_timeout
    one.why = PATIENT.get(one._spec.ready.kind, "no answer yet")
    return effects + one._probe(at)


def up_ended(one: Readiness, given: Ended, at: Instant) -> list[Effect]:
    one.pid = 0
    one.why = ""
    one.how = given.how
    one.deadline = None
    looks = one._spec.ready is not None and not one.ready
    return [*one._turn(DOWN), *([StopProbing(one.key)] if looks else [])]


def up_stayed(one: Readiness, given: StayedUp, at: Instant) -> list[Effect]:
    one._running = True
    return one._be_ready(at) if one._spec.ready is None else []


def up_probed(one: Readiness, given: Probed, at: Instant) -> list[Effect]:
    if given.pid != one.pid:
        return []
    if given.ok:
        turned = one._be_ready(at)
        return [narration.ready(one.key[1], one._took), *turned]
    one.why = given.why
    if one._next is None:
        one._wait(at)
    return []


def up_deadline(one: Readiness, given: DeadlineReached, at: Instant) -> list[Effect]:
    effects: list[Effect] = []
    if one._next is None and one._over is not None and one._over <= at.mono:
        effects.append(StopProbing(one.key))
        one.why = f"no answer within {LIMIT:g} seconds"
        one._wait(at)
    elif one._next is not None and one._next <= at.mono:
        effects += one._probe(at)
    if one.state == WAITING and one._late <= at.mono:
        state = PROCESS_STATE_NAMES[ProcessStates.RUNNING if one._running else ProcessStates.STARTING]
        effects.append(narration.late(one.key[1], one._spec.ready_timeout, state, one.why, one.how))
        effects += one._turn(LATE)
    one._set_deadline()
    return effects


# --- the table -------------------------------------------------------------------------------------------------------

Handler = Callable[[Readiness, Any, Instant], list[Effect]]

INPUTS: tuple[type[Input], ...] = (Began, StayedUp, Ended, Probed, DeadlineReached)

HANDLERS: dict[tuple[str, type[Input]], Handler] = {
    (DOWN, Began): down_began,
    (WAITING, StayedUp): up_stayed,
    (LATE, StayedUp): up_stayed,
    (READY, StayedUp): up_stayed,
    (WAITING, Ended): up_ended,
    (LATE, Ended): up_ended,
    (READY, Ended): up_ended,
    (WAITING, Probed): up_probed,
    (LATE, Probed): up_probed,
    (WAITING, DeadlineReached): up_deadline,
    (LATE, DeadlineReached): up_deadline,
}

IGNORED: dict[tuple[str, type[Input]], str] = {
    **{(state, Began): "its child has ended first" for state in STATES if state != DOWN},
    (DOWN, StayedUp): "has no child",
    (DOWN, Ended): "has no child",
    (DOWN, Probed): "of a child that is gone",
    (DOWN, DeadlineReached): "has no deadline",
    (READY, Probed): "is known",
    (READY, DeadlineReached): "has no deadline",
}


# --- what to say of a process ----------------------------------------------------------------------------------------


def should_run(process: "Process") -> bool:
    """Whether somebody who asks for no process by name means this one, too.

    All of them but those that were not to start by themselves and do not run, and those that have done what they had
    to do: ended with an expected code, not to run again.
    """
    if process.state in (ProcessStates.STOPPED, ProcessStates.STOPPING):
        return process.spec.autostart
    done = process.state == ProcessStates.EXITED and process.exitstatus in process.spec.exitcodes
    return not done or process.awaits_restart


def explain(process: "Process") -> str:
    """Why a process is not ready, in a few words; empty where it is."""
    readiness, state = process.readiness, process.state
    if readiness.state != DOWN:
        unsure = readiness.state == WAITING and process.spec.ready is None
        return f"less than {process.spec.startsecs} seconds up (startsecs)" if unsure else readiness.why
    if state in (ProcessStates.STOPPING, ProcessStates.UNKNOWN):
        return "told to stop" if state == ProcessStates.STOPPING else "cannot be told to stop"
    how = "" if process.status is None else narration.wait_status(process.status)[1]
    if state in (ProcessStates.BACKOFF, ProcessStates.FATAL) and process.spawnerr:
        return f"{process.spawnerr}; {how}" if how else process.spawnerr
    return how or "not started"


# --- calls that wait -------------------------------------------------------------------------------------------------


class _Wait:
    """One call: its targets, which of them are not ready now, and why some will not be by themselves."""

    __slots__ = ("deadline", "lost", "missing", "patient", "targets", "ticket")

    def __init__(self, given: ReadyCalled, at: Instant) -> None:
        self.ticket = given.ticket
        self.targets: dict[ProcessKey, Target] = {target.key: target for target in given.targets}
        self.patient = given.seconds is not None
        self.deadline = None if given.seconds is None else at.mono + given.seconds
        self.missing: dict[ProcessKey, str] = {}
        self.lost: dict[ProcessKey, Fault] = {}

    @property
    def over(self) -> bool:
        return bool(self.lost) or not self.missing

    def look(self, process: "Process", starting: bool) -> None:
        """A process may have changed; `starting`: it waits for its turn to be spawned."""
        key = process.key
        if process.readiness.ready:
            self.missing.pop(key, None)
            return
        down = process.state in STOPPED_STATES and not process.awaits_restart and not starting
        self.missing[key] = explain(process)
        if down or (process.readiness.state == LATE and not self.patient):
            self.lose(key, Faults.ABNORMAL_TERMINATION if down else Faults.FAILED, self.missing[key])

    def lose(self, key: ProcessKey, code: int, why: str = "") -> None:
        label = self.targets[key].label
        self.lost[key] = Fault(code, f"{label}: {why}" if why else label)

    def answer(self) -> Answer:
        for key, why in self.missing.items():
            if key not in self.lost:
                self.lose(key, Faults.FAILED, why)
        return Answer(self.ticket, [Outcome(key, self.lost.get(key)) for key in self.targets])


class Lookout:
    """Hands inputs to the machines of readiness, and answers the calls that wait for them.

    Args:
        starts: which processes wait for their turn to be spawned.

    Attributes:
        deadline: when to call `report`, in monotonic seconds; None for never.
    """

    __slots__ = ("_starts", "_waits", "armed", "deadline")

    def __init__(self, starts: Container[ProcessKey]) -> None:
        self.deadline: float | None = None
        self.armed: float | None = None  # the engine's: the deadline that its heap knows
        self._starts = starts
        self._waits: list[_Wait] = []

    def look(self, process: "Process", at: Instant) -> list[Effect]:
        """A process took an input."""
        return process.readiness.look(process, at) + self.review(process)

    def told(self, process: "Process", given: Probed | DeadlineReached, at: Instant) -> list[Effect]:
        """Something about the readiness of a process alone."""
        return process.readiness.handle(given, at) + self.review(process)

    def review(self, process: "Process") -> list[Effect]:
        """Who waits for a process has another look at it."""
        if not self._waits:
            return []
        for wait in self._waits:
            if process.key in wait.targets:
                wait.look(process, process.key in self._starts)
        return self._answer()

    def forget(self, process: "Process") -> list[Effect]:
        """A process is no more."""
        for wait in self._waits:
            if process.key in wait.targets:
                wait.lose(process.key, Faults.BAD_NAME)
        return self._answer()

    def called(self, given: ReadyCalled, find: "Callable[[ProcessKey], Process | None]", at: Instant) -> list[Effect]:
        """A client wants to know."""
        wait = _Wait(given, at)
        for key in wait.targets:
            process = find(key)
            if process is None:
                wait.lose(key, Faults.BAD_NAME)
            else:
                wait.look(process, key in self._starts)
        self._waits.append(wait)
        return self.report(at)

    def report(self, at: Instant) -> list[Effect]:
        """The deadline is due."""
        return self._answer(at.mono)

    def _answer(self, now: float | None = None) -> list[Effect]:
        """Answer the calls that are over, or whose time is."""
        effects: list[Effect] = []
        for wait in self._waits[:]:
            if wait.over or (now is not None and wait.deadline is not None and wait.deadline <= now):
                self._waits.remove(wait)
                effects.append(wait.answer())
        self.deadline = min((wait.deadline for wait in self._waits if wait.deadline is not None), default=None)
        return effects
