"""Small pictures, as SVG by hand: a plot over time, and how far apart supervisors are. They can be read in the dark."""

import math
from collections.abc import Iterable, Sequence
from html import escape

STYLE = """<style>
text { font: 12px sans-serif; fill: #333 } .small { font-size: 10px }
.end { text-anchor: end } .mid { text-anchor: middle }
.axis { stroke: #999; stroke-width: 1 } .grid { stroke: #999; stroke-opacity: .25 }
.line { fill: none; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } }
</style>
"""
COLOURS = ("#2a78c2", "#d1662a", "#3d9a50", "#8a5cc2", "#b8a020", "#888888", "#c23a6b")


def _svg(width: int, height: int, parts: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
    )
    return head + STYLE + "\n".join(parts) + "\n</svg>\n"


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(words)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _round(value: float) -> float:
    """The next number that reads well."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if step * power >= value)


def plots(panels: Sequence[tuple[str, Sequence[tuple[float, float]]]], across: str) -> str:
    """Curves one above the other over the same axis; each panel is a title and its points."""
    width, high, left, right = 720, 130, 60, 15
    end = _round(max((x for _, points in panels for x, _ in points), default=1.0))
    parts = []
    for number, (title, points) in enumerate(panels):
        top = number * (high + 40) + 25
        values = [y for _, y in points]
        most = _round(max(values, default=1.0))

        def at(point: tuple[float, float], top: int = top, most: float = most) -> str:
            x, y = point
            return f"{left + x / end * (width - left - right):.1f},{top + high - y / most * high:.1f}"

        parts.append(_text(left, top - 8, title))
        for share in (0.0, 0.5, 1.0):
            y = top + high - share * high
            parts.append(_rule(left, y, width - right, y, "axis" if share == 0 else "grid"))
            parts.append(_text(left - 6, y + 4, f"{most * share:.4g}", "small end"))
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline class="line" stroke="{colour}" points="{" ".join(map(at, points))}"/>')
    bottom = len(panels) * (high + 40)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_text(left + share * (width - left - right), bottom, f"{end * share:.3g}", "small mid"))
    parts.append(_text(width - right, bottom + 16, across, "small end"))
    return _svg(width, bottom + 22, parts)


def ladder(title: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    """For each row a dot per name at its ratio, on a logarithmic axis.

    Args:
        rows: a label and the ratio of each of `names`; None for one that has none.
    """
    width, left, right, high, top = 860, 300, 20, 20, 60
    ratios = [ratio for _, row in rows for ratio in row if ratio]
    low = math.floor(math.log10(min(ratios, default=0.1)))
    top_power = max(math.ceil(math.log10(max(ratios, default=10.0))), low + 1)
    step = (width - left - right) / (top_power - low)
    bottom = top + high * len(rows)

    def at(ratio: float) -> float:
        return left + (math.log10(ratio) - low) * step

    parts = [_text(10, 20, title)]
    x = 10.0
    for number, name in enumerate(names):
        parts.append(f'<circle cx="{x + 5:.1f}" cy="36" r="5" fill="{COLOURS[number % len(COLOURS)]}"/>')
        parts.append(_text(x + 15, 40, name))
        x += 35 + 7 * len(name)
    for power in range(low, top_power + 1):
        parts.append(_rule(at(10.0**power), top - 5, at(10.0**power), bottom, "axis" if power == 0 else "grid"))
        parts.append(_text(at(10.0**power), bottom + 14, f"{10.0**power:g}", "small mid"))
    for row, (label, values) in enumerate(rows):
        y = top + high * row + high / 2
        parts += [_text(left - 10, y + 4, label, "small end"), _rule(left, y, width - right, y, "grid")]
        for number, ratio in reversed(list(enumerate(values))):  # the first lies on top
            if ratio:
                colour = COLOURS[number % len(COLOURS)]
                parts.append(f'<circle cx="{at(ratio):.1f}" cy="{y:.1f}" r="5" fill="{colour}" fill-opacity=".85"/>')
    return _svg(width, bottom + 22, parts)
