"""One heap for the deadlines of all machines: what the soonest costs does not depend on how many there are."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, Protocol, TypeVar

HEAP_ROOM = 256
"""The heap is cleared of outdated entries when it has this many, and then twice what was left."""


class Timed(Protocol):
    """A machine, as far as the heap goes.

    Attributes:
        deadline: when it wants to be called, in monotonic seconds; None for never.
        armed: the heap's: the deadline that it knows.
    """

    deadline: float | None
    armed: float | None


Machine = TypeVar("Machine", bound=Timed)


class Deadlines(Generic[Machine]):
    """Machines that showed a deadline; entries that are outdated since are skipped when they come up."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Machine]] = []
        self._room = HEAP_ROOM
        self._ticket = count()

    def __len__(self) -> int:
        return len(self._heap)

    def arm(self, *machines: Machine) -> None:
        """These may have other deadlines now."""
        for machine in machines:
            if machine.deadline is not None and machine.deadline != machine.armed:
                machine.armed = machine.deadline
                heappush(self._heap, (machine.deadline, next(self._ticket), machine))
        if len(self._heap) > self._room:
            self._heap = [entry for entry in self._heap if entry[2].deadline == entry[0]]
            heapify(self._heap)
            self._room = max(HEAP_ROOM, 2 * len(self._heap))

    @property
    def soonest(self) -> float | None:
        """The next deadline; None where there is none."""
        while self._heap and self._heap[0][2].deadline != self._heap[0][0]:
            self._pop()
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Machine]:
        """One after the other, the machines whose deadline has come, also while that is changed."""
        while self._heap and self._heap[0][0] <= now:
            deadline, machine = self._pop()
            if machine.deadline == deadline:
                yield machine

    def _pop(self) -> tuple[float, Machine]:
        deadline, _, machine = heappop(self._heap)
        if machine.armed == deadline:
            machine.armed = None
        return deadline, machine
