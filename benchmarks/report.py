"""Brings the last run and the last soak into docs/performance.md, between its markers.

python -m benchmarks --json run.json && python -m benchmarks.report --run run.json
python -m benchmarks.soak --svg docs/soak.svg > soak.txt && python -m benchmarks.report --soak soak.txt
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import picture
from benchmarks.goals import MEASURES, SUBJECT, Measure, S
from benchmarks.results import Results, markdown, number
from benchmarks.supervisors import ROOT

DOCS = ROOT / "docs"
PAGE = DOCS / "performance.md"


def placed(page: str, name: str, made: str) -> str:
    """The page with `made` between the markers of `name`.

    Raises:
        ValueError: there are no such markers.
    """
    begin, end = f"<!-- begin {name}: made by benchmarks/report.py -->\n", f"<!-- end {name} -->\n"
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not found.search(page):
        raise ValueError(f"cannot place {name!r}: the page has no markers for it")
    return found.sub(lambda _: f"{begin}\n{made}\n{end}", page)


def about(results: Results) -> str:
    """The machine, and what was measured there."""
    words = results.about
    first = "" if results.numbers["big"] == 1000 else "**A first look only, by `make bench-quick`.** "
    return f"{first}{words['machine']}. {words['versions']}. The run took {words['took']}; {words['noise']}.\n"


def table(results: Results) -> str:
    """Medians of all, side by side."""

    def rows() -> Iterator[list[str]]:
        for row in results.rows(spread=True):
            yield row[: 2 + len(results.names)]

    missing = "".join(f"\nNot measured: {line}" for line in results.troubles)
    return markdown(rows()) + (f"{missing}\n" if missing else "")


def goals(results: Results) -> str:
    """What minisup is to reach, and what decides it."""

    def rows() -> Iterator[list[str]]:
        yield ["measure", "goal", "is", "", "decided by"]
        for measure in results.measured():
            for goal, value, met in results.verdicts(measure):
                verdict = "-" if met is None else "met" if met else "**missed**"
                yield [results.title(measure), str(goal), number(value), verdict, measure.decides]

    return markdown(rows(), right=9)


def _better(measure: Measure) -> bool:
    """Whether less is better."""
    return not measure.goals or measure.goals[0].sign == "<="


def drawn(results: Results) -> str:
    """How much better than supervisord each is, where supervisord was measured."""
    names = [name for name in results.names if name != S]
    rows: list[tuple[str, list[float | None]]] = []
    for measure in MEASURES:
        if not results.value(measure, S) or not any(goal.to for goal in measure.goals):
            continue
        ratios = [results.ratio(measure, name, S) for name in names]
        rows.append(
            (results.title(measure), [ratio and (1 / ratio if _better(measure) else ratio) for ratio in ratios])
        )
    return picture.ladder(f"times better than supervisord (1), {SUBJECT} and others", names, rows)


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, metavar="FILE", help="what python -m benchmarks --json wrote")
    parser.add_argument("--soak", type=Path, metavar="FILE", help="what python -m benchmarks.soak printed")
    arguments = parser.parse_args(words)
    page = PAGE.read_text()
    if arguments.run:
        results = Results.read(arguments.run)
        made = {"about": about(results), "table": table(results), "goals": goals(results)}
        made["growth"] = markdown(results.costs_rows(), right=1)
        for name, text in made.items():
            page = placed(page, name, text)
        (DOCS / "performance.svg").write_text(drawn(results))
    if arguments.soak:
        page = placed(page, "soak", f"```text\n{arguments.soak.read_text()}```\n")
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
