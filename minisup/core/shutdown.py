"""The end of everything, in order.

Groups stop by levels: all groups of the highest priority value first, in parallel; the next level begins when nothing
of the former runs any more. Inside a level the signals go out in descending priority of the processes, the groups that
became active last first. Groups not yet reached keep running, but nothing is restarted.

supervisord stops one group after the other even where their priorities are equal, which is what makes its shutdown
overrun a container's ten seconds (docs/compatibility.md: shutdown-groups).

A budget (`seconds`) is shared by the levels in proportion to the longest stopwaitsecs of each; what one level does not
use is there for the next. A process whose patience was cut by that and that has to be killed is named.
"""

from collections.abc import Iterable

from minisup.core import narration
from minisup.core.lifecycle import Process
from minisup.core.roster import Group, by_priority
from minisup.core.words import Effect, GiveUpRequested, Input, Instant, StopRequested
from minisup.specs import ProcessKey
from minisup.states import STOPPED_STATES, ProcessStates

REPORT_EVERY = 3.0
"""Seconds between two lines that say what is still awaited."""
RESERVE = 0.5
"""Seconds of the budget kept for SIGKILL to work and logs to be flushed."""


def is_down(process: Process) -> bool:
    """Nothing of it is awaited any more."""
    return process.state in STOPPED_STATES or process.undead


class Shutdown:
    """The machine of one shutdown or restart.

    Attributes:
        deadline: when to report again, in monotonic seconds.
        done: everything is down.
    """

    __slots__ = ("_ends", "_levels", "_pending", "_seconds", "_shortened", "armed", "deadline", "done")

    def __init__(self, groups: Iterable[Group], seconds: float | None, at: Instant) -> None:
        """`groups` in the order of activation; `seconds` is the budget, None for no limit."""
        self._levels: list[list[Process]] = _levels(groups)
        self._pending: set[ProcessKey] = set()
        self._seconds = seconds
        self._ends = None if seconds is None else at.mono + max(0.0, seconds - RESERVE)
        self._shortened: set[ProcessKey] = set()
        self.deadline: float | None = at.mono
        self.armed: float | None = None
        self.done = False

    def advance(self, at: Instant) -> list[tuple[Process, Input]]:
        """Begin the next level if nothing of the present one is awaited: what to hand to which process."""
        orders: list[tuple[Process, Input]] = []
        while not self._pending and self._levels:
            share = self._share(at)
            for process in self._levels.pop(0):
                if is_down(process):
                    continue
                self._pending.add(process.key)
                if process.state == ProcessStates.BACKOFF:
                    orders.append((process, GiveUpRequested()))
                    continue
                patience = float(process.spec.stopwaitsecs)
                if share is not None and share < patience and not process.killed:
                    patience = share
                    self._shortened.add(process.key)
                orders.append((process, StopRequested(patience)))
        self.done = not self._pending and not self._levels
        return orders

    def hurry(self) -> list[Process]:
        """No more patience: everything that is still up, of all levels at once."""
        rest = [process for level in self._levels for process in level if not is_down(process)]
        self._levels = []
        self._shortened.clear()  # whoever is killed now is not to blame
        self._pending.update(process.key for process in rest)
        return rest

    def look(self, process: Process, at: Instant) -> list[Effect]:
        """A process changed: is it still awaited, and did the budget cost it its life?"""
        if process.killed and process.key in self._shortened:
            self._shortened.discard(process.key)
            assert self._seconds is not None
            return [narration.budget_spent(process.spec.name, self._seconds)]
        if process.key in self._pending and is_down(process):
            self._pending.discard(process.key)
        return []

    def _share(self, at: Instant) -> float | None:
        """How long the level that begins now may take, in seconds; None for as long as it likes."""
        if self._ends is None:
            return None
        wishes = [max((p.spec.stopwaitsecs for p in level if not is_down(p)), default=0) for level in self._levels]
        left = max(0.0, self._ends - at.mono)
        return left if sum(wishes) <= left else left * wishes[0] / sum(wishes)


def _levels(groups: Iterable[Group]) -> list[list[Process]]:
    """The processes of each level in the order in which they are told to stop."""
    levels: dict[int, list[Process]] = {}
    for group in reversed(by_priority(groups)):
        levels.setdefault(group.spec.priority, []).extend(group.by_priority()[::-1])
    return list(levels.values())


def report(groups: Iterable[Group]) -> list[Effect]:
    """The line that names everything that is not down yet, in the order of activation."""
    names = [process.spec.name for group in groups for process in group.processes.values() if not is_down(process)]
    return [narration.waiting_to_die(names)] if names else []
