"""The pure lifecycle beside the real `supervisor.process.Subprocess`: the same scripts, the same story.

Both are driven through one random script on a simulated clock. Compared after every step: events with their payload,
kills with target and signal, log lines, all in their order; state, pid, exit status, spawnerr, number of failed
starts, times of start and stop.

The real one looks at its clock only in `transition()`. It is called after each step and whenever something is due on
either side, so its turns of a loop (rows running-late, backoff-late, fatal-late, startsecs-zero of
docs/compatibility.md) disappear. It compares with ``>``: each time it reads the clock, that is `TINY` further on (row
exit-zero-time). The other rows where the two differ on purpose are modelled in `Pair`, where `row(...)` names them;
`DIFFERENCES` shows each by itself.
"""

import errno
import math
import os
import random
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from oracle.peer import oracle_venv

from minisup import events, signals
from minisup.core import lifecycle, narration
from minisup.core.lifecycle import HANDLERS, Process
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
    Log,
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
from minisup.specs import ProcessSpec
from minisup.states import PROCESS_STATE_NAMES, RUNNING_STATES, SIGNALLABLE_STATES, ProcessStates

SCRIPTS = 10_000
STEPS = 20
EPOCH = 1_000.0
"""When a script begins; 0 means "never" to the real one."""
TINY = 2.0**-30
GRID = 0.25
"""All times of a script are multiples of this."""


# --- the real one ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Iterator[SimpleNamespace]:
    """The modules of the real supervisor, imported for this file alone."""
    (packages,) = (oracle_venv() / "lib").glob("python*/site-packages")
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "supervisor"}
    sys.path.insert(0, str(packages))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from supervisor import datatypes, events, options, process
    finally:
        sys.path.remove(str(packages))
        for name in [name for name in sys.modules if name.split(".")[0] == "supervisor"]:
            del sys.modules[name]
        sys.modules.update(before)
    yield SimpleNamespace(datatypes=datatypes, events=events, options=options, process=process)


class Seat:
    """The smallest `options` object that a `Subprocess` can live with: what it would do to the system is told."""

    mood = 1

    def __init__(self, pair: "Pair") -> None:
        self.pair = pair
        self.logger = self
        self.pidhistory: dict[int, object] = {}

    def stat(self, path: str) -> None:
        return None

    def check_execv_args(self, filename: str, argv: list[str], found: object) -> None:
        self.pair.theirs.append("spawn")
        if self.pair.spawning == "exec":
            raise self.pair.real.options.NotFound("can't find command '/bin/p'")

    def make_dispatchers(self, process: object) -> tuple[dict[int, object], dict[str, int]]:
        if self.pair.spawning == "files":
            raise OSError(errno.EMFILE, "")
        return {}, {}

    def fork(self) -> int:
        if self.pair.spawning == "fork":
            raise OSError(errno.EAGAIN, "")
        return self.pair.pid

    def kill(self, pid: int, signum: int) -> None:
        self.pair.theirs.append(f"kill {pid} {int(signum)}")
        if self.pair.killing is not None:
            raise OSError(self.pair.killing, os.strerror(self.pair.killing))

    def close_parent_pipes(self, pipes: object) -> None:
        pass

    close_child_pipes = close_parent_pipes

    def info(self, text: str) -> None:
        self.pair.theirs.append(f"info {text}")

    def warn(self, text: str) -> None:
        self.pair.theirs.append(f"warn {text}")

    def debug(self, text: str) -> None:
        self.pair.theirs.append(f"debug {text}")

    def critical(self, text: str) -> None:
        # A traceback there, the reason here.
        self.pair.theirs.append("critical " + re.sub(r"(\(\d+\)):.*", r"\1", text, flags=re.DOTALL))


FAILURES = {
    "exec": "can't find command '/bin/p'",
    "files": "too many open files to spawn 'p'",
    "fork": "Too many processes in process table to spawn 'p'",
}


