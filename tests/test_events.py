"""The catalogue of events: the tree, and payloads to the letter."""

import pytest

from minisup import events
from minisup.events import PARENTS, Event
from minisup.states import PROCESS_STATE_NAMES

COVERED = {
    # (event, subscription): covered?
    ("PROCESS_STATE_RUNNING", "PROCESS_STATE_RUNNING"): True,
    ("PROCESS_STATE_RUNNING", "PROCESS_STATE"): True,
    ("PROCESS_STATE_RUNNING", "EVENT"): True,
    ("PROCESS_STATE_RUNNING", "PROCESS_STATE_EXITED"): False,
    ("PROCESS_STATE", "PROCESS_STATE_RUNNING"): False,
    ("PROCESS_GROUP_ADDED", "PROCESS_STATE"): False,
    ("TICK_5", "TICK"): True,
    ("TICK_5", "TICK_60"): False,
    ("REMOTE_COMMUNICATION", "EVENT"): True,
    ("REMOTE_COMMUNICATION", "PROCESS_COMMUNICATION"): False,
    ("SUPERVISOR_STATE_CHANGE_STOPPING", "SUPERVISOR_STATE_CHANGE"): True,
}


@pytest.mark.parametrize("pair", COVERED, ids="-".join)
def test_is_a(pair: tuple[str, str]) -> None:
    assert events.is_a(*pair) is COVERED[pair]


def test_every_event_leads_to_the_root() -> None:
    assert all(events.is_a(name, "EVENT") for name in PARENTS)
    assert [name for name, parent in PARENTS.items() if parent is None] == ["EVENT"]


def test_every_state_has_its_event() -> None:
    states = {name for name, parent in PARENTS.items() if parent == "PROCESS_STATE"}
    assert states == {f"PROCESS_STATE_{state}" for state in PROCESS_STATE_NAMES.values()}


PAYLOADS: dict[str, tuple[Event, str, str]] = {
    "state": (
        events.process_state("FATAL", "p", "g", "BACKOFF"),
        "PROCESS_STATE_FATAL",
        "processname:p groupname:g from_state:BACKOFF",
    ),
    "state with more": (
        events.process_state("EXITED", "p", "g", "RUNNING", expected=0, pid=7),
        "PROCESS_STATE_EXITED",
        "processname:p groupname:g from_state:RUNNING expected:0 pid:7",
    ),
    "log": (
        events.process_output("PROCESS_LOG_STDOUT", "p", "g", 7, b"a\nb\n", "stdout"),
        "PROCESS_LOG_STDOUT",
        "processname:p groupname:g pid:7 channel:stdout\na\nb\n",
    ),
    "communication": (
        events.process_output("PROCESS_COMMUNICATION_STDERR", "p", "g", 7, "gr\u00fc\u00df".encode()),
        "PROCESS_COMMUNICATION_STDERR",
        "processname:p groupname:g pid:7\ngr\u00fc\u00df",
    ),
    "undecodable": (
        events.process_output("PROCESS_LOG_STDERR", "p", "g", 7, b"\xff\n", "stderr"),
        "PROCESS_LOG_STDERR",
        "processname:p groupname:g pid:7 channel:stderr\nUndecodable: b'\\xff\\n'",
    ),
    "group": (
        events.process_group("PROCESS_GROUP_ADDED", "g"),
        "PROCESS_GROUP_ADDED",
        "groupname:g\n",
    ),
    "nothing": (Event("SUPERVISOR_STATE_CHANGE_RUNNING"), "SUPERVISOR_STATE_CHANGE_RUNNING", ""),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload(name: str) -> None:
    event, kind, payload = PAYLOADS[name]
    assert (event.name, event.payload) == (kind, payload)
    assert event.name in PARENTS


def test_events_are_equal_by_what_they_say() -> None:
    assert Event("TICK_5", "when:0") == Event("TICK_5", "when:0")
    assert Event("TICK_5", "when:0") != Event("TICK_5", "when:5")
    assert Event("TICK_5") != "TICK_5"
    assert repr(Event("TICK_5", "when:0")) == "Event('TICK_5', 'when:0')"
