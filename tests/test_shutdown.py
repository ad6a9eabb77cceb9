"""The end of everything: levels, the budget, second thoughts, and one Quit."""

from typing import Any

import pytest
from world import Habits, World, group, program

from minisup import signals
from minisup.core.shutdown import RESERVE
from minisup.core.words import Booted, GroupAdded, GroupRemoved
from minisup.specs import GroupSpec
from minisup.states import SupervisorStates

TERM, HUP = signals.NUMBERS["SIGTERM"], signals.NUMBERS["SIGHUP"]


def running(*groups: GroupSpec, timeout: float | None = None, **habits: Habits) -> World:
    """A world in which all of it runs since two seconds."""
    world = World(*groups, timeout=timeout)
    world.habits = habits
    world.start(0, *(f"{spec.name}:{process.name}" for spec in groups for process in spec.processes), wait=False)
    world.run(2)
    world.heard()
    assert set(world.states().values()) == {"RUNNING"}
    return world


def levels(*pairs: tuple[str, int], **more: Any) -> list[GroupSpec]:
    return [group(name, program(name, **more), priority=priority) for name, priority in pairs]


# --- order -----------------------------------------------------------------------------------------------------------

ORDERS: dict[str, tuple[list[GroupSpec], list[list[str]]]] = {
    # id: (groups in the order of activation, who is told to stop together)
    "one": (levels(("a", 1)), [["a"]]),
    "highest priority first": (levels(("a", 1), ("b", 3), ("c", 2)), [["b"], ["c"], ["a"]]),
    "equal priorities together, the last first": (levels(("a", 5), ("b", 5), ("c", 5)), [["c", "b", "a"]]),
    "listeners last": (levels(("listener", -1), ("a", 999), ("b", 999)), [["b", "a"], ["listener"]]),
    "processes of a group together, descending": (
        [group("g", program("x", priority=2), program("y", priority=3), program("z", priority=2))],
        [["y", "z", "x"]],
    ),
    "two groups of one level": (
        [
            group("g", program("x", priority=1), program("y", priority=9)),
            group("h", program("u", priority=5), program("v", priority=1)),
        ],
        [["u", "v", "y", "x"]],
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_order(name: str) -> None:
    groups, order = ORDERS[name]
    world = running(*groups, **{process.name: Habits(obeys=3) for spec in groups for process in spec.processes})
    began = world.now
    world.shutdown()
    seen = [[line.split()[1] for line in world.heard("kill")]]
    for _ in order[1:]:
        world.run(3)
        seen.append([line.split()[1] for line in world.heard("kill")])
    assert not world.ended
    world.run(3)
    assert seen == order
    assert world.ended
    assert world.now == began + 3 * len(order)


def test_a_level_ends_with_its_slowest() -> None:
    world = running(*levels(("a", 1), ("b", 2), ("c", 2)), b=Habits(obeys=1), c=Habits(obeys=4))
    world.shutdown()
    world.run(3)
    assert world.states() == {"a": "RUNNING", "b": "STOPPED", "c": "STOPPING"}
    world.run(1)
    assert world.states() == {"a": "STOPPED", "b": "STOPPED", "c": "STOPPED"}


def test_ten_slow_programs_take_as_long_as_one() -> None:
    names = [f"p{index}" for index in range(10)]
    world = running(*levels(*((name, 999) for name in names)), **{name: Habits(obeys=3) for name in names})
    began = world.now
    world.shutdown()
    world.run(60)
    assert world.ended
    assert world.now - began == 3


def test_a_thousand_levels() -> None:
    """Each in BACKOFF, so that one falls after the other at one instant."""
    world = World(*levels(*((f"p{index}", index) for index in range(1_000))))
    world.habits = {f"p{index}": Habits(spawns="no luck") for index in range(1_000)}
    world.start(1, *(f"p{index}" for index in range(1_000)), wait=False)
    world.run(0)
    assert set(world.states().values()) == {"BACKOFF"}
    world.shutdown()
    assert world.ended
    assert set(world.states().values()) == {"FATAL"}


def test_what_is_not_reached_yet_keeps_running_but_is_not_restarted() -> None:
    world = running(*levels(("a", 1), ("b", 2)), b=Habits(obeys=5))
    world.shutdown()
    world.run(1)
    assert world.states() == {"a": "RUNNING", "b": "STOPPING"}
    world.die("a", 9)
    world.run(1)
    assert world.states() == {"a": "EXITED", "b": "STOPPING"}
    world.run(5)
    assert world.ended
    assert world.states() == {"a": "EXITED", "b": "STOPPED"}


def test_one_that_is_starting_may_still_become_running() -> None:
    world = running(*levels(("a", 1), ("b", 2)), b=Habits(obeys=5))
    world.die("a", 9)
    world.run(0)
    world.shutdown()
    assert world.states()["a"] == "STARTING"
    world.run(1)
    assert world.states()["a"] == "RUNNING"


STATES_AT_THE_END: dict[str, tuple[Habits, float, str]] = {
    # id: (habits of the program, seconds before the shutdown, its state after)
    "RUNNING": (Habits(), 2, "STOPPED"),
    "STARTING": (Habits(), 0.5, "STOPPED"),
    "BACKOFF": (Habits(spawns="no luck"), 0.5, "FATAL"),
    "EXITED": (Habits(lives=1.5), 2, "EXITED"),
    "FATAL": (Habits(spawns="no luck"), 20, "FATAL"),
}


@pytest.mark.parametrize("state", STATES_AT_THE_END)
def test_every_state_comes_to_an_end(state: str) -> None:
    habits, seconds, after = STATES_AT_THE_END[state]
    world = World(group("a"))
    world.habits["a"] = habits
    world.start(1, "a", wait=False)
    world.run(seconds)
    assert world.states() == {"a": state}
    world.shutdown()
    world.run(0)
    assert world.ended
    assert world.states() == {"a": after}


def test_one_that_is_being_stopped_already() -> None:
    world = running(group("a"), a=Habits(obeys=None))
    world.stop(1, "a")
    world.run(4)
    world.heard()
    world.shutdown()
    assert world.heard("kill") == []
    world.run(6)
    assert world.answered[1] == ["a ok"]
    assert world.ended


# --- Quit ------------------------------------------------------------------------------------------------------------


def test_nothing_to_stop() -> None:
    world = World()
    world.shutdown()
    assert world.heard() == ["SUPERVISOR_STATE_CHANGE_STOPPING", "quit"]
    assert world.engine.deadline is None


def test_nothing_runs() -> None:
    world = World(group("a"))
    world.shutdown(restart=True)
    assert world.heard() == ["SUPERVISOR_STATE_CHANGE_STOPPING", "quit, restart"]


def test_the_whole_story() -> None:
    world = running(group("a"), group("b"))
    world.receive(TERM)
    world.run(0)
    assert world.heard() == [
        "warn: received SIGTERM indicating exit request",
        "SUPERVISOR_STATE_CHANGE_STOPPING",
        "debug: killing b (pid 101) with signal SIGTERM",
        "b RUNNING>STOPPING pid:101",
        "kill b 15",
        "debug: killing a (pid 100) with signal SIGTERM",
        "a RUNNING>STOPPING pid:100",
        "kill a 15",
        "info: waiting for a, b to die",
        "b STOPPING>STOPPED pid:101",
        "warn: stopped: b (terminated by SIGTERM)",
        "a STOPPING>STOPPED pid:100",
        "warn: stopped: a (terminated by SIGTERM)",
        "quit",
    ]


def test_undead_are_named_and_not_waited_for() -> None:
    world = running(*levels(("a", 1), ("b", 2)), b=Habits(obeys=None, mortal=False))
    began = world.now
    world.shutdown()
    world.run(60)
    assert world.heard("critical", "quit") == [
        "critical: 'b' (101) did not die of SIGKILL, no longer waiting for it",
        "quit",
    ]
    assert world.now - began == 12
    assert world.states() == {"a": "STOPPED", "b": "STOPPING"}


def test_one_that_refuses_to_be_signalled_is_not_waited_for() -> None:
    world = running(group("a"), a=Habits(refuses="EPERM"))
    world.shutdown()
    assert world.ended
    assert world.heard().count("quit") == 1


def test_report_every_three_seconds() -> None:
    world = running(group("a"), group("b"), a=Habits(obeys=7), b=Habits(obeys=4))
    world.shutdown()
    seen = []
    for _ in range(8):
        seen += [(int(world.now - 2), line) for line in world.heard("info: waiting")]
        world.run(1)
    assert seen == [
        (0, "info: waiting for a, b to die"),
        (3, "info: waiting for a, b to die"),
        (6, "info: waiting for a to die"),
    ]
    assert world.engine.deadline is None


def test_events_of_the_daemon_come_once() -> None:
    world = running(group("a"), a=Habits(obeys=5))
    world.shutdown()
    world.shutdown()
    world.receive(TERM)
    world.run(10)
    assert world.heard("SUPERVISOR", "quit") == ["SUPERVISOR_STATE_CHANGE_STOPPING", "quit"]


def test_nothing_begins_in_a_shutdown() -> None:
    world = running(group("a"), a=Habits(obeys=5))
    world.shutdown()
    world.give(GroupAdded(group("late", program("late", autostart=True))))
    world.start(1, "late")
    world.run(1)
    assert world.answered[1] == ["late SHUTDOWN_STATE"]
    assert world.states()["late"] == "STOPPED"


def test_shutdown_before_boot() -> None:
    """TERM comes while the sockets are being opened."""
    world = World(group("a", program("a", autostart=True)), boot=False)
    world.receive(TERM)
    assert world.heard()[-1] == "quit"
    world.ended = False
    world.give(Booted())
    world.run(10)
    assert world.spawned == 0


def test_removed_before_its_turn() -> None:
    world = running(*levels(("a", 1), ("b", 2)), b=Habits(obeys=5))
    world.die("a", 9)
    world.stop(1, "a")
    world.shutdown()
    world.give(GroupRemoved("a"))
    world.run(5)
    assert world.ended


# --- second thoughts -------------------------------------------------------------------------------------------------


def test_second_term_kills() -> None:
    world = running(*levels(("a", 1), ("b", 2)), a=Habits(obeys=None), b=Habits(obeys=None))
    world.receive(TERM)
    world.run(1)
    world.heard()
    world.receive(signals.NUMBERS["SIGINT"])
    assert world.heard("kill", "warn") == [
        "warn: received SIGINT again, killing what still runs",
        "warn: killing 'a' (100) with SIGKILL",
        "kill a 9",
        "warn: killing 'b' (101) with SIGKILL",
        "kill b 9",
    ]
    world.run(0)
    assert world.ended
    assert world.now == 3


def test_third_term_changes_nothing() -> None:
    world = running(group("a"), a=Habits(obeys=None, mortal=False))
    for _ in range(3):
        world.receive(TERM)
        world.now += 1
    assert world.heard("kill") == ["kill a 15", "kill a 9"]
    world.run(10)
    assert world.now == 5


def test_second_term_ends_what_would_retry() -> None:
    """It waits for a level above it, and is in BACKOFF when patience ends."""
    world = running(*levels(("a", 1), ("b", 2)), b=Habits(obeys=None))
    world.die("a", 9)
    world.habits["a"] = Habits(spawns="no luck")
    world.run(0)
    assert world.states()["a"] == "BACKOFF"
    world.receive(TERM)
    world.now += 1
    world.receive(TERM)
    world.run(0)
    assert world.ended
    assert world.states() == {"a": "FATAL", "b": "STOPPED"}


def test_term_after_a_call_is_the_first() -> None:
    world = running(group("a"), a=Habits(obeys=5))
    world.shutdown()
    world.receive(TERM)
    assert world.heard("kill", "warn") == ["kill a 15", "warn: received SIGTERM indicating exit request"]


def test_term_after_the_end() -> None:
    world = World()
    world.receive(TERM)
    world.heard()
    world.now += 1
    world.receive(TERM)
    assert world.heard() == ["warn: received SIGTERM again, killing what still runs"]


def test_hup_during_shutdown() -> None:
    world = running(group("a"), a=Habits(obeys=5))
    world.receive(TERM)
    world.heard()
    world.receive(HUP)
    assert world.heard() == ["warn: ignored SIGHUP indicating restart request (shutdown in progress)"]


def test_hup_during_restart() -> None:
    world = running(group("a"), a=Habits(obeys=5))
    world.shutdown(restart=True)
    world.heard()
    world.receive(HUP)
    assert world.heard() == ["warn: received SIGHUP indicating restart request"]


def test_hup_only_asks_for_the_configuration() -> None:
    world = running(group("a"))
    world.receive(HUP)
    assert world.heard() == ["warn: received SIGHUP indicating restart request", "reload"]
    assert world.engine.mood == SupervisorStates.RUNNING
    assert world.states() == {"a": "RUNNING"}


MOODS: dict[str, tuple[list[str], int, str]] = {
    # id: (calls, mood while it stops, end)
    "shutdown": (["shutdown"], SupervisorStates.SHUTDOWN, "quit"),
    "restart": (["restart"], SupervisorStates.RESTARTING, "quit, restart"),
    "restart, then shutdown": (["restart", "shutdown"], SupervisorStates.SHUTDOWN, "quit"),
    "restart, then TERM": (["restart", "TERM"], SupervisorStates.SHUTDOWN, "quit"),
    "shutdown, then restart": (["shutdown", "restart"], SupervisorStates.SHUTDOWN, "quit"),
    "TERM, then restart": (["TERM", "restart"], SupervisorStates.SHUTDOWN, "quit"),
    "TERM twice": (["TERM", "TERM"], SupervisorStates.SHUTDOWN, "quit"),
    "restart, then TERM twice": (["restart", "TERM", "TERM"], SupervisorStates.SHUTDOWN, "quit"),
}


@pytest.mark.parametrize("name", MOODS)
def test_mood(name: str) -> None:
    calls, mood, end = MOODS[name]
    world = running(group("a"), a=Habits(obeys=5))
    for call in calls:
        if call == "TERM":
            world.receive(TERM)
        else:
            world.shutdown(restart=call == "restart")
    assert world.engine.mood == mood
    world.run(10)
    assert world.heard("quit") == [end]


# --- the budget ------------------------------------------------------------------------------------------------------

BUDGETS: dict[str, tuple[float | None, list[tuple[str, int, int]], dict[str, float], list[str]]] = {
    # id: (budget, (program, priority, stopwaitsecs), when each is killed after the beginning, who is blamed)
    "none": (None, [("a", 1, 10)], {"a": 10}, []),
    "enough": (20, [("a", 1, 10)], {"a": 10}, []),
    "too small": (9, [("a", 1, 10)], {"a": 8.5}, ["a"]),
    "nothing at all": (0, [("a", 1, 10)], {"a": 0}, ["a"]),
    "of one level the short ones keep theirs": (9, [("a", 1, 10), ("b", 1, 2)], {"a": 8.5, "b": 2}, ["a"]),
    "in proportion": (10.5, [("a", 1, 10), ("b", 2, 30)], {"b": 7.5, "a": 10}, ["b", "a"]),
    "what one level does not use is there for the next": (10.5, [("a", 1, 10), ("b", 2, 0)], {"b": 0, "a": 10}, []),
    "both fit": (20.5, [("a", 1, 10), ("b", 2, 10)], {"b": 10, "a": 20}, []),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_budget(name: str) -> None:
    budget, programs, killed, blamed = BUDGETS[name]
    groups = [group(name, program(name, stopwaitsecs=secs), priority=priority) for name, priority, secs in programs]
    world = running(*groups, timeout=budget, **{name: Habits(obeys=None) for name, _, _ in programs})
    began = world.now
    world.shutdown()
    world.run(60)
    assert world.ended
    assert {name: seconds - began for name, seconds in world.killed.items()} == killed
    assert [line for line in world.heard("warn") if "timeout" in line] == [
        f"warn: '{name}' used up its share of the shutdown timeout of {budget:g} seconds" for name in blamed
    ]


def test_what_is_left_of_the_budget_goes_to_the_next_level() -> None:
    """The upper level ends at once: the lower one has all of the rest."""
    world = running(*levels(("a", 1), ("b", 2)), timeout=10 + RESERVE, a=Habits(obeys=None), b=Habits(obeys=1))
    began = world.now
    world.shutdown()
    world.run(60)
    assert world.now - began == 10
    assert [line for line in world.heard("warn") if "timeout" in line] == [
        "warn: 'a' used up its share of the shutdown timeout of 10.5 seconds"
    ]


def test_a_stop_under_way_is_shortened_by_the_budget() -> None:
    world = running(group("a", program("a", stopwaitsecs=600)), timeout=5.5, a=Habits(obeys=None))
    world.stop(1, "a")
    world.run(10)
    began = world.now
    world.shutdown()
    world.run(60)
    assert world.now - began == 5


def test_second_term_blames_nobody() -> None:
    world = running(group("a"), timeout=5, a=Habits(obeys=None))
    world.receive(TERM)
    world.run(1)
    world.receive(TERM)
    world.run(1)
    assert [line for line in world.heard("warn") if "timeout" in line] == []


def test_one_killed_before_the_shutdown_is_not_blamed() -> None:
    world = running(group("a", program("a", stopwaitsecs=1)), timeout=0.75, a=Habits(obeys=None, mortal=False))
    world.stop(1, "a")
    world.run(2)
    world.shutdown()
    world.run(60)
    assert world.ended
    assert [line for line in world.heard("warn") if "timeout" in line] == []
