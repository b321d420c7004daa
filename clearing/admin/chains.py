"""Where the lots of a trade went, as a picture: accounts from left to right, and what moved between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDE, HIGH, GAP_X, GAP_Y = 170, 34, 120, 14  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    giver: str
    taker: str
    says: str  # what moved, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    title: str
    first: str  # the account it was registered for
    steps: Sequence[Step]
    now: Mapping[str, str]  # account -> what it has now


def picture(legs: Sequence[Leg]) -> str:
    """One row of accounts a leg; read aloud it is a list of the steps."""
    drawn, top, wide = [], 0, WIDE
    for leg in legs:
        inside, right, bottom = _leg(leg, top + 18)
        drawn.append(f'<text class="name" x="0" y="{top + 12}">{escape(leg.title)}</text>{inside}')
        top, wide = bottom + 12, max(wide, right)
    steps = [f"{it.giver} to {it.taker}: {it.says}" for leg in legs for it in leg.steps]
    says = "; ".join(steps) or "No lots have moved since it was registered."
    return (
        f'<svg class="desk-picture" xmlns="http://www.w3.org/2000/svg" role="img" width="{wide}"'
        f' height="{top}" aria-labelledby="chain-title chain-says">'
        '<title id="chain-title">Where each leg went</title>'
        f'<desc id="chain-says">{escape(says)}</desc>{"".join(drawn)}</svg>'
    )


def _leg(leg: Leg, top: int) -> tuple[str, int, int]:
    """(what is drawn, its right edge, its lower edge)."""
    places = _places(leg)
    rows = max(row for _, row in places.values()) + 1

    def corner(account: str) -> tuple[int, int]:
        column, row = places[account]
        return column * (WIDE + GAP_X), top + row * (HIGH + GAP_Y)

    lines = "".join(_line(step, corner(step.giver), corner(step.taker)) for step in leg.steps)
    boxes = "".join(_box(name, leg.now.get(name, ""), *corner(name)) for name in places)
    right = (max(column for column, _ in places.values()) + 1) * (WIDE + GAP_X) - GAP_X
    return lines + boxes, right, top + rows * (HIGH + GAP_Y)


def _places(leg: Leg) -> dict[str, tuple[int, int]]:
    """account -> (column, row): a taker stands one to the right of whoever it first took from."""
    places, filled = {leg.first: (0, 0)}, {0: 1}
    names = [name for step in leg.steps for name in (step.giver, step.taker)]
    for step in leg.steps:
        places.setdefault(step.giver, (0, filled[0]))
        if step.taker not in places:
            column = places[step.giver][0] + 1
            places[step.taker] = (column, filled.get(column, 0))
            filled[column] = filled.get(column, 0) + 1
    for name in leg.now:  # whoever came by it without a step of its own: a port
        if name not in places and name not in names:
            places[name] = (1, filled.get(1, 0))
            filled[1] = filled.get(1, 0) + 1
    return places


def _line(step: Step, start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = (start[0] + WIDE, start[1] + HIGH // 2), (end[0], end[1] + HIGH // 2)
    if end[0] <= start[0]:  # it went back
        x1, x2 = start[0], end[0] + WIDE
    label = escape(step.says)
    return (
        f'<g class="step"><title>{escape(step.giver)} to {escape(step.taker)}: {label}</title>'
        f'<line class="mark" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
        f'<text class="name" x="{(x1 + x2) // 2}" y="{(y1 + y2) // 2 - 4}"'
        f' text-anchor="middle">{label}</text></g>'
    )


def _box(name: str, now: str, left: int, top: int) -> str:
    return (
        f'<g class="bar"><rect class="track" x="{left}" y="{top}" width="{WIDE}" height="{HIGH}"'
        f' rx="3"/><text class="name" x="{left + 8}" y="{top + 14}">{escape(name)}</text>'
        f'<text class="amount" x="{left + 8}" y="{top + 28}">{escape(now)}</text></g>'
    )
