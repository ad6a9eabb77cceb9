"""The engine: routes, rationed starts, the heap of deadlines, groups, signals to the daemon; and what holds always."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from world import Habits, World, at, group, program

from minisup import signals
from minisup.core import engine as engine_module
from minisup.core import words
from minisup.core.deadlines import HEAP_ROOM
from minisup.core.engine import ROUTES, SPAWNS_PER_TURN, Engine
from minisup.core.lifecycle import INPUTS
from minisup.core.orphans import ORPHANS_EVERY, ORPHANS_NAMED
from minisup.core.words import (
    Booted,
    Exited,
    GroupAdded,
    GroupChanged,
    GroupRemoved,
    SignalSent,
    TimePassed,
)
from minisup.specs import GroupSpec
from minisup.states import STOPPED_STATES, ProcessStates, SupervisorStates

TERM, HUP, CHLD = (signals.NUMBERS[name] for name in ("SIGTERM", "SIGHUP", "SIGCHLD"))


def autostarting(*names: str, **more: Any) -> list[GroupSpec]:
    return [group(name, program(name, autostart=True, **more)) for name in names]


# --- starting up -----------------------------------------------------------------------------------------------------


def test_boot_says_that_it_runs_before_anything_starts() -> None:
    world = World(*autostarting("a", "b"), group("c"), boot=False)
    world.give(Booted())
    assert world.heard("SUPERVISOR", "spawn ") == ["SUPERVISOR_STATE_CHANGE_RUNNING", "spawn a", "spawn b"]


def test_nothing_starts_before_boot() -> None:
    world = World(*autostarting("a"), boot=False)
    world.run(10)
    assert world.heard() == []
    assert world.engine.deadline is None


AUTOSTART_ORDERS: dict[str, tuple[list[GroupSpec], list[str]]] = {
    "groups by priority": (
        [GroupSpec(name, priority, (program(name, autostart=True),)) for name, priority in (("z", 5), ("y", -1))],
        ["y", "z"],
    ),
    "equal groups in order of activation": (autostarting("b", "a", "c"), ["b", "a", "c"]),
    "autostart order of processes is the group's, not by priority": (
        [group("g", *(program(name, priority=p, autostart=True) for name, p in (("x", 9), ("y", 1), ("z", 5))))],
        ["x", "y", "z"],
    ),
    "only what wants to": ([group("g", program("x"), program("y", autostart=True))], ["y"]),
}


@pytest.mark.parametrize("name", AUTOSTART_ORDERS)
def test_autostart_order(name: str) -> None:
    groups, order = AUTOSTART_ORDERS[name]
    world = World(*groups, boot=False)
    world.give(Booted())
    assert world.heard("spawn ") == [f"spawn {name}" for name in order]


def test_autostart_is_tried_again_in_vain() -> None:
    world = World(*autostarting("a", startretries=2), boot=False)
    world.habits["a"] = Habits(spawns="no luck")
    world.give(Booted())
    world.run(100)
    assert world.spawned == 3
    assert world.states() == {"a": "FATAL"}


def test_a_program_that_dies_is_back_at_once() -> None:
    world = World(*autostarting("a"))
    world.run(60)
    world.heard()
    world.die("a", 9)
    world.run(0)
    assert world.heard("spawn ") == ["spawn a"]
    assert world.now == 60


# --- rationed starts -------------------------------------------------------------------------------------------------


def test_starts_are_rationed() -> None:
    names = [f"p{index}" for index in range(40)]
    world = World(*(group(name) for name in names))
    world.start(1, *names, wait=False)
    assert world.spawned == SPAWNS_PER_TURN
    assert world.engine.deadline == 0.0
    assert world.answered == {}
    world.give(TimePassed())
    assert world.spawned == 2 * SPAWNS_PER_TURN
    assert world.engine.deadline == 0.0
    world.give(TimePassed())
    assert world.spawned == 40
    assert world.engine.deadline == 1.0  # startsecs
    assert world.answered == {1: [f"{name} ok" for name in names]}


def test_restarts_and_retries_are_rationed_too() -> None:
    names = [f"p{index}" for index in range(20)]
    world = World(*autostarting(*names))
    world.run(5)
    for name in names:
        world.die(name, 9)
    assert world.engine.deadline == 5.0
    world.give(TimePassed())
    assert list(world.states().values()).count("STARTING") == SPAWNS_PER_TURN
    world.give(TimePassed())
    assert list(world.states().values()).count("STARTING") == 20


def _rationed(**more: Any) -> World:
    """A world in which the last of many, `late`, still waits for its turn."""
    names = [f"p{index}" for index in range(40)]
    world = World(*(group(name) for name in [*names, "late"]), **more)
    world.start(1, *names, wait=False)
    world.start(2, "late", wait=False)
    world.heard()
    assert world.states()["late"] == "STOPPED"
    return world


def test_stop_of_one_that_waits_for_its_turn() -> None:
    world = _rationed()
    world.stop(3, "late")
    assert world.heard("answer") == ["answer 2: late ABNORMAL_TERMINATION: late", "answer 3: late NOT_RUNNING: late"]
    world.run(10)
    assert world.states()["late"] == "STOPPED"


def test_stop_of_an_autostart_that_waits_for_its_turn() -> None:
    world = World(*autostarting(*(f"p{index}" for index in range(40))))
    world.start(1, "p39")  # joins the start that is under way
    world.stop(2, "p39", "p38")
    world.run(10)
    assert world.answered == {
        1: ["p39 ABNORMAL_TERMINATION: p39"],
        2: ["p39 NOT_RUNNING: p39", "p38 NOT_RUNNING: p38"],
    }
    assert [name for name, state in world.states().items() if state == "STOPPED"] == ["p38", "p39"]


def test_stop_of_a_retry_that_waits_for_its_turn() -> None:
    names = [f"p{index}" for index in range(20)]
    world = World(*autostarting(*names), boot=False)
    world.habits = {name: Habits(spawns="no luck") for name in names}
    world.give(Booted())
    world.give(TimePassed())
    world.now = 1.0
    world.give(TimePassed())
    assert world.spawned == 20 + SPAWNS_PER_TURN
    world.stop(1, "p19")
    world.heard()
    world.run(0)
    assert "spawn p19" not in world.heard()
    assert world.states()["p19"] == "STOPPED"


def test_two_calls_wait_for_one_turn() -> None:
    world = _rationed()
    world.start(3, "late")
    world.run(2)
    assert world.answered[2] == world.answered[3] == ["late ok"]


def test_shutdown_answers_who_waits_for_a_turn() -> None:
    world = _rationed()
    world.shutdown()
    assert world.answered[2] == ["late ABNORMAL_TERMINATION: late"]
    world.run(10)
    assert world.ended
    assert world.states()["late"] == "STOPPED"


def test_removal_answers_who_waits_for_a_turn() -> None:
    world = _rationed()
    world.give(GroupRemoved("late"))
    assert world.heard() == ["answer 2: late ABNORMAL_TERMINATION: late", "PROCESS_GROUP_REMOVED groupname:late"]
    world.run(10)
    assert world.spawned == 40


# --- the heap of deadlines -------------------------------------------------------------------------------------------


def test_deadline_is_the_earliest() -> None:
    world = World(*(group(name, program(name, startsecs=secs)) for name, secs in (("a", 7), ("b", 3), ("c", 5))))
    world.start(1, "a", "b", "c", wait=False)
    seen = []
    while world.engine.deadline is not None:
        seen.append(world.engine.deadline)
        world.run(world.engine.deadline - world.now)
    assert seen == [3, 5, 7]


def test_outdated_deadlines_are_skipped() -> None:
    world = World(group("a", program("a", startsecs=5)))
    world.start(1, "a", wait=False)
    world.die("a", 0)
    assert world.engine.deadline == 1.0
    world.stop(2, "a")
    assert world.engine.deadline is None


def test_no_deadline_when_all_is_quiet() -> None:
    world = World(*autostarting("a", "b"), group("c"))
    world.run(5)
    assert world.engine.deadline is None


def test_time_passed_before_its_time_does_nothing() -> None:
    world = World(*autostarting("a"))
    world.give(TimePassed())
    assert world.heard() == []
    assert world.states() == {"a": "STARTING"}


def test_outdated_deadlines_do_not_pile_up() -> None:
    world = World(group("a", program("a", startsecs=86_400)))
    for ticket in range(5 * HEAP_ROOM):
        world.start(2 * ticket, "a", wait=False)
        world.stop(2 * ticket + 1, "a")
        world.run(0.25)
    assert len(world.engine._deadlines) <= HEAP_ROOM


# --- orphans ---------------------------------------------------------------------------------------------------------


def test_orphans_do_not_flood_the_log() -> None:
    world = World()
    for pid in range(1_000):
        world.reap(5_000 + pid, 0)
    lines = world.heard()
    assert lines == [f"info: reaped unknown pid {5_000 + index} (exit status 0)" for index in range(ORPHANS_NAMED)]
    world.run(ORPHANS_EVERY)
    assert world.heard() == [f"info: reaped {1_000 - ORPHANS_NAMED} more unknown pids"]
    world.run(10 * ORPHANS_EVERY)
    assert world.heard() == []
    assert world.engine.deadline is None


def test_orphans_are_named_again_after_a_while() -> None:
    world = World()
    for pid in range(ORPHANS_NAMED):
        world.reap(5_000 + pid, 9)
    world.run(ORPHANS_EVERY)
    world.heard()
    world.reap(6_000, 9)
    assert world.heard() == ["info: reaped unknown pid 6000 (terminated by SIGKILL)"]


def test_a_pid_is_ours_once() -> None:
    world = World(*autostarting("a", autorestart="never"))
    (pid,) = world.children
    assert world.engine.by_pid(pid) is world.process("a")
    world.run(5)
    world.die("a")
    assert world.engine.by_pid(pid) is None
    world.heard()
    world.reap(pid, 0)
    assert world.heard() == [f"info: reaped unknown pid {pid} (exit status 0)"]


# --- groups ----------------------------------------------------------------------------------------------------------


def test_group_added_while_running() -> None:
    world = World()
    world.give(GroupAdded(group("g", program("x", autostart=True), program("y"))))
    assert world.heard() == ["PROCESS_GROUP_ADDED groupname:g"]
    world.run(2)
    assert world.states() == {"g:x": "RUNNING", "g:y": "STOPPED"}


def test_same_group_name() -> None:
    """Of two groups with one name the first becomes active."""
    first, second = group("g", program("x")), group("g", program("y"))
    world = World(first, boot=False)
    world.give(GroupAdded(second))
    assert world.heard() == []
    assert world.states() == {"g:x": "STOPPED"}


def test_group_removed() -> None:
    world = World(group("g"), group("h"))
    world.give(GroupRemoved("g"))
    assert world.heard() == ["PROCESS_GROUP_REMOVED groupname:g"]
    assert list(world.engine.groups) == ["h"]
    assert world.engine.find(("g", "g")) is None


def test_group_removed_before_its_restart() -> None:
    world = World(*autostarting("a", startsecs=0))
    for _ in range(6):
        world.die("a", 9)
        world.run(0)
    assert world.process("a").awaits_restart
    world.give(GroupRemoved("a"))
    world.run(10)
    assert world.spawned == 6


def test_a_removed_process_that_ends_later_is_nobody() -> None:
    """It was in UNKNOWN; a namesake that came after it must not hear of its end."""
    world = World(group("a"))
    world.start(1, "a", wait=False)
    world.habits["a"] = Habits(refuses="EPERM")
    world.stop(2, "a")
    assert world.states() == {"a": "UNKNOWN"}
    world.give(GroupRemoved("a"))
    world.give(GroupAdded(group("a", program("a", startsecs=5))))
    old = world.children.copy()
    world.children.clear()
    world.start(3, "a")
    world.heard()
    for pid in old:
        world.reap(pid, 0)
    assert world.heard() == ["info: reaped unknown pid 100 (exit status 0)"]
    assert 3 not in world.answered
    world.run(5)
    assert world.answered[3] == ["a ok"]


def test_a_group_that_changes() -> None:
    """What stays keeps its machine; what comes starts by itself; what goes is not started any more."""
    first, gone, new = program("a"), program("b", autostart=True), program("c", autostart=True)
    world = World(group("g", first, gone))
    world.run(0)
    world.start(1, "g:a", wait=False)
    world.die("g:b")  # too early: it would be started again
    world.heard()
    world.give(GroupChanged(group("g", first, new)))
    world.run(0)
    assert world.heard("spawn ") == ["spawn c"]
    assert world.states() == {"g:a": "STARTING", "g:c": "STARTING"}
    world.run(5)
    assert world.states() == {"g:a": "RUNNING", "g:c": "RUNNING"}
    assert world.spawned == 3


def test_answers_for_a_removed_process_are_nothing() -> None:
    world = World(group("g"))
    world.give(GroupRemoved("g"))
    world.heard()
    world.give(SignalSent(("g", "g")))
    assert world.heard() == []


def test_find() -> None:
    engine = World(group("g", program("x"))).engine
    assert engine.find(("g", "x")) is engine.groups["g"].processes["x"]
    assert engine.find(("g", "y")) is None
    assert engine.find(("h", "x")) is None


# --- signals to the daemon -------------------------------------------------------------------------------------------

SIGNALS = {
    # signal: what is said while one program runs
    signals.NUMBERS["SIGHUP"]: ["warn: received SIGHUP indicating restart request", "reload"],
    signals.NUMBERS["SIGUSR2"]: ["info: received SIGUSR2 indicating log reopen request", "reopen logs"],
    signals.NUMBERS["SIGCHLD"]: ["debug: received SIGCHLD indicating a child quit"],
    signals.NUMBERS["SIGUSR1"]: ["info: received SIGUSR1 indicating nothing"],
    36: ["info: received signal 36 indicating nothing"],
}


@pytest.mark.parametrize("signum", SIGNALS, ids=signals.name)
def test_signal_received(signum: int) -> None:
    world = World(*autostarting("a"))
    world.receive(signum)
    assert world.heard() == SIGNALS[signum]
    assert world.engine.mood == SupervisorStates.RUNNING


@pytest.mark.parametrize("signum", [15, 2, 3, signals.NUMBERS["SIGRTMIN"] + 3], ids=signals.name)
def test_exit_signal(signum: int) -> None:
    world = World(*autostarting("a"))
    world.receive(signum)
    assert world.heard()[:2] == [
        f"warn: received {signals.name(signum)} indicating exit request",
        "SUPERVISOR_STATE_CHANGE_STOPPING",
    ]
    assert world.engine.mood == SupervisorStates.SHUTDOWN


def test_every_input_has_its_route() -> None:
    everything = {word for word in vars(words).values() if isinstance(word, type) and issubclass(word, words.Input)}
    assert everything - {words.Input} == set(ROUTES) | set(INPUTS)


# --- cost ------------------------------------------------------------------------------------------------------------


def _calls(action: Callable[[], object]) -> int:
    """How many functions, built-in ones included, it calls."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def _large(size: int) -> World:
    world = World(*(group(f"p{index}") for index in range(size)))
    for index in range(size):
        world.start(index, f"p{index}", wait=False)
    world.run(10)
    world.said.clear()
    return world


