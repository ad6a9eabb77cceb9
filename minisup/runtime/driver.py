"""The driver: the one task that turns what happens into inputs and carries the effects out.

Everything that children do arrives on one selector: their pipes, the signals to us, room in a full pipe. That selector
is itself one descriptor, which the task awaits, at most until the next deadline. `post` hands an input to the engine
and carries out its effects before it returns, from whichever task it is called: there is one thread, so nothing needs
a lock, and a client's request costs no hop between tasks. A post that changes the next deadline moves the deadline of
the cancel scope in which the task waits; there is no other timer.

A turn is fair. Ready pipes are served two at a time, deaths and starts sixteen at a time, and between two servings
every other task (the connections of clients) has a go.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from itertools import count
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from signal import SIGCHLD, SIGKILL
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from minisup.core.engine import Engine
from minisup.core.words import (
    Announce,
    Answer,
    Drained,
    Effect,
    Exited,
    Input,
    Judge,
    Judged,
    Kill,
    KillFailed,
    Log,
    Outcome,
    Probe,
    Publish,
    Published,
    Quit,
    ReadyCalled,
    Reload,
    ReopenLogs,
    Send,
    SendFailed,
    Sent,
    SignalReceived,
    SignalSent,
    Spawn,
    Spawned,
    SpawnFailed,
    StopProbing,
    Target,
    TimePassed,
)
from minisup.errors import Fault, MinisupError
from minisup.events import Event
from minisup.runtime.channel import Channel, Channels, Ear
from minisup.runtime.children import spawn_problem
from minisup.runtime.console import Console, Consoles
from minisup.runtime.mainlog import MainLog
from minisup.runtime.outlet import Deaths, Outlet
from minisup.runtime.posix import SignalCatcher
from minisup.runtime.probes import Look, Prober
from minisup.runtime.pump import Pump, Sink, StdinFeed
from minisup.runtime.sockets import SharedSocket, SharedSocketError
from minisup.runtime.system import Child, Command, CommandProblem, System
from minisup.specs import GroupSpec, ProcessKey, ProcessSpec

LINGER = 1.0
"""Seconds for which the pipe of a dead child is read on when a grandchild keeps it open."""
PIPES_AT_ONCE = 2
DEATHS_AT_ONCE = 16


class _Running:
    """A child and our ends of its pipes."""

    __slots__ = ("feed", "pumps")

    def __init__(self, feed: StdinFeed | None, pumps: list[Pump]) -> None:
        self.feed = feed
        self.pumps = pumps


class _Call:
    """A client's call on its way: what came back, or who waits for it."""

    __slots__ = ("arrived", "outcomes")

    def __init__(self) -> None:
        self.outcomes: list[Outcome] | None = None
        self.arrived: anyio.Event | None = None


