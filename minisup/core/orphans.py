"""Children that are not ours: PID 1 and subreapers inherit them. The first few are named, then a number is said."""

from minisup.core import narration
from minisup.core.words import Effect, Exited, Instant

ORPHANS_NAMED = 10
"""So many unknown pids are named in a row; of the rest the number is said every `ORPHANS_EVERY` seconds."""
ORPHANS_EVERY = 10.0


class Orphans:
    """The machine of all of them.

    Attributes:
        deadline: when to call `report`, in monotonic seconds; None for never.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.armed: float | None = None
        self._named = 0
        self._unsaid = 0

    def reaped(self, given: Exited, at: Instant) -> list[Effect]:
        if self.deadline is None:
            self.deadline = at.mono + ORPHANS_EVERY
        if self._named < ORPHANS_NAMED:
            self._named += 1
            return [narration.reaped_unknown(given.pid, narration.wait_status(given.status)[1])]
        self._unsaid += 1
        return []

    def report(self, at: Instant) -> list[Effect]:
        said: list[Effect] = [narration.reaped_more(self._unsaid)] if self._unsaid else []
        self.deadline = at.mono + ORPHANS_EVERY if self._unsaid else None
        self._named = self._unsaid = 0
        return said
