"""The life of one process.

                 StartRequested
   STOPPED ─────────────────────────► STARTING ──(startsecs)──► RUNNING ───Exited───► EXITED
   EXITED, FATAL ─────────────────────►  │ ▲                       │                    │
                                SpawnFailed│ deadline              StopRequested         │ deadline
                                or Exited │ │                       ▼                    ▼
                          FATAL ◄──────── BACKOFF                STOPPING ──Exited──► STOPPED
                         (retries used up)

Who decides. Inputs come from clients (start, stop, signal), from the kernel (`Exited`, answers to `Spawn` and `Kill`)
and from the clock (`DeadlineReached`, when `Process.deadline` is due). The engine refuses what a client must not ask
in a state (ALREADY_STARTED, NOT_RUNNING); here every pair of state and input has a handler in `HANDLERS` or a reason
to be in `IGNORED`.

The awkward parts:

* STARTING without a pid exists only between the effect `Spawn` and its answer, which comes before any other input.
* EXITED with a deadline is a process that waits for its automatic restart; its `deadline` says when. The brake: one
  that lived less than a second is spawned again at once, five times in a row, then one second after its last spawn.
* STOPPING has two deadlines in a row: stopwaitsecs until SIGKILL, then `KILL_GRACE` until we say that it is immortal
  (`undead`) and wait no longer; when the kernel lets go of it after all, it becomes STOPPED as usual.
* Time decides by the monotonic clock alone, so supervisord's corrections for a clock set back have no counterpart.

Source: supervisor's ``process.Subprocess``; its docs/subprocess.rst for the states.
"""

from collections.abc import Callable
from typing import Any

from minisup import events
from minisup.core import narration
from minisup.core.readiness import Readiness
from minisup.core.words import (
    DeadlineReached,
    Effect,
    Exited,
    GiveUpRequested,
    Input,
    Instant,
    Kill,
    KillFailed,
    KillRequested,
    Publish,
    ShutdownBegan,
    SignalRequested,
    SignalSent,
    Spawn,
    Spawned,
    SpawnFailed,
    StartRequested,
    StopRequested,
)
from minisup.specs import ProcessKey, ProcessSpec
from minisup.states import PROCESS_STATE_NAMES, ProcessStates

QUICK_LIFE = 1.0
"""A life shorter than this many seconds counts for the brake."""
QUICK_LIVES = 5
"""So many quick lives in a row are followed by a restart at once."""
KILL_GRACE = 2.0
"""How long SIGKILL may take, in seconds; only a process stuck in the kernel needs longer."""
SIGKILL = 9


class Process:
    """The machine of one process. `handle` is the only way to change it.

    Attributes:
        key: (group, name).
        state: one of `ProcessStates`.
        pid: of the child, 0 when there is none.
        started: the last spawn attempt; None when there was none.
        stopped: the last time that a child was reaped; None when there was none.
        deadline: when to hand in `DeadlineReached`, in monotonic seconds; None for never.
        backoff: consecutive failed starts.
        exitstatus: the last exit code, -1 for a death by signal; None while running or after a quick exit.
        status: the raw wait status of the last run; None while running, or when it could not be spawned.
        spawnerr: why the last start failed, or ``Bad exit code N``; None once spawned again.
        undead: SIGKILL was sent and did not help.
        readiness: the machine beside this one.
    """

    __slots__ = (
        "armed",
        "backoff",
        "closing",
        "deadline",
        "exitstatus",
        "group",
        "key",
        "killed",
        "passing_on",
        "pid",
        "quick_lives",
        "readiness",
        "spawnerr",
        "spec",
        "started",
        "state",
        "status",
        "stopped",
        "undead",
    )

    def __init__(self, group: str, spec: ProcessSpec) -> None:
        self.group = group
        self.spec = spec
        self.key: ProcessKey = (group, spec.name)
        self.readiness = Readiness(group, spec)
        self.state: int = ProcessStates.STOPPED
        self.pid = 0
        self.started: Instant | None = None
        self.stopped: Instant | None = None
        self.deadline: float | None = None
        self.armed: float | None = None  # the engine's: the deadline that its heap knows
        self.backoff = 0
        self.exitstatus: int | None = None
        self.status: int | None = None
        self.spawnerr: str | None = None
        self.quick_lives = 0
        self.killed = False
        self.undead = False
        self.closing = False
        self.passing_on = False  # the signal under way was a client's, not a stop

    def __repr__(self) -> str:
        return f"<Process {self.key} {PROCESS_STATE_NAMES[self.state]} pid {self.pid}>"

    def handle(self, given: Input, at: Instant) -> list[Effect]:
        """Take one input and say what to do about it, in order. Never raises for a state."""
        handler = HANDLERS.get((self.state, type(given)))
        return [] if handler is None else handler(self, given, at)

    @property
    def awaits_restart(self) -> bool:
        """It has ended and will be started again by itself."""
        return self.state == ProcessStates.EXITED and self.deadline is not None


