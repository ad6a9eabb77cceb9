"""What counts as changed on a reread: a table of fields with their rule, not equality of specs.

Source: supervisor's ``diff_to_active`` and the ``__eq__`` of its config objects. tests/test_config_changes.py holds
that the tables are total: a field added to a spec must be named here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minisup.specs import GroupSpec, LogSpec, PoolSpec, ProcessSpec, SocketSpec

Rule = Callable[[Any, Any], bool]
"""Whether the new value (first) is the same as the active one, as far as a reread goes."""


def equal(new: object, active: object) -> bool:
    """The plain rule."""
    return bool(new == active)


def ignored(new: object, active: object) -> bool:
    """A field that a reread does not look at."""
    return True


def same_members(new: Sequence[str], active: Sequence[str]) -> bool:
    """Order does not count."""
    return set(new) == set(active)


def same_log(new: LogSpec, active: LogSpec) -> bool:
    """Every field by its rule; the path by that of AUTO.

    QUIRK(supervisor): a path is skipped where the new side is AUTO, so a file or NONE -> AUTO is no change; the active
    side carries the path that was generated for it, so AUTO -> a file or NONE is one.
    tests/test_config_changes.py: auto
    """
    if not (new.auto or _unnamed(active)) and new.path != active.path:
        return False
    return _same(new, active, LOG_RULES)


def _unnamed(log: LogSpec) -> bool:
    """AUTO, and not activated yet."""
    return log.auto and log.path is None


def same_pool(new: PoolSpec | None, active: PoolSpec | None) -> bool:
    """Both of them listeners with the same pool, or neither."""
    if new is None or active is None:
        return new is active
    return _same(new, active, POOL_RULES)


def same_socket(new: SocketSpec | None, active: SocketSpec | None) -> bool:
    """Both of them FastCGI with the same url, or neither."""
    if new is None or active is None:
        return new is active
    return _same(new, active, SOCKET_RULES)


def same_processes(new: Sequence[ProcessSpec], active: Sequence[ProcessSpec]) -> bool:
    """The same processes in the same order."""
    return len(new) == len(active) and all(same_process(one, two) for one, two in zip(new, active, strict=True))


def same_process(new: ProcessSpec, active: ProcessSpec) -> bool:
    """Whether a process would be the same after a reread."""
    return _same(new, active, PROCESS_RULES)


def same_group(new: GroupSpec, active: GroupSpec) -> bool:
    """Whether a group would be the same after a reread."""
    return _same(new, active, GROUP_RULES)


LOG_RULES: dict[str, Rule] = {
    "path": ignored,  # by same_log
    "auto": ignored,  # by same_log
    "maxbytes": equal,
    "backups": equal,
    "syslog": equal,
    "capture_maxbytes": equal,
    "events_enabled": equal,
}

POOL_RULES: dict[str, Rule] = {"events": same_members, "buffer_size": equal, "result_handler": equal}

# QUIRK(supervisor): of a socket only the url is looked at. tests/test_config_changes.py: fcgi
SOCKET_RULES: dict[str, Rule] = {"url": equal, "owner": ignored, "mode": ignored, "backlog": ignored}

PROCESS_RULES: dict[str, Rule] = {
    "name": equal,
    "command": equal,
    "priority": equal,
    "autostart": equal,
    "autorestart": equal,
    "startsecs": equal,
    "startretries": equal,
    "exitcodes": equal,  # their order counts
    "stopsignal": equal,
    "stopwaitsecs": equal,
    "stopasgroup": equal,
    "killasgroup": equal,
    "uid": equal,
    "directory": equal,
    "umask": equal,
    "environment": equal,  # the order of keys does not count
    "redirect_stderr": equal,
    "stdout": same_log,
    "stderr": same_log,
    "serverurl": equal,
    "ready": equal,
    "ready_timeout": equal,
}

GROUP_RULES: dict[str, Rule] = {
    "name": equal,
    "priority": equal,
    "processes": same_processes,
    "pool": same_pool,
    "socket": same_socket,
}


def diff(active: Sequence[GroupSpec], configured: Sequence[GroupSpec]) -> tuple[list[str], list[str], list[str]]:
    """Compares what is active with what the files say now.

    Args:
        active: in the order of activation; AUTO logs carry their generated path.
        configured: as `load` returned them.

    Returns:
        Names of groups: added and changed in the configured order, removed in the active order.
    """
    known = {group.name: group for group in active}
    names = {group.name for group in configured}
    added = [group.name for group in configured if group.name not in known]
    changed = [group.name for group in configured if group.name in known and not same_group(group, known[group.name])]
    removed = [group.name for group in active if group.name not in names]
    return added, changed, removed


def _same(new: object, active: object, rules: Mapping[str, Rule]) -> bool:
    return all(rule(getattr(new, name), getattr(active, name)) for name, rule in rules.items())
