"""The engine: every machine of one daemon, the routes of inputs to them, and one heap of their deadlines.

`handle(input, at)` returns effects; the driver carries them out in order and hands back what they gave before it hands
in anything else. `deadline` says when to hand in `TimePassed`. Cost per input does not depend on the number of
programs; only what concerns all of them (start and stop of everything) touches all of them.

Starts are rationed: at most `SPAWNS_PER_TURN` children per input, the rest when the driver comes back with
`TimePassed`, which `deadline` asks for at once. So a thousand starts do not keep a client waiting.

Three moods, as clients see them: RUNNING, RESTARTING and SHUTDOWN. Leaving RUNNING makes a `Shutdown`; when that is
done, there is one `Quit`. Nothing is spawned or killed after it, but where the answer to a `Kill` brought it, log lines
and answers to calls may follow: the rest of what the `Kill` came with.
"""

from collections.abc import Callable, Iterable
from typing import Any

from minisup import events, signals
from minisup.core import narration
from minisup.core.deadlines import Deadlines
from minisup.core.essential import Essential
from minisup.core.lifecycle import Process
from minisup.core.orphans import Orphans
from minisup.core.pools import Pools
from minisup.core.readiness import Lookout, Readiness
from minisup.core.roster import Group, by_priority
from minisup.core.shutdown import REPORT_EVERY, Shutdown, report
from minisup.core.waits import SignalWait, StartWait, StopWait, Wait
from minisup.core.words import (
    Booted,
    DeadlineReached,
    Drained,
    Effect,
    Exited,
    GroupAdded,
    GroupChanged,
    GroupRemoved,
    Heard,
    Input,
    Instant,
    Judged,
    KillFailed,
    KillRequested,
    Probed,
    Publish,
    Published,
    Quit,
    ReadyCalled,
    Reload,
    ReopenLogs,
    SendFailed,
    Sent,
    ShutdownBegan,
    ShutdownCalled,
    SignalCalled,
    SignalReceived,
    SignalRequested,
    SignalSent,
    Spawned,
    SpawnFailed,
    StartCalled,
    StartRequested,
    StopCalled,
    StopRequested,
    Target,
    TimePassed,
)
from minisup.errors import Fault, Faults
from minisup.specs import ProcessKey
from minisup.states import RUNNING_STATES, SIGNALLABLE_STATES, ProcessStates, SupervisorStates

SPAWNS_PER_TURN = 16
Machine = Process | Wait | Shutdown | Orphans | Pools | Readiness | Lookout
"""What has a deadline."""


