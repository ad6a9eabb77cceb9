"""Calls that wait, and calls that do not: when each is answered, with what, in which order."""

from collections.abc import Callable
from typing import Any

import pytest
from world import Habits, World, group, program

from minisup.core.words import GroupRemoved, StartCalled, Target
from minisup.errors import Fault, Faults

Play = Callable[[World], None]


def worlds(**more: Any) -> World:
    """Three groups of one program each."""
    return World(*(group(name, program(name, **more)) for name in "abc"))


# --- one target ------------------------------------------------------------------------------------------------------


def started(world: World) -> None:
    world.start(0, "a", wait=False)
    world.run(2)


def in_backoff(world: World) -> None:
    world.habits["a"] = Habits(spawns="no luck")
    world.start(0, "a", wait=False)
    world.habits.clear()


def stopping(world: World) -> None:
    world.habits["a"] = Habits(obeys=5)
    started(world)
    world.stop(99, "a", wait=False)


def unknown(world: World) -> None:
    started(world)
    world.habits["a"] = Habits(refuses="EPERM")
    world.stop(99, "a", wait=False)


def exited(world: World) -> None:
    started(world)
    world.die("a")


def fatal(world: World) -> None:
    world.habits["a"] = Habits(spawns="no luck")
    world.start(0, "a", wait=False)
    world.run(100)
    world.habits.clear()


def nothing(world: World) -> None:
    pass


def habits(**more: Any) -> Play:
    def play(world: World) -> None:
        world.habits["a"] = Habits(**more)

    return play


def both(*plays: Play) -> Play:
    def play(world: World) -> None:
        for part in plays:
            part(world)

    return play


STARTS: dict[str, tuple[Play, bool, float, str, dict[str, Any]]] = {
    # id: (before, wait, answered after seconds, answer, program)
    "waits for RUNNING": (nothing, True, 1, "a ok", {}),
    "waits for RUNNING, startsecs 0": (nothing, True, 0, "a ok", {"startsecs": 0}),
    "does not wait": (nothing, False, 0, "a ok", {}),
    "spawn fails": (habits(spawns="no luck"), True, 0, "a SPAWN_ERROR: a", {}),
    "spawn fails, nobody waits": (habits(spawns="no luck"), False, 0, "a SPAWN_ERROR: a", {}),
    "exits too quickly": (habits(lives=0.5), True, 0.5, "a SPAWN_ERROR: a", {}),
    "exits too quickly, nobody waits": (habits(lives=0.5), False, 0, "a ok", {}),
    "exits as it becomes RUNNING, badly": (habits(lives=1, status=9), True, 1, "a SPAWN_ERROR: a", {}),
    "exits as it becomes RUNNING, well": (habits(lives=1), True, 1, "a ABNORMAL_TERMINATION: a", {}),
    "from EXITED": (exited, True, 1, "a ok", {}),
    "from FATAL": (fatal, True, 1, "a ok", {}),
    "from RUNNING": (started, True, 0, "a ALREADY_STARTED: a", {}),
    "from STARTING": (lambda world: world.start(0, "a"), True, 0, "a ALREADY_STARTED: a", {}),
    "from BACKOFF": (in_backoff, True, 0, "a ALREADY_STARTED: a", {}),
    "from STOPPING": (stopping, True, 0, "a ABNORMAL_TERMINATION: a", {}),
    "from STOPPING, nobody waits": (stopping, False, 0, "a ok", {}),
    "from UNKNOWN": (unknown, True, 0, "a FAILED: a is in an unknown process state", {}),
    "while the daemon stops": (lambda world: world.shutdown(), True, 0, "a SHUTDOWN_STATE", {}),
}


@pytest.mark.parametrize("name", STARTS)
def test_start(name: str) -> None:
    before, wait, seconds, answer, more = STARTS[name]
    world = World(group("a", program("a", **more)), group("other", program("other", autostart=True)))
    world.habits["other"] = Habits(obeys=None)
    before(world)
    world.start(1, "a", wait=wait)
    began = world.now
    while 1 not in world.answered and world.now < began + 10:
        world.run(0.25)
    assert (world.now - began, world.answered.get(1)) == (seconds, [answer])