def _stop_and_start(world: World) -> None:
    world.stop(-1, "p1")
    world.run(0)
    world.start(-2, "p1")
    world.run(2)


def _death_and_restart(world: World) -> None:
    world.die("p1", 9)
    world.run(2)


def _a_group_comes_and_goes(world: World) -> None:
    world.give(GroupAdded(group("g")))
    world.give(GroupRemoved("g"))


COSTS: dict[str, Callable[[World], None]] = {
    "stop and start": _stop_and_start,
    "death and restart": _death_and_restart,
    "signal": lambda world: world.signal(-1, 1, "p1"),
    "an orphan": lambda world: world.reap(99_999, 0),
    "SIGCHLD": lambda world: world.receive(CHLD),
    "time": lambda world: world.give(TimePassed()),
    "a group": _a_group_comes_and_goes,
}


@pytest.mark.parametrize("name", COSTS)
def test_cost_does_not_grow_with_the_number_of_programs(name: str) -> None:
    costs = []
    for size in (10, 100):
        world = _large(size)
        handle, total = world.engine.handle, 0

        def counted(given: Any, instant: Any, handle: Any = handle) -> Any:
            nonlocal total
            said: list[Any] = []
            total += _calls(lambda: said.extend(handle(given, instant)))
            return said

        world.engine.handle = counted  # type: ignore[method-assign]
        COSTS[name](world)
        costs.append(total)
    small, large = costs
    assert large == small


