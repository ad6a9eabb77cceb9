"""Readiness without processes: the table, lives on simulated time, and calls that wait."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import Habits, World, at, group, program

from minisup.core.readiness import (
    DOWN,
    HANDLERS,
    IGNORED,
    INPUTS,
    LATE,
    LIMIT,
    LONGEST_REST,
    READY,
    SHORTEST_REST,
    STATES,
    WAITING,
    Began,
    Readiness,
    explain,
    should_run,
)
from minisup.core.words import Exited, GroupRemoved, Probed
from minisup.specs import ReadySpec
from minisup.states import ProcessStates

TCP = ReadySpec("tcp", "localhost:80")
NOTIFY = ReadySpec("notify", "")
NEVER = Habits()


def test_the_table_is_total() -> None:
    assert {(state, word) for state in STATES for word in INPUTS} == {*HANDLERS} | {*IGNORED}
    assert not {*HANDLERS} & {*IGNORED}


def one(ready: ReadySpec | None = TCP, habits: Habits = NEVER, **more: Any) -> World:
    """A world with the program a, started."""
    world = World(group("a", program("a", ready=ready, **more)))
    world.habits["a"] = habits
    world.start(0, "a", wait=False)
    return world


def state(world: World, name: str = "a") -> str:
    return str(world.process(name).readiness.state)


# --- one life ---------------------------------------------------------------------------------------------------------


def test_without_ready_it_is_ready_when_running_and_nothing_is_said_of_it() -> None:
    world = one(ready=None, startsecs=2)
    assert (state(world), explain(world.process("a"))) == (WAITING, "less than 2 seconds up (startsecs)")
    world.run(5)
    assert (state(world), world.process("a").readiness.seconds(world.now)) == (READY, 2.0)
    assert world.heard("probe", "info: ready", "a is") == []
    assert world.engine.deadline is None
    world.die("a")
    assert state(world) == DOWN


def test_ready_is_said_once_with_its_time() -> None:
    world = one(habits=Habits(ready=0.5))
    assert state(world) == WAITING
    world.run(0.9)
    assert state(world) == READY  # though it is not RUNNING yet
    (line,) = [said for said in world.heard() if said.startswith("info: ready")]
    took = float(line.removeprefix("info: ready: a after ").removesuffix(" seconds"))
    assert 0.5 <= took <= 0.5 * 1.1 + SHORTEST_REST
    assert world.process("a").readiness.seconds(100.0) == pytest.approx(took, abs=0.001)
    world.run(100)
    assert world.heard() == ["a STARTING>RUNNING pid:100", "info: success: a entered RUNNING state, process has stayed "
                             "up for > than 1 seconds (startsecs)"]  # fmt: skip
    assert world.engine.deadline is None


def test_rests_grow_with_the_time_that_it_takes() -> None:
    world = one()
    times = []
    while world.now < 30:
        world.run(0.005)
        times += [world.now] * len(world.heard("probe"))
    rests = [later - sooner for sooner, later in pairwise(times)]
    assert min(rests) >= SHORTEST_REST - 0.006
    assert max(rests) <= LONGEST_REST + 0.006
    assert sorted(rests[::10]) == pytest.approx(rests[::10], abs=0.011)


def test_late_is_said_once_and_it_may_become_ready() -> None:
    world = one(habits=Habits(ready=5), ready_timeout=2.5)
    world.run(4)
    assert world.heard("warn", "a is") == [
        "a is WAITING",
        "warn: late: a is RUNNING but not ready after 2.5 seconds: not yet",
        "a is LATE",
    ]
    assert state(world) == LATE
    world.run(4)
    assert world.heard("warn", "a is", "info: ready") == [
        f"info: ready: a after {ready(world):.3f} seconds",
        "a is READY",
    ]


def ready(world: World) -> float:
    return float(world.process("a").readiness.seconds(world.now))


def test_late_within_startsecs_and_after_a_run_before() -> None:
    world = one(startsecs=60, ready_timeout=1, startretries=9, habits=Habits(lives=0.5, status=3 << 8))
    world.run(0.6)
    world.habits["a"] = NEVER
    world.run(5)
    assert world.heard("warn: late") == [
        "warn: late: a is STARTING but not ready after 1 seconds: not yet; its run before: exit status 3"
    ]


def test_each_spawn_begins_anew() -> None:
    world = one(ready_timeout=3, startretries=9, startsecs=5, habits=Habits(lives=2, ready=1))
    world.run(2.5)
    assert (state(world), explain(world.process("a"))) == (
        DOWN,
        "Exited too quickly (process log may have details); exit status 0",
    )
    world.run(1.0)
    assert state(world) == WAITING
    world.run(1.0)
    assert state(world) == READY
    assert world.heard("a is") == ["a is WAITING", "a is READY", "a is DOWN", "a is WAITING", "a is READY"]


def test_a_stop_ends_it_before_the_child_has_gone() -> None:
    world = one(habits=Habits(obeys=3))
    world.run(2)
    world.heard()
    world.stop(1, "a")
    assert world.heard("stop probing", "a is") == ["a is DOWN", "stop probing a"]
    assert explain(world.process("a")) == "told to stop"
    world.run(10)
    assert world.heard("probe", "a is") == []
    assert explain(world.process("a")) == "terminated by SIGTERM"


def test_the_end_of_one_that_is_ready_stops_no_probe() -> None:
    world = one(habits=Habits(ready=0))
    world.run(2)
    world.heard()
    world.die("a", 9)
    assert [line for line in world.heard() if "prob" in line or " is " in line] == ["a is DOWN"]
    assert explain(world.process("a")) == "terminated by SIGKILL"


def test_one_probe_at_a_time_and_one_without_an_answer_is_given_up() -> None:
    world = one(habits=Habits(answers=None), ready_timeout=100)
    world.run(LIMIT - 0.1)
    assert world.heard("probe", "stop") == ["probe a"]
    world.run(LONGEST_REST + 0.2)
    assert world.heard("probe", "stop") == ["stop probing a", "probe a"]
    assert explain(world.process("a")) == "no answer within 10 seconds"


def test_what_waits_for_a_word_of_the_process_is_not_given_up() -> None:
    world = one(NOTIFY, Habits(answers=None), ready_timeout=100)
    world.run(50)
    assert world.heard("probe", "stop") == ["probe a"]
    assert explain(world.process("a")) == "no READY=1 yet"
    world.give(Probed(("a", "a"), 100, True))
    assert state(world) == READY
    assert world.engine.deadline is None


def test_a_word_may_come_between_two_looks() -> None:
    world = one(NOTIFY, Habits(answers=None))
    for status in ("loading", "half way"):  # the first is the answer, the second comes in the rest after it
        world.probes.clear()
        world.give(Probed(("a", "a"), 100, False, status))
    assert explain(world.process("a")) == "half way"
    world.give(Probed(("a", "a"), 100, True))
    assert state(world) == READY


def test_an_answer_of_the_run_before_does_not_count() -> None:
    world = one(startretries=9, habits=Habits(lives=0.5))
    world.run(1.7)
    assert state(world) == WAITING
    world.give(Probed(("a", "a"), 100, True))
    assert state(world) == WAITING
    world.give(Probed(("nobody", "a"), 100, True))  # its group is gone


def test_unknown_is_down() -> None:
    world = one(habits=Habits(ready=0, refuses="EPERM"))
    world.run(2)
    world.stop(1, "a")
    assert (state(world), explain(world.process("a"))) == (DOWN, "cannot be told to stop")


def test_no_child_at_all() -> None:
    world = one(habits=Habits(spawns="can't find command 'a'"))
    world.run(100)
    assert (state(world), explain(world.process("a"))) == (DOWN, "can't find command 'a'")
    assert world.heard("a is", "probe") == []


def test_not_started() -> None:
    world = World(group("a", program("a", ready=TCP)))
    assert (state(world), explain(world.process("a"))) == (DOWN, "not started")
    assert world.process("a").readiness.seconds(100.0) == 0.0


# --- which are to run -------------------------------------------------------------------------------------------------

_S = ProcessStates
# state, autostart, exit code, about to be started again -> to run?
TO_RUN: dict[str, tuple[int, bool, int | None, bool, bool]] = {
    "never started by itself": (_S.STOPPED, False, None, False, False),
    "stopped although it starts by itself": (_S.STOPPED, True, None, False, True),
    "on its way down": (_S.STOPPING, False, None, False, False),
    "up": (_S.RUNNING, False, None, False, True),
    "coming up": (_S.STARTING, False, None, False, True),
    "between two tries": (_S.BACKOFF, False, None, False, True),
    "given up": (_S.FATAL, False, None, False, True),
    "nobody knows": (_S.UNKNOWN, False, None, False, True),
    "has done its work": (_S.EXITED, True, 0, False, False),
    "has done its work, and is started again": (_S.EXITED, True, 0, True, True),
    "has failed": (_S.EXITED, False, 1, False, True),
    "was killed": (_S.EXITED, True, -1, False, True),
}


@pytest.mark.parametrize("name", TO_RUN)
def test_should_run(name: str) -> None:
    number, autostart, code, again, expected = TO_RUN[name]
    process = World(group("a", program("a", autostart=autostart)), boot=False).process("a")
    process.state, process.exitstatus, process.deadline = number, code, 1.0 if again else None
    assert should_run(process) is expected


# --- calls that wait --------------------------------------------------------------------------------------------------


def several(*names: str, **more: Any) -> World:
    """A world with these programs, each in a group of its own, nothing started."""
    return World(*(group(name, program(name, ready=TCP, **more)) for name in names))


def test_answered_when_all_are_ready() -> None:
    world = several("a", "b")
    world.habits |= {"a": Habits(ready=1), "b": Habits(ready=3)}
    world.start(0, "a", "b", wait=False)
    world.ask_ready(1, "a", "b", seconds=60)
    world.run(2)
    assert 1 not in world.answered
    world.run(2)
    assert world.answered[1] == ["a ok", "b ok"]
    world.ask_ready(2, "b", "a", seconds=0)
    assert world.answered[2] == ["b ok", "a ok"]


def test_at_one_time() -> None:
    world = several("a", "b", autorestart="always", startsecs=0)
    world.habits |= {"a": Habits(ready=1, lives=2), "b": Habits(ready=3)}
    world.start(0, "a", "b", wait=False)
    world.ask_ready(1, "a", "b", seconds=60)
    for _ in range(100):
        if 1 in world.answered:
            break
        world.run(0.1)
    assert state(world) == state(world, "b") == READY
    assert world.now >= 3


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_answered_when_the_time_is_over(seconds: float) -> None:
    world = several("a", "b")
    world.habits["a"] = Habits(ready=0)
    world.start(0, "a", "b", wait=False)
    world.ask_ready(1, "a", "b", seconds=seconds)
    assert (1 in world.answered) == (not seconds)
    world.run(seconds)
    assert world.answered[1] == ["a ok", "b FAILED: b: not yet"]
    assert world.now == seconds


def test_one_that_is_late_is_waited_for_as_long_as_was_said() -> None:
    world = several("a", ready_timeout=2)
    world.habits["a"] = Habits(ready=4)
    world.start(0, "a", wait=False)
    world.ask_ready(1, "a", seconds=60)
    world.ask_ready(2, "a")
    world.run(3)
    assert world.answered == {0: ["a ok"], 2: ["a FAILED: a: not yet"]}
    world.ask_ready(3, "a")
    assert world.answered[3] == ["a FAILED: a: not yet"]
    world.run(3)
    assert world.answered[1] == ["a ok"]


HOPELESS = {
    "fatal": (Habits(spawns="no luck"), "no luck"),
    "exits": (Habits(lives=2, status=3 << 8), "exit status 3"),
    "killed": (Habits(lives=2, status=9), "terminated by SIGKILL"),
    "quick": (Habits(lives=0.1), "Exited too quickly (process log may have details); exit status 0"),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_answered_when_one_will_not_be_ready(name: str) -> None:
    habits, why = HOPELESS[name]
    world = several("a", "b", autorestart="never")
    world.habits["a"] = habits
    world.start(0, "a", "b", wait=False)
    world.ask_ready(1, "a", "b", seconds=600)
    world.run(30)
    assert world.answered[1] == [f"a ABNORMAL_TERMINATION: a: {why}", "b FAILED: b: not yet"]


def test_answered_when_somebody_stops_it() -> None:
    world = several("a")
    world.start(0, "a", wait=False)
    world.ask_ready(1, "a", seconds=600)
    world.stop(2, "a")
    world.run(1)
    assert world.answered[1] == ["a ABNORMAL_TERMINATION: a: terminated by SIGTERM"]
    world.ask_ready(3, "a", seconds=600)
    assert world.answered[3] == ["a ABNORMAL_TERMINATION: a: terminated by SIGTERM"]


def test_one_that_waits_for_its_turn_to_be_spawned_is_hoped_for() -> None:
    names = [f"p{number}" for number in range(40)]
    world = several(*names)
    world.habits |= dict.fromkeys(names, Habits(ready=1))
    world.start(0, *names, wait=False)
    world.ask_ready(1, *names, seconds=60)
    world.run(5)
    assert world.answered[1] == [f"{name} ok" for name in names]


def test_a_turn_that_is_taken_away() -> None:
    names = [f"p{number}" for number in range(40)]
    world = several(*names)
    world.start(0, *names, wait=False)
    world.ask_ready(1, "p39", seconds=60)
    world.stop(2, "p39")
    assert world.answered[1] == ["p39 ABNORMAL_TERMINATION: p39: not started"]


def test_what_is_not_there_and_what_goes() -> None:
    world = several("a", "b")
    world.habits["b"] = Habits(refuses="EPERM")
    world.ask_ready(1, "nope", "a", seconds=60)
    assert world.answered[1] == ["nope BAD_NAME: nope", "a ABNORMAL_TERMINATION: a: not started"]
    world.start(0, "b", wait=False)
    world.ask_ready(2, "b", seconds=60)
    world.stop(3, "b", wait=False)
    world.give(GroupRemoved("b"))
    assert world.answered[2] == ["b ABNORMAL_TERMINATION: b: cannot be told to stop"]


def test_a_group_that_goes_while_it_waits_for_its_turn() -> None:
    names = [f"p{number}" for number in range(40)]
    world = several(*names)
    world.start(0, *names, wait=False)
    world.ask_ready(1, "p39", seconds=60)
    world.give(GroupRemoved("p39"))
    assert world.answered[1] == ["p39 BAD_NAME: p39"]


def test_nothing_to_wait_for() -> None:
    world = several("a")
    world.ask_ready(1, seconds=60)
    assert world.answered[1] == []


def test_a_shutdown_ends_every_wait() -> None:
    world = several("a", "b")
    world.start(0, "a", wait=False)
    world.ask_ready(1, "a", seconds=60)
    world.shutdown()
    world.run(10)
    assert world.ended
    assert 1 in world.answered


# --- lives without end ------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.floats(0.001, 20, allow_nan=False)),
        st.tuples(st.just("start"), st.sampled_from("ab")),
        st.tuples(st.just("stop"), st.sampled_from("ab")),
        st.tuples(st.just("die"), st.sampled_from("ab")),
        st.tuples(st.just("wait"), st.one_of(st.none(), st.floats(0, 10))),
        st.tuples(st.just("stray"), st.integers(99, 110)),
    ),
    max_size=30,
)
HABITS = st.builds(
    Habits,
    lives=st.one_of(st.none(), st.floats(0.1, 10)),
    status=st.sampled_from([0, 256, 9]),
    obeys=st.sampled_from([0.0, 1.0, None]),
    ready=st.one_of(st.none(), st.floats(0, 5)),
    answers=st.sampled_from([0.0, 0.1, 15.0, None]),
)


@given(steps=STEPS, habits=st.tuples(HABITS, HABITS), patient=st.booleans())
def test_any_life(steps: list[tuple[str, Any]], habits: tuple[Habits, Habits], patient: bool) -> None:
    """At most one probe of a process at a time, of its child only (the world sees to both); and what holds always."""
    kind = NOTIFY if patient else TCP
    world = World(group("a", program("a", ready=kind, ready_timeout=3)), group("b", program("b")))
    world.habits |= dict(zip("ab", habits, strict=True))
    asked = 0
    for word, what in steps:
        if word == "run":
            world.run(what)
        elif word == "start":
            world.start(1000 + len(world.tickets), what, wait=False)
        elif word == "stop":
            world.stop(1000 + len(world.tickets), what, wait=False)
        elif word == "die" and world.key(what) in world.children.values():
            world.die(what)
        elif word == "wait":
            asked += 1
            world.ask_ready(asked, "a", "b", seconds=what)
        elif word == "stray":
            if world.probes.get(("a", "a")) == what:  # then it is the answer
                del world.probes["a", "a"]
            world.give(Probed(("a", "a"), what, True))
        check(world)
    world.stop(998, "a", "b", wait=False)
    world.run(60)
    assert all(ticket in world.answered for ticket in range(1, asked + 1))


def check(world: World) -> None:
    for process in world.processes():
        readiness = process.readiness
        up = process.state in (ProcessStates.STARTING, ProcessStates.RUNNING) and process.pid
        assert (readiness.state == DOWN) == (not up)
        assert readiness.pid == (process.pid if up else 0)
        assert readiness.ready or readiness.state == DOWN or explain(process)
        if process.spec.ready is None:
            assert readiness.deadline is None
            assert readiness.ready == (process.state == ProcessStates.RUNNING)
        elif readiness.state in (WAITING, LATE):
            assert process.key in world.probes or readiness.deadline is not None
        else:
            assert readiness.deadline is None
            assert process.key not in world.probes


def test_a_machine_that_is_handed_what_cannot_be() -> None:
    machine = Readiness("a", program("a", ready=TCP))
    for word in (Probed(("a", "a"), 1, True), Exited(1, 0)):
        assert machine.handle(word, at(0)) == []
    machine.handle(Began(7, 0.0), at(0))
    assert machine.handle(Began(8, 0.0), at(0)) == []
    assert repr(machine) == "<Readiness ('a', 'a') WAITING pid 7>"
