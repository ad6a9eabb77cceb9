"""Calls that wait: which targets are still open, what is already known, when to say that we wait.

A `Wait` is made for every start, stop and signal that a client asks for, also for those that do not wait: even these
are answered only when the child was spawned or the signal sent. It looks at a process after each of its changes and
decides whether that target is settled; the outcomes are kept in the order in which they were decided, faults that
were clear at once first. Source: supervisor's ``rpcinterface.make_allfunc``, ``startProcess``, ``stopProcess``.
"""

from minisup.core import narration
from minisup.core.lifecycle import Process
from minisup.core.words import Answer, Effect, Input, Instant, KillFailed, Outcome, SignalSent, Target
from minisup.errors import Fault, Faults
from minisup.specs import ProcessKey
from minisup.states import STOPPED_STATES, ProcessStates

REPORT_EVERY = 2.0
"""Seconds between two lines that say what a waiting stop waits for."""


class Wait:
    """One call in progress.

    Attributes:
        open: targets not settled yet.
        deadline: when to report again; None for never.
    """

    __slots__ = ("armed", "deadline", "open", "outcomes", "patient", "ticket")

    def __init__(self, ticket: int, patient: bool) -> None:
        self.ticket = ticket
        self.patient = patient
        self.open: dict[ProcessKey, Target] = {}
        self.outcomes: list[Outcome] = []
        self.deadline: float | None = None
        self.armed: float | None = None

    def settle(self, key: ProcessKey, fault: Fault | None) -> None:
        """The outcome of one target is known."""
        self.open.pop(key, None)
        self.outcomes.append(Outcome(key, fault))

    def look(self, process: Process, given: Input, at: Instant) -> list[Effect]:
        """A process of ours took an input: settle its target where that decides it."""
        raise NotImplementedError  # pragma: no cover

    def report(self, at: Instant) -> list[Effect]:
        """`deadline` is due."""
        return []

    def answer(self) -> list[Effect]:
        """The answer, once nothing is open."""
        if self.open:
            return []
        self.deadline = None
        return [Answer(self.ticket, self.outcomes)]


class StartWait(Wait):
    """Settled when the child is spawned, or for the patient when it is RUNNING."""

    __slots__ = ()

    def look(self, process: Process, given: Input, at: Instant) -> list[Effect]:
        label = self.open[process.key].label
        state = process.state
        if state == ProcessStates.STARTING and (self.patient or not process.pid):
            return []
        if process.spawnerr and state != ProcessStates.RUNNING:
            self.settle(process.key, Fault(Faults.SPAWN_ERROR, label))
        elif state in (ProcessStates.STARTING, ProcessStates.RUNNING) or not self.patient:
            self.settle(process.key, None)
        else:
            self.settle(process.key, Fault(Faults.ABNORMAL_TERMINATION, label))
        return []


class StopWait(Wait):
    """Settled when the signal is sent, or for the patient when the process has ended."""

    __slots__ = ()

    def look(self, process: Process, given: Input, at: Instant) -> list[Effect]:
        ours = not process.passing_on and not process.killed  # the signal under way is the one that stops it
        if ours and isinstance(given, KillFailed) and process.state == ProcessStates.UNKNOWN:
            why = narration.kill_problem(process.spec.name, process.pid, given.why, passing_on=False)
            self.settle(process.key, Fault(Faults.FAILED, why.text))
        elif process.state in STOPPED_STATES:
            self.settle(process.key, None)
        elif process.undead:
            why = narration.survived_sigkill(process.spec.name, process.pid)
            self.settle(process.key, Fault(Faults.FAILED, why.text))
        elif ours and isinstance(given, SignalSent | KillFailed):
            if not self.patient:
                self.settle(process.key, None)
            else:
                self.deadline = self.deadline or at.mono + REPORT_EVERY
                return [narration.waiting_to_stop(process.spec.name)]
        return []

    def report(self, at: Instant) -> list[Effect]:
        """Name what is still awaited."""
        self.deadline = at.mono + REPORT_EVERY if self.open else None
        return [narration.waiting_to_stop(name) for _, name in self.open]


class SignalWait(Wait):
    """Settled when the signal is sent or cannot be."""

    __slots__ = ()

    def look(self, process: Process, given: Input, at: Instant) -> list[Effect]:
        if isinstance(given, SignalSent):
            self.settle(process.key, None)
        elif isinstance(given, KillFailed):
            why = narration.kill_problem(process.spec.name, process.pid, given.why, passing_on=True)
            self.settle(process.key, None if given.gone else Fault(Faults.FAILED, why.text))
        return []