# --- what holds always -----------------------------------------------------------------------------------------------

NAMES = [f"{group}:{name}" for group in "abc" for name in "xyz"][:7]
ACTS = ("start", "stop", "signal", "die", "pass", "orphan", "habit", "remove", "add", "term", "hup", "shutdown")


@st.composite
def programs(draw: st.DrawFn, name: str) -> Any:
    return program(
        name,
        priority=draw(st.integers(1, 3)),
        autostart=draw(st.booleans()),
        autorestart=draw(st.sampled_from(["always", "unexpected", "never"])),
        startsecs=draw(st.integers(0, 3)),
        startretries=draw(st.integers(0, 3)),
        stopwaitsecs=draw(st.integers(0, 4)),
        exitcodes=draw(st.sampled_from([(0,), (0, 1), ()])),
    )


HABITS = st.builds(
    Habits,
    lives=st.sampled_from([None, None, 0.0, 0.5, 1.0, 2.5]),
    status=st.sampled_from([0, 0x100, 9]),
    obeys=st.sampled_from([0.0, 0.0, 0.5, 3.0, None]),
    mortal=st.sampled_from([True, True, True, False]),
    spawns=st.sampled_from(["", "", "", "no luck"]),
    refuses=st.sampled_from(["", "", "", "", "", "EPERM"]),
)
TARGETS = st.lists(st.sampled_from([*NAMES, "nobody"]), unique=True, max_size=4)
SCRIPT = st.lists(
    st.tuples(
        st.sampled_from([*ACTS[:7], *ACTS]),
        TARGETS,
        st.booleans(),
        st.sampled_from([None, None, 0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0]),
        HABITS,
    ),
    max_size=25,
)


