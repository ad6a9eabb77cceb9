"""`Supervisor`: programs that run as long as a block of Python.

    __aenter__   in a thread: folder, configuration, log, watcher, socket; then the tasks, then the programs
        drive    one task: the driver. Shielded; whoever cancels it all the same only makes it look around
        serve    one task, where there is a control socket
    __aexit__    in order: who descends from whom, stop, silence; in a thread: kill what is left, close, remove

Leaving goes on through whatever is cancelled meanwhile (`minisup.embed.undisturbed`). A fault of our own ends the block
by cancelling it, kills the programs, and is raised where the block ends.
"""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, TypeVar

import anyio
from anyio.abc import TaskGroup

from minisup import signals
from minisup.control import tail
from minisup.core.lifecycle import Process
from minisup.core.readiness import LATE, WAITING, explain, should_run
from minisup.core.roster import by_priority
from minisup.core.words import Booted, Outcome, ShutdownCalled, Target
from minisup.embed.hosted import Hosted, Wish
from minisup.embed.program import Path, Program
from minisup.embed.streams import Line, Stream
from minisup.embed.undisturbed import in_thread, outlast
from minisup.errors import Fault, Faults, MinisupError, StartError, TimedOut, UnknownProgram
from minisup.events import PARENTS, Event, is_a
from minisup.specs import LogSpec, make_namespec, split_namespec
from minisup.states import PROCESS_STATE_NAMES, RUNNING_STATES, STOPPED_STATES, ProcessStates

T = TypeVar("T")
SHOWN = 20
"""Lines of a log that an error shows, of each channel."""
TAIL = 64 * 1024
"""Bytes of a log that are looked at for its last lines."""


class Info(NamedTuple):
    """A process, as it is now.

    Attributes:
        name: as every method takes it: ``web``, or ``group:process`` where the two differ.
        state: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN, as supervisord has them.
        ready: whether it is: by `ready` where the program has it, else when it is RUNNING.
        pid: None where nothing runs.
        returncode: exit code of the last run, -N for signal N; None while it runs, and before the first run.
        started: when the last run began, in seconds since the epoch; None before the first.
        stopped: when the last run ended; None before that.
        why: why it is not RUNNING or not ready, in a few words; empty where there is nothing to say.
        stdout_logfile: the path of its log; None where it has none.
        stderr_logfile: the same for stderr.
    """

    name: str
    state: str
    ready: bool
    pid: int | None
    returncode: int | None
    started: float | None
    stopped: float | None
    why: str
    stdout_logfile: str | None
    stderr_logfile: str | None