STOPS: dict[str, tuple[Play, bool, float, str]] = {
    # id: (before, wait, answered after seconds, answer)
    "waits for its end": (both(habits(obeys=3), started), True, 3, "a ok"),
    "does not wait": (both(habits(obeys=3), started), False, 0, "a ok"),
    "needs SIGKILL": (both(habits(obeys=None), started), True, 10, "a ok"),
    "does not die at all": (
        both(habits(obeys=None, mortal=False), started),
        True,
        12,
        "a FAILED: 'a' (100) did not die of SIGKILL, no longer waiting for it",
    ),
    "in BACKOFF": (in_backoff, True, 0, "a ok"),
    "in BACKOFF, nobody waits": (in_backoff, False, 0, "a ok"),
    "while STARTING": (lambda world: world.start(0, "a"), True, 0, "a ok"),
    "cannot be signalled": (
        both(started, habits(refuses="EPERM")),
        True,
        0,
        "a FAILED: unknown problem killing a (100):EPERM",
    ),
    "STOPPED": (nothing, True, 0, "a NOT_RUNNING: a"),
    "EXITED": (exited, True, 0, "a NOT_RUNNING: a"),
    "FATAL": (fatal, True, 0, "a NOT_RUNNING: a"),
    "STOPPING": (stopping, True, 0, "a NOT_RUNNING: a"),
    "UNKNOWN": (unknown, True, 0, "a NOT_RUNNING: a"),
}


@pytest.mark.parametrize("name", STOPS)
def test_stop(name: str) -> None:
    before, wait, seconds, answer = STOPS[name]
    world = worlds()
    before(world)
    began = world.now
    world.stop(1, "a", wait=wait)
    world.run(0)
    while 1 not in world.answered and world.now < began + 20:
        world.run(0.25)
    assert (world.now - began, world.answered.get(1)) == (seconds, [answer])


def test_stop_whose_sigkill_is_refused() -> None:
    """UNKNOWN counts as stopped for who waits, as it does there; only the stop signal's own failure is a fault."""
    world = worlds()
    world.habits["a"] = Habits(obeys=None)
    started(world)
    world.stop(1, "a")
    world.habits["a"] = Habits(refuses="EPERM")
    world.run(10)
    assert world.answered[1] == ["a ok"]
    assert world.states()["a"] == "UNKNOWN"


def test_stop_while_a_signal_in_between_is_refused() -> None:
    world = worlds()
    world.habits["a"] = Habits(obeys=None)
    started(world)
    world.stop(1, "a")
    world.habits["a"] = Habits(refuses="EPERM")
    world.signal(2, 1, "a")
    assert world.answered[1] == ["a ok"]
    assert world.answered[2] == ["a FAILED: unknown problem sending sig a (100):EPERM"]


def test_stop_of_one_that_has_just_gone() -> None:
    """ESRCH is success: its end is reported soon."""
    world = worlds()
    started(world)
    (pid,) = world.children
    world.children.clear()
    world.stop(1, "a", wait=False)
    world.stop(2, "a")
    assert world.answered == {0: ["a ok"], 1: ["a ok"], 2: ["a NOT_RUNNING: a"]}
    world.reap(pid, 0)
    assert world.states()["a"] == "STOPPED"


def test_a_signal_in_between_does_not_answer_a_stop() -> None:
    world = worlds()
    world.habits["a"] = Habits(obeys=None)
    started(world)
    world.stop(1, "a")
    world.heard()
    world.signal(2, 1, "a")
    assert world.heard() == ["debug: sending a (pid 100) sig SIGHUP", "kill a 1", "answer 2: a ok"]
    assert 1 not in world.answered


