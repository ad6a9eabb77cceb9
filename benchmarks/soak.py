"""Half an hour of turmoil for one supervisor, and whether anything was lost, leaked or told wrongly.

    python -m benchmarks.soak                         thirty minutes, 200 programs, 1,000 HUPs
    python -m benchmarks.soak --minutes 5 --hups 100
    python -m benchmarks.soak --svg docs/soak.svg     with a picture

Programs crash, are stopped and started, flood their logs, are taken out of the configuration and put back; clients
storm the socket or hang up within a word; HUP and USR2 come in between. After each of these the states that the
supervisor tells must be those of /proc as soon as signals have arrived, with no child more and no zombie. After each
HUP all programs run, and the descriptors of the supervisor must be no more than after the first; its memory is
taken then. Programs number their lines, logs rotate all the time, and in the end each line must be there, in its order.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine, picture
from benchmarks.__main__ import room, tell
from benchmarks.follow import Lost
from benchmarks.peers import chosen
from benchmarks.programs import Trouble, build, until
from benchmarks.supervisors import RPC
from benchmarks.turmoil import Turmoil
from benchmarks.visit import visit

SETTLING = 0.25
"""The share of the time after which memory must no longer grow."""
GROWTH = 0.02, 256 * 1024
"""What counts as noise: this share of the memory, and so many bytes."""
ENOUGH = 50
"""Samples that it takes to tell growth from a beginning."""
EVIL = "internal error", "Traceback", "bytes lost"
"""What must not be in the log of the supervisor."""


class Sample:
    """What is seen after a HUP.

    Attributes:
        at: seconds since the begin.
        memory: Private_Dirty, bytes.
        fds: open descriptors.
        events: things done to programs so far.
    """

    def __init__(self, at: float, memory: int, fds: int, events: int) -> None:
        self.at = at
        self.memory = memory
        self.fds = fds
        self.events = events


def soak(turmoil: Turmoil, seconds: float, hups: int) -> list[Sample]:
    """Until the time is over and all HUPs were sent; one sample after each of them.

    Raises:
        Trouble: something did not happen, or a descriptor is left over.
        Lost: a log is not what it must be.
    """
    samples: list[Sample] = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds or len(samples) < hups:
        if len(samples) < hups and len(samples) <= passed / seconds * hups:
            turmoil.hang_up()
            turmoil.settle(calm=True)
            fds = min((sample.fds for sample in samples), default=_fds(turmoil.pid))  # a client may just be leaving
            until(lambda most=fds: _fds(turmoil.pid) <= most, f"no more than {fds} descriptors")  # type: ignore[misc]
            events = turmoil.stamps.look()
            samples.append(Sample(passed, machine.private_dirty([turmoil.pid]), _fds(turmoil.pid), events))
            if len(samples) % max(hups // 20, 1) == 0:
                memory = samples[-1].memory / 2**20
                tell(f"{passed:.0f} s: {len(samples)} HUPs, {events} starts, {fds} descriptors, {memory:.1f} MiB")
        else:
            turmoil.something()
            turmoil.settle()
        turmoil.follow()
    return samples


def _fds(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def grown(samples: list[Sample]) -> str:
    """How memory has changed; ends with an exclamation mark if that is more than noise."""
    calm = samples[int(len(samples) * SETTLING) :]
    third = max(len(calm) // 3, 1)
    early = statistics.median(sample.memory for sample in calm[:third])
    late = statistics.median(sample.memory for sample in calm[-third:])
    share, more = GROWTH
    verdict = "no growth beyond noise" if late - early <= early * share + more else "it grows!"
    if len(samples) < ENOUGH:
        verdict = "too few HUPs to say more"
    return f"{early / 2**20:.2f} MiB at first, {late / 2**20:.2f} MiB at last: {verdict}"


def drawn(samples: list[Sample]) -> str:
    """The picture."""
    minutes = [sample.at / 60 for sample in samples]
    panels = (
        ("Private_Dirty, MiB", [sample.memory / 2**20 for sample in samples]),
        ("open descriptors, all programs running", [float(sample.fds) for sample in samples]),
        ("starts of programs so far, thousands", [sample.events / 1000 for sample in samples]),
    )
    return picture.plots([(title, list(zip(minutes, values, strict=True))) for title, values in panels], "minutes")


def parsed(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("supervisor", nargs="?", default="minisup", help="KIND or KIND=PROGRAM")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--hups", type=int, default=1000)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what happens (not of when)")
    parser.add_argument("--folder", type=Path, default=room(), help="where to work (default: in memory)")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture there")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Run it; the exit code: 0, or 1 where something was not as it must be."""
    arguments = parsed(words)
    [supervisor] = chosen([arguments.supervisor])
    assert RPC in supervisor.can, f"{supervisor.name} cannot be asked"
    machine.prepare()
    tell(f"seed {arguments.seed}")
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="soak-", dir=arguments.folder) as folder:
        build(Path(folder))
        talk = ("talk", "STAMPS", "100", "300")
        try:
            with visit(supervisor, Path(folder), talk, arguments.programs, logs=True) as v:
                v.running()
                turmoil = Turmoil(supervisor, v.job, v.stamps, v.pid, arguments.seed)
                samples = soak(turmoil, arguments.minutes * 60, arguments.hups)
                v.gone()
                turmoil.follow()
                for follower, lives in zip(turmoil.followers, turmoil.lives(), strict=True):
                    follower.judge(lives)
                log = (v.job.folder / "main.log").read_text()
        except (Trouble, Lost) as trouble:
            print(f"not as it must be: {trouble}")
            return 1
        finally:
            machine.sweep()
    evil = [line for line in log.splitlines() if any(word in line for word in EVIL)]
    memory = grown(samples)
    told = ", ".join(f"{name} {number:,}" for name, number in turmoil.done.items())
    size = sum(follower.size for follower in turmoil.followers) / 1e6
    lines = (
        f"{arguments.minutes:g} minutes with {arguments.programs} programs: {told}",
        f"{turmoil.stamps.count:,} starts, {turmoil.calls:,} answers",
        f"states were those of /proc within {turmoil.slowest:.1f} s after each of these, no zombie was left",
        f"{size:,.0f} MB of logs: no line was lost",
        f"{samples[0].fds} descriptors at first, {samples[-1].fds} at last",
        f"memory (Private_Dirty): {memory}",
        *(f"in the log: {line}" for line in evil[:20]),
    )
    print("\n".join(lines))
    if arguments.svg:
        arguments.svg.write_text(drawn(samples))
    return 1 if evil or memory.endswith("!") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