# --- both ------------------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """One line of a script.

    Attributes:
        act: a method of `Pair` after ``act_``.
        after: seconds since the step before.
        late: nobody looked at the clock in between.
        number: what the act makes of it.
        killing: errno of kill(2) from now on, None for success.
        spawning: how spawns fail from now on, "" for success.
    """

    act: str
    after: float
    late: bool = False
    number: int = 0
    killing: int | None = None
    spawning: str = ""


class Differ(AssertionError):
    """The two told different stories."""


class Pair:
    """One process of each kind and their clock."""

    def __init__(self, real: SimpleNamespace, spec: ProcessSpec, rows: Counter[str], pairs: set[Any]) -> None:
        self.real = real
        self.rows = rows
        self.pairs = pairs
        self.ours: list[str] = []
        self.theirs: list[str] = []
        self.killing: int | None = None
        self.spawning = ""
        self.time = EPOCH
        self.wall = 0.0
        self.looks = 0
        self.pid = 100
        self.over = False
        # What decisions need to know about the real one.
        self.quick = 0
        self.restart_at = 0.0
        self.cancelled = False
        self.undead_at: float | None = None

        real.process.time = SimpleNamespace(time=self._clock)
        real.events.notify = self._notified
        self.seat = Seat(self)
        restarts = {
            "always": real.datatypes.RestartUnconditionally,
            "unexpected": real.datatypes.RestartWhenExitUnexpected,
            "never": False,
        }
        fields = (
            "name command priority autostart startsecs startretries exitcodes stopsignal stopwaitsecs stopasgroup "
            "killasgroup"
        )
        config = SimpleNamespace(
            options=self.seat,
            autorestart=restarts[spec.autorestart],
            make_dispatchers=self.seat.make_dispatchers,
            **{name: getattr(spec, name) for name in fields.split()},
        )
        self.subprocess = real.process.Subprocess(config)
        self.subprocess.group = SimpleNamespace(config=SimpleNamespace(name="g"))
        self.process = Process("g", spec)

    def row(self, name: str) -> None:
        """A row of docs/compatibility.md makes a difference here."""
        self.rows[name] += 1

    def _clock(self) -> float:
        self.looks += 1
        return self.time + self.looks * TINY

    def _notified(self, event: Any) -> None:
        name = self.real.events.getEventNameByType(type(event))
        self.theirs.append(f"{name} {event.payload()}")

    # --- ours --------------------------------------------------------------------------------------------------------

    def hand(self, given: Input) -> None:
        """Hand an input to our machine and carry out what it says."""
        if (self.process.state, type(given)) in HANDLERS:
            self.pairs.add((self.process.state, type(given)))
        for effect in self.process.handle(given, Instant(self.time, self.time + self.wall)):
            self.carry_out(effect)

    def carry_out(self, effect: Effect) -> None:
        key = self.process.key
        if isinstance(effect, Publish):
            self.ours.append(f"{effect.event.name} {effect.event.payload}")
        elif isinstance(effect, Log):
            text = re.sub(r"(\(\d+\)):.*", r"\1", effect.text) if effect.level == "critical" else effect.text
            self.ours.append(f"{effect.level} {text}")
        elif isinstance(effect, Spawn):
            self.ours.append("spawn")
            if self.spawning:
                self.hand(SpawnFailed(key, FAILURES[self.spawning]))
            else:
                self.hand(Spawned(key, self.pid))
        elif isinstance(effect, Kill):
            self.ours.append(f"kill {-effect.pid if effect.group else effect.pid} {effect.signum}")
            if self.killing is None:
                self.hand(SignalSent(key))
            else:
                why = str(OSError(self.killing, os.strerror(self.killing)))
                self.hand(KillFailed(key, why, gone=self.killing == errno.ESRCH))
        else:
            raise Differ(f"what is {effect}?")

    # --- theirs ------------------------------------------------------------------------------------------------------

    def would_restart(self) -> bool:
        it = self.subprocess
        wish = it.config.autorestart
        unexpected = it.exitstatus not in it.config.exitcodes
        always = wish is self.real.datatypes.RestartUnconditionally
        return bool(it.state == ProcessStates.EXITED and self.seat.mood > 0 and wish and (always or unexpected))

    def held(self) -> bool:
        """Whether a decision forbids the real one its turn."""
        if self.would_restart():
            if self.cancelled:
                self.row("restart-cancel")
                return True
            if self.time < self.restart_at:
                self.row("autorestart-brake")
                return True
        if self.subprocess.state == ProcessStates.STOPPING and self.undead_at is not None:
            if self.time >= self.undead_at:
                self.row("kill-again")
                self.theirs.append(f"critical {narration.survived_sigkill('p', self.subprocess.pid).text}")
                self.undead_at = math.inf
            return True
        return False

    def turn(self) -> None:
        """Turns of the real one's loop, until nothing happens any more."""
        while not self.held():
            before = len(self.theirs)
            self.subprocess.transition()
            if any(line.startswith("warn killing '") for line in self.theirs[before:]):
                self.undead_at = self.time + lifecycle.KILL_GRACE
            if len(self.theirs) == before:
                break

    def their_deadline(self) -> float:
        """When `transition` will next do something."""
        it = self.subprocess
        if it.state == ProcessStates.STARTING:
            due = it.laststart + it.config.startsecs
        elif (it.state == ProcessStates.BACKOFF and self.seat.mood > 0) or it.state == ProcessStates.STOPPING:
            due = it.delay if self.undead_at is None else self.undead_at
        elif self.would_restart() and not self.cancelled:
            due = self.restart_at
        else:
            return math.inf
        return math.floor(due / GRID) * GRID if due < math.inf else due

    # --- the clock ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Everybody looks at the clock; then compare."""
        for _ in range(5):
            if self.process.deadline is None or self.process.deadline > self.time:
                break
            self.hand(DeadlineReached())
        self.turn()
        self.compare()

    def advance(self, end: float) -> None:
        for _ in range(100):
            ours = math.inf if self.process.deadline is None else self.process.deadline
            due = min(ours, self.their_deadline())
            if due > end:
                self.time = end
                return
            self.time = max(self.time, due)
            self.look()
        raise Differ(f"at {self.time - EPOCH}: a deadline that does nothing")

    def compare(self) -> None:
        it, us = self.subprocess, self.process
        theirs = (*self.theirs, it.state, it.pid, it.exitstatus, it.spawnerr, it.backoff)
        ours = (*self.ours, us.state, us.pid, us.exitstatus, us.spawnerr, us.backoff)
        if ours != theirs:
            raise Differ(f"at {self.time - EPOCH}:\nours   {ours}\ntheirs {theirs}")
        for name, seen, mine in (("start", it.laststart, us.started), ("stop", it.laststop, us.stopped)):
            if not math.isclose(seen, mine.mono if mine else 0.0, abs_tol=GRID / 2):
                raise Differ(f"at {self.time - EPOCH}: {name} is {mine} here, {seen} there")
        self.ours.clear()
        self.theirs.clear()

    # --- acts --------------------------------------------------------------------------------------------------------

    def run(self, script: list[Step]) -> None:
        if self.process.spec.autostart:
            self.hand(StartRequested())
        self.look()
        for step in script:
            if self.over:
                return
            self.killing, self.spawning = None, ""
            if step.late:
                self.time += step.after
            else:
                self.advance(self.time + step.after)
            self.killing, self.spawning = step.killing, step.spawning
            self.pid += 1
            getattr(self, f"act_{step.act}")(step.number)
            if not self.over:
                self.look()

    def act_pass(self, number: int) -> None:
        pass

    def act_jump(self, seconds: int) -> None:
        """The wall clock is set; the real one would correct its deadlines (row clock-back), so it is spared that."""
        self.row("clock-back")
        self.wall += seconds * 1000

    def act_start(self, number: int) -> None:
        if self.seat.mood < 0:
            return
        self.hand(StartRequested())
        if self.subprocess.state not in (*RUNNING_STATES, ProcessStates.UNKNOWN):
            if self.subprocess.state != ProcessStates.STOPPING:
                self.cancelled, self.quick, self.undead_at = False, 0, None
            self.subprocess.spawn()

    def act_stop(self, number: int) -> None:
        if self.seat.mood < 0:
            return
        self.stop()

    def stop(self) -> None:
        state = self.subprocess.state
        self.hand(StopRequested(self.process.spec.stopwaitsecs))
        if state in RUNNING_STATES:
            self.undead_at = None
            self.subprocess.stop()
        if state == ProcessStates.BACKOFF:
            self.row("backoff-stop")
            self.subprocess.backoff = 0
        self.cancelled = self.cancelled or self.would_restart()

    def act_exit(self, status: int) -> None:
        pid = self.subprocess.pid
        if not pid:
            return
        started = math.floor(self.subprocess.laststart / GRID) * GRID
        self.hand(Exited(pid, status))
        if self.subprocess.state == ProcessStates.UNKNOWN:
            self.row("unknown-reaped")
            with pytest.raises(AssertionError, match="Assertion failed for p: UNKNOWN not in"):
                self.subprocess.finish(pid, status)
            assert self.ours[0].startswith("PROCESS_STATE_EXITED processname:p groupname:g from_state:UNKNOWN")
            assert (self.process.state, self.process.deadline) == (ProcessStates.EXITED, None)
            self.over = True  # nothing more to compare
            return
        self.subprocess.finish(pid, status)
        self.undead_at = None
        if self.would_restart():
            self.quick = self.quick + 1 if self.time - started < 1 else 0
            self.restart_at = self.time if self.quick <= 5 else started + 1

    def act_crash(self, number: int) -> None:
        """Die as soon as there is a child, again and again."""
        for _ in range(number % 16):
            self.act_exit((number >> 4) << 8)
            if self.over:
                return
            self.look()
            self.advance(self.time + GRID)
            self.pid += 1

    def act_signal(self, number: int) -> None:
        if self.subprocess.state in SIGNALLABLE_STATES:
            self.hand(SignalRequested(number))
            self.subprocess.signal(number)

    def act_shutdown(self, number: int) -> None:
        """The daemon stops; this process is told to once its turn comes."""
        if self.seat.mood > 0:
            self.seat.mood = -1
            self.hand(ShutdownBegan())
        elif self.subprocess.state == ProcessStates.BACKOFF:
            self.hand(GiveUpRequested())
            self.subprocess.give_up()
        elif self.subprocess.state in (ProcessStates.RUNNING, ProcessStates.STARTING):
            self.stop()


