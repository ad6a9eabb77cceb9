"""All pools of event listeners of a daemon, the numbers of its events, and the ticks of the clock.

Source: supervisor's ``events.notify``, ``process.GlobalSerial`` and ``supervisord.Supervisor.tick``.
"""

from collections.abc import Collection, Iterable

from minisup.core.lifecycle import Process
from minisup.core.pool import Pool
from minisup.core.words import Drained, Effect, Heard, Instant, Judged, Publish, Published, SendFailed, Sent
from minisup.events import Event

PERIODS = (5, 60, 3600)
"""Of TICK_5, TICK_60 and TICK_3600, in seconds."""


class Pools:
    """The machines of all pools, and one deadline for them.

    Args:
        serial: the number of the first event.
        ticks: somebody beside the pools wants all ticks.

    Attributes:
        serial: the number of the next event that a pool takes.
        deadline: when to call `report`, in monotonic seconds; None for never.
    """

    __slots__ = ("_pools", "_ticker", "armed", "deadline", "serial")

    def __init__(self, serial: int = 0, ticks: bool = False) -> None:
        self.serial = serial
        self.deadline: float | None = None
        self.armed: float | None = None  # the engine's: the deadline that its heap knows
        self._pools: dict[str, Pool] = {}
        self._ticker = Ticker(PERIODS if ticks else ())

    def __bool__(self) -> bool:
        return bool(self._pools)

    def __contains__(self, group: str) -> bool:
        return group in self._pools

    def begin(self, at: Instant) -> None:
        """From now on there are ticks, if anybody wants them."""
        self._ticker.serve(self._pools.values(), at)
        self._set_deadline()

    def add(self, pool: Pool, at: Instant) -> None:
        """From now on it gets what it wants."""
        self._pools[pool.name] = pool
        self._ticker.serve(self._pools.values(), at)
        self._set_deadline()

    def remove(self, group: str, at: Instant) -> None:
        """It gets nothing any more; what it has not delivered is lost."""
        if self._pools.pop(group, None) is not None:
            self._ticker.serve(self._pools.values(), at)
            self._set_deadline()

    def published(self, given: Published, at: Instant) -> list[Effect]:
        """An event: a copy for each pool that wants it."""
        effects: list[Effect] = []
        takers = [pool for pool in self._pools.values() if pool.wants(given.event.name)]
        for pool in takers:
            effects += pool.take(self.serial, given.event, at)
        self.serial += bool(takers)
        self._set_deadline()
        return effects

    def told(self, given: Sent | SendFailed | Drained | Heard | Judged, at: Instant) -> list[Effect]:
        """Something about one listener."""
        pool = self._pools.get(given.key[0])
        if pool is None:
            return []  # its group is gone; a grandchild may talk on
        effects = pool.handle(given, at)
        self._set_deadline()
        return effects

    def look(self, process: Process, at: Instant) -> list[Effect]:
        """A process may have changed."""
        pool = self._pools.get(process.group)
        if pool is None:
            return []
        effects = pool.look(process, at)
        self._set_deadline()
        return effects

    def report(self, at: Instant) -> list[Effect]:
        """The deadline is due."""
        effects: list[Effect] = []
        for machine in self._machines():
            if machine.deadline is not None and machine.deadline <= at.mono:
                effects += machine.report(at)
        self._set_deadline()
        return effects

    def _set_deadline(self) -> None:
        due = [one.deadline for one in self._machines() if one.deadline is not None]
        self.deadline = min(due, default=None)

    def _machines(self) -> "list[Pool | Ticker]":
        return [*self._pools.values(), self._ticker]


class Ticker:
    """TICK_5, TICK_60 and TICK_3600: at the turn of every slice of wall time, and only those that somebody wants.

    Args:
        always: the periods that somebody wants who is no pool.

    Attributes:
        deadline: when the next slice begins, in monotonic seconds; None when nobody wants any.
    """

    __slots__ = ("_always", "_slices", "deadline")

    def __init__(self, always: Collection[int] = ()) -> None:
        self.deadline: float | None = None
        self._always = always
        self._slices: dict[int, int] = {}  # period -> the slice that it is in

    def serve(self, pools: Iterable[Pool], at: Instant) -> None:
        """Who wants ticks has changed. The slice that is under way is nobody's."""
        wanted = [
            period
            for period in PERIODS
            if period in self._always or any(pool.wants(f"TICK_{period}") for pool in pools)
        ]
        self._slices = {period: self._slices.get(period, int(at.wall) // period) for period in wanted}
        self._set_deadline(at)

    def report(self, at: Instant) -> list[Effect]:
        """Its deadline is due: the ticks of the slices that began. Of slices slept through there is only the last."""
        effects: list[Effect] = []
        for period, known in self._slices.items():
            present = int(at.wall) // period
            if present != known:
                self._slices[period] = present
                effects.append(Publish(Event(f"TICK_{period}", f"when:{present * period}")))
        self._set_deadline(at)
        return effects

    def _set_deadline(self, at: Instant) -> None:
        waits = [period - at.wall % period for period in self._slices]
        self.deadline = at.mono + min(waits) + 0.001 if waits else None  # on the safe side of the turn
