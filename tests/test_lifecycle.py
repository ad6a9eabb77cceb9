"""The life of one process: the table is total, and every cell does what it should."""

from typing import Any, NamedTuple

import pytest
from world import ARROWS, at, program, tell

from minisup.core import lifecycle, narration
from minisup.core.lifecycle import HANDLERS, IGNORED, INPUTS, STATES, Process
from minisup.core.words import (
    DeadlineReached,
    Exited,
    GiveUpRequested,
    Input,
    KillFailed,
    KillRequested,
    Publish,
    ShutdownBegan,
    SignalRequested,
    SignalSent,
    Spawned,
    SpawnFailed,
    StartRequested,
    StopRequested,
)
from minisup.states import PROCESS_STATE_NAMES, ProcessStates

KEY = ("g", "p")
START = 1_000.0

INPUT_OF: dict[str, Any] = {
    "start": StartRequested,
    "stop": lambda seconds="10": StopRequested(float(seconds)),
    "signal": lambda number="1": SignalRequested(int(number)),
    "kill": KillRequested,
    "giveup": GiveUpRequested,
    "shutdown": ShutdownBegan,
    "deadline": DeadlineReached,
    "spawned": lambda pid="100": Spawned(KEY, int(pid)),
    "failed": lambda why="why": SpawnFailed(KEY, why),
    "sent": lambda: SignalSent(KEY),
    "refused": lambda why="why": KillFailed(KEY, why, gone=False),
    "exited": lambda status="0": Exited(100, int(status, 0)),
}
"""The words of a script: the input, then what it takes. One for each class, and `gone`, the harmless KillFailed."""
SCRIPT_WORDS = INPUT_OF | {"gone": lambda why="why": KillFailed(KEY, why, gone=True)}


def given_of(step: str) -> Input:
    """The input of one step of a script."""
    name, *arguments = (word for word in step.split() if not word.startswith("+"))
    return SCRIPT_WORDS[name](*arguments)


class Life:
    """A process and its clock. `run` plays a script of inputs: ``start; spawned; +3 exited 0``.

    ``+N`` lets N seconds pass before; ``deadline`` jumps to the machine's deadline first.
    """

    def __init__(self, **more: Any) -> None:
        self.process = Process("g", program("p", **more))
        self.now = START

    def run(self, script: str) -> list[str]:
        """Play it; what the last step said."""
        said: list[str] = []
        for step in filter(None, script.split("; ")):
            if step.startswith("+"):
                self.now += float(step.split()[0])
            if step == "deadline":
                assert self.process.deadline is not None, f"no deadline for {step!r}"
                self.now = max(self.now, self.process.deadline)
            said = [tell(effect) for effect in self.process.handle(given_of(step), at(self.now))]
        return said

    def seen(self, name: str) -> Any:
        """An attribute; times are relative to the beginning."""
        if name == "state":
            return PROCESS_STATE_NAMES[self.process.state]
        value = getattr(self.process, name)
        if name == "deadline" and value is not None:
            return value - START
        return value.mono - START if name in ("started", "stopped") and value is not None else value


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", INPUTS, ids=lambda given: given.__name__)
@pytest.mark.parametrize("state", STATES, ids=PROCESS_STATE_NAMES.get)
def test_every_pair_is_handled_or_ignored(state: int, given: type[Input]) -> None:
    assert ((state, given) in HANDLERS) != ((state, given) in IGNORED)


def test_no_other_pairs() -> None:
    assert set(HANDLERS) | set(IGNORED) == {(state, given) for state in STATES for given in INPUTS}
    assert all(isinstance(reason, str) and reason for reason in IGNORED.values())


UP = "start; spawned; deadline"
TO_STATE = {
    "STOPPED": "",
    "STARTING": "start; spawned",
    "RUNNING": UP,
    "BACKOFF": "start; failed",
    "STOPPING": f"{UP}; stop",
    "EXITED": f"{UP}; exited 0",
    "FATAL": "start; failed; deadline; failed; deadline; failed; deadline; failed",
    "UNKNOWN": f"{UP}; stop; refused",
}
"""A way to each state."""