# --- scripts ---------------------------------------------------------------------------------------------------------

ACTS = (
    *("pass", "pass", "start", "start", "start", "stop", "stop", "exit"),
    *("exit", "exit", "exit", "crash", "signal", "shutdown", "jump", "crash"),
)
AFTER = (0, 0, 0.25, 0.5, 0.75, 1, 1, 1.25, 1.5, 2, 2.25, 3, 4, 5, 10, 30)
STATUSES = (0, 0, 0x100, 0x200, 9, 15, 2, 6, 0x8B, 17, 34, 35, 0x137F, 0xFF00, 0x7F00, 29)
NUMBERS: dict[str, tuple[int, ...]] = {
    "exit": STATUSES,
    "crash": (1, 2, 3, 4, 5, 6, 7, 8, 0x17, 0x18, 0x19, 0x27, 0x28, 0x11, 0x12, 0x13),
    "signal": (1, 2, 3, 6, 9, 10, 12, 15, 17, 18, 19, 29, 34, 40, 64, 0),
    "jump": (-3600, -60, -1, 1, 60, 3600, -10, 10) * 2,
}
KILLING = (None, None, None, None, None, None, errno.ESRCH, errno.EPERM)
SPAWNING = ("", "", "", "", "", "exec", "files", "fork")


def decode(data: bytes) -> tuple[ProcessSpec, list[Step]]:
    """A program and a script from bytes, each of which means something; zeros mean the least."""
    head, body = data[:4], data[4:]
    spec = ProcessSpec(
        name="p",
        command="/bin/p",
        autostart=not head[0] & 1,
        autorestart=("unexpected", "always", "never", "always")[head[0] >> 1 & 3],
        startsecs=(1, 0, 2, 3, 0, 1, 1, 5)[head[1] & 7],
        startretries=(3, 0, 1, 2)[head[1] >> 3 & 3],
        exitcodes=((0,), (0, 2), (), (1,))[head[1] >> 5 & 3],
        stopsignal=int((signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGUSR1)[head[2] & 3]),
        stopwaitsecs=(1, 0, 2, 10)[head[2] >> 2 & 3],
        stopasgroup=bool(head[3] & 1),
        killasgroup=bool(head[3] & 2),
    )
    script = []
    for index in range(0, len(body) - 3, 4):
        act, after, number, result = body[index : index + 4]
        name = ACTS[act & 15]
        script.append(
            Step(
                name,
                AFTER[after & 15],
                late=bool(after & 0x30 == 0x30),
                number=NUMBERS.get(name, (0,) * 16)[number & 15],
                killing=KILLING[result & 7],
                spawning=SPAWNING[result >> 3 & 7],
            )
        )
    return spec, script


