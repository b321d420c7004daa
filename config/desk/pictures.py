"""Numbers as pictures: SVG text from plain numbers, no script, readable aloud.

Positions are in percent, so that a picture is as wide as its place and its letters stay one size;
colours are classes, so that light and dark are a matter of the style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape

from margin.domain.calls import CALL_PERCENT, SEVERE_PERCENT, Coverage, Standing

ROW = 18  # pixels for one bar
LEFT, RIGHT = 40.0, 80.0  # where bars live, in percent; names to the left, amounts to the right
HEIGHT, TOP = 190, 10  # of the line picture
FULL = 150  # percent of maintenance at which a bar ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    name: str
    value: float
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From one value to another, as plain numbers."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run's levels, as plain numbers; `label` says when."""

    label: str
    equity: float
    maintenance: float


def bars(found: Sequence[Bar], *, key: str, title: str, unit: str) -> str:
    """One bar a row, losses to the left of zero, the marked one standing out.

    `key` tells one picture of a page from another.
    """
    lowest = min([0.0, *(bar.value for bar in found)])
    highest = max([0.0, *(bar.value for bar in found)])
    span = (highest - lowest) or 1.0

    def place(value: float) -> float:
        return LEFT + (value - lowest) / span * (RIGHT - LEFT)

    zero, height = place(0.0), ROW * len(found) + 4
    rows = "".join(_bar(bar, row, place(bar.value), zero, unit) for row, bar in enumerate(found))
    marked = next((bar for bar in found if bar.marked), None)
    worst = f" The marked one is {marked.name} with {marked.value:,.2f} {unit}." if marked else ""
    says = f"{len(found)} bars from {lowest:,.2f} to {highest:,.2f} {unit}.{worst}"
    line = f'<line class="zero" x1="{zero:.2f}%" x2="{zero:.2f}%" y1="0" y2="{height}"/>'
    return _picture(rows + line, key=key, title=title, says=says, height=height)


def _bar(bar: Bar, row: int, end: float, zero: float, unit: str) -> str:
    top, width = row * ROW + 2, max(abs(end - zero), 0.15)
    kind = ("loss" if bar.value < 0 else "gain") + (" marked" if bar.marked else "")
    middle = top + ROW - 6
    return (
        f'<g class="bar {kind}"><title>{escape(bar.name)}: {bar.value:,.2f} {escape(unit)}</title>'
        f'<text class="name" x="0" y="{middle}">{escape(bar.name)}</text>'
        f'<rect x="{min(end, zero):.2f}%" y="{top}" width="{width:.2f}%" height="{ROW - 4}"/>'
        f'<text class="amount" x="100%" y="{middle}" text-anchor="end">{short(bar.value)}</text></g>'
    )


def waterfall(found: Sequence[Step], *, key: str, title: str, unit: str) -> str:
    """What is left of a value after each step: a step down hangs where the one before it ended.

    A step that starts at zero is a value of its own: the first, and the last.
    """
    highest = max([0.0, *(max(it.start, it.end) for it in found)]) or 1.0

    def place(value: float) -> float:
        return LEFT + value / highest * (RIGHT - LEFT)

    rows = []
    for row, it in enumerate(found):
        top, whole = row * ROW + 2, it.start == 0.0
        left, right = sorted((place(it.start), place(it.end)))
        change = it.end - it.start
        middle = top + ROW - 6
        rows.append(
            f'<g class="bar {"gain" if whole else "loss"}">'
            f"<title>{escape(it.name)}: {change:,.2f} {escape(unit)}</title>"
            f'<text class="name" x="0" y="{middle}">{escape(it.name)}</text>'
            f'<rect x="{left:.2f}%" y="{top}" width="{max(right - left, 0.15):.2f}%"'
            f' height="{ROW - 4}"/><text class="amount" x="100%" y="{middle}"'
            f' text-anchor="end">{short(change)}</text></g>'
        )
    first, last = (found[0].end, found[-1].end) if found else (0.0, 0.0)
    says = (
        f"Of {first:,.2f} {unit}, {last:,.2f} {unit} is left after {max(len(found) - 2, 0)} cuts."
    )
    height = ROW * len(found) + 4
    return _picture("".join(rows), key=key, title=title, says=says, height=height)


