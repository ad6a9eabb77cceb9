"""Groups and their orders."""

import pytest
from world import group, program

from minisup.core.roster import Group, by_priority
from minisup.specs import GroupSpec

ORDERS: dict[str, tuple[list[tuple[str, int]], list[str]]] = {
    # id: ((name, priority) in the order given, names in ascending priority)
    "ascending": ([("a", 3), ("b", 1), ("c", 2)], ["b", "c", "a"]),
    "equals keep their order": ([("z", 1), ("y", 1), ("x", 1)], ["z", "y", "x"]),
    "negative first": ([("a", 999), ("listener", -1)], ["listener", "a"]),
    "none": ([], []),
}


@pytest.mark.parametrize("name", ORDERS)
def test_processes_by_priority(name: str) -> None:
    given, order = ORDERS[name]
    active = Group(GroupSpec("g", 1, tuple(program(process, priority=priority) for process, priority in given)))
    assert list(active.processes) == [process for process, _ in given]
    assert [process.spec.name for process in active.by_priority()] == order


@pytest.mark.parametrize("name", ORDERS)
def test_groups_by_priority(name: str) -> None:
    given, order = ORDERS[name]
    groups = [Group(group(member, priority=priority)) for member, priority in given]
    assert [active.spec.name for active in by_priority(groups)] == order


def test_same_name() -> None:
    """Of two processes with one name the later replaces the earlier, in the earlier's place."""
    active = Group(group("g", program("p", command="/bin/first"), program("q"), program("p", command="/bin/second")))
    assert [(name, process.spec.command) for name, process in active.processes.items()] == [
        ("p", "/bin/second"),
        ("q", "/bin/q"),
    ]


def test_keys_name_the_group() -> None:
    active = Group(group("g", program("p")))
    assert active.processes["p"].key == ("g", "p")