ROWS = {"autorestart-brake", "backoff-stop", "clock-back", "kill-again", "restart-cancel", "unknown-reaped"}
"""Rows of docs/compatibility.md that the scripts must meet."""

NO_COUNTERPART = {
    *((state, KillRequested) for state in PROCESS_STATE_NAMES),  # a second TERM changes nothing there
    (ProcessStates.STOPPING, GiveUpRequested),
}
"""Handlers that no script of the real one can reach."""


@pytest.mark.slow
def test_scripts(real: SimpleNamespace) -> None:
    rows: Counter[str] = Counter()
    pairs: set[Any] = set()

    @settings(max_examples=SCRIPTS, deadline=None, derandomize=True, database=None)
    @given(st.binary(min_size=4 + 4 * STEPS, max_size=4 + 4 * STEPS))
    def run(data: bytes) -> None:
        spec, script = decode(data)
        note(f"{spec}\n" + "\n".join(map(str, script)))
        rows["scripts"] += 1
        Pair(real, spec, rows, pairs).run(script)

    run()
    assert rows["scripts"] >= SCRIPTS
    assert set(rows) - {"scripts"} == ROWS
    assert set(HANDLERS) - pairs - NO_COUNTERPART == set()


# --- the words ------------------------------------------------------------------------------------------------------