def act(world: World, ticket: int, what: str, targets: list[str], wait: bool, rare: bool, habits: Habits) -> None:
    """One thing that happens; what the control side would refuse is not asked, but for starts in a shutdown."""
    running = world.engine.mood == SupervisorStates.RUNNING
    match what:
        case "start":
            world.start(ticket, *targets, wait=wait)
        case "stop":
            world.stop(ticket, *targets, wait=wait)
        case "signal":
            world.signal(ticket, 1, *targets)
        case "die":
            for name in targets:
                if world.key(name) in world.children.values():
                    world.die(name, 9 if wait else 0)
        case "orphan":
            world.reap(50_000 + ticket, 0)
        case "habit":
            world.habits.update((world.key(name)[1], habits) for name in targets)
        case "remove" if running:
            found = world.engine.groups.get("a")
            if found and all(p.state in STOPPED_STATES and not p.pid for p in found.processes.values()):
                world.give(GroupRemoved("a"))
        case "add":
            world.give(GroupAdded(group("a", program("x", autostart=True, startsecs=0), program("y"))))
        case "term" if rare:
            world.receive(TERM)
        case "hup" if rare:
            world.receive(HUP)
            if world.said[-1] == "reload" and wait:
                world.shutdown(restart=True)
        case "shutdown" if rare:
            world.shutdown(restart=wait)
        case _:
            pass


