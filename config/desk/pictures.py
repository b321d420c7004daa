"""Numbers as pictures: SVG text from plain numbers, no script, readable aloud.

Positions are in percent, so that a picture is as wide as its place and its letters stay one size;
colours are classes, so that light and dark are a matter of the style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

ROW = 18  # pixels for one bar
LEFT, RIGHT = 40.0, 80.0  # where bars live, in percent; names to the left, amounts to the right
HEIGHT, TOP = 190, 10  # of the line picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    name: str
    value: float
    marked: bool = False


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


def coverage(*, equity: int, maintenance: int, call_percent: int, severe_percent: int) -> str:
    """Equity as a share of maintenance, to 150 %, with the three lines that mean something."""
    ratio = equity / maintenance * 100 if maintenance > 0 else 150.0
    kind = standing(equity, maintenance, call_percent=call_percent, severe_percent=severe_percent)
    filled = min(max(ratio, 0.0), 150.0) / 1.5
    marks = "".join(
        f'<line class="mark" x1="{at / 1.5:.2f}%" x2="{at / 1.5:.2f}%" y1="0" y2="12"/>'
        for at in (severe_percent, 100, call_percent)
    )
    return (
        f'<svg class="desk-picture coverage {kind}" role="img" width="100%" height="12">'
        f"<title>Equity is {ratio:.1f} % of maintenance; lines at {severe_percent}, 100 and"
        f" {call_percent} %</title>"
        '<rect class="track" width="100%" height="12" rx="2"/>'
        f'<rect class="fill" width="{filled:.2f}%" height="12" rx="2"/>{marks}</svg>'
    )


def standing(equity: int, maintenance: int, *, call_percent: int, severe_percent: int) -> str:
    """severe | below | short | fine, by the lines at which something happens."""
    if maintenance <= 0 or equity * 100 >= maintenance * call_percent:
        return "fine"
    if equity <= 0 or equity * 100 < maintenance * severe_percent:
        return "severe"
    return "below" if equity < maintenance else "short"


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