SIGNAL_VALUES = (*range(-1, 70), *signals.NUMBERS, "", "TERM", "hup", " 9 ", "0x9", "NOPE", "RTMIN+1")


@pytest.mark.parametrize("value", SIGNAL_VALUES)
def test_signal_number(real: SimpleNamespace, value: str | int) -> None:
    def outcome(read: Callable[[Any], Any]) -> Any:
        try:
            return int(read(value))
        except ValueError as error:
            return str(error)

    assert outcome(signals.number) == outcome(real.datatypes.signal_number)


def test_signal_names(real: SimpleNamespace) -> None:
    numbers = range(70)
    assert [signals.name(number) for number in numbers] == [real.options.signame(number) for number in numbers]


def test_wait_statuses(real: SimpleNamespace) -> None:
    for code in (0, 1, 2, 9, 127, 128, 255):
        for low in range(0xFF):  # 0xff is what wait(2) never gives
            status = code << 8 | low
            assert narration.wait_status(status) == real.options.decode_wait_status(status), hex(status)


def test_event_tree(real: SimpleNamespace) -> None:
    types = {name: kind for name, kind in vars(real.events.EventTypes).items() if name.isupper()}
    assert set(types) == set(events.PARENTS)
    for name, kind in types.items():
        for above, parent in types.items():
            assert events.is_a(name, above) == issubclass(kind, parent), (name, above)