@pytest.mark.slow
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data(), SCRIPT, st.sampled_from([None, 0.25, 3.0, 9.0]), st.booleans(), st.sampled_from([1, 1, 2, 16]))
def test_what_holds_always(
    data: Any, script: list[Any], timeout: float | None, deaths_first: bool, spawns_per_turn: int
) -> None:
    """The rules of `World` over random scripts; then everything stops, and every call has its one answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "SPAWNS_PER_TURN", spawns_per_turn)
        _play(data, script, timeout, deaths_first)


def _play(data: Any, script: list[Any], timeout: float | None, deaths_first: bool) -> None:
    groups = [
        GroupSpec(
            name,
            data.draw(st.integers(1, 2)),
            tuple(data.draw(programs(own)) for own_group, own in (n.split(":") for n in NAMES) if own_group == name),
        )
        for name in "abc"
    ]
    world = World(*groups, timeout=timeout)
    world.deaths_first = deaths_first
    for ticket, (what, targets, wait, seconds, habits) in enumerate(script):
        if world.ended:
            break
        note(f"{world.now}: {what} {targets} {wait} {seconds}")
        act(world, ticket, what, targets, wait, seconds is not None and seconds > 1, habits)
        if seconds is not None:  # else the next act comes before the engine's next turn
            world.run(seconds)
        _check(world, rested=seconds is not None)
    if not world.ended:
        world.shutdown()
    world.run(200)
    assert world.ended
    assert set(world.answered) == world.tickets
    assert not world.engine._waits
    assert not world.engine._starts


def _check(world: World, rested: bool) -> None:
    for pid, key in world.children.items():
        machine = world.engine.by_pid(pid)
        assert machine is not None
        assert (machine.key, machine.pid) == (key, pid)
    for process in world.processes():
        has_child = process.key in world.children.values()
        assert bool(process.pid) == has_child
        if process.state in (ProcessStates.STOPPED, ProcessStates.FATAL, ProcessStates.BACKOFF, ProcessStates.EXITED):
            assert not has_child
    deadline = world.engine.deadline
    assert deadline is None or deadline > world.now or world.ended or not rested
    open_calls = {wait.ticket for waits in world.engine._waits.values() for wait in waits}
    assert world.tickets - set(world.answered) == open_calls


@pytest.mark.parametrize(
    "name", ["shutdown cleared starts", "exits were lost"], ids=lambda name: name.replace(" ", "_")
)
def test_the_rules_can_be_broken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The world notices an engine that starts a second child, and one that starts in a shutdown."""
    world = World(*autostarting("a", startsecs=0))
    if name == "exits were lost":
        world.process("a").handle(Exited(100, 9), at(0))
        world.process("a").deadline = 0.0
        world.engine._starts[("a", "a")] = False
    else:
        monkeypatch.setattr(Engine, "_cancel_start", lambda engine, process: [])
        world.engine._starts[("a", "a")] = True
        world.die("a", 0x100)
        world.shutdown()
        world.ended = False
    with pytest.raises(AssertionError):
        world.give(TimePassed())
