"""Event listeners without processes: what they say, what they get, what is lost, and when the clock ticks."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisup.core.listener import LARGEST_RESULT, LONGEST_LINE, Dialogue, Garbage, Ready, Result
from minisup.core.pool import ACCEPTED, DEFAULT_HANDLER, FAILED, PROMPT, REJECTED, REST, SLOW
from minisup.core.pools import Pools
from minisup.core.roster import Group
from minisup.core.words import (
    Drained,
    Effect,
    Heard,
    Input,
    Instant,
    Judge,
    Judged,
    Log,
    Publish,
    Published,
    Send,
    SendFailed,
    Sent,
)
from minisup.events import PARENTS, Event
from minisup.specs import GroupSpec, PoolSpec, ProcessSpec
from minisup.states import ProcessStates

EPOCH = 1_795_344_783.25


# --- the dialogue -----------------------------------------------------------------------------------------------------

# what is said while BUSY (or before an event, where the row begins with "!") -> what is understood, the state after it
SAID: dict[str, tuple[bytes, list[object], str]] = {
    "nothing": (b"!", [], "ACKNOWLEDGED"),
    "half a token": (b"!READ", [], "ACKNOWLEDGED"),
    "ready": (b"!READY\n", [Ready()], "READY"),
    "ready twice": (b"!READY\nREADY\n", [Ready(), Garbage()], "UNKNOWN"),
    "ready and a space": (b"!READY\n ", [Ready(), Garbage()], "UNKNOWN"),
    "five letters": (b"!hello", [], "ACKNOWLEDGED"),
    "six letters": (b"!hello!", [Garbage()], "UNKNOWN"),
    "lower case": (b"!ready\n", [Garbage()], "UNKNOWN"),
    "ok": (b"RESULT 2\nOK", [Result(b"OK")], "ACKNOWLEDGED"),
    "ok and ready": (b"RESULT 2\nOKREADY\n", [Result(b"OK"), Ready()], "READY"),
    "a newline too many": (b"RESULT 2\nOK\nREADY\n", [Result(b"OK"), Garbage()], "UNKNOWN"),
    "fail": (b"RESULT 4\nFAIL", [Result(b"FAIL")], "ACKNOWLEDGED"),
    "half a result": (b"RESULT 4\nFA", [], "BUSY"),
    "half a line": (b"RESULT", [], "BUSY"),
    "empty": (b"RESULT 0\n", [Result(b"")], "ACKNOWLEDGED"),
    "any prefix": (b"ANSWER  2\nOK", [Result(b"OK")], "ACKNOWLEDGED"),
    "blanks": (b"RESULT  2 \r\nOK", [Result(b"OK")], "ACKNOWLEDGED"),
    "binary": (b"RESULT 3\n\xff\n\x00", [Result(b"\xff\n\x00")], "ACKNOWLEDGED"),
    "no number": (b"RESULT two\nOK", [Garbage("RESULT two")], "UNKNOWN"),
    "no result": (b"READY\n", [Garbage("READY")], "UNKNOWN"),
    "negative": (b"RESULT -1\nOK", [Garbage("RESULT -1")], "UNKNOWN"),
    "not UTF-8": (b"RESULT \xff\n", [Garbage("Undecodable: b'RESULT \\xff'")], "UNKNOWN"),
    "too much": (b"RESULT %d\n" % (LARGEST_RESULT + 1), [Garbage(f"RESULT {LARGEST_RESULT + 1}")], "UNKNOWN"),
    "a line without an end": (b"x" * (LONGEST_LINE + 1), [Garbage("x" * LONGEST_LINE)], "UNKNOWN"),
    "the longest line": (b"RESULT " + b"0" * (LONGEST_LINE - 8) + b"1\n!", [Result(b"!")], "ACKNOWLEDGED"),
}


def dialogue_of(data: bytes) -> tuple[Dialogue, bytes]:
    dialogue = Dialogue()
    if data.startswith(b"!"):
        return dialogue, data[1:]
    dialogue.hear(b"READY\n")
    assert dialogue.next() == Ready()
    dialogue.tell()
    return dialogue, data


def understood(dialogue: Dialogue) -> list[object]:
    return list(iter(dialogue.next, None))


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_dialogue(name: str, size: int) -> None:
    data, expected, state = SAID[name]
    dialogue, rest = dialogue_of(data)
    found: list[object] = []
    for start in range(0, len(rest), size):
        dialogue.hear(rest[start : start + size])
        found += understood(dialogue)
    assert (found, dialogue.state) == (expected, state)
    if state == "UNKNOWN":
        dialogue.hear(b"READY\n" * 10)
        assert (understood(dialogue), dialogue.state) == ([], "UNKNOWN")


# --- pools ------------------------------------------------------------------------------------------------------------


class Stage:
    """Pools of listeners p0, p1, ... and what the driver would do for them.

    Attributes:
        got: (listener, serial, poolserial, event name) of everything that was written to one.
        deaf: listeners whose stdin is closed; `full`: whose pipe is.
    """

    def __init__(self, count: int = 1, size: int = 10, handler: str = DEFAULT_HANDLER, *wanted: str) -> None:
        self.now = 100.0
        self.pools = Pools()
        self.groups: dict[str, Group] = {}
        self.got: list[tuple[str, int, int, str]] = []
        self.heads: list[str] = []
        self.lines: list[str] = []
        self.deaf: set[str] = set()
        self.full: set[str] = set()
        self.verdicts: Callable[[Judge], str] = lambda effect: ACCEPTED
        self.add("pool", count, size, handler, *(wanted or ("EVENT",)))

    @property
    def at(self) -> Instant:
        return Instant(self.now, EPOCH + self.now)

    def add(self, name: str, count: int, size: int, handler: str, *wanted: str) -> None:
        processes = tuple(ProcessSpec(name=f"p{number}", command="x") for number in range(count))
        pool = PoolSpec(tuple(wanted), size, handler)
        self.groups[name] = Group(GroupSpec(name=name, processes=processes, pool=pool), "me")
        assert self.groups[name].pool is not None
        self.pools.add(self.groups[name].pool, self.at)

    def carry_out(self, effects: list[Effect]) -> None:
        queue = deque(effects)
        while queue:
            effect = queue.popleft()
            answer: Input | None = None
            if isinstance(effect, Log):
                self.lines.append(f"{effect.level}: {effect.text}")
            elif isinstance(effect, Publish):
                queue.extendleft(reversed(self.pools.published(Published(effect.event), self.at)))
            elif isinstance(effect, Judge):
                answer = Judged(effect.key, self.verdicts(effect))
            elif isinstance(effect, Send):
                answer = self._send(effect)
            if answer is not None:
                queue.extendleft(reversed(self.pools.told(answer, self.at)))

    def _send(self, effect: Send) -> Input:
        if effect.key[1] in self.deaf:
            return SendFailed(effect.key)
        head, _, payload = effect.data.decode().partition("\n")
        fields = dict(field.split(":", 1) for field in head.split())
        assert len(payload) == int(fields["len"])
        self.heads.append(head)
        self.got.append((effect.key[1], int(fields["serial"]), int(fields["poolserial"]), fields["eventname"]))
        return Sent(effect.key, full=effect.key[1] in self.full)

    def publish(self, *names: str) -> None:
        for name in names:
            self.carry_out(self.pools.published(Published(Event(name, "payload")), self.at))

    def set(self, name: str, state: int, pid: int, group: str = "pool") -> None:
        process = self.groups[group].processes[name]
        process.state, process.pid = state, pid
        self.carry_out(self.pools.look(process, self.at))

    def up(self, name: str = "p0", pid: int = 7, group: str = "pool") -> None:
        self.set(name, ProcessStates.STARTING, pid, group)
        self.set(name, ProcessStates.RUNNING, pid, group)

    def die(self, name: str = "p0") -> None:
        self.set(name, ProcessStates.EXITED, 0)

    def say(self, text: str, name: str = "p0", pid: int = 7, group: str = "pool") -> None:
        self.carry_out(self.pools.told(Heard((group, name), pid, text.encode()), self.at))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.pools.deadline is not None and self.pools.deadline <= end:
            self.now = max(self.now, self.pools.deadline)
            self.carry_out(self.pools.report(self.at))
        self.now = end

    @property
    def serials(self) -> list[int]:
        return [serial for _, serial, _, _ in self.got]

    def take_lines(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


OK = "RESULT 2\nOKREADY\n"
FAIL = "RESULT 4\nFAILREADY\n"


def test_events_wait_for_a_listener_and_go_out_in_order() -> None:
    stage = Stage()
    stage.publish("TICK_5", "TICK_60")
    stage.up()
    assert stage.got == []
    stage.say("READY\n")
    assert stage.got == [("p0", 0, 0, "TICK_5")]
    stage.say(OK)
    assert stage.got[1:] == [("p0", 1, 1, "TICK_60")]
    assert stage.lines == [
        "debug: p0: ACKNOWLEDGED -> READY",
        "debug: event 0 sent to listener p0",
        "debug: p0: event was processed",
        "debug: p0: BUSY -> ACKNOWLEDGED",
        "debug: p0: ACKNOWLEDGED -> READY",
        "debug: event 1 sent to listener p0",
    ]


def test_ready_is_not_enough() -> None:
    stage = Stage()
    stage.set("p0", ProcessStates.STARTING, 7)
    stage.say("READY\n")
    stage.publish("TICK_5")
    assert stage.got == []
    stage.set("p0", ProcessStates.RUNNING, 7)
    assert stage.serials == [0]


def test_len() -> None:
    stage = Stage()
    stage.up()
    stage.say("READY\n")
    stage.carry_out(stage.pools.published(Published(Event("REMOTE_COMMUNICATION", "type:t\nda ta é")), stage.at))
    assert stage.heads == ["ver:3.0 server:me serial:0 pool:pool poolserial:0 eventname:REMOTE_COMMUNICATION len:14"]


def test_a_name_that_is_not_utf8() -> None:
    stage = Stage()
    stage.up()
    stage.say("READY\n")
    event = Event("PROCESS_STATE_STARTING", "processname:a\udcffb groupname:b")
    (said,) = stage.pools.published(Published(event), stage.at)
    assert isinstance(said, Send)
    assert said.data.endswith(b" len:27\nprocessname:a?b groupname:b")


def test_each_event_goes_to_the_first_that_can_take_it() -> None:
    stage = Stage(3)
    for number, name in enumerate(("p0", "p1", "p2")):
        stage.up(name, 7 + number)
    stage.say("READY\n", "p1", 8)
    stage.say("READY\n", "p2", 9)
    stage.publish("TICK_5", "TICK_5", "TICK_5")
    assert stage.got == [("p1", 0, 0, "TICK_5"), ("p2", 1, 1, "TICK_5")]
    stage.say(OK, "p2", 9)
    assert stage.got[2:] == [("p2", 2, 2, "TICK_5")]


def test_pools_count_for_themselves() -> None:
    stage = Stage(1, 10, DEFAULT_HANDLER, "TICK")
    stage.add("other", 1, 10, DEFAULT_HANDLER, "TICK_60", "PROCESS_STATE")
    stage.up()
    stage.up("p0", 8, "other")
    stage.say("READY\n")
    stage.say("READY\n", "p0", 8, "other")
    stage.publish("PROCESS_GROUP_ADDED")  # nobody's: no number is spent
    stage.publish("PROCESS_STATE_FATAL", "TICK_60")
    stage.say(OK, "p0", 8, "other")
    heads = [head.partition(" server:me ")[2] for head in stage.heads]
    assert heads == [
        "serial:0 pool:other poolserial:0 eventname:PROCESS_STATE_FATAL len:7",
        "serial:1 pool:pool poolserial:0 eventname:TICK_60 len:7",
        "serial:1 pool:other poolserial:1 eventname:TICK_60 len:7",
    ]


def test_overlapping_subscriptions_are_one() -> None:
    stage = Stage(1, 10, DEFAULT_HANDLER, "TICK", "TICK_5", "EVENT")
    stage.publish("TICK_5")
    assert stage.groups["pool"].pool.buffered == 1  # type: ignore[union-attr]


def test_overflow_discards_the_oldest() -> None:
    stage = Stage(size=2)
    stage.publish("TICK_5", "TICK_60", "TICK_3600")
    pool = stage.groups["pool"].pool
    assert pool is not None
    assert (stage.take_lines(), pool.buffered, pool.discarded) == (
        ["error: pool pool event buffer overflowed, discarding event 0"],
        2,
        1,
    )
    stage.up()
    stage.say("READY\n")
    stage.publish("TICK_5")
    stage.take_lines()
    stage.say("RESULT 4\nFAIL")  # what it gives back displaces the oldest, too
    assert stage.take_lines() == [
        "warn: p0: event was rejected",
        "debug: p0: BUSY -> ACKNOWLEDGED",
        "debug: rebuffering event 1 for pool pool (buf size=2, max=2)",
        "error: pool pool event buffer overflowed, discarding event 2",
    ]
    stage.say("READY\n")
    stage.say(OK)
    assert stage.serials == [1, 1, 3]


def test_a_rejected_event_keeps_its_numbers() -> None:
    stage = Stage()
    stage.up()
    stage.say("READY\n")
    stage.publish("TICK_5", "TICK_60")
    stage.say(FAIL)
    stage.say(OK)
    stage.say(OK)
    assert [(serial, poolserial) for _, serial, poolserial, _ in stage.got] == [(0, 0), (0, 0), (1, 1)]


def test_a_rejected_event_stays_in_its_pool() -> None:
    stage = Stage()
    stage.add("other", 1, 10, DEFAULT_HANDLER, "EVENT")
    stage.up("p0", 8, "other")
    stage.say("READY\n", "p0", 8, "other")
    stage.up()
    stage.say("READY\n")
    stage.publish("TICK_5")
    stage.say(OK, "p0", 8, "other")
    before = len(stage.got)
    stage.say(FAIL)
    assert [head for head in stage.heads[before:] if "pool:other" in head] == []


def test_a_listener_that_rejects_for_ever_does_not_spin() -> None:
    stage = Stage()
    stage.up()
    stage.say("READY\n")
    stage.publish("TICK_5")
    for _ in range(PROMPT):
        stage.say(FAIL)
    assert len(stage.got) == PROMPT + 1
    stage.say(FAIL)
    assert len(stage.got) == PROMPT + 1
    stage.wait(REST)
    assert len(stage.got) == PROMPT + 2
    stage.say(OK)
    stage.publish("TICK_5")
    for _ in range(PROMPT):
        stage.say(FAIL)
    assert len(stage.got) == 2 * PROMPT + 3


@pytest.mark.parametrize("text", ["hello!\n", "RESULT two\n", "RESULT 2\nOK\nREADY\n", "READY\n"])
def test_garbage_is_the_end_of_events_for_a_listener(text: str) -> None:
    stage = Stage(2)
    stage.up()
    stage.up("p1", 8)
    stage.say("READY\n")
    stage.publish("TICK_5", "TICK_60")
    stage.say(text)
    lost = "p0: has entered the UNKNOWN state and will no longer receive events, this usually indicates the process "
    assert f"warn: {lost}violated the eventlistener protocol" in stage.lines
    stage.say("READY\n", "p1", 8)
    stage.say(OK, "p1", 8)
    stage.say("READY\n")
    accepted = text.startswith("RESULT 2")
    assert [name for name, *_ in stage.got] == ["p0", "p1"] + ([] if accepted else ["p1"])
    stage.die()
    stage.up(pid=9)
    stage.say("READY\n", pid=9)
    stage.publish("TICK_5")
    assert stage.got[-1][0] == "p0"


def test_what_a_listener_had_when_it_died_goes_to_the_next() -> None:
    stage = Stage()
    stage.up()
    stage.say("READY\n")
    stage.publish("TICK_5")
    stage.die()
    stage.say("RESULT 2\nOK")  # a grandchild that holds the pipe answers for the dead
    stage.up(pid=8)
    stage.say("READY\n", pid=8)
    assert stage.serials == [0, 0]


def test_an_answer_without_reading_does_not_fill_memory() -> None:
    stage = Stage()
    stage.up()
    stage.full.add("p0")
    stage.say("READY\n")
    stage.publish("TICK_5", "TICK_60")
    stage.say(OK)
    assert stage.serials == [0]
    stage.full.clear()
    stage.carry_out(stage.pools.told(Drained(("pool", "p0")), stage.at))
    assert stage.serials == [0, 1]


def test_a_listener_that_closed_its_stdin_gets_nothing_more() -> None:
    stage = Stage(2)
    stage.up()
    stage.up("p1", 8)
    stage.deaf.add("p0")
    stage.say("READY\n")
    stage.say("READY\n", "p1", 8)
    stage.publish("TICK_5", "TICK_60")
    assert stage.got == [("p1", 0, 0, "TICK_5")]
    epipe = "debug: epipe occurred while sending event 0 to listener p0"
    assert stage.groups["pool"].pool.listeners["p0"].state == "UNKNOWN"
    assert [line for line in stage.lines if "epipe" in line] == [epipe]
    stage.say(OK, "p1", 8)
    assert stage.serials == [0, 1]


def test_a_slow_listener_is_named_once() -> None:
    stage = Stage()
    stage.up()
    stage.say("READY\n")
    stage.publish("TICK_3600")
    stage.take_lines()
    stage.wait(SLOW - 1)
    assert [line for line in stage.lines if line.startswith("warn")] == []
    stage.wait(10 * SLOW)
    assert [line for line in stage.lines if line.startswith("warn")] == [
        "warn: p0: no answer to event 0 for 60 seconds"
    ]


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        (ACCEPTED, "debug: p0: event was processed"),
        (REJECTED, "warn: p0: event was rejected"),
        (FAILED, "warn: p0: event caused an error"),
    ],
)
def test_a_result_handler_judges(verdict: str, line: str) -> None:
    stage = Stage(1, 10, "my.module:judge")
    asked: list[Judge] = []
    stage.verdicts = lambda effect: asked.append(effect) or verdict
    stage.up()
    stage.say("READY\n")
    stage.publish("TICK_5", "TICK_60")
    stage.take_lines()
    stage.say("RESULT 5\nmaybeREADY\n")
    assert (asked[0].handler, asked[0].event, asked[0].result) == (
        "my.module:judge",
        Event("TICK_5", "payload"),
        b"maybe",
    )
    assert stage.lines[0] == line
    assert stage.serials == {ACCEPTED: [0, 1], REJECTED: [0, 0], FAILED: [0]}[verdict]


def test_a_pool_that_is_removed_hears_no_more() -> None:
    stage = Stage()
    stage.publish("TICK_5")
    stage.pools.remove("pool", stage.at)
    stage.publish("TICK_5")
    stage.say("READY\n")
    assert (stage.got, stage.pools.deadline, bool(stage.pools)) == ([], None, False)


# --- the clock --------------------------------------------------------------------------------------------------------


def test_ticks_come_at_the_turn_of_their_slices() -> None:
    stage = Stage(1, 5000, DEFAULT_HANDLER, "TICK")
    stage.wait(3600.0)
    pool: Any = stage.groups["pool"].pool
    ticks = [(one.event.name, int(one.event.payload.partition(":")[2])) for one in pool._buffer]
    assert {name: sum(tick[0] == name for tick in ticks) for name in ("TICK_5", "TICK_60", "TICK_3600")} == {
        "TICK_5": 720,
        "TICK_60": 60,
        "TICK_3600": 1,
    }
    assert all(when % int(name.partition("_")[2]) == 0 for name, when in ticks)
    first = EPOCH + 100
    assert ticks[0] == ("TICK_5", int(first // 5 * 5 + 5))


def test_only_wanted_ticks_wake_anybody() -> None:
    assert Stage(1, 10, DEFAULT_HANDLER, "PROCESS_STATE").pools.deadline is None
    stage = Stage(1, 10, DEFAULT_HANDLER, "TICK_3600")
    assert stage.pools.deadline is not None and stage.pools.deadline > stage.now + 5
    stage.wait(7200)
    assert len(stage.lines) == 0


def test_ticks_for_somebody_else() -> None:
    pools = Pools(ticks=True)
    pools.begin(Instant(0.0, EPOCH))
    assert pools.deadline is not None
    assert pools.report(Instant(5.0, EPOCH + 5)) == [Publish(Event("TICK_5", f"when:{int(EPOCH + 5) // 5 * 5}"))]


def test_slices_slept_through_give_one_tick() -> None:
    stage = Stage(1, 10, DEFAULT_HANDLER, "TICK_5")
    stage.now += 1000.0
    stage.carry_out(stage.pools.report(stage.at))
    pool: Any = stage.groups["pool"].pool
    assert [one.event.payload for one in pool._buffer] == [f"when:{int(EPOCH + 1100) // 5 * 5}"]


# --- whatever happens -------------------------------------------------------------------------------------------------

MOVES = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from([name for name in PARENTS if name.startswith("TICK_")])),
    st.tuples(st.just("say"), st.sampled_from(["READY\n", OK, FAIL, "RESULT 2\n", "OK", "x", "READY", "\n", "RESULT"])),
    st.tuples(st.sampled_from(["up", "die", "drain", "fill", "wait"]), st.just("")),
)


@given(st.lists(st.tuples(st.integers(0, 1), MOVES), max_size=60), st.integers(1, 3))
def test_no_event_is_lost_but_by_overflow(script: list[tuple[int, tuple[str, str]]], size: int) -> None:
    stage = Stage(2, size, DEFAULT_HANDLER, "EVENT")
    pool: Any = stage.groups["pool"].pool
    published = 0
    for number, (move, text) in script:
        name, pid = f"p{number}", 7 + number
        if move == "publish":
            stage.publish(text)
            published += 1
        elif move == "say":
            stage.say(text, name, pid)
        elif move == "up" and not stage.groups["pool"].processes[name].pid:
            stage.up(name, pid)
        elif move == "die":
            stage.die(name)
        elif move == "drain":
            stage.full.discard(name)
            stage.carry_out(stage.pools.told(Drained(("pool", name)), stage.at))
        elif move == "fill":
            stage.full.add(name)
        elif move == "wait":
            stage.wait(1.0)
        assert len(pool._buffer) <= size
        held = [one.event for one in pool.listeners.values() if one.event is not None]
        accepted = sum(line == f"debug: {who}: event was processed" for line in stage.lines for who in pool.listeners)
        assert pool.buffered + len(held) + accepted + pool.discarded == stage.pools.serial
        assert all(one.state == "BUSY" for one in pool.listeners.values() if one.event is not None)
        assert all(one.event is not None for one in pool.listeners.values() if one.state == "BUSY" and one.pid)
    assert stage.pools.serial >= published