SIGNALS: dict[str, tuple[Play, str]] = {
    "RUNNING": (started, "a ok"),
    "STARTING": (lambda world: world.start(0, "a"), "a ok"),
    "STOPPING": (stopping, "a ok"),
    "STOPPED": (nothing, "a NOT_RUNNING: a"),
    "BACKOFF": (in_backoff, "a NOT_RUNNING: a"),
    "EXITED": (exited, "a NOT_RUNNING: a"),
    "UNKNOWN": (unknown, "a NOT_RUNNING: a"),
    "refused": (both(started, habits(refuses="EPERM")), "a FAILED: unknown problem sending sig a (100):EPERM"),
    "gone": (both(started, lambda world: world.children.clear()), "a ok"),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_signal(name: str) -> None:
    before, answer = SIGNALS[name]
    world = worlds()
    before(world)
    world.signal(1, 10, "a")
    assert world.answered[1] == [answer]


# --- several targets -------------------------------------------------------------------------------------------------


def test_outcomes_come_in_the_order_in_which_they_were_decided() -> None:
    world = World(*(group(name, program(name, startsecs=secs)) for name, secs in (("a", 3), ("b", 1), ("c", 2))))
    world.start(0, "c", wait=False)
    world.start(1, "a", "b", "c", "nobody")
    world.run(2)
    assert 1 not in world.answered
    world.run(1)
    assert world.answered[1] == ["c ALREADY_STARTED: c", "nobody BAD_NAME: nobody", "b ok", "a ok"]


def test_stops_come_in_the_order_of_completion() -> None:
    world = worlds()
    world.habits = {name: Habits(obeys=seconds) for name, seconds in (("a", 3), ("b", 1), ("c", 2))}
    world.start(0, "a", "b", "c", wait=False)
    world.run(2)
    world.heard()
    world.stop(1, "a", "b", "c")
    assert world.heard("kill") == ["kill a 15", "kill b 15", "kill c 15"]
    world.run(5)
    assert world.answered[1] == ["b ok", "c ok", "a ok"]


def test_signals_come_in_the_order_of_targets() -> None:
    world = worlds()
    world.start(0, "a", "c", wait=False)
    world.signal(1, 10, "c", "b", "nobody", "a")
    assert world.answered[1] == ["b NOT_RUNNING: b", "nobody BAD_NAME: nobody", "c ok", "a ok"]


@pytest.mark.parametrize("call", ["start", "stop", "signal"])
def test_no_targets(call: str) -> None:
    world = worlds()
    getattr(world, call)(1, *([10] if call == "signal" else []))
    assert world.answered == {1: []}


def test_label_is_as_the_caller_wrote_it() -> None:
    world = worlds()
    world.stop(1, "a:a")
    assert world.answered[1] == ["a NOT_RUNNING: a:a"]


def test_a_refusal_comes_before_the_state() -> None:
    """Who asked the operating system already knows that the command is not there: supervisord looks there first."""
    world = worlds()
    started(world)
    world.tickets.add(1)
    world.give(StartCalled(1, [Target(("a", "a"), "a", Fault(Faults.NO_FILE, "a"))], wait=True))
    assert world.answered[1] == ["a NO_FILE: a"]


# --- together --------------------------------------------------------------------------------------------------------


def test_two_wait_for_one() -> None:
    world = worlds()
    world.habits["a"] = Habits(obeys=3)
    started(world)
    world.stop(1, "a", "b")
    world.stop(2, "c")
    world.start(3, "b")
    world.run(5)
    assert world.answered[1] == ["b NOT_RUNNING: b", "a ok"]
    assert world.answered[3] == ["b ok"]


def test_a_start_that_waits_hears_of_the_stop() -> None:
    world = worlds()
    world.habits["a"] = Habits(obeys=3)
    world.start(1, "a")
    world.stop(2, "a")
    assert world.answered == {1: ["a ABNORMAL_TERMINATION: a"]}
    world.run(5)
    assert world.answered[2] == ["a ok"]


def test_a_removed_group_is_answered() -> None:
    world = worlds()
    started(world)
    world.habits["a"] = Habits(obeys=5)
    world.stop(1, "a")
    world.heard()
    world.children.clear()
    world.give(GroupRemoved("a"))
    assert world.heard() == ["answer 1: a ABNORMAL_TERMINATION: a", "PROCESS_GROUP_REMOVED groupname:a"]


# --- what is said while it waits -------------------------------------------------------------------------------------


def test_waiting_is_said_at_once_and_every_two_seconds() -> None:
    world = worlds()
    world.habits["a"] = Habits(obeys=5)
    started(world)
    world.heard()
    world.stop(1, "a")
    seen = []
    for _ in range(8):
        seen.append(len(world.heard("info: waiting for a to stop")))
        world.run(1)
    assert seen == [1, 0, 1, 0, 1, 0, 0, 0]
    assert world.engine.deadline is None


def test_waiting_names_only_who_is_left() -> None:
    world = worlds()
    world.habits = {"a": Habits(obeys=1), "b": Habits(obeys=3)}
    world.start(0, "a", "b", wait=False)
    world.run(2)
    world.stop(1, "a", "b")
    assert world.heard("info: waiting") == ["info: waiting for a to stop", "info: waiting for b to stop"]
    world.run(2)
    assert world.heard("info: waiting") == ["info: waiting for b to stop"]


def test_nobody_waits_and_nothing_is_said() -> None:
    world = worlds()
    world.habits["a"] = Habits(obeys=5)
    started(world)
    world.stop(1, "a", wait=False)
    world.run(5)
    assert world.heard("info: waiting") == []