class Engine:
    """All machines of a daemon.

    Args:
        shutdown_timeout: the budget of a shutdown in seconds; None for none.
        essential: which programs end the daemon with them; None for none.
        identifier: of the daemon, as event listeners are told.
        serial: the number of its first event.
        ticks: somebody beside the pools wants all ticks.

    Attributes:
        groups: the active groups by name, in the order in which they became active.
        mood: one of `SupervisorStates`.
        pools: those groups whose programs are told events.
    """

    def __init__(
        self,
        shutdown_timeout: float | None = None,
        essential: Essential | None = None,
        identifier: str = "supervisor",
        serial: int = 0,
        ticks: bool = False,
    ) -> None:
        self.groups: dict[str, Group] = {}
        self.pools = Pools(serial, ticks)
        self.mood: int = SupervisorStates.RUNNING
        self._identifier = identifier
        self._timeout = shutdown_timeout
        self._essential = essential
        self._booted = False
        self._pids: dict[int, Process] = {}
        self._starts: dict[ProcessKey, bool] = {}  # who waits for its turn to be spawned: asked for by a client?
        self._waits: dict[ProcessKey, list[Wait]] = {}
        self._shutdown: Shutdown | None = None
        self._over = False  # an essential program has ended: the shutdown begins with the next turn
        self._advancing = False
        self._exit_asked = False  # by a signal
        self._orphans = Orphans()
        self._deadlines: Deadlines[Machine] = Deadlines()
        self._lookout = Lookout(self._starts)

    def handle(self, given: Input, at: Instant) -> list[Effect]:
        """Take one input and say what to do about it, in order."""
        return ROUTES[type(given)](self, given, at)

    @property
    def deadline(self) -> float | None:
        """When to hand in `TimePassed`, in monotonic seconds; 0.0 for at once, None for never."""
        if self._starts or self._over:
            return 0.0
        return self._deadlines.soonest

    def find(self, key: ProcessKey) -> Process | None:
        """The machine of an active process."""
        group = self.groups.get(key[0])
        return None if group is None else group.processes.get(key[1])

    def by_pid(self, pid: int) -> Process | None:
        """The machine whose child has this pid."""
        return self._pids.get(pid)

    # --- time ---------------------------------------------------------------------------------------------------------

    def time_passed(self, given: TimePassed, at: Instant) -> list[Effect]:
        effects: list[Effect] = []
        if self._over:
            self._over = False
            effects += self.shutdown_called(ShutdownCalled(restart=False), at)
        for machine in self._deadlines.due(at.mono):
            effects += self._due(machine, at)
        return effects + self._run_starts(at)

    def _due(self, machine: Machine, at: Instant) -> list[Effect]:
        if isinstance(machine, Process):
            if machine.state in (ProcessStates.BACKOFF, ProcessStates.EXITED):
                self._starts.setdefault(machine.key, False)  # it waits for its turn among the other starts
                return []
            return self._feed(machine, DeadlineReached(), at)
        if isinstance(machine, Readiness):
            return self._tell(machine.key, DeadlineReached(), at)
        if isinstance(machine, Shutdown):
            machine.deadline = at.mono + REPORT_EVERY
            effects = report(self.groups.values())
        else:
            effects = machine.report(at)
        self._deadlines.arm(machine)
        return effects

    # --- processes ----------------------------------------------------------------------------------------------------

    def _feed(self, process: Process, given: Input, at: Instant) -> list[Effect]:
        """Hand an input to a process and let everyone who waits for it have a look."""
        before = process.state
        effects = process.handle(given, at)
        effects += self._lookout.look(process, at)
        waits = self._waits.get(process.key)
        if waits:
            effects += self._look(waits, process, given, at)
        effects += self.pools.look(process, at)
        self._deadlines.arm(process, process.readiness, self._lookout, self.pools)
        if self._shutdown is not None:
            effects += self._shutdown.look(process, at)
            effects += self._advance(at)
        stopping = self._shutdown is not None or self._over
        if self._essential is not None and self._essential.look(process, before, stopping):
            # Not now: this may be the answer to one of several effects, and the children that the next ones spawn have
            # no pid yet that a stop could be sent to.
            self._over = True
            effects.append(narration.essential_ended(process.spec.name))
        return effects

    def _look(self, waits: list[Wait], process: Process, given: Input, at: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for wait in waits[:]:
            effects += wait.look(process, given, at)
            self._deadlines.arm(wait)
            if process.key not in wait.open:
                waits.remove(wait)
                effects += wait.answer()
        if not waits:
            self._waits.pop(process.key, None)
        return effects

    def spawned(self, given: Spawned, at: Instant) -> list[Effect]:
        process = self.groups[given.key[0]].processes[given.key[1]]
        self._pids[given.pid] = process
        return self._feed(process, given, at)

    def answered(self, given: SpawnFailed | SignalSent | KillFailed, at: Instant) -> list[Effect]:
        process = self.find(given.key)
        return [] if process is None else self._feed(process, given, at)

    def exited(self, given: Exited, at: Instant) -> list[Effect]:
        process = self._pids.pop(given.pid, None)
        if process is not None:
            return self._feed(process, given, at)
        effects = self._orphans.reaped(given, at)
        self._deadlines.arm(self._orphans)
        return effects

    # --- starts -------------------------------------------------------------------------------------------------------

    def _run_starts(self, at: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(min(SPAWNS_PER_TURN, len(self._starts))):
            key = next(iter(self._starts))
            asked_for = self._starts.pop(key)
            process = self.find(key)
            assert process is not None
            again = not asked_for and process.state in (ProcessStates.BACKOFF, ProcessStates.EXITED)
            effects += self._feed(process, DeadlineReached() if again else StartRequested(), at)
        return effects

    def _cancel_start(self, process: Process) -> list[Effect]:
        """Take its turn away from a process, and answer who waits for it."""
        effects: list[Effect] = []
        if self._starts.pop(process.key, None) is not None:
            for wait in self._waits.pop(process.key, []):
                wait.settle(process.key, Fault(Faults.ABNORMAL_TERMINATION, wait.open[process.key].label))
                effects += wait.answer()
            effects += self._lookout.review(process)
        return effects

    def start_called(self, given: StartCalled, at: Instant) -> list[Effect]:
        wait = StartWait(given.ticket, given.wait)
        stopping: list[Process] = []
        for target in given.targets:
            fault = target.refusal or self._start_fault(target)
            if fault is not None:
                wait.settle(target.key, fault)
                continue
            wait.open[target.key] = target
            self._waits.setdefault(target.key, []).append(wait)
            process = self.groups[target.key[0]].processes[target.key[1]]
            if process.state == ProcessStates.STOPPING:
                stopping.append(process)
            else:
                self._starts[target.key] = True
        effects = wait.answer()
        for process in stopping:  # decided now, not when its turn comes: it may be down by then
            effects += self._feed(process, StartRequested(), at)
        return effects + self._run_starts(at)

    def _start_fault(self, target: Target) -> Fault | None:
        if self._shutdown is not None:
            return Fault(Faults.SHUTDOWN_STATE)
        process = self.find(target.key)
        if process is None:
            return Fault(Faults.BAD_NAME, target.label)
        if process.state in RUNNING_STATES:
            return Fault(Faults.ALREADY_STARTED, target.label)
        if process.state == ProcessStates.UNKNOWN:
            return Fault(Faults.FAILED, f"{target.label} is in an unknown process state")
        return None

    def _autostart(self, processes: Iterable[Process]) -> None:
        # QUIRK(supervisor): in the order of the group's list, not by priority. test_engine.py: test_autostart_order
        for process in processes:
            if process.spec.autostart and self._booted and self._shutdown is None:
                self._starts.setdefault(process.key, False)

    # --- stops and signals --------------------------------------------------------------------------------------------

    def stop_called(self, given: StopCalled, at: Instant) -> list[Effect]:
        wait = StopWait(given.ticket, given.wait)
        todo: list[Process] = []
        effects: list[Effect] = []
        for target in given.targets:
            process = self.find(target.key)
            if process is None:
                wait.settle(target.key, Fault(Faults.BAD_NAME, target.label))
                continue
            effects += self._cancel_start(process)
            if process.state in RUNNING_STATES:
                wait.open[target.key] = target
                self._waits.setdefault(target.key, []).append(wait)
                todo.append(process)
            else:
                # Nothing runs; if it was about to run again (supervisord would go on restarting it), it is not now.
                wait.settle(target.key, Fault(Faults.NOT_RUNNING, target.label))
                if process.awaits_restart:
                    todo.append(process)
        effects += wait.answer()
        for process in todo:
            effects += self._feed(process, StopRequested(process.spec.stopwaitsecs), at)
        return effects

    def signal_called(self, given: SignalCalled, at: Instant) -> list[Effect]:
        wait = SignalWait(given.ticket, patient=False)
        todo: list[Process] = []
        for target in given.targets:
            process = self.find(target.key)
            if process is None:
                wait.settle(target.key, Fault(Faults.BAD_NAME, target.label))
            elif process.state not in SIGNALLABLE_STATES or not process.pid:
                wait.settle(target.key, Fault(Faults.NOT_RUNNING, target.label))
            else:
                wait.open[target.key] = target
                self._waits.setdefault(target.key, []).append(wait)
                todo.append(process)
        effects = wait.answer()
        for process in todo:
            effects += self._feed(process, SignalRequested(given.signum), at)
        return effects

    # --- groups -------------------------------------------------------------------------------------------------------

    def booted(self, given: Booted, at: Instant) -> list[Effect]:
        self._booted = True
        self.pools.begin(at)
        self._deadlines.arm(self.pools)
        for group in by_priority(self.groups.values()):
            self._autostart(group.processes.values())
        return [Publish(events.Event("SUPERVISOR_STATE_CHANGE_RUNNING")), *self._run_starts(at)]

    def group_added(self, given: GroupAdded, at: Instant) -> list[Effect]:
        name = given.spec.name
        # QUIRK(supervisor): of two groups with one name the first is activated. test_engine.py: test_same_group_name
        if name in self.groups:
            return []
        group = self.groups[name] = Group(given.spec, self._identifier)
        if group.pool is not None:
            self.pools.add(group.pool, at)
            self._deadlines.arm(self.pools)
        self._autostart(group.processes.values())
        return [Publish(events.process_group("PROCESS_GROUP_ADDED", name))]

    def group_changed(self, given: GroupChanged, at: Instant) -> list[Effect]:
        gone, new = self.groups[given.spec.name].become(given.spec)
        self._autostart(new)
        return self._drop(gone)

    def group_removed(self, given: GroupRemoved, at: Instant) -> list[Effect]:
        group = self.groups.pop(given.name)
        self.pools.remove(given.name, at)
        self._deadlines.arm(self.pools)
        effects = self._drop(group.processes.values())
        return [*effects, Publish(events.process_group("PROCESS_GROUP_REMOVED", given.name))]

    def _drop(self, processes: Iterable[Process]) -> list[Effect]:
        effects: list[Effect] = []
        for process in processes:
            process.deadline = None
            self._pids.pop(process.pid, None)  # of one in UNKNOWN; a namesake must not hear of it
            self._starts.pop(process.key, None)
            effects += self._lookout.forget(process)
            for wait in self._waits.pop(process.key, []):
                wait.settle(process.key, Fault(Faults.ABNORMAL_TERMINATION, wait.open[process.key].label))
                effects += wait.answer()
        return effects

    # --- readiness ----------------------------------------------------------------------------------------------------

    def probed(self, given: Probed, at: Instant) -> list[Effect]:
        return self._tell(given.key, given, at)

    def _tell(self, key: ProcessKey, given: Probed | DeadlineReached, at: Instant) -> list[Effect]:
        process = self.find(key)
        if process is None:
            return []
        effects = self._lookout.told(process, given, at)
        self._deadlines.arm(process.readiness, self._lookout)
        return effects

    def ready_called(self, given: ReadyCalled, at: Instant) -> list[Effect]:
        effects = self._lookout.called(given, self.find, at)
        self._deadlines.arm(self._lookout)
        return effects

    # --- events -------------------------------------------------------------------------------------------------------

    def published(self, given: Published, at: Instant) -> list[Effect]:
        effects = self.pools.published(given, at)
        self._deadlines.arm(self.pools)
        return effects

    def told(self, given: Sent | SendFailed | Drained | Heard | Judged, at: Instant) -> list[Effect]:
        effects = self.pools.told(given, at)
        self._deadlines.arm(self.pools)
        return effects

    # --- the end ------------------------------------------------------------------------------------------------------

    def signal_received(self, given: SignalReceived, at: Instant) -> list[Effect]:
        meaning = SIGNALS.get(given.signum)
        return [narration.nothing_meant(given.signum)] if meaning is None else meaning(self, given.signum, at)

    def _exit_signal(self, signum: int, at: Instant) -> list[Effect]:
        if not self._exit_asked or self._shutdown is None:
            self._exit_asked = True
            return [narration.exit_requested(signum), *self.shutdown_called(ShutdownCalled(restart=False), at)]
        effects: list[Effect] = [narration.exit_hurried(signum)]
        self.mood = SupervisorStates.SHUTDOWN
        self._shutdown.hurry()
        for group in list(self.groups.values()):
            for process in group.processes.values():
                effects += self._feed(process, KillRequested(), at)
        return effects

    def _restart_signal(self, signum: int, at: Instant) -> list[Effect]:
        if self.mood == SupervisorStates.SHUTDOWN:
            return [narration.restart_ignored(signum)]
        effects: list[Effect] = [narration.restart_requested(signum)]
        return effects if self.mood == SupervisorStates.RESTARTING else [*effects, Reload()]

    def _reopen_signal(self, signum: int, at: Instant) -> list[Effect]:
        return [narration.reopen_requested(signum), ReopenLogs()]

    def _child_signal(self, signum: int, at: Instant) -> list[Effect]:
        return [narration.child_quit(signum)]

    def shutdown_called(self, given: ShutdownCalled, at: Instant) -> list[Effect]:
        # A shutdown turns a restart that is under way into an exit; nothing turns an exit into a restart.
        if not given.restart:
            self.mood = SupervisorStates.SHUTDOWN
        elif self.mood == SupervisorStates.RUNNING:
            self.mood = SupervisorStates.RESTARTING
        if self._shutdown is not None:
            return []
        effects: list[Effect] = [Publish(events.Event("SUPERVISOR_STATE_CHANGE_STOPPING"))]
        for process in self._all():
            effects += self._cancel_start(process)
            process.handle(ShutdownBegan(), at)
        self._shutdown = Shutdown(self.groups.values(), self._timeout, at)
        effects += self._advance(at)
        if not self._shutdown.done:
            effects += report(self.groups.values())
            self._shutdown.deadline = at.mono + REPORT_EVERY
            self._deadlines.arm(self._shutdown)
        return effects

    def _advance(self, at: Instant) -> list[Effect]:
        """Tell the next processes to stop, and quit once all is down."""
        shutdown = self._shutdown
        if shutdown is None or shutdown.done or self._advancing:
            return []
        effects: list[Effect] = []
        self._advancing = True  # what is fed below comes back here: a loop, not a recursion by levels
        while orders := shutdown.advance(at):
            for process, order in orders:
                effects += self._feed(process, order, at)
        self._advancing = False
        if shutdown.done:
            shutdown.deadline = None
            effects += self._orphans.report(at)
            effects.append(Quit(self.mood == SupervisorStates.RESTARTING))
        return effects

    def _all(self) -> Iterable[Process]:
        return [process for group in self.groups.values() for process in group.processes.values()]


ROUTES: dict[type[Input], Callable[[Engine, Any, Instant], list[Effect]]] = {
    Booted: Engine.booted,
    TimePassed: Engine.time_passed,
    Exited: Engine.exited,
    Spawned: Engine.spawned,
    SpawnFailed: Engine.answered,
    SignalSent: Engine.answered,
    KillFailed: Engine.answered,
    StartCalled: Engine.start_called,
    StopCalled: Engine.stop_called,
    SignalCalled: Engine.signal_called,
    GroupAdded: Engine.group_added,
    GroupChanged: Engine.group_changed,
    GroupRemoved: Engine.group_removed,
    SignalReceived: Engine.signal_received,
    ShutdownCalled: Engine.shutdown_called,
    Published: Engine.published,
    Probed: Engine.probed,
    ReadyCalled: Engine.ready_called,
    Sent: Engine.told,
    SendFailed: Engine.told,
    Drained: Engine.told,
    Heard: Engine.told,
    Judged: Engine.told,
}

SIGNALS: dict[int, Callable[[Engine, int, Instant], list[Effect]]] = {
    **{signals.NUMBERS[name]: Engine._exit_signal for name in ("SIGTERM", "SIGINT", "SIGQUIT")},
    signals.NUMBERS["SIGRTMIN"] + 3: Engine._exit_signal,  # what podman and systemd send to stop an init
    signals.NUMBERS["SIGHUP"]: Engine._restart_signal,
    signals.NUMBERS["SIGUSR2"]: Engine._reopen_signal,
    signals.NUMBERS["SIGCHLD"]: Engine._child_signal,
}
