"""The rounds: what is done with one supervisor before the next has its turn.

A scenario is one start with as many measures as that start is good for. Samples go to `note(key, samples)`; the keys
are those of `benchmarks.goals`.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.programs import REAPED, Trouble, until
from benchmarks.supervisors import ASK, CTL, FLOOR, RPC, Job, Supervisor, configuration
from benchmarks.visit import Visit, visit

Note = Callable[[str, list[float]], None]
STAMP = ("stamp", "STAMPS")
MS = 1000.0
BYTES_OF_INFO = 1300
"""What supervisord's XML says of a process."""


class Scale(NamedTuple):
    """How much of it.

    Attributes:
        middle, big: numbers of programs.
        orphans: how many.
        seconds: how long a flood of requests or of output takes.
        idle: seconds of idleness.
        kills: how many programs are killed one by one in a round.
        budget: seconds after which no further one is killed.
        up: see `benchmarks.visit.visit`.
        rounds: per scenario, in the order of `benchmarks.__main__`.
        growth: numbers of programs for which the growth of cost is shown, and one more for minisup alone.
    """

    middle: int = 100
    big: int = 1000
    orphans: int = 1000
    seconds: float = 1.5
    idle: float = 3.0
    kills: int = 30
    budget: float = 8.0
    up: float = 1.1
    rounds: tuple[int, ...] = (5, 4, 4, 3, 3, 5, 5, 5)
    growth: tuple[tuple[int, ...], int | None] = ((1, 10, 100, 1000), 5000)


FULL = Scale()
QUICK = Scale(100, 300, 300, 0.7, 1.5, 8, 2.0, 1.1, (1, 1, 1, 1, 1, 2, 1, 2), ((100,), None))
TINY = Scale(3, 5, 5, 0.05, 0.1, 1, 0.1, 0.0, (1,) * 8, ((1,), None))
"""For a test that it works."""


def one(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """One program, and a supervisor that has nothing to do but to answer."""
    with visit(supervisor, folder, STAMP, 1, up=scale.up) as v:
        v.running()
        _first_answer(v, note, "one")
        _idle(v, scale.idle, note, "one")
        _ask(v, scale, note, "one")
        _rate(v, scale, note, "one")
        if RPC in supervisor.can:
            v.settled()
            # The pause: a child of supervisord loses a TERM between its fork and exec, and is killed ten seconds on.
            answers = v.call(("stopProcess", "p0"), ("startProcess", "p0"), seconds=scale.seconds, pause=0.02)
            note("stop", [answers.times[0][0] * MS])
            note("start", [answers.times[1][0] * MS])
            _ctl(v, note, "one")


def ten(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """Ten programs, one of which dies now and then; and the end of it all."""
    with visit(supervisor, folder, STAMP, 10, up=scale.up) as v:
        v.running()
        note("restart", _restarts(v, scale))
        note("gone.ten", [v.gone() * MS])


def middle(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """A hundred programs."""
    with visit(supervisor, folder, STAMP, scale.middle, up=scale.up) as v:
        note("running.middle", [v.running() * MS])
        v.settled()
        _infos(v, scale, note, "middle")
        _rate(v, scale, note, "middle")


def big(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """A thousand programs."""
    with visit(supervisor, folder, STAMP, scale.big, up=scale.up) as v:
        note("running.big", [v.running() * MS])
        _first_answer(v, note, "big")
        _idle(v, scale.idle, note, "big")
        _ask(v, scale, note, "big")
        _infos(v, scale, note, "big")
        if CTL in supervisor.can:
            _ctl(v, note, "big")
        note("restart.big", _restarts(v, scale))
        note("crash", [v.kill_all() * MS])
        note("gone.big", [v.gone() * MS])


def orphans(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """PID 1 of a namespace, and a program that leaves a thousand children to it, which then die at once."""
    if os.geteuid() != 0:
        raise Trouble("only root may make namespaces")
    with visit(supervisor, folder, ("orphans", "STAMPS", str(scale.orphans)), 1, respawn=False, init=True) as v:
        v.running()
        until(lambda: v.stamps.look() > 0 and 0 in v.stamps.values, "orphans reaped")
        assert v.stamps.values[0].kind == REAPED
        note("orphans", [v.stamps.values[0].value / 1e9 * MS])


def reading(supervisor: Supervisor, folder: Path, scale: Scale, note: Note) -> None:
    """A configuration read in a fresh process, and one of twice as many programs."""
    took = []
    for count in (scale.big, 2 * scale.big):
        path = folder / "conf"
        path.write_text(configuration(Job(folder, (str(folder / "child"), "stamp", str(folder)), count)))
        done = subprocess.run(supervisor.reading(path), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Trouble(done.stderr)
        took.append(float(done.stdout))
    note("read", [took[0] * MS])
    note("read.twice", [took[1] / took[0]])


# --- measures of more than one scenario -------------------------------------------------------------------------------


def _first_answer(v: Visit, note: Note, size: str) -> None:
    if ASK in v.supervisor.can:
        note(f"answer.{size}", [v.answered() * MS])
    v.settled()
    if RPC in v.supervisor.can:
        v.call(("getAllProcessInfo",), expected="RUNNING", count=1)
    note(f"memory.{size}", [machine.private_dirty(v.daemons()) / 2**20])


def _idle(v: Visit, seconds: float, note: Note, size: str) -> None:
    pids = v.daemons()
    time.sleep(0.2)  # whatever was asked for last is over
    before = machine.worked(pids), machine.wakeups(pids), time.monotonic()
    time.sleep(seconds)
    after = machine.worked(pids), machine.wakeups(pids), time.monotonic()
    took = after[2] - before[2]
    note(f"idle.cpu.{size}", [(after[0] - before[0]) / took * MS])
    note(f"idle.woken.{size}", [(after[1] - before[1]) / took])


def _ask(v: Visit, scale: Scale, note: Note, size: str) -> None:
    with v.asked(300) as there:
        if there:
            note(f"ask.{size}", [v.ask(seconds=scale.seconds / 2).times[0][0] * MS])


def _rate(v: Visit, scale: Scale, note: Note, size: str) -> None:
    with v.asked(300) as there:
        if there:
            answers = v.ask(seconds=scale.seconds / 2, connections=16)
            note(f"rate.{size}", [answers.number / answers.took])


def _infos(v: Visit, scale: Scale, note: Note, size: str) -> None:
    if RPC in v.supervisor.can:
        answers = v.call(("getAllProcessInfo",), expected="RUNNING", seconds=scale.seconds)
    elif FLOOR in v.supervisor.can:
        with v.asked(v.job.size * BYTES_OF_INFO):
            answers = v.ask(seconds=scale.seconds / 2)
    else:
        return
    note(f"all.{size}", [answers.times[0][0] * MS])


def _ctl(v: Visit, note: Note, size: str) -> None:
    command, took = v.supervisor.ctl_status(v.job), []
    for _ in range(3):
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        took.append((time.monotonic() - began) * MS)
        if done.stdout.count("RUNNING") != v.job.size:
            raise Trouble(f"{' '.join(command)}: {done.stdout[:500]}{done.stderr}")
    note(f"ctl.{size}", [statistics.median(took)])


def _restarts(v: Visit, scale: Scale) -> list[float]:
    v.settled()
    took: list[float] = []
    end = time.monotonic() + scale.budget
    while len(took) < scale.kills and (time.monotonic() < end or not took):
        took.append(v.kill(len(took) % v.job.size) * MS)
    return took