# --- steps that several handlers share -------------------------------------------------------------------------------


def _enter(process: Process, state: int, **more: object) -> Publish:
    """Change the state; the event that listeners get."""
    before, process.state = PROCESS_STATE_NAMES[process.state], state
    _, name = process.key
    return Publish(events.process_state(PROCESS_STATE_NAMES[state], name, process.group, before, **more))


def _spawn(process: Process, at: Instant) -> list[Effect]:
    process.started = at
    process.deadline = None
    process.spawnerr = None
    process.exitstatus = process.status = None
    process.killed = process.undead = False
    # The event comes before anything can fail, as supervisord's does.
    return [_enter(process, ProcessStates.STARTING, tries=process.backoff), Spawn(process.key, process.spec)]


def _run(process: Process) -> Publish:
    process.deadline = None
    process.backoff = 0
    return _enter(process, ProcessStates.RUNNING, pid=process.pid)


def _back_off(process: Process, at: Instant) -> Publish:
    """After the k-th failed start in a row: wait k seconds."""
    process.backoff += 1
    process.deadline = None if process.closing else at.mono + process.backoff
    return _enter(process, ProcessStates.BACKOFF, tries=process.backoff)


def _give_up(process: Process) -> Publish:
    process.deadline = None
    process.backoff = 0
    return _enter(process, ProcessStates.FATAL)


def _give_up_if_tired(process: Process) -> list[Effect]:
    if process.backoff <= process.spec.startretries:
        return []
    return [_give_up(process), narration.gave_up(process.spec.name)]


def _end(process: Process, at: Instant, status: int) -> list[Effect]:
    """RUNNING to EXITED, and the decision whether and when to start again."""
    process.status = status
    code, how = narration.wait_status(status)
    expected = code in process.spec.exitcodes
    process.backoff = 0
    process.exitstatus = code
    if not expected:
        process.spawnerr = f"Bad exit code {code}"
    effects: list[Effect] = [
        _enter(process, ProcessStates.EXITED, expected=int(expected), pid=process.pid),
        narration.exited(process.spec.name, how, expected),
    ]
    process.pid = 0
    process.deadline = _restart_time(process, at, expected)
    return effects


def _restart_time(process: Process, at: Instant, expected: bool) -> float | None:
    assert process.started is not None
    wish = process.spec.autorestart
    if process.closing or wish == "never" or (wish == "unexpected" and expected):
        return None
    if at.mono - process.started.mono >= QUICK_LIFE:
        process.quick_lives = 0
        return at.mono
    process.quick_lives += 1
    return at.mono if process.quick_lives <= QUICK_LIVES else process.started.mono + QUICK_LIFE


def _kill(process: Process, signum: int, group: bool) -> Kill:
    process.passing_on = False
    return Kill(process.key, process.pid, signum, group)


def _kill_hard(process: Process, at: Instant) -> list[Effect]:
    process.killed = True
    process.deadline = at.mono + KILL_GRACE
    return [
        narration.killing_hard(process.spec.name, process.pid),
        narration.killing(process.spec.name, process.pid, SIGKILL, process.spec.killasgroup),
        _kill(process, SIGKILL, process.spec.killasgroup),
    ]


# --- handlers, named by state and input ------------------------------------------------------------------------------


def down_start(process: Process, given: StartRequested, at: Instant) -> list[Effect]:
    process.quick_lives = 0
    return _spawn(process, at)


def stopping_start(process: Process, given: StartRequested, at: Instant) -> list[Effect]:
    return [narration.already_running(process.spec.name)]


def starting_spawned(process: Process, given: Spawned, at: Instant) -> list[Effect]:
    assert process.started is not None
    process.pid = given.pid
    effects: list[Effect] = [narration.spawned(process.spec.name, given.pid)]
    if process.spec.startsecs <= 0:
        return effects + starting_deadline(process, DeadlineReached(), at)
    process.deadline = process.started.mono + process.spec.startsecs
    return effects


def starting_spawn_failed(process: Process, given: SpawnFailed, at: Instant) -> list[Effect]:
    process.spawnerr = given.why
    return [narration.spawn_failed(given.why), _back_off(process, at), *_give_up_if_tired(process)]


