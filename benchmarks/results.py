"""What was measured: samples by measure, supervisor and round; statistics of them, as tables and as JSON."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.goals import MEASURES, SUBJECT, F, Goal, Measure, S
from benchmarks.growth import Cost

Rounds = list[list[float]]


def quantile(samples: Sequence[float], q: float) -> float:
    """The sample below which a share `q` of all lies."""
    ordered = sorted(samples)
    return statistics.median(ordered) if q == 0.5 else ordered[min(int(q * len(ordered)), len(ordered) - 1)]


def _pool(rounds: Rounds) -> list[float]:
    return [sample for samples in rounds for sample in samples]


class Results:
    """All of a run.

    Attributes:
        about: the machine, the versions, the noise: what a reader must know, by a word.
        numbers: what the titles of measures speak of (``big``, ``middle``, ``orphans``).
        troubles: what could not be measured, and why.
        costs: how cost grows.
    """

    def __init__(self, numbers: dict[str, int]) -> None:
        self.about: dict[str, str] = {}
        self.numbers = numbers
        self.names: list[str] = []
        self.samples: dict[str, dict[str, Rounds]] = defaultdict(dict)
        self.troubles: list[str] = []
        self.costs: list[Cost] = []

    def note(self, key: str, name: str, samples: list[float]) -> None:
        """The samples of one more round."""
        self.samples[key].setdefault(name, []).append(samples)

    def title(self, measure: Measure) -> str:
        """Of a measure, with its numbers."""
        return measure.title.format(**self.numbers)

    def derive(self) -> None:
        """What follows from other measures: the memory of each program more."""
        small, large = self.samples.get("memory.one", {}), self.samples.get("memory.big", {})
        for name in small.keys() & large.keys():
            more = quantile(_pool(large[name]), 0.5) - quantile(_pool(small[name]), 0.5)
            self.samples["memory.each"][name] = [[more * 1024 / max(self.numbers["big"] - 1, 1)]]

    # --- statistics ---------------------------------------------------------------------------------------------------

    def value(self, measure: Measure, name: str) -> float | None:
        """The quantile of all samples; None if there are none."""
        rounds = self.samples.get(measure.samples, {}).get(name)
        return quantile(_pool(rounds), measure.quantile) if rounds else None

    def spread(self, measure: Measure, name: str) -> tuple[float, float]:
        """The least and the greatest value of a round."""
        values = [quantile(samples, measure.quantile) for samples in self.samples[measure.samples][name]]
        return min(values), max(values)

    def ratio(self, measure: Measure, name: str, to: str) -> float | None:
        """Of the values of two supervisors; the median over rounds of one sample each, for both met the same noise."""
        one, other = self.value(measure, name), self.value(measure, to)
        if one is None or other is None:
            return None
        pairs = self.samples[measure.samples][name], self.samples[measure.samples][to]
        single = all(len(samples) == 1 for rounds in pairs for samples in rounds)
        if single and len(pairs[0]) == len(pairs[1]) and all(sample for [sample] in pairs[1]):
            return statistics.median(a / b for [a], [b] in zip(*pairs, strict=True))
        return one / other if other else None

    def verdicts(self, measure: Measure) -> list[tuple[Goal, float | None, bool | None]]:
        """(goal, what it speaks of, whether it is met) of a measure's goals."""
        found: list[tuple[Goal, float | None, bool | None]] = []
        for goal in measure.goals:
            value = self.ratio(measure, SUBJECT, goal.to) if goal.to else self.value(measure, SUBJECT)
            found.append((goal, value, None if value is None else goal.met(value)))
        return found

    def measured(self) -> Iterator[Measure]:
        """The measures of which there is anything."""
        return (measure for measure in MEASURES if self.samples.get(measure.samples))

    # --- tables -------------------------------------------------------------------------------------------------------

    def rows(self, spread: bool = True) -> Iterator[list[str]]:
        """The table, its heading first; `spread` adds the least and the greatest round to each value."""
        subjects = [name for name in self.names if name not in (S, F, "cat")]
        ours = [name for name in subjects if name.startswith(SUBJECT)]
        compared = [(name, to) for name in ours for to in (S, F, SUBJECT) if to in self.names and to != name]
        yield ["measure", "unit", *self.names, *(f"{name} / {to}" for name, to in compared), "goal of minisup", ""]
        for measure in self.measured():
            cells = [self._cell(measure, name, spread) for name in self.names]
            ratios = [number(self.ratio(measure, name, to)) for name, to in compared]
            verdicts = self.verdicts(measure)
            goals = ", ".join(str(goal) for goal in measure.goals)
            words = ", ".join(
                "" if met is None else f"{'met' if met else 'MISSED'} ({number(value)})" for _, value, met in verdicts
            )
            yield [self.title(measure), measure.unit, *cells, *ratios, goals, words.strip(", ")]

    def _cell(self, measure: Measure, name: str, spread: bool) -> str:
        value = self.value(measure, name)
        if value is None:
            return "-"
        low, high = self.spread(measure, name)
        apart = spread and len(self.samples[measure.samples][name]) > 1 and high > low
        return f"{number(value)} ({number(low)}..{number(high)})" if apart else number(value)

    def costs_rows(self) -> Iterator[list[str]]:
        """How cost grows; the heading first."""
        yield ["supervisor", "N", "ms per restart", "ms per getState", "ms per idle second"]
        for cost in self.costs:
            yield [cost.supervisor, str(cost.size), *(number(v * 1000) for v in (cost.event, cost.call, cost.idle))]

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def write(self, path: Path) -> None:
        """Everything, for `read`."""
        whole: dict[str, Any] = {
            "about": self.about,
            "numbers": self.numbers,
            "names": self.names,
            "troubles": self.troubles,
            "costs": [cost._asdict() for cost in self.costs],
        }
        whole["samples"] = {
            key: {
                name: [[float(f"{value:.5g}") for value in samples] for samples in rounds]
                for name, rounds in by_name.items()
            }
            for key, by_name in self.samples.items()
        }
        path.write_text(json.dumps(whole, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What `write` wrote."""
        whole = json.loads(path.read_text())
        found = cls(whole["numbers"])
        found.about, found.names, found.troubles = whole["about"], whole["names"], whole["troubles"]
        found.costs = [Cost(**cost) for cost in whole["costs"]]
        found.samples.update(whole["samples"])
        return found


def number(value: float | None) -> str:
    """Three digits that count; a word for nothing."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def text(rows: Iterator[list[str]]) -> str:
    """A table for a terminal."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        first, *rest = (
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]]) + "\n"


def markdown(rows: Iterator[list[str]], right: int = 2) -> str:
    """A table for a document; the columns from `right` on hold numbers."""
    head, *body = rows
    lines = [head, ["---" if at < right else "--:" for at in range(len(head))], *body]
    return "".join(f"| {' | '.join(cell.replace('|', ' ') for cell in row)} |\n" for row in lines)
