"""What counts as changed on a reread, and the totality of its tables."""

from dataclasses import fields, replace

import pytest

from minisup.config import changes
from minisup.config.changes import diff
from minisup.specs import GroupSpec, LogSpec, PoolSpec, ProcessSpec, ReadySpec, SocketSpec

TABLES = {
    "process": (ProcessSpec, changes.PROCESS_RULES),
    "log": (LogSpec, changes.LOG_RULES),
    "pool": (PoolSpec, changes.POOL_RULES),
    "socket": (SocketSpec, changes.SOCKET_RULES),
    "group": (GroupSpec, changes.GROUP_RULES),
}


@pytest.mark.parametrize(("spec", "rules"), TABLES.values(), ids=TABLES)
def test_every_field_has_a_rule(spec: type, rules: dict[str, changes.Rule]) -> None:
    assert {field.name for field in fields(spec)} == set(rules)


PROCESS = ProcessSpec("p", "/bin/cat", stdout=LogSpec("/o"), stderr=LogSpec("/e"))
GENERATED = LogSpec("/tmp/p-stdout---supervisor-abcdefgh.log", auto=True)
AUTO = LogSpec(auto=True)

CHANGES: dict[str, tuple[ProcessSpec, ProcessSpec, bool]] = {
    "nothing": (PROCESS, replace(PROCESS), False),
    "command": (PROCESS, replace(PROCESS, command="x"), True),
    "priority": (PROCESS, replace(PROCESS, priority=1), True),
    "environment order": (
        replace(PROCESS, environment={"A": "1", "B": "2"}),
        replace(PROCESS, environment={"B": "2", "A": "1"}),
        False,
    ),
    "environment": (PROCESS, replace(PROCESS, environment={"A": "1"}), True),
    "exitcodes order": (replace(PROCESS, exitcodes=(0, 1)), replace(PROCESS, exitcodes=(1, 0)), True),
    "ready": (PROCESS, replace(PROCESS, ready=ReadySpec("tcp", "localhost:80")), True),
    "ready_timeout": (PROCESS, replace(PROCESS, ready_timeout=5.0), True),
    "log path": (PROCESS, replace(PROCESS, stdout=LogSpec("/x")), True),
    "log size": (PROCESS, replace(PROCESS, stderr=LogSpec("/e", maxbytes=1)), True),
    "auto stays": (replace(PROCESS, stdout=GENERATED), replace(PROCESS, stdout=AUTO), False),
    "auto to file": (replace(PROCESS, stdout=GENERATED), PROCESS, True),
    "auto to none": (replace(PROCESS, stdout=GENERATED), replace(PROCESS, stdout=LogSpec()), True),
    "file to auto": (PROCESS, replace(PROCESS, stdout=AUTO), False),
    "none to auto": (replace(PROCESS, stdout=LogSpec()), replace(PROCESS, stdout=AUTO), False),
    "file to auto with another size": (PROCESS, replace(PROCESS, stdout=replace(AUTO, maxbytes=1)), True),
    "auto, never activated": (replace(PROCESS, stdout=AUTO), PROCESS, False),
    "redirect of an auto log": (
        replace(PROCESS, stderr=GENERATED),
        replace(PROCESS, stderr=LogSpec(), redirect_stderr=True),
        True,
    ),
}


@pytest.mark.parametrize(("active", "new", "changed"), CHANGES.values(), ids=CHANGES)
def test_auto_and_other_fields_of_a_process(active: ProcessSpec, new: ProcessSpec, changed: bool) -> None:
    groups = GroupSpec("g", processes=(active,)), GroupSpec("g", processes=(new,))
    assert diff([groups[0]], [groups[1]]) == ([], ["g"] if changed else [], [])


OTHER = replace(PROCESS, name="q")
POOL = PoolSpec(("TICK_5", "TICK_60"))
SOCKET = SocketSpec("unix:///x", mode=0o700)
GROUPS: dict[str, tuple[GroupSpec, GroupSpec, bool]] = {
    "priority": (GroupSpec("g"), GroupSpec("g", priority=1), True),
    "order of processes": (
        GroupSpec("g", processes=(PROCESS, OTHER)),
        GroupSpec("g", processes=(OTHER, PROCESS)),
        True,
    ),
    "fewer processes": (GroupSpec("g", processes=(PROCESS, OTHER)), GroupSpec("g", processes=(PROCESS,)), True),
    "kind": (GroupSpec("g"), GroupSpec("g", pool=POOL), True),
    "kind back": (GroupSpec("g", socket=SOCKET), GroupSpec("g"), True),
    "order of events": (
        GroupSpec("g", pool=POOL),
        GroupSpec("g", pool=PoolSpec(("TICK_60", "TICK_5"))),
        False,
    ),
    "buffer": (GroupSpec("g", pool=POOL), GroupSpec("g", pool=replace(POOL, buffer_size=1)), True),
    "fcgi": (GroupSpec("g", socket=SOCKET), GroupSpec("g", socket=SocketSpec("unix:///x", (1, 1), 0, 5)), False),
    "fcgi url": (GroupSpec("g", socket=SOCKET), GroupSpec("g", socket=SocketSpec("unix:///y")), True),
}  # fmt: skip


@pytest.mark.parametrize(("active", "new", "changed"), GROUPS.values(), ids=GROUPS)
def test_group(active: GroupSpec, new: GroupSpec, changed: bool) -> None:
    assert diff([active], [new]) == ([], ["g"] if changed else [], [])


def test_orders() -> None:
    active = [GroupSpec("z"), GroupSpec("b"), GroupSpec("a"), GroupSpec("y")]
    configured = [GroupSpec("n"), GroupSpec("y", 1), GroupSpec("b"), GroupSpec("a", 1), GroupSpec("m")]
    assert diff(active, configured) == (["n", "m"], ["y", "a"], ["z"])