def starting_deadline(process: Process, given: DeadlineReached, at: Instant) -> list[Effect]:
    return [_run(process), narration.stayed_up(process.spec.name, process.spec.startsecs)]


def starting_exited(process: Process, given: Exited, at: Instant) -> list[Effect]:
    assert process.started is not None
    process.stopped = at
    if at.mono - process.started.mono >= process.spec.startsecs:
        # It lived long enough, only nobody had looked at the clock yet: listeners see both steps.
        return [_run(process), *_end(process, at, given.status)]
    # QUIRK(supervisor): an expected exit code before startsecs is a failed start all the same.
    # test_lifecycle.py: quick exit with an expected code
    _, how = narration.wait_status(given.status)
    process.status = given.status
    process.exitstatus = None
    process.spawnerr = "Exited too quickly (process log may have details)"
    process.pid = 0
    return [
        _back_off(process, at),
        narration.exited(process.spec.name, how, expected=False),
        *_give_up_if_tired(process),
    ]


def running_exited(process: Process, given: Exited, at: Instant) -> list[Effect]:
    process.stopped = at
    return _end(process, at, given.status)


def stopping_exited(process: Process, given: Exited, at: Instant) -> list[Effect]:
    code, how = narration.wait_status(given.status)
    process.stopped = at
    process.deadline = None
    process.undead = False
    process.status = given.status
    process.exitstatus = code
    effects: list[Effect] = [
        _enter(process, ProcessStates.STOPPED, pid=process.pid),
        narration.stopped(process.spec.name, how, code in process.spec.exitcodes),
    ]
    process.pid = 0
    return effects


def unknown_exited(process: Process, given: Exited, at: Instant) -> list[Effect]:
    """supervisord dies of this. Somebody wanted the process down, so it is not started again."""
    process.stopped = at
    effects = _end(process, at, given.status)
    process.deadline = None
    return effects


def backoff_deadline(process: Process, given: DeadlineReached, at: Instant) -> list[Effect]:
    return _spawn(process, at)


def exited_deadline(process: Process, given: DeadlineReached, at: Instant) -> list[Effect]:
    return _spawn(process, at)


def stopping_deadline(process: Process, given: DeadlineReached, at: Instant) -> list[Effect]:
    if not process.killed:
        return _kill_hard(process, at)
    process.undead = True
    process.deadline = None
    return [narration.survived_sigkill(process.spec.name, process.pid)]


def up_stop(process: Process, given: StopRequested, at: Instant) -> list[Effect]:
    spec = process.spec
    process.deadline = at.mono + given.waitsecs
    # The event is published before the signal is sent, as supervisord does it.
    return [
        narration.killing(spec.name, process.pid, spec.stopsignal, spec.stopasgroup),
        _enter(process, ProcessStates.STOPPING, pid=process.pid),
        _kill(process, spec.stopsignal, spec.stopasgroup),
    ]


def stopping_stop(process: Process, given: StopRequested, at: Instant) -> list[Effect]:
    """Already under way (the engine refuses clients); a shutdown may shorten the wait, nothing lengthens it."""
    if not process.killed and process.deadline is not None:
        process.deadline = min(process.deadline, at.mono + given.waitsecs)
    return []


def backoff_stop(process: Process, given: StopRequested, at: Instant) -> list[Effect]:
    process.deadline = None
    process.backoff = 0
    return [narration.stopped_in_backoff(process.spec.name), _enter(process, ProcessStates.STOPPED, pid=0)]


def exited_stop(process: Process, given: Input, at: Instant) -> list[Effect]:
    """Nothing runs, but it was about to run again: it is not, now."""
    process.deadline = None
    return []


def up_kill(process: Process, given: KillRequested, at: Instant) -> list[Effect]:
    return [_enter(process, ProcessStates.STOPPING, pid=process.pid), *_kill_hard(process, at)]


def stopping_kill(process: Process, given: KillRequested, at: Instant) -> list[Effect]:
    return [] if process.killed else _kill_hard(process, at)


def backoff_give_up(process: Process, given: Input, at: Instant) -> list[Effect]:
    return [_give_up(process)]


def up_signal(process: Process, given: SignalRequested, at: Instant) -> list[Effect]:
    process.passing_on = True
    return [
        narration.sending(process.spec.name, process.pid, given.signum),
        Kill(process.key, process.pid, given.signum, group=False),
    ]


def up_kill_failed(process: Process, given: KillFailed, at: Instant) -> list[Effect]:
    if given.gone:  # its end is reported soon
        return [narration.gone(process.spec.name, process.pid, given.why, process.passing_on)]
    process.deadline = None
    return [
        narration.kill_problem(process.spec.name, process.pid, given.why, process.passing_on),
        _enter(process, ProcessStates.UNKNOWN),
    ]