class Driver:
    """Drives one engine. `run` is its task; everything else may be called from any task of the same thread.

    Attributes:
        channels: the outputs of all processes.
        announced: is called when the readiness of a process with `ready` has changed: who, and a word of
            `minisup.core.readiness` (DOWN, WAITING, LATE, READY); None for nobody.
    """

    def __init__(
        self,
        engine: Engine,
        system: System,
        log: MainLog,
        outlet: Outlet,
        consoles: Consoles,
        catcher: SignalCatcher | None,
        deaths: Deaths | None = None,
    ) -> None:
        self.engine = engine
        self._system = system
        self._log = log
        self._outlet = outlet
        self._catcher = catcher
        self._deaths = deaths
        self._selector = DefaultSelector()
        self._children: dict[int, _Running] = {}
        self._pids: dict[ProcessKey, int] = {}
        self.channels = Channels(outlet.channel)
        self.announced: Callable[[ProcessKey, str], None] | None = None
        self._prober = Prober(system, self._selector, outlet.environment, self.channels.of, self.post)
        self._sockets: dict[str, SharedSocket] = {}  # of FastCGI groups, by name
        self._lingering: deque[tuple[float, Pump]] = deque()
        self._consoles = consoles
        self._calls: dict[int, _Call] = {}
        self._tickets = count()
        self._scope: anyio.CancelScope | None = None
        self._armed: float | None = None
        self.over = False
        if catcher is not None:
            self._selector.register(catcher, EVENT_READ, None)
        if deaths is not None:
            self._selector.register(deaths, EVENT_READ, None)

    # --- inputs -------------------------------------------------------------------------------------------------------

    def post(self, given: Input) -> None:
        """Hand one input to the engine and carry out what it says, with all that follows from it."""
        now = self._system.now
        queue = deque(self.engine.handle(given, now()))
        while queue:
            effect = queue.popleft()
            answer = _CARRY_OUT[type(effect)](self, effect)
            if answer is not None:
                queue.extendleft(reversed(self.engine.handle(answer, now())))
        self._rearm()

    async def call(self, make: Callable[[int], Input]) -> list[Outcome]:
        """Post the input that `make` builds around a ticket, and wait for its answer.

        Raises:
            MinisupError: everything was closed meanwhile.
        """
        ticket = next(self._tickets)
        call = self._calls[ticket] = _Call()
        try:
            self.post(make(ticket))
            if call.outcomes is None:
                call.arrived = anyio.Event()
                await call.arrived.wait()
            if call.outcomes is None:
                raise MinisupError("cannot wait for the answer any longer: the supervisor has ended")
            return call.outcomes
        finally:
            del self._calls[ticket]

    async def when_ready(self, targets: Sequence[Target], seconds: float | None) -> list[Outcome]:
        """Wait until processes are ready: all of them at one time.

        The outcome of each target, in their order: no fault for one that is ready. Comes at once where nothing is to
        be waited for, and before its time where one will not become ready by itself: it is FATAL, stopped, or has
        ended and is not started again (ABNORMAL_TERMINATION; BAD_NAME for one that is not there). Those that simply
        were not ready in time have the fault FAILED. Each fault says why; `process.readiness` and
        `minisup.core.readiness.explain` say more.

        Args:
            targets: the processes. To wait for a start, post the start first.
            seconds: how long, 0 for an answer at once; None for as long as the `ready_timeout` of each: one that is
                late is not waited for any longer, one that crashes and is started again begins anew.
        """
        return await self.call(lambda ticket: ReadyCalled(ticket, targets, seconds))

    # --- the task -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the engine says `Quit`."""
        for console in self._consoles.opened:  # something may have been said before there was a task
            self.watch_console(console)
        await self._reap()  # whoever died before SIGCHLD was caught: a shell's jobs, or between two lives
        while not self.over:
            self._armed = self._soonest()
            with anyio.CancelScope(deadline=self._by_anyio(self._armed)) as self._scope:
                await anyio.wait_readable(self._selector.fileno())
            self._scope = None
            await self._turn()

    def _soonest(self) -> float | None:
        """When the task must look again, by the monotonic clock; None for not before something happens."""
        if self.over:
            return 0.0
        soonest = self.engine.deadline
        if self._lingering and (soonest is None or self._lingering[0][0] < soonest):
            soonest = self._lingering[0][0]
        due = self._consoles.deadline
        return due if due is not None and (soonest is None or due < soonest) else soonest

    def _by_anyio(self, when: float | None) -> float:
        return float("inf") if when is None else anyio.current_time() + when - self._system.now().mono

    def _rearm(self) -> None:
        """A task other than ours may have moved the next deadline while ours waits."""
        if self._scope is None:
            return
        soonest = self._soonest()
        if soonest != self._armed:
            self._armed = soonest
            self._scope.deadline = self._by_anyio(soonest)

    async def _turn(self) -> None:
        served = 0
        for key, _ in self._selector.select(0):
            target = key.fileobj
            if target is self._catcher or (self._catcher is not None and self._catcher.pending):
                await self._signals()
            if target is self._deaths:
                await self._reap()
            elif isinstance(target, Pump):
                served += 1
                if served % PIPES_AT_ONCE == 0:
                    await checkpoint()
                target.pump()
            elif isinstance(target, StdinFeed):
                if target.flush():
                    self._forget(target.fileno())
                    self.post(Drained(key.data))
            elif isinstance(target, Console):
                self._flush(target)
            elif isinstance(target, Look):
                self._prober.advance(target)
        self._time_passed()

    def _time_passed(self) -> None:
        now = self._system.now().mono
        while self._lingering and self._lingering[0][0] <= now:
            self._lingering.popleft()[1].close()
        self._consoles.flush_due(now)
        deadline = self.engine.deadline
        if deadline is not None and deadline <= now:
            self.post(TimePassed())

    async def _signals(self) -> None:
        assert self._catcher is not None
        caught = list(self._catcher.take())
        for signum in caught:
            self.post(SignalReceived(signum))
        if SIGCHLD in caught:
            await self._reap()

    async def _reap(self) -> None:
        reaped = 0
        while (death := self._system.reap()) is not None:
            self._bury(*death)
            self._time_passed()  # its successor need not wait for the other deaths
            reaped += 1
            if reaped % DEATHS_AT_ONCE == 0:
                await checkpoint()

    # --- children -----------------------------------------------------------------------------------------------------

    def spawn(self, effect: Spawn) -> Input | None:
        key = effect.key
        shared = self._sockets.get(key[0])
        if shared is None:
            return self._spawn(key, effect.spec, None)
        try:
            answer = self._spawn(key, effect.spec, shared.acquire(key))
        except SharedSocketError as error:
            return SpawnFailed(key, str(error))
        if isinstance(answer, Spawned):
            return answer
        self.post(answer)  # now, for the line that says why comes before that of the socket
        shared.release(key)
        return None

    def _spawn(self, key: ProcessKey, spec: ProcessSpec, stdin: int | None) -> Input:
        try:
            command = self._system.resolve(spec)
        except CommandProblem as problem:
            return SpawnFailed(key, str(problem))
        try:
            channels = self.channels.open(key, spec)
        except OSError as error:
            return SpawnFailed(key, spawn_problem(spec.name, error))
        return self._start(key, spec, command, channels, stdin)

    def _start(
        self, key: ProcessKey, spec: ProcessSpec, command: Command, channels: list[Channel], stdin: int | None
    ) -> Input:
        try:
            environment = {**self._outlet.environment(key, spec), **self._prober.expect(key, spec)}
            child = self._system.spawn(spec, command, environment, stdin)
        except (OSError, ValueError, OverflowError, CommandProblem) as error:  # the second two: no system call takes it
            self._prober.forget(key)
            for channel in channels:
                channel.end(0)
            why = str(error) if isinstance(error, CommandProblem) else spawn_problem(spec.name, error)
            return SpawnFailed(key, why)
        self._adopt(key, child, channels)
        return Spawned(key, child.pid)

    def _adopt(self, key: ProcessKey, child: Child, channels: list[Channel]) -> None:
        ends = [child.stdout] if child.stderr is None else [child.stdout, child.stderr]
        sinks: list[Sink] = list(channels)
        if key[0] in self.engine.pools:
            sinks[0] = Ear(channels[0], key, self.post, self._log)
        pumps = [Pump(fd, sink, child.pid, self._forget) for fd, sink in zip(ends, sinks, strict=True)]
        for pump in pumps:
            self._selector.register(pump, EVENT_READ, None)
        feed = None if child.stdin is None else StdinFeed(child.stdin, self._forget)
        self._children[child.pid] = _Running(feed, pumps)
        self._pids[key] = child.pid

    def _bury(self, pid: int, status: int) -> None:
        """All that a child wrote is in its log before anybody hears that it died."""
        if self._prober.buried(pid, status):
            return
        child = self._children.pop(pid, None)
        process = self.engine.by_pid(pid)
        if child is not None:
            if process is not None:
                self._pids.pop(process.key, None)
            if child.feed is not None:
                child.feed.close()
            for pump in child.pumps:
                self._last_words(pump)
        if process is not None:
            self._prober.forget(process.key)
        self.post(Exited(pid, status))
        if process is not None and process.key[0] in self._sockets:
            self._sockets[process.key[0]].release(process.key)

    def _last_words(self, pump: Pump) -> None:
        if not pump.closed and not pump.drain():  # somebody else has it open still
            self._lingering.append((self._system.now().mono + LINGER, pump))

    # --- the other direction ------------------------------------------------------------------------------------------

    def write_stdin(self, key: ProcessKey, data: bytes) -> None:
        """Queue bytes for a child.

        Raises:
            BrokenPipeError: it has no standard input, or closed it.
        """
        child = self._children.get(self._pids.get(key, 0))
        if child is None or child.feed is None:
            raise BrokenPipeError
        child.feed.write(data)
        if not child.feed.flush():
            self._watch(child.feed, key)
        elif child.feed.closed:
            raise BrokenPipeError

    def _send(self, effect: Send) -> Input:
        try:
            self.write_stdin(effect.key, effect.data)
        except BrokenPipeError:
            return SendFailed(effect.key)
        feed = self._children[self._pids[effect.key]].feed
        return Sent(effect.key, full=feed is not None and feed.wanted)

    def _watch(self, target: "StdinFeed | Console", key: ProcessKey | None = None) -> None:
        watched = self._selector.get_map()
        if watched is not None and target.fileno() not in watched:  # None: we are closed, the end drains consoles
            self._selector.register(target, EVENT_WRITE, key)

    def _forget(self, fd: int) -> None:
        """Watch a descriptor no longer. To be called before it is closed: of one that was closed first epoll(7) goes on
        to tell as long as a forked child holds a copy."""
        watched = self._selector.get_map()
        if fd >= 0 and watched is not None and fd in watched:
            self._selector.unregister(fd)

    def watch_console(self, console: Console) -> None:
        """A console has something to write and could not: write it when there is room."""
        if console.pending:
            self._watch(console)
        self._rearm()

    def _flush(self, console: Console) -> None:
        fd = console.fileno()
        console.flush()
        if not console.pending:
            self._forget(fd)

    # --- groups -------------------------------------------------------------------------------------------------------

    def expect_group(self, spec: GroupSpec) -> None:
        """A group is about to become active: try the socket that its processes share.

        Raises:
            SharedSocketError: it cannot be made.
        """
        if spec.socket is not None and spec.name not in self.engine.groups:
            shared = SharedSocket(spec.socket, self._log.log)
            shared.probe()
            self._sockets[spec.name] = shared

    def forget_group(self, name: str, kept: Collection[str] | None = None) -> None:
        """A group is gone, or all of its processes but those that are `kept`: close their logs."""
        if name in self._sockets and kept is None:
            self._sockets.pop(name).close()
        self.channels.forget(name, kept or ())

    # --- further effects ----------------------------------------------------------------------------------------------

    def _kill(self, effect: Kill) -> Input:
        try:
            self._system.kill(effect.pid, effect.signum, effect.group)
        except ProcessLookupError as error:
            return KillFailed(effect.key, str(error), gone=True)
        except OSError as error:
            return KillFailed(effect.key, str(error), gone=False)
        return SignalSent(effect.key)

    def _say(self, effect: Log) -> None:
        self._log.log(effect.level, effect.text)

    def _reopen(self, effect: ReopenLogs) -> None:
        self._log.reopen()
        self.channels.reopen()

    def _probe(self, effect: Probe) -> Input | None:
        return self._prober.probe(effect)

    def _stop_probing(self, effect: StopProbing) -> None:
        self._prober.stop(effect.key)

    def _announce(self, effect: Announce) -> None:
        if self.announced is not None:
            self.announced(effect.key, effect.state)

    def publish(self, event: Event) -> None:
        """An event from elsewhere than the engine: of a channel, of a client."""
        self._outlet.publish(event)
        if self.engine.pools:
            self.post(Published(event))

    def _publish(self, effect: Publish) -> Input | None:
        self._outlet.publish(effect.event)
        return Published(effect.event) if self.engine.pools else None

    def _judge(self, effect: Judge) -> Input:
        return Judged(effect.key, self._outlet.judge(effect.handler, effect.event, effect.result))

    def _answer(self, effect: Answer) -> None:
        call = self._calls.get(effect.ticket)
        if call is not None:  # otherwise the client has left; what it asked for went on without it
            call.outcomes = effect.outcomes
            if call.arrived is not None:
                call.arrived.set()

    def _reload(self, effect: Reload) -> Input | None:
        return self._outlet.reload()

    def _leave(self, effect: Quit) -> None:
        self.over = True

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every pipe, with what is still in it written, and every log of a child."""
        self._prober.close()
        for child in self._children.values():
            if child.feed is not None:
                child.feed.close()
            for pump in child.pumps:
                pump.drain()
                pump.close()
        for _, pump in self._lingering:
            pump.drain()
            pump.close()
        self.channels.close()
        for shared in self._sockets.values():
            shared.close()
        for call in self._calls.values():
            if call.arrived is not None:
                call.arrived.set()
        self._selector.close()

    def kill_all(self) -> None:
        """After a fault of our own: no child is left behind without somebody who looks after it."""
        for pid in self._children:
            try:
                self._system.kill(pid, SIGKILL, True)
            except OSError:
                pass  # it has ended by itself

    def refusal(self, spec: ProcessSpec) -> Fault | None:
        """Why a program cannot be started, as clients are told before anything is tried."""
        try:
            self._system.resolve(spec)
        except CommandProblem as problem:
            return problem.fault
        return None


_CARRY_OUT: dict[type[Effect], Callable[[Driver, Any], Input | None]] = {
    Spawn: Driver.spawn,
    Kill: Driver._kill,
    Publish: Driver._publish,
    Send: Driver._send,
    Judge: Driver._judge,
    Log: Driver._say,
    Answer: Driver._answer,
    Probe: Driver._probe,
    StopProbing: Driver._stop_probing,
    Announce: Driver._announce,
    ReopenLogs: Driver._reopen,
    Reload: Driver._reload,
    Quit: Driver._leave,
}