@pytest.mark.parametrize("pair", IGNORED, ids=lambda pair: f"{PROCESS_STATE_NAMES[pair[0]]}-{pair[1].__name__}")
def test_what_is_ignored_changes_nothing(pair: tuple[int, type[Input]]) -> None:
    state, given = pair
    life = Life()
    life.run(TO_STATE[PROCESS_STATE_NAMES[state]])
    before = {name: getattr(life.process, name) for name in Process.__slots__ if name != "armed"}
    (sample,) = (sample for sample in (make() for make in INPUT_OF.values()) if type(sample) is given)
    assert life.process.handle(sample, at(life.now)) == []
    assert {name: getattr(life.process, name) for name in before} == before


@pytest.mark.parametrize("state", TO_STATE)
def test_the_way_to_each_state(state: str) -> None:
    life = Life()
    life.run(TO_STATE[state])
    assert life.seen("state") == state


# --- one step --------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    script: str
    says: list[str]
    then: dict[str, Any]
    program: dict[str, Any] = {}


TOO_QUICK = "Exited too quickly (process log may have details)"
SUCCESS = "info: success: p entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)"
GAVE_UP = "info: gave up: p entered FATAL state, too many start retries too quickly"
EXPECTED = "info: exited: p (exit status 0; expected)"