def any_shutdown(process: Process, given: ShutdownBegan, at: Instant) -> list[Effect]:
    process.closing = True
    if process.state in (ProcessStates.BACKOFF, ProcessStates.EXITED):
        process.deadline = None
    return []


# --- the table -------------------------------------------------------------------------------------------------------

Handler = Callable[[Process, Any, Instant], list[Effect]]

_S = ProcessStates
STATES = tuple(PROCESS_STATE_NAMES)
INPUTS: tuple[type[Input], ...] = (
    StartRequested,
    StopRequested,
    SignalRequested,
    KillRequested,
    GiveUpRequested,
    ShutdownBegan,
    DeadlineReached,
    Spawned,
    SpawnFailed,
    SignalSent,
    KillFailed,
    Exited,
)

HANDLERS: dict[tuple[int, type[Input]], Handler] = {
    (_S.STOPPED, StartRequested): down_start,
    (_S.EXITED, StartRequested): down_start,
    (_S.FATAL, StartRequested): down_start,
    (_S.STOPPING, StartRequested): stopping_start,
    (_S.STARTING, Spawned): starting_spawned,
    (_S.STARTING, SpawnFailed): starting_spawn_failed,
    (_S.STARTING, DeadlineReached): starting_deadline,
    (_S.BACKOFF, DeadlineReached): backoff_deadline,
    (_S.EXITED, DeadlineReached): exited_deadline,
    (_S.STOPPING, DeadlineReached): stopping_deadline,
    (_S.STARTING, Exited): starting_exited,
    (_S.RUNNING, Exited): running_exited,
    (_S.STOPPING, Exited): stopping_exited,
    (_S.UNKNOWN, Exited): unknown_exited,
    (_S.STARTING, StopRequested): up_stop,
    (_S.RUNNING, StopRequested): up_stop,
    (_S.STOPPING, StopRequested): stopping_stop,
    (_S.BACKOFF, StopRequested): backoff_stop,
    (_S.EXITED, StopRequested): exited_stop,
    (_S.STARTING, KillRequested): up_kill,
    (_S.RUNNING, KillRequested): up_kill,
    (_S.STOPPING, KillRequested): stopping_kill,
    (_S.BACKOFF, KillRequested): backoff_give_up,
    (_S.EXITED, KillRequested): exited_stop,
    (_S.BACKOFF, GiveUpRequested): backoff_give_up,
    (_S.STARTING, SignalRequested): up_signal,
    (_S.RUNNING, SignalRequested): up_signal,
    (_S.STOPPING, SignalRequested): up_signal,
    (_S.STARTING, KillFailed): up_kill_failed,
    (_S.RUNNING, KillFailed): up_kill_failed,
    (_S.STOPPING, KillFailed): up_kill_failed,
    **{(state, ShutdownBegan): any_shutdown for state in STATES},
}

_DOWN = (_S.STOPPED, _S.EXITED, _S.FATAL, _S.BACKOFF)

IGNORED: dict[tuple[int, type[Input]], str] = {
    # requests that the state makes pointless
    **{(state, StartRequested): "runs already" for state in (_S.STARTING, _S.RUNNING)},
    (_S.BACKOFF, StartRequested): "its next try is already planned",
    (_S.UNKNOWN, StartRequested): "nobody knows whether it runs",
    **{(state, StopRequested): "nothing runs" for state in (_S.STOPPED, _S.FATAL, _S.UNKNOWN)},
    **{(state, KillRequested): "nothing runs" for state in (_S.STOPPED, _S.FATAL, _S.UNKNOWN)},
    **{(state, SignalRequested): "there is nothing to signal" for state in (*_DOWN, _S.UNKNOWN)},
    **{(state, GiveUpRequested): "nothing is retried" for state in STATES if state != _S.BACKOFF},
    # answers that cannot come in this state, or need nothing
    **{(state, DeadlineReached): "has no deadline" for state in (_S.STOPPED, _S.RUNNING, _S.FATAL, _S.UNKNOWN)},
    **{(state, Spawned): "was not asked for" for state in STATES if state != _S.STARTING},
    **{(state, SpawnFailed): "was not asked for" for state in STATES if state != _S.STARTING},
    **{(state, SignalSent): "only callers wait for it" for state in STATES},
    **{(state, KillFailed): "the process has ended since" for state in (*_DOWN, _S.UNKNOWN)},
    **{(state, Exited): "has no child" for state in _DOWN},
}
