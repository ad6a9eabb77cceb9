"""How cost grows with the number of programs: CPU per event, per call and per second in which nothing happens."""

import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.scenarios import STAMP, Scale
from benchmarks.supervisors import Supervisor
from benchmarks.visit import visit


class Cost(NamedTuple):
    """What `size` programs make a supervisor spend; seconds of a processor.

    Attributes:
        event: per program that is killed and replaced.
        call: per getState.
        idle: per idle second.
    """

    supervisor: str
    size: int
    event: float
    call: float
    idle: float


def cost(supervisor: Supervisor, folder: Path, count: int, scale: Scale) -> Cost:
    """Measure it."""
    with visit(supervisor, folder, STAMP, count, up=scale.up) as v:
        v.running()
        v.answered()
        v.settled()
        before, began = v.worked(), time.monotonic()
        time.sleep(scale.idle)
        idle = (v.worked() - before) / (time.monotonic() - began)
        before = v.worked()
        answers = v.ask(seconds=scale.seconds)
        call = (v.worked() - before) / answers.number
        v.kill(0)  # the first of its kind may import something
        before, events, end = v.worked(), 0, time.monotonic() + scale.budget
        while events < scale.kills and (time.monotonic() < end or not events):
            v.kill(events % count)
            events += 1
        time.sleep(0.1)  # the old one's pipes are closed by now
        event = (v.worked() - before) / events
    return Cost(supervisor.name, count, event, call, idle)