class Supervisor:
    """Programs that run while a block of Python does; see docs/embedding.md.

        async with minisup.Supervisor(programs=[minisup.Program("redis", "redis-server --port 0")]) as supervisor:
            ...

    Entering starts the programs whose `autostart` is true, and waits for those that have `ready`. Leaving stops all in
    order, ends their descendants, and returns when nothing is left of them. If this process is killed outright they
    are killed, too. An object is for one block; any number of them may be used side by side, in any thread, on asyncio
    and trio. Its methods are for the event loop of that block.

    Args:
        conf: the path of a supervisord.conf.
        text: the text of one, instead. It need not have a [supervisord] section.
        programs: more programs, from Python.
        folder: where logs are kept. None: in a temporary folder that is removed in the end.
        log: the file of the main log. None: ``supervisord.log`` in the folder.
        socket: a path: there a supervisorctl may look in. None: nobody can.
        shutdown_timeout: all programs must have stopped within these seconds. None: as the configuration says.

    Of [supervisord] only `environment`, `loglevel`, `shutdown_timeout` and `strip_ansi` count, the rest being the
    host's affair; servers, plugins and `exit_on` are not for this process either.

    Attributes:
        folder: where the logs are; None before the block.
    """

    def __init__(
        self,
        conf: Path | None = None,
        *,
        text: str | None = None,
        programs: Sequence[Program] = (),
        folder: Path | None = None,
        log: Path | None = None,
        socket: Path | None = None,
        shutdown_timeout: float | None = None,
    ) -> None:
        if conf is not None and text is not None:
            raise MinisupError("cannot use conf and text: one of them is the configuration")
        self.folder: str | None = None
        self._wish = Wish(conf, text, programs, folder, log, socket, shutdown_timeout)
        self._hosted: Hosted | None = None
        self._tasks: TaskGroup | None = None
        self._serving: anyio.CancelScope | None = None
        self._driving = False
        self._driven = False
        self._leaving = False
        self._fault: BaseException | None = None

    # --- the block ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> "Supervisor":
        """Start.

        Raises:
            ConfigError: of the configuration or a program.
            StartError: a program cannot be started, or is not ready in time.
            MinisupError: something else cannot be had. In all cases nothing is left behind.
        """
        if self._tasks is not None:
            raise MinisupError("cannot use a Supervisor for a second block")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        try:
            _, interruption = await in_thread(self._open)
            if interruption is not None:
                raise interruption
            self._tasks.start_soon(self._drive)
            if self._host.servers:
                self._tasks.start_soon(self._serve)
            await self._boot()
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything, whatever is cancelled meanwhile.

        Raises:
            MinisupError: a fault of our own, or a process that does not even die of SIGKILL.
        """
        assert self._tasks is not None
        interruption: BaseException | None = None
        try:
            if self._hosted is not None:
                interruption = await self._leave(self._hosted)
        finally:
            cancelled = self._fault is not None and isinstance(error, anyio.get_cancelled_exc_class())
            await self._tasks.__aexit__(*(kind, error, trace) if cancelled else (None, None, None))
        if isinstance(self._fault, KeyboardInterrupt):
            raise self._fault
        if self._fault is not None:
            raise MinisupError(f"internal error: {type(self._fault).__name__}: {self._fault}") from self._fault
        if interruption is not None:
            raise interruption

    def _open(self) -> None:
        self._hosted = Hosted(self._wish, self._fall)
        self.folder = self._hosted.folder

    async def _boot(self) -> None:
        host = self._host
        host.post(Booted())
        wanted = [process for process in self._select((), "start") if process.spec.autostart]
        await self._until(lambda: all(process.started is not None for process in wanted))
        await self._see_started(wanted, patient=False)

    async def _leave(self, hosted: Hosted) -> BaseException | None:
        """Stop everything; what interrupted that."""
        self._leaving = True
        _, first = await in_thread(hosted.remember)
        if self._fault is None:
            hosted.post(ShutdownCalled(restart=False))
        if self._serving is not None:
            self._serving.cancel()
        second = await outlast(self._await_tasks, lambda: self._driven and self._serving is None)
        hosted.silence()
        _, third = await in_thread(hosted.close)
        return first or second or third

    # --- tasks --------------------------------------------------------------------------------------------------------

    async def _drive(self) -> None:
        if self._driving:
            return  # whoever leaves was faster
        host = self._host
        self._driving = True
        try:
            await outlast(host.driver.run, lambda: host.driver.over)
        except BaseException as fault:
            self._fall(fault)
        self._driven = True
        host.changed.ring()

    async def _serve(self) -> None:
        if self._leaving:
            return  # before we could begin
        from minisup.control.server import serve

        host = self._host
        self._serving = anyio.CancelScope(shield=True)
        try:
            with suppress(anyio.get_cancelled_exc_class()), self._serving:
                await serve(host.servers, host)
        except BaseException as fault:
            self._fall(fault)
        self._serving = None
        host.changed.ring()

    async def _await_tasks(self) -> None:
        if self._driving:
            await self._host.changed.wait()
        else:  # the task has not begun yet, and maybe somebody cancelled it before it could
            await self._drive()

    def _fall(self, fault: BaseException) -> None:
        """A fault of our own: the programs go, and the block with them."""
        if self._fault is None and self._hosted is not None and self._tasks is not None:
            self._fault = fault
            self._hosted.log("critical", f"internal error: {type(fault).__name__}: {fault}")
            self._hosted.driver.give_up()
            self._hosted.changed.ring()
            self._tasks.cancel_scope.cancel()

    @property
    def _host(self) -> Hosted:
        if self._hosted is None or self._hosted.silent:
            raise MinisupError("cannot use a Supervisor outside of its block")
        return self._hosted

    async def _until(self, done: Callable[[], bool]) -> None:
        """Wait until `done()`, which is asked whenever a process may have changed."""
        host = self._host
        while not done():
            if host.silent:
                raise MinisupError("cannot wait any longer: the supervisor has ended")
            await host.changed.wait()

    # --- names --------------------------------------------------------------------------------------------------------

    def _select(self, names: Sequence[str], what: str) -> list[Process]:
        """The processes that are meant, in the order of their start; without names all of them."""
        groups = self._host.groups
        everything = [process for group in by_priority(groups.values()) for process in group.by_priority()]
        if not names:
            return everything
        found: set[Process] = set()
        for name in names:
            group, process = split_namespec(name)
            meant = [one for one in everything if one.key[0] == group and process in (None, one.key[1])]
            if not meant and ":" not in name:  # a group of processes with other names
                meant = [one for one in everything if one.key[0] == name]
            if not meant:
                there = ", ".join(make_namespec(*one.key) for one in everything) or "none"
                raise UnknownProgram(f"cannot {what} {name!r}: there is no such program (there are: {there})")
            found.update(meant)
        return [process for process in everything if process in found]

    def _one(self, name: str, what: str) -> Process:
        found = self._select([name], what)
        if len(found) > 1:
            several = ", ".join(make_namespec(*one.key) for one in found)
            raise UnknownProgram(f"cannot {what} {name!r}: it means several: {several}")
        return found[0]

    # --- what can be done ---------------------------------------------------------------------------------------------

    async def start(self, *names: str) -> None:
        """Start programs, and wait until each is ready: as its `ready` says, else when it has stayed up for `startsecs`
        or has done its work with an expected exit code. One that runs already is no error.

        Args:
            names: of programs, groups (``group:*``) or processes of them (``group:process``); none for all.

        Raises:
            UnknownProgram: there is none of that name. Then nothing is started.
            StartError: one failed. Then those that were started by this call are stopped again.
        """
        wanted = self._select(names, "start")
        fresh = [process for process in wanted if process.state not in RUNNING_STATES]
        await self._until(lambda: all(process.state != ProcessStates.STOPPING for process in fresh))
        await self._host.start(_targets(fresh), wait=False)
        try:
            await self._see_started(wanted, patient=True)
        except StartError:
            await self._stop(fresh)
            raise

    async def stop(self, *names: str) -> None:
        """Stop programs, and wait until they are down. One that does not run is no error.

        Args:
            names: as in `start`; none for all.

        Raises:
            UnknownProgram: there is none of that name. Then nothing is stopped.
            MinisupError: one cannot be stopped.
        """
        await self._stop(self._select(names, "stop"))

    async def restart(self, *names: str) -> None:
        """`stop`, then `start`."""
        wanted = self._select(names, "restart")
        await self._stop(wanted)
        await self.start(*(make_namespec(*process.key) for process in wanted))

    async def signal(self, name: str, signal: str | int) -> None:
        """Send a signal.

        Args:
            name: as in `start`.
            signal: its name, with or without SIG, or its number.

        Raises:
            UnknownProgram: there is none of that name.
            MinisupError: there is no such signal, or the program does not run.
        """
        try:
            number = signals.number(signal)
        except ValueError:
            raise MinisupError(f"cannot signal {name!r}: there is no signal {signal!r}") from None
        _check(await self._host.signal(_targets(self._select([name], "signal")), number), "signal")

    async def add(self, program: Program) -> None:
        """Add a program; where its `autostart` is true, start it as `start` does.

        Raises:
            ConfigError: it cannot be used here.
            StartError: it did not start; it is not added then.
        """
        host = self._host
        group, interruption = await in_thread(lambda: host.read(program))
        if interruption is not None:
            raise interruption
        host.add_group(group)
        host.know((*host.configuration.groups, group))
        try:
            if any(process.autostart for process in group.processes):
                await self.start(f"{program.name}:*")
        except StartError:
            await self.remove(program.name)
            raise

    async def remove(self, name: str) -> None:
        """Stop a program, or all of a group, and forget it.

        Raises:
            UnknownProgram: there is none of that name.
        """
        host = self._host
        group = self._select([name], "remove")[0].group
        await self._stop(self._select([f"{group}:*"], "remove"))
        host.remove_group(group)
        host.know(known for known in host.configuration.groups if known.name != group)

    async def _stop(self, processes: Collection[Process]) -> None:
        _check(await self._host.stop(_targets(processes), wait=True), "stop", Faults.NOT_RUNNING)
        await self._until(lambda: all(process.state in STOPPED_STATES for process in processes))

    # --- what can be waited for ---------------------------------------------------------------------------------------

    async def ready(self, *names: str, timeout: float | None = None) -> None:
        """Wait until programs are ready.

        Args:
            names: as in `start`; none for all that run or should.
            timeout: seconds; None for as long as `ready_timeout` of each says.

        Raises:
            UnknownProgram: there is none of that name.
            StartError: one is not ready in time, or will not be.
        """
        wanted = self._select(names, "wait for")
        if not names:
            wanted = [process for process in wanted if should_run(process)]
        outcomes = await self._host.wait_ready(_targets(wanted), timeout)
        failed = {outcome.key for outcome in outcomes if outcome.fault is not None}
        for process in wanted:
            if process.key in failed:
                raise await self._start_error(process)

    async def wait_for(self, name: str, state: str, timeout: float = 30.0) -> Info:
        """Wait until a process comes to a state, or is in it.

        Args:
            name: of the process.
            state: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN.
            timeout: seconds.

        Returns:
            What was known of it then; it may have gone on to another state already.

        Raises:
            UnknownProgram: there is none of that name.
            TimedOut: it did not come to that state in time.
            MinisupError: there is no such state.
        """
        if state not in PROCESS_STATE_NAMES.values():
            raise MinisupError(
                f"cannot wait for state {state!r}: it is none of {', '.join(PROCESS_STATE_NAMES.values())}"
            )
        process = self._one(name, "wait for")
        if PROCESS_STATE_NAMES[process.state] == state:
            return _info(process)
        group, own = process.key
        about = {"groupname": group, "processname": own}.items()
        seen: list[Info] = []

        def look(event: Event) -> bool:
            if event.name == f"PROCESS_STATE_{state}" and event.fields.items() >= about:
                seen.append(_info(process)._replace(state=state))
            return False

        looking = self._host.events.open(look)
        with anyio.move_on_after(timeout):
            await self._until(lambda: bool(seen))
            return seen[0]
        del looking  # held until here: a stream that nobody holds is forgotten
        what = f"cannot wait for {name!r} any longer, not {state} within {timeout:g} seconds"
        raise TimedOut(what, *await self._circumstances(process))

    async def _see_started(self, processes: Collection[Process], patient: bool) -> None:
        """Wait until all are started, those without `ready` only with `patient`.

        Raises:
            StartError: one failed.
        """
        await self._until(
            lambda: (
                any(_failed(process) for process in processes)
                or all(_started(process, patient) for process in processes)
            )
        )
        for process in processes:
            if _failed(process):
                raise await self._start_error(process)

    async def _start_error(self, process: Process) -> StartError:
        return StartError(f"cannot start {make_namespec(*process.key)!r}", *await self._circumstances(process))

    async def _circumstances(self, process: Process) -> tuple[str, str, str, int | None, str]:
        """What a `ProcessError` says of a process."""
        logs = (process.spec.stdout, process.spec.stderr)
        now = make_namespec(*process.key), _why(process), PROCESS_STATE_NAMES[process.state], _returncode(process)
        return *now, await _in_thread(lambda: "".join(_last_lines(log, SHOWN) for log in logs))

    # --- what can be seen ---------------------------------------------------------------------------------------------

    def processes(self) -> list[Info]:
        """All processes, in the order of their start."""
        return [_info(process) for process in self._select((), "show")]

    def info(self, name: str) -> Info:
        """A process, as it is now.

        Raises:
            UnknownProgram: there is none of that name.
        """
        return _info(self._one(name, "show"))

    def events(self, kind: str = "EVENT") -> Stream[Event]:
        """What happens from now on; for `async for`.

        Args:
            kind: the name of an event of supervisord, or of a family of them: ``PROCESS_STATE``.

        Raises:
            MinisupError: there is no such event.
        """
        if kind not in PARENTS:
            raise MinisupError(f"cannot listen to {kind!r}: there is no such event")
        return self._host.events.open(lambda event: is_a(event.name, kind))

    def lines(self, *names: str) -> Stream[Line]:
        """What programs write from now on, line by line; for `async for`.

        Args:
            names: as in `start`; none for all, also those that are added later.

        Raises:
            UnknownProgram: there is none of that name.
        """
        wanted = {make_namespec(*process.key) for process in self._select(names, "read")} if names else None
        return self._host.lines.open(lambda line: wanted is None or line.program in wanted)

    async def tail(self, name: str, lines: int = 10, channel: str = "stdout") -> str:
        """The last lines of a log.

        Args:
            name: of the process.
            lines: how many; of a long log at most those in its last 64 KiB.
            channel: ``stdout`` or ``stderr``.

        Raises:
            UnknownProgram: there is no process of that name.
            MinisupError: it has no such log, or that cannot be read.
        """
        spec = self._one(name, "read").spec
        if channel not in ("stdout", "stderr"):
            raise MinisupError(f"cannot read {channel!r} of {name!r}: it is neither stdout nor stderr")
        log = spec.stdout if channel == "stdout" or spec.redirect_stderr else spec.stderr
        if not log.path:
            raise MinisupError(f"cannot read {channel} of {name!r}: it has no log file")
        try:
            return await _in_thread(lambda: _last_lines(log, lines))
        except Fault:
            raise MinisupError(f"cannot read {channel} of {name!r}: {log.path!r} cannot be read") from None


async def _in_thread(function: Callable[[], T]) -> T:
    result, interruption = await in_thread(function)
    if interruption is not None:
        raise interruption
    return result


def _last_lines(log: LogSpec, lines: int) -> str:
    """Empty where there is no file.

    Raises:
        Fault: it cannot be read.
    """
    if not log.path or not os.path.exists(log.path):
        return ""
    text = tail.read(log.path, -TAIL, 0)
    return "".join(text.splitlines(keepends=True)[-lines:]) if lines > 0 else ""


def _targets(processes: Collection[Process]) -> list[Target]:
    return [Target(process.key, make_namespec(*process.key)) for process in processes]


def _check(outcomes: Sequence[Outcome], what: str, *but: int) -> None:
    for key, fault in outcomes:
        if fault is not None and fault.code not in but:
            why = "it does not run" if fault.code == Faults.NOT_RUNNING else str(fault.about)
            raise MinisupError(f"cannot {what} {make_namespec(*key)!r}: {why}")


def _started(process: Process, patient: bool) -> bool:
    if process.readiness.ready or (process.spec.ready is None and process.state == ProcessStates.EXITED):
        return True
    return not patient and process.spec.ready is None


def _failed(process: Process) -> bool:
    """It is not up, or not ready in time. Where nothing says when it is ready, it may have done its work."""
    if process.state in (ProcessStates.STARTING, ProcessStates.RUNNING):
        return process.readiness.state == LATE
    done = process.state == ProcessStates.EXITED and process.exitstatus in process.spec.exitcodes
    return not done or process.spec.ready is not None


def _why(process: Process) -> str:
    ready, why = process.spec.ready, explain(process)
    if ready is None or process.readiness.state not in (WAITING, LATE):
        return why
    sign = ready.target if ready.kind == "http" else ":".join(filter(None, (ready.kind, ready.target)))
    return f"not ready in time by {sign}: {why}"


def _returncode(process: Process) -> int | None:
    return None if process.status is None else os.waitstatus_to_exitcode(process.status)


def _info(process: Process) -> Info:
    spec, started, stopped = process.spec, process.started, process.stopped
    return Info(
        name=make_namespec(*process.key),
        state=PROCESS_STATE_NAMES[process.state],
        ready=process.readiness.ready,
        pid=process.pid or None,
        returncode=_returncode(process),
        started=None if started is None else started.wall,
        stopped=None if stopped is None else stopped.wall,
        why=explain(process),
        stdout_logfile=spec.stdout.path or None,
        stderr_logfile=spec.stderr.path or None,
    )