STEPS = {
    # starting
    "start from STOPPED": Case(
        "start",
        ["p STOPPED>STARTING tries:0", "spawn p"],
        {"state": "STARTING", "pid": 0, "started": 0, "deadline": None, "spawnerr": None, "exitstatus": None},
    ),
    "start from EXITED": Case(
        f"{UP}; exited 0; +5 start",
        ["p EXITED>STARTING tries:0", "spawn p"],
        {"started": 6, "exitstatus": None, "stopped": 1},
    ),
    "start from FATAL": Case(
        f"{TO_STATE['FATAL']}; start",
        ["p FATAL>STARTING tries:0", "spawn p"],
        {"spawnerr": None, "backoff": 0},
    ),
    "start while STOPPING": Case(
        f"{UP}; stop; start", ["warn: process 'p' already running"], {"state": "STOPPING", "deadline": 11}
    ),
    "spawned": Case(
        "start; +0.25 spawned 77",
        ["info: spawned: 'p' with pid 77"],
        {"state": "STARTING", "pid": 77, "deadline": 1},
    ),
    "spawned with startsecs 0": Case(
        "start; spawned",
        [
            "info: spawned: 'p' with pid 100",
            "p STARTING>RUNNING pid:100",
            "info: success: p entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)",
        ],
        {"state": "RUNNING", "deadline": None},
        {"startsecs": 0},
    ),
    "startsecs are over": Case(
        UP,
        ["p STARTING>RUNNING pid:100", SUCCESS],
        {"state": "RUNNING", "deadline": None, "backoff": 0},
    ),
    # failing to start
    "spawn failed": Case(
        "start; failed no-such-file",
        ["info: spawnerr: no-such-file", "p STARTING>BACKOFF tries:1"],
        {"state": "BACKOFF", "backoff": 1, "deadline": 1, "spawnerr": "no-such-file", "pid": 0, "stopped": None},
    ),
    "the second retry comes two seconds later": Case(
        "start; failed; deadline; failed",
        ["info: spawnerr: why", "p STARTING>BACKOFF tries:2"],
        {"backoff": 2, "deadline": 3},
    ),
    "a retry": Case(
        "start; failed; deadline",
        ["p BACKOFF>STARTING tries:1", "spawn p"],
        {"backoff": 1, "started": 1, "spawnerr": None, "deadline": None},
    ),
    "retries are used up": Case(
        "start; failed; deadline; failed",
        ["info: spawnerr: why", "p STARTING>BACKOFF tries:2", "p BACKOFF>FATAL", GAVE_UP],
        {"state": "FATAL", "backoff": 0, "deadline": None, "spawnerr": "why"},
        {"startretries": 1},
    ),
    "no retry at all": Case(
        "start; spawned; +0.5 exited 9",
        [
            "p STARTING>BACKOFF tries:1",
            "warn: exited: p (terminated by SIGKILL; not expected)",
            "p BACKOFF>FATAL",
            GAVE_UP,
        ],
        {"state": "FATAL", "pid": 0, "spawnerr": TOO_QUICK},
        {"startretries": 0},
    ),
    "a success forgets the failures": Case(
        "start; failed; deadline; failed; deadline; spawned; deadline",
        ["p STARTING>RUNNING pid:100", SUCCESS],
        {"backoff": 0},
    ),
    "quick exit with an expected code": Case(
        "start; spawned; +0.5 exited 0",
        ["p STARTING>BACKOFF tries:1", "warn: exited: p (exit status 0; not expected)"],
        {"state": "BACKOFF", "exitstatus": None, "spawnerr": TOO_QUICK, "pid": 0, "deadline": 1.5, "stopped": 0.5},
    ),
    "quick exit at the instant of the spawn": Case(
        "start; spawned; exited 0",
        ["p STARTING>BACKOFF tries:1", "warn: exited: p (exit status 0; not expected)"],
        {"deadline": 1},
    ),
    "exit after startsecs that nobody had looked at": Case(
        "start; spawned; +1 exited 0",
        ["p STARTING>RUNNING pid:100", "p RUNNING>EXITED expected:1 pid:100", EXPECTED],
        {"state": "EXITED", "exitstatus": 0, "pid": 0, "backoff": 0},
    ),
    # ending by itself
    "expected exit": Case(
        f"{UP}; +4 exited 0",
        ["p RUNNING>EXITED expected:1 pid:100", EXPECTED],
        {"state": "EXITED", "exitstatus": 0, "spawnerr": None, "deadline": None, "pid": 0, "stopped": 5},
    ),
    "unexpected exit": Case(
        f"{UP}; +4 exited 0x300",
        ["p RUNNING>EXITED expected:0 pid:100", "warn: exited: p (exit status 3; not expected)"],
        {"state": "EXITED", "exitstatus": 3, "spawnerr": "Bad exit code 3", "deadline": 5},
    ),
    "death by signal": Case(
        f"{UP}; exited 11",
        ["p RUNNING>EXITED expected:0 pid:100", "warn: exited: p (terminated by SIGSEGV; not expected)"],
        {"exitstatus": -1, "spawnerr": "Bad exit code -1", "deadline": 1},
    ),
    "another expected code": Case(
        f"{UP}; exited 0x200",
        ["p RUNNING>EXITED expected:1 pid:100", "info: exited: p (exit status 2; expected)"],
        {"deadline": None},
        {"exitcodes": (0, 2)},
    ),
    "autorestart always": Case(
        f"{UP}; +4 exited 0",
        ["p RUNNING>EXITED expected:1 pid:100", EXPECTED],
        {"deadline": 5, "awaits_restart": True},
        {"autorestart": "always"},
    ),
    "autorestart never": Case(
        f"{UP}; exited 9",
        ["p RUNNING>EXITED expected:0 pid:100", "warn: exited: p (terminated by SIGKILL; not expected)"],
        {"deadline": None, "awaits_restart": False},
        {"autorestart": "never"},
    ),
    "restarted": Case(
        f"{UP}; +4 exited 9; deadline",
        ["p EXITED>STARTING tries:0", "spawn p"],
        {"started": 5, "spawnerr": None, "exitstatus": None},
    ),
    # stopping
    "stop": Case(
        f"{UP}; stop 7",
        ["debug: killing p (pid 100) with signal SIGTERM", "p RUNNING>STOPPING pid:100", "kill p 15"],
        {"state": "STOPPING", "deadline": 8},
    ),
    "stop while STARTING": Case(
        "start; spawned; stop",
        ["debug: killing p (pid 100) with signal SIGTERM", "p STARTING>STOPPING pid:100", "kill p 15"],
        {"state": "STOPPING", "deadline": 10},
    ),
    "stop as group": Case(
        f"{UP}; stop",
        ["debug: killing p (pid 100) process group with signal SIGINT", "p RUNNING>STOPPING pid:100", "kill p 2 group"],
        {},
        {"stopasgroup": True, "stopsignal": 2},
    ),
    "stopped": Case(
        f"{UP}; stop; sent; +2 exited 15",
        ["p STOPPING>STOPPED pid:100", "warn: stopped: p (terminated by SIGTERM)"],
        {"state": "STOPPED", "exitstatus": -1, "deadline": None, "pid": 0, "stopped": 3, "spawnerr": None},
    ),
    "stopped with an expected code": Case(
        f"{UP}; stop; sent; exited 0",
        ["p STOPPING>STOPPED pid:100", "info: stopped: p (exit status 0)"],
        {"exitstatus": 0},
    ),
    "stop in BACKOFF": Case(
        "start; failed; stop",
        ["debug: Attempted to kill p, which is in BACKOFF state.", "p BACKOFF>STOPPED pid:0"],
        {"state": "STOPPED", "deadline": None, "backoff": 0, "spawnerr": "why"},
    ),
    "stop of one that waits for its restart": Case(
        f"{UP}; exited 9; stop", [], {"state": "EXITED", "deadline": None, "awaits_restart": False}
    ),
    "a second stop shortens the wait": Case(f"{UP}; stop 10; sent; +1 stop 2", [], {"deadline": 4}),
    "a second stop does not lengthen it": Case(f"{UP}; stop 10; sent; +1 stop 60", [], {"deadline": 11}),
    "a second stop after SIGKILL": Case(f"{UP}; stop 10; sent; deadline; sent; stop 0", [], {"deadline": 13}),
    "the wait is over": Case(
        f"{UP}; stop; sent; deadline",
        ["warn: killing 'p' (100) with SIGKILL", "debug: killing p (pid 100) with signal SIGKILL", "kill p 9"],
        {"state": "STOPPING", "deadline": 13, "undead": False},
    ),
    "SIGKILL as group": Case(
        f"{UP}; stop; sent; deadline",
        [
            "warn: killing 'p' (100) with SIGKILL",
            "debug: killing p (pid 100) process group with signal SIGKILL",
            "kill p 9 group",
        ],
        {},
        {"killasgroup": True},
    ),
    "SIGKILL did not help": Case(
        f"{UP}; stop; sent; deadline; sent; deadline",
        ["critical: 'p' (100) did not die of SIGKILL, no longer waiting for it"],
        {"state": "STOPPING", "deadline": None, "undead": True},
    ),
    "SIGKILL helped after all": Case(
        f"{UP}; stop; sent; deadline; sent; deadline; +60 exited 9",
        ["p STOPPING>STOPPED pid:100", "warn: stopped: p (terminated by SIGKILL)"],
        {"state": "STOPPED", "undead": False, "pid": 0},
    ),
    "started again after SIGKILL": Case(
        f"{UP}; stop; sent; deadline; sent; exited 9; start; spawned; stop",
        ["debug: killing p (pid 100) with signal SIGTERM", "p STARTING>STOPPING pid:100", "kill p 15"],
        {"deadline": 21},
    ),
    # the end of patience
    "kill while RUNNING": Case(
        f"{UP}; kill",
        [
            "p RUNNING>STOPPING pid:100",
            "warn: killing 'p' (100) with SIGKILL",
            "debug: killing p (pid 100) with signal SIGKILL",
            "kill p 9",
        ],
        {"state": "STOPPING", "deadline": 3},
    ),
    "kill while STARTING": Case(
        "start; spawned; kill",
        [
            "p STARTING>STOPPING pid:100",
            "warn: killing 'p' (100) with SIGKILL",
            "debug: killing p (pid 100) process group with signal SIGKILL",
            "kill p 9 group",
        ],
        {"state": "STOPPING", "deadline": 2},
        {"killasgroup": True},
    ),
    "kill while STOPPING": Case(
        f"{UP}; stop; sent; +1 kill",
        ["warn: killing 'p' (100) with SIGKILL", "debug: killing p (pid 100) with signal SIGKILL", "kill p 9"],
        {"deadline": 4},
    ),
    "kill after SIGKILL": Case(f"{UP}; kill; sent; +1 kill", [], {"deadline": 3}),
    "kill in BACKOFF": Case(
        "start; failed; kill", ["p BACKOFF>FATAL"], {"state": "FATAL", "deadline": None, "backoff": 0}
    ),
    "kill of one that waits for its restart": Case(f"{UP}; exited 9; kill", [], {"deadline": None}),
    # signals that fail
    "signal": Case(f"{UP}; signal 1", ["debug: sending p (pid 100) sig SIGHUP", "kill p 1"], {"state": "RUNNING"}),
    "signal while STARTING": Case(
        "start; spawned; signal 10",
        ["debug: sending p (pid 100) sig SIGUSR1", "kill p 10"],
        {"state": "STARTING", "deadline": 1},
    ),
    "signal while STOPPING": Case(
        f"{UP}; stop; sent; signal 1",
        ["debug: sending p (pid 100) sig SIGHUP", "kill p 1"],
        {"state": "STOPPING", "deadline": 11},
        {"stopasgroup": True, "killasgroup": True},
    ),
    "stop signal, gone": Case(
        f"{UP}; stop; gone ESRCH",
        ["debug: unable to signal p (pid 100), it probably just exited on its own: ESRCH"],
        {"state": "STOPPING", "deadline": 11},
    ),
    "signal, gone": Case(
        f"{UP}; signal 1; gone ESRCH",
        ["debug: unable to signal p (pid 100), it probably just now exited on its own: ESRCH"],
        {"state": "RUNNING"},
    ),
    "SIGKILL, gone": Case(
        f"{UP}; signal 1; sent; stop; sent; deadline; gone ESRCH",
        ["debug: unable to signal p (pid 100), it probably just exited on its own: ESRCH"],
        {"state": "STOPPING", "deadline": 13},
    ),
    "stop signal refused": Case(
        f"{UP}; stop; refused EPERM",
        ["critical: unknown problem killing p (100):EPERM", "p STOPPING>UNKNOWN"],
        {"state": "UNKNOWN", "deadline": None, "pid": 100},
    ),
    "signal refused": Case(
        f"{UP}; signal 1; refused EPERM",
        ["critical: unknown problem sending sig p (100):EPERM", "p RUNNING>UNKNOWN"],
        {"state": "UNKNOWN", "deadline": None},
    ),
    "signal refused while STARTING": Case(
        "start; spawned; signal 1; refused EPERM",
        ["critical: unknown problem sending sig p (100):EPERM", "p STARTING>UNKNOWN"],
        {"state": "UNKNOWN", "deadline": None},
    ),
    "UNKNOWN ends": Case(
        f"{UP}; stop; refused; exited 0",
        ["p UNKNOWN>EXITED expected:1 pid:100", EXPECTED],
        {"state": "EXITED", "deadline": None, "pid": 0, "exitstatus": 0},
        {"autorestart": "always"},
    ),
    "started again after UNKNOWN": Case(
        f"{UP}; stop; refused; exited 0; start", ["p EXITED>STARTING tries:0", "spawn p"], {"state": "STARTING"}
    ),
    # the daemon stops
    "shutdown forgets a retry": Case("start; failed; shutdown", [], {"state": "BACKOFF", "deadline": None}),
    "shutdown forgets a restart": Case(f"{UP}; exited 9; shutdown", [], {"state": "EXITED", "deadline": None}),
    "shutdown leaves startsecs": Case(
        "start; spawned; shutdown; deadline",
        ["p STARTING>RUNNING pid:100", SUCCESS],
        {"state": "RUNNING"},
    ),
    "shutdown leaves SIGKILL": Case(
        f"{UP}; stop; sent; shutdown; deadline",
        ["warn: killing 'p' (100) with SIGKILL", "debug: killing p (pid 100) with signal SIGKILL", "kill p 9"],
        {},
    ),
    "no retry after shutdown": Case(
        "start; spawned; shutdown; exited 0",
        ["p STARTING>BACKOFF tries:1", "warn: exited: p (exit status 0; not expected)"],
        {"state": "BACKOFF", "deadline": None},
    ),
    "no restart after shutdown": Case(
        f"{UP}; shutdown; exited 9",
        ["p RUNNING>EXITED expected:0 pid:100", "warn: exited: p (terminated by SIGKILL; not expected)"],
        {"deadline": None},
        {"autorestart": "always"},
    ),
    "given up": Case(
        "start; failed; shutdown; giveup",
        ["p BACKOFF>FATAL"],
        {"state": "FATAL", "backoff": 0, "spawnerr": "why"},
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_step(name: str) -> None:
    case = STEPS[name]
    life = Life(**case.program)
    assert life.run(case.script) == case.says
    assert {attribute: life.seen(attribute) for attribute in case.then} == case.then


def test_every_handler_has_its_step() -> None:
    used = set()
    for case in STEPS.values():
        life = Life(**case.program)
        for step in case.script.split("; "):
            used.add((life.process.state, type(given_of(step))))
            life.run(step)
    silent = {(state, ShutdownBegan) for state in STATES}
    assert set(HANDLERS) - silent <= used


def test_every_change_of_state_is_documented() -> None:
    for case in STEPS.values():
        life = Life(**case.program)
        for step in case.script.split("; "):
            before = life.seen("state")
            life.run(step)
            after = life.seen("state")
            known = {before} | ARROWS[before] | {end for middle in ARROWS[before] for end in ARROWS[middle]}
            assert after in known, f"{before} to {after} in {case.script}"


# --- the brake -------------------------------------------------------------------------------------------------------

LIVES = {
    # id: (seconds of each life, when each next spawn is due after the end of that life)
    "quick": ([0.0] * 8, [0.0] * 5 + [1.0] * 3),
    "not so quick": ([0.25] * 8, [0.0] * 5 + [0.75] * 3),
    "a second is long": ([1.0] * 8, [0.0] * 8),
    "almost a second": ([0.75] * 7, [0.0] * 5 + [0.25] * 2),
    "a long life forgets the quick ones": ([0.25] * 5 + [1.0] + [0.25] * 6, [0.0] * 11 + [0.75]),
    "a long life after the brake": ([0.0] * 6 + [5.0] + [0.0] * 6, [0.0] * 5 + [1.0] + [0.0] * 6 + [1.0]),
}


@pytest.mark.parametrize("name", LIVES)
def test_brake(name: str) -> None:
    lives, waits = LIVES[name]
    life = Life(startsecs=0, autorestart="always")
    life.run("start; spawned")
    seen = []
    for seconds in lives:
        life.run(f"+{seconds} exited 0")
        assert life.process.deadline is not None
        seen.append(life.process.deadline - life.now)
        life.run("deadline; spawned")
    assert seen == waits


def test_brake_is_off_after_a_start_by_hand() -> None:
    life = Life(startsecs=0, autorestart="always")
    life.run("start; spawned; " + "exited; deadline; spawned; " * 5 + "exited")
    assert life.seen("deadline") == 1
    life.run("start; spawned; exited")
    assert life.seen("deadline") == 0


def test_brake_goes_on_over_failed_spawns() -> None:
    life = Life(startsecs=0, autorestart="always")
    life.run("start; spawned; " + "exited; deadline; spawned; " * 5 + "exited; deadline; failed; deadline; spawned")
    began = life.now
    life.run("exited")
    assert life.process.deadline == began + lifecycle.QUICK_LIFE


def test_brake_does_not_count_what_is_not_restarted() -> None:
    life = Life(startsecs=0, autorestart="unexpected")
    life.run("start; spawned")
    for _ in range(9):
        life.run("exited 0")
        assert life.process.deadline is None
        life.run("start; spawned")
    life.run("exited 9")
    assert life.process.deadline == life.now


def test_attempts() -> None:
    """startretries=N: N + 1 attempts, the k-th failure is followed by k seconds."""
    life = Life(startretries=3)
    life.run("start; failed")
    waits = []
    while life.seen("state") == "BACKOFF":
        waits.append(life.process.deadline - life.now)
        life.run("deadline; failed")
    assert waits == [1, 2, 3]
    assert life.seen("state") == "FATAL"


def test_wall_clock_does_not_decide() -> None:
    process = Process("g", program("p"))
    process.handle(StartRequested(), at(10)._replace(wall=5_000))
    process.handle(Spawned(KEY, 100), at(10)._replace(wall=5_000))
    process.handle(Exited(100, 0), at(11)._replace(wall=1))
    assert process.state == ProcessStates.EXITED
    assert (process.started, process.stopped) == (at(10)._replace(wall=5_000), at(11)._replace(wall=1))


def test_repr() -> None:
    assert repr(Process("g", program("p"))) == "<Process ('g', 'p') STOPPED pid 0>"


# --- narration -------------------------------------------------------------------------------------------------------

WAIT_STATUSES = {
    # status: (code, text)
    0: (0, "exit status 0"),
    0x100: (1, "exit status 1"),
    0x7F00: (127, "exit status 127"),
    0xFF00: (255, "exit status 255"),
    9: (-1, "terminated by SIGKILL"),
    15: (-1, "terminated by SIGTERM"),
    6: (-1, "terminated by SIGABRT"),
    17: (-1, "terminated by SIGCHLD"),
    29: (-1, "terminated by SIGPOLL"),
    34: (-1, "terminated by SIGRTMIN"),
    35: (-1, "terminated by signal 35"),
    0x8B: (-1, "terminated by SIGSEGV (core dumped)"),
    0x137F: (-1, "unknown termination cause 0x137f"),
    0xFFFF: (-1, "unknown termination cause 0xffff"),
}


@pytest.mark.parametrize("status", WAIT_STATUSES, ids=hex)
def test_wait_status(status: int) -> None:
    assert narration.wait_status(status) == WAIT_STATUSES[status]


NARRATION = {
    # id: (line, level, text)
    "gone": (
        narration.gone("p", 7, "[Errno 3] No such process", passing_on=False),
        "debug: unable to signal p (pid 7), it probably just exited on its own: [Errno 3] No such process",
    ),
    "waiting to stop": (narration.waiting_to_stop("p"), "info: waiting for p to stop"),
    "waiting to die": (narration.waiting_to_die(["a", "b"]), "info: waiting for a, b to die"),
    "reaped unknown": (narration.reaped_unknown(5, "exit status 0"), "info: reaped unknown pid 5 (exit status 0)"),
    "reaped more": (narration.reaped_more(90), "info: reaped 90 more unknown pids"),
    "exit": (narration.exit_requested(15), "warn: received SIGTERM indicating exit request"),
    "exit again": (narration.exit_hurried(2), "warn: received SIGINT again, killing what still runs"),
    "restart": (narration.restart_requested(1), "warn: received SIGHUP indicating restart request"),
    "restart ignored": (
        narration.restart_ignored(1),
        "warn: ignored SIGHUP indicating restart request (shutdown in progress)",
    ),
    "reopen": (narration.reopen_requested(12), "info: received SIGUSR2 indicating log reopen request"),
    "child": (narration.child_quit(17), "debug: received SIGCHLD indicating a child quit"),
    "nothing": (narration.nothing_meant(10), "info: received SIGUSR1 indicating nothing"),
    "budget": (narration.budget_spent("p", 9.0), "warn: 'p' used up its share of the shutdown timeout of 9 seconds"),
}


@pytest.mark.parametrize("name", NARRATION)
def test_narration(name: str) -> None:
    line, text = NARRATION[name]
    assert tell(line) == text


@pytest.mark.parametrize("script", [*TO_STATE.values(), *(case.script for case in STEPS.values())])
def test_narration_never_names_the_group(script: str) -> None:
    """Two processes of one name in two groups cannot be told apart in the log."""
    processes = [Process(group, program("p")) for group in ("g", "other")]
    lines: list[list[str]] = []
    for process in processes:
        life = Life()
        life.process = process
        said: list[str] = []
        for step in filter(None, script.split("; ")):
            if step == "deadline" and process.deadline is None:
                continue
            said += life.run(step)
        lines.append(said)
    assert lines[0] == lines[1]
    assert all("other" not in line for line in lines[1])


def test_events_do_name_the_group() -> None:
    process = Process("g", program("p"))
    publish = process.handle(StartRequested(), at(0))[0]
    assert isinstance(publish, Publish)
    assert publish.event.payload == "processname:p groupname:g from_state:STOPPED tries:0"
