"""Measure supervisors, one beside the other.

    python -m benchmarks                          all of them, about 15 minutes
    python -m benchmarks --quick                  two minutes
    python -m benchmarks minisup minisup          what noise alone does
    python -m benchmarks minisup minisup=/other/.venv/bin/minisup
    python -m benchmarks --only logs --only ten supervisord minisup

In each round all have their turn, one after the other; before a round it is waited until the machine is quiet. A value
is the median over all rounds (or what the title says), in brackets the least and the greatest round, a ratio the median
of the ratios within rounds.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import growth, logs, machine, scenarios
from benchmarks.peers import KINDS, chosen
from benchmarks.programs import Trouble, build
from benchmarks.results import Results, markdown, text
from benchmarks.scenarios import FULL, QUICK, TINY, Note, Scale
from benchmarks.supervisors import COPY, INIT, LOGS, READ, RPC, RUN, Supervisor

Scenario = Callable[[Supervisor, Path, Scale, Note], None]
SCENARIOS: dict[str, tuple[set[str], Scenario]] = {
    "one": ({RUN}, scenarios.one),
    "ten": ({RUN}, scenarios.ten),
    "hundred": ({RUN}, scenarios.middle),
    "thousand": ({RUN}, scenarios.big),
    "orphans": ({INIT}, scenarios.orphans),
    "log": ({LOGS, COPY}, logs.one_writer),
    "logs": ({LOGS, COPY}, logs.many_writers),
    "reading": ({READ}, scenarios.reading),
}
"""For those who can do any of this."""
GROWTH = "growth"
SLOW = "circus"
"""Left out of a first look, if nobody asks for it."""


def tell(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)


class Run:
    """All scenarios with all supervisors."""

    def __init__(self, supervisors: list[Supervisor], scale: Scale, folder: Path, patience: float) -> None:
        self.supervisors = supervisors
        self.scale = scale
        self.folder = folder
        self.quiet = machine.Quiet(patience)
        numbers = {"middle": scale.middle, "big": scale.big, "orphans": scale.orphans}
        self.results = Results(numbers)
        self.results.names = [supervisor.name for supervisor in supervisors]
        self._failed: set[tuple[str, str]] = set()

    def scenario(self, name: str, rounds: int) -> None:
        """All rounds of one."""
        needs, _ = SCENARIOS[name]
        able = [supervisor for supervisor in self.supervisors if supervisor.can & needs]
        for number in range(rounds if able else 0):
            self.quiet.wait()
            for supervisor in able:
                if (name, supervisor.name) in self._failed:
                    continue  # it would cost a minute each time
                began = time.monotonic()
                self._try(name, supervisor, lambda s=supervisor: self._one(name, s))  # type: ignore[misc]
                tell(f"{name} {number + 1}/{rounds} {supervisor.name}: {time.monotonic() - began:.1f} s")

    def _one(self, name: str, supervisor: Supervisor) -> None:
        def note(key: str, samples: list[float]) -> None:
            self.results.note(key, supervisor.name, samples)

        SCENARIOS[name][1](supervisor, self.folder, self.scale, note)

    def growth(self, sizes: tuple[int, ...], once: int | None) -> None:
        """How cost grows with the number of programs."""
        for supervisor in (one for one in self.supervisors if RPC in one.can):
            for size in (*sizes, *((once,) if once and supervisor.name == "minisup" else ())):
                self.quiet.wait()
                self._try(GROWTH, supervisor, lambda s=supervisor, n=size: self._cost(s, n))  # type: ignore[misc]
                tell(f"{GROWTH} N={size} {supervisor.name}")

    def _cost(self, supervisor: Supervisor, size: int) -> None:
        self.results.costs.append(growth.cost(supervisor, self.folder, size, self.scale))

    def _try(self, scenario: str, supervisor: Supervisor, action: Callable[[], None]) -> None:
        try:
            action()
        except Trouble as trouble:
            line = f"{scenario}: {supervisor.name}: {trouble}"
            self.results.troubles.append(line)
            tell(line)
            self._failed.add((scenario, supervisor.name))


def room() -> Path | None:
    """Where files are cheap: in memory, if there is enough of it; None for the usual place."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 8 * 2**30 else None


def parsed(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ", ".join(KINDS)
    parser.add_argument("supervisor", nargs="*", help=f"KIND or KIND=PROGRAM; kinds: {kinds}")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_const", dest="scale", const=QUICK, default=FULL, help="two minutes")
    size.add_argument("--tiny", action="store_const", dest="scale", const=TINY, help="only to see that it works")
    several = ", ".join((*SCENARIOS, GROWTH))
    parser.add_argument(
        "--only",
        action="append",
        choices=[*SCENARIOS, GROWTH],
        help=f"one of {several}; may be given again",
        metavar="SCENARIO",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="of each scenario, instead of what its noise asks for")
    parser.add_argument("--patience", type=float, default=20.0, metavar="SECONDS", help="to wait for a quiet machine")
    parser.add_argument(
        "--folder", type=Path, default=room(), help="where to work (default: in memory, if there is room)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Run it; the exit code: 0, or 1 where something could not be measured."""
    arguments = parsed(words)
    scale: Scale = arguments.scale
    try:
        supervisors = chosen(arguments.supervisor or [kind for kind in KINDS if kind != SLOW or scale is FULL])
    except ValueError as error:
        tell(str(error))
        return 2
    machine.prepare()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder) as folder:
        try:
            build(Path(folder))
        except Trouble as trouble:
            tell(str(trouble))
            return 2
        left_out = {supervisor.name: why for supervisor in supervisors if (why := supervisor.missing())}
        for name, why in left_out.items():
            tell(f"{name} is left out: {why}")
        run = Run([one for one in supervisors if one.name not in left_out], scale, Path(folder), arguments.patience)
        results = run.results
        only = arguments.only or [*SCENARIOS, GROWTH]
        try:
            for name, rounds in zip(SCENARIOS, scale.rounds, strict=True):
                if name in only:
                    run.scenario(name, arguments.rounds or rounds)
            if GROWTH in only:
                run.growth(*scale.growth)
        finally:
            machine.sweep()
    results.derive()
    results.about = {
        "machine": machine.description(),
        "noise": str(run.quiet),
        "versions": ", ".join(filter(None, (f"{one.name} {one.version()}".strip() for one in run.supervisors))),
        "left out": "; ".join(f"{name}: {why}" for name, why in left_out.items()),
        "took": f"{(time.monotonic() - began) / 60:.0f} minutes",
    }
    print(f"{results.about['machine']}\n{results.about['noise']}\n")
    print(text(results.rows()))
    if results.costs:
        print(text(results.costs_rows()))
    print("".join(f"not measured: {line}\n" for line in results.troubles), end="")
    if arguments.json:
        results.write(arguments.json)
    if arguments.markdown:
        arguments.markdown.write_text(markdown(results.rows()))
    return 1 if results.troubles else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