# --- it can fail -----------------------------------------------------------------------------------------------------


def _quick_exit_is_fine(process: Process, given: Exited, at: Instant) -> list[Effect]:
    return [lifecycle._run(process), *lifecycle._end(process, at, given.status)]


def _retry_later(process: Process, given: SpawnFailed, at: Instant) -> list[Effect]:
    effects = lifecycle.starting_spawn_failed(process, given, at)
    if process.deadline is not None:
        process.deadline += GRID
    return effects


def _kill_by_stopasgroup(process: Process, given: DeadlineReached, at: Instant) -> list[Effect]:
    effects = lifecycle.stopping_deadline(process, given, at)
    for effect in effects:
        if isinstance(effect, Kill):
            effect.group = process.spec.stopasgroup
    return effects


def _no_brake(process: Process, given: Exited, at: Instant) -> list[Effect]:
    process.quick_lives = 0
    return lifecycle.running_exited(process, given, at)


def _signal_in_silence(process: Process, given: SignalRequested, at: Instant) -> list[Effect]:
    return lifecycle.up_signal(process, given, at)[1:]


_S = ProcessStates
BROKEN: dict[str, tuple[tuple[int, type[Input]], Callable[..., list[Effect]]]] = {
    "a quick exit is no failed start": ((_S.STARTING, Exited), _quick_exit_is_fine),
    "retries come late": ((_S.STARTING, SpawnFailed), _retry_later),
    "SIGKILL goes by stopasgroup": ((_S.STOPPING, DeadlineReached), _kill_by_stopasgroup),
    "no brake": ((_S.RUNNING, Exited), _no_brake),
    "signals are not logged": ((_S.RUNNING, SignalRequested), _signal_in_silence),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_machine_is_noticed(real: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pair, handler = BROKEN[name]
    monkeypatch.setitem(HANDLERS, pair, handler)
    dice = random.Random(name)
    with pytest.raises(Differ):
        for _ in range(2_000):
            spec, script = decode(dice.randbytes(4 + 4 * STEPS))
            Pair(real, spec, Counter(), set()).run(script)


# --- the differences, each by itself ---------------------------------------------------------------------------------


class Bare(Pair):
    """Both, driven by hand, on a clock that stands still; no decision is modelled."""

    def _clock(self) -> float:
        return self.time + self.wall

    def start(self) -> None:
        self.hand(StartRequested())
        self.subprocess.spawn()

    def exit(self, status: int = 0) -> None:
        pid = self.subprocess.pid
        self.hand(Exited(pid, status))
        self.subprocess.finish(pid, status)
        self.pid += 1

    def tick(self, seconds: float) -> None:
        """Time passes, then our deadline comes if it is due, and one turn of their loop."""
        self.time += seconds
        if self.process.deadline is not None and self.process.deadline <= self.time:
            self.hand(DeadlineReached())
        self.subprocess.transition()


def heard(lines: list[str]) -> str:
    """States and kills in their order."""
    words = [line.split()[0].removeprefix("PROCESS_STATE_") if line[0] == "P" else line for line in lines]
    return " ".join(word.replace(" ", "-") for word in words if word.isupper() or word.startswith("kill "))


def exit_zero_time(pair: Bare) -> None:
    pair.start()
    pair.exit()


def backoff_stop(pair: Bare) -> None:
    pair.spawning = "fork"
    pair.start()
    pair.hand(StopRequested(10))
    pair.subprocess.stop()
    pair.start()
    pair.tick(0)


def clock_back(pair: Bare) -> None:
    pair.start()
    pair.tick(5)
    pair.wall = -100
    pair.tick(0)
    pair.tick(6)


def fatal_late(pair: Bare) -> None:
    pair.spawning = "fork"
    pair.start()


def startsecs_zero(pair: Bare) -> None:
    pair.start()


def running_late(pair: Bare) -> None:
    pair.start()
    pair.tick(1)


def running_race(pair: Bare) -> None:
    pair.start()
    pair.time += 0.5
    pair.hand(Exited(pair.pid, 0))
    pair.time += 0.75
    pair.subprocess.transition()
    pair.subprocess.finish(pair.pid, 0)


def backoff_late(pair: Bare) -> None:
    pair.spawning = "fork"
    pair.start()
    pair.tick(1)


def autorestart_brake(pair: Bare) -> None:
    pair.start()
    for _ in range(7):
        pair.tick(0.125)
        if pair.process.pid:
            pair.exit()
        else:
            pair.subprocess.finish(pair.subprocess.pid, 0)
        pair.tick(0)


def kill_again(pair: Bare) -> None:
    pair.start()
    pair.hand(StopRequested(10))
    pair.subprocess.stop()
    for _ in range(4):
        pair.tick(10)


def restart_cancel(pair: Bare) -> None:
    pair.start()
    pair.tick(2)
    pair.exit()
    pair.hand(StopRequested(10))  # there it is fault NOT_RUNNING, and nothing else
    pair.tick(0)


def unknown_reaped(pair: Bare) -> None:
    pair.start()
    pair.killing = errno.EPERM
    pair.hand(StopRequested(10))
    pair.subprocess.stop()
    pair.hand(Exited(pair.pid, 0))
    with pytest.raises(AssertionError, match="Assertion failed for p: UNKNOWN not in"):
        pair.subprocess.finish(pair.pid, 0)


DIFFERENCES: dict[str, tuple[Callable[[Bare], None], dict[str, Any], str, str]] = {
    # row: story, program, ours, theirs
    "autorestart-brake": (
        autorestart_brake,
        {"startsecs": 0, "autorestart": "always"},
        "STARTING RUNNING EXITED" + " STARTING RUNNING EXITED" * 5,
        "STARTING RUNNING EXITED" + " STARTING RUNNING EXITED" * 6 + " STARTING",
    ),
    "backoff-late": (backoff_late, {}, "STARTING BACKOFF STARTING BACKOFF", "STARTING BACKOFF"),
    "backoff-stop": (
        backoff_stop,
        {"startretries": 1},
        "STARTING BACKOFF STOPPED STARTING BACKOFF",
        "STARTING BACKOFF STOPPED STARTING BACKOFF FATAL",
    ),
    "clock-back": (clock_back, {"startsecs": 10}, "STARTING RUNNING", "STARTING"),
    "exit-zero-time": (exit_zero_time, {}, "STARTING BACKOFF", "STARTING RUNNING EXITED"),
    "fatal-late": (fatal_late, {"startretries": 0}, "STARTING BACKOFF FATAL", "STARTING BACKOFF"),
    "kill-again": (
        kill_again,
        {},
        "STARTING STOPPING kill-100-15 kill-100-9",
        "STARTING STOPPING kill-100-15 kill-100-9 kill-100-9 kill-100-9 kill-100-9",
    ),
    "restart-cancel": (
        restart_cancel,
        {"autorestart": "always"},
        "STARTING RUNNING EXITED",
        "STARTING RUNNING EXITED STARTING",
    ),
    "running-late": (running_late, {}, "STARTING RUNNING", "STARTING"),
    "running-race": (running_race, {}, "STARTING BACKOFF", "STARTING RUNNING EXITED"),
    "startsecs-zero": (startsecs_zero, {"startsecs": 0}, "STARTING RUNNING", "STARTING"),
    "unknown-reaped": (
        unknown_reaped,
        {},
        "STARTING STOPPING kill-100-15 UNKNOWN EXITED",
        "STARTING STOPPING kill-100-15 UNKNOWN",
    ),
}


@pytest.mark.parametrize("row", DIFFERENCES)
def test_difference(real: SimpleNamespace, row: str) -> None:
    story, program, ours, theirs = DIFFERENCES[row]
    pair = Bare(real, ProcessSpec(name="p", command="/bin/p", autostart=False, **program), Counter(), set())
    story(pair)
    assert heard(pair.ours) == ours
    assert heard(pair.theirs) == theirs
