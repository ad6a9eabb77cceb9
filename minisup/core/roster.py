"""The active groups and their processes, in every order that clients and the daemon need."""

from collections.abc import Iterable

from minisup.core.lifecycle import Process
from minisup.core.pool import Pool
from minisup.specs import GroupSpec


class Group:
    """An active group: its spec and one machine per process.

    Args:
        spec: see below.
        identifier: of the daemon, as event listeners are told.

    Attributes:
        spec: what the configuration said when the group became active.
        processes: the machines by process name, in the spec's order.
        pool: the machine of its events, if it is a group of event listeners.
    """

    __slots__ = ("pool", "processes", "spec")

    def __init__(self, spec: GroupSpec, identifier: str = "supervisor") -> None:
        self.spec = spec
        # QUIRK(supervisor): of two processes with one name the later replaces the earlier.
        # test_roster.py: test_same_name
        self.processes = {process.name: Process(spec.name, process) for process in spec.processes}
        self.pool = None if spec.pool is None else Pool(spec.name, spec.pool, self.processes, identifier)

    def become(self, spec: GroupSpec) -> tuple[list[Process], list[Process]]:
        """Take over another list of processes: those whose spec stays keep their machine. What goes, and what comes."""
        before, self.spec = self.processes, spec
        kept = {name: process for name, process in before.items() if process.spec in spec.processes}
        self.processes = {
            process.name: kept.get(process.name) or Process(spec.name, process) for process in spec.processes
        }
        return (
            [process for name, process in before.items() if name not in kept],
            [process for name, process in self.processes.items() if name not in kept],
        )

    def by_priority(self) -> list[Process]:
        """The processes in ascending priority; equals keep the order of the spec."""
        return sorted(self.processes.values(), key=lambda process: process.spec.priority)


def by_priority(groups: Iterable[Group]) -> list[Group]:
    """Groups in ascending priority; equals keep the order in which they became active."""
    return sorted(groups, key=lambda group: group.spec.priority)