def levels(points: Sequence[Point], *, key: str, unit: str) -> str:
    """Equity against maintenance, run by run, oldest first."""
    title = "Equity against maintenance"
    if not points:
        return _picture("", key=key, title=title, says="No run has priced this account.", height=20)
    values = [value for it in points for value in (it.equity, it.maintenance)]
    lowest, highest = min([0.0, *values]), max(values)
    span = (highest - lowest) or 1.0
    last = max(len(points) - 1, 1)

    def place(at: int, value: float) -> str:
        return f"{at / last * 100:.2f},{100 - (value - lowest) / span * 100:.2f}"

    def line(kind: str, name: str) -> str:
        track = " ".join(place(at, getattr(it, name)) for at, it in enumerate(points))
        if len(points) == 1:
            track += " " + place(last, getattr(points[0], name))
        return f'<polyline class="{kind}" points="{track}" vector-effect="non-scaling-stroke"/>'

    drawn = (
        f'<svg x="0" y="{TOP}" width="100%" height="{HEIGHT - 2 * TOP}" viewBox="0 0 100 100"'
        f' preserveAspectRatio="none">{line("maintenance", "maintenance")}{line("equity", "equity")}'
        "</svg>"
    )
    floor, first, end = HEIGHT + 8, points[0], points[-1]
    words = (
        f'<text class="name" x="0" y="{floor}">{escape(first.label)}</text>'
        f'<text class="name" x="100%" y="{floor}" text-anchor="end">{escape(end.label)}</text>'
        f'<text class="amount" x="100%" y="10" text-anchor="end">{short(highest)}</text>'
    )
    below = sum(it.equity < it.maintenance for it in points)
    says = (
        f"{len(points)} runs; equity now {end.equity:,.2f}, maintenance {end.maintenance:,.2f} {unit};"
        f" below maintenance in {below} of them."
    )
    return _picture(drawn + words, key=key, title=title, says=says, height=HEIGHT + 14)


def coverage(found: Coverage) -> str:
    """Equity as a share of maintenance, to 150 %, with the three lines that mean something."""
    share, standing = found.coverage, found.standing
    full = Decimal(0) if standing is Standing.DEBT else Decimal(FULL)
    filled = min(max(full if share is None else share, Decimal(0)), Decimal(FULL)) / FULL * 100
    says = "Nothing must be covered" if share is None else f"Equity is {share} % of maintenance"
    lines = (SEVERE_PERCENT, 100, CALL_PERCENT)
    marks = "".join(
        f'<line class="mark" x1="{at / FULL:.2%}" x2="{at / FULL:.2%}" y1="0" y2="12"/>'
        for at in lines
    )
    return (
        f'<svg class="desk-picture coverage {standing}" role="img" width="100%" height="12">'
        f"<title>{says}; lines at {lines[0]}, {lines[1]} and {lines[2]} %</title>"
        '<rect class="track" width="100%" height="12" rx="2"/>'
        f'<rect class="fill" width="{filled:.2f}%" height="12" rx="2"/>{marks}</svg>'
    )


def short(value: float) -> str:
    """For the edge of a picture; the exact number stands in its title."""
    for size, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.1f}{letter}".replace("-", "−")
    return f"{value:,.1f}".replace("-", "−")


def _picture(inside: str, *, key: str, title: str, says: str, height: int) -> str:
    key = escape(key, {'"': "&quot;", " ": "-"})
    return (
        f'<svg class="desk-picture" xmlns="http://www.w3.org/2000/svg" role="img" width="100%"'
        f' height="{height}" aria-labelledby="{key}-title {key}-says">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-says">{escape(says)}</desc>'
        f"{inside}</svg>"
    )
