"""Smiles as pictures: volatility over strike, expiry by expiry, arbitrage marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

import numpy as np

from margin.engine import smile as fitting
from margin.engine.smile import Smile
from margin.engine.surface import Violation

HEIGHT, TOP = 170, 12
MARGIN = 0.15  # of the quoted width, drawn beyond it
SIZES = {
    "parity": "bp of the forward",
    "vertical": "of the forward",
    "butterfly": "of the forward",
    "calendar": "of total variance",
    "density": "below zero",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """One expiry: (strike, volatility) of what was quoted, the smile through it, and what is wrong."""

    key: str
    title: str
    points: Sequence[tuple[float, float]]
    smile: Smile | None
    marked: Sequence[float] = ()  # strikes at which there is free money


def drawn(it: Sketch) -> str:
    """An SVG without script; strikes are spaced by their logarithm."""
    if it.smile is None or not it.points:
        return _picture(it, "", says="No smile: nothing was quoted out of the money.", height=20)
    found = it.smile
    k = fitting.grid(found.low, found.high, beyond=MARGIN)
    vols = found.vol(k)
    values = [*(vol for _, vol in it.points), *vols.tolist()]
    low, high = float(min(values)), float(max(values))
    span = (high - low) or 1.0
    left, width = float(k[0]), float(k[-1] - k[0]) or 1.0

    def x(strike: float) -> float:
        return (float(np.log(strike / found.forward)) - left) / width * 100

    def y(vol: float) -> float:
        return 100.0 - float(vol - low) / span * 100.0

    line = " ".join(
        f"{(at - left) / width * 100:.2f},{y(vol):.2f}"
        for at, vol in zip(k.tolist(), vols, strict=True)
    )
    dots = "".join(
        f'<circle class="quote" cx="{x(strike):.2f}%" cy="{y(vol):.2f}%" r="2.5">'
        f"<title>{strike:g}: {vol:.2%}</title></circle>"
        for strike, vol in it.points
    )
    marks = "".join(
        f'<line class="fault" x1="{x(strike):.2f}%" x2="{x(strike):.2f}%" y1="0" y2="100%">'
        f"<title>free money at {strike:g}</title></line>"
        for strike in it.marked
    )
    inside = (
        f'<svg x="0" y="{TOP}" width="100%" height="{HEIGHT - 2 * TOP}" overflow="visible">'
        '<svg width="100%" height="100%" viewBox="0 0 100 100" preserveAspectRatio="none">'
        f'<polyline class="smile" points="{line}" vector-effect="non-scaling-stroke"/></svg>'
        f"{marks}{dots}</svg>"
        f'<text class="amount" x="100%" y="10" text-anchor="end">{high:.0%}</text>'
        f'<text class="amount" x="100%" y="{HEIGHT - 2}" text-anchor="end">{low:.0%}</text>'
        f'<text class="name" x="0" y="{HEIGHT + 8}">{it.points[0][0]:g}</text>'
        f'<text class="name" x="100%" y="{HEIGHT + 8}" text-anchor="end">{it.points[-1][0]:g}</text>'
    )
    says = (
        f"{len(it.points)} strikes; at the forward {found.forward:,.2f} volatility is"
        f" {float(found.vol(np.zeros(1))[0]):.2%}; off by {found.error:.2%} at the root mean square."
    )
    if it.marked:
        says += f" Free money at {', '.join(f'{strike:g}' for strike in it.marked)}."
    return _picture(it, inside, says=says, height=HEIGHT + 14)


def said(it: Violation, expiries: Sequence[datetime]) -> str:
    """One line of a list of what is wrong."""
    when = f"{expiries[it.expiry]:%Y-%m-%d}"
    until = f" to {expiries[it.other]:%Y-%m-%d}" if it.other >= 0 else ""
    return f"{it.fault} {when}{until} at {it.strike:.6g}: {it.size:.3g} {SIZES[it.fault]}"


def _picture(it: Sketch, inside: str, *, says: str, height: int) -> str:
    key = escape(it.key, {'"': "&quot;", " ": "-"})
    return (
        f'<svg class="desk-picture" xmlns="http://www.w3.org/2000/svg" role="img" width="100%"'
        f' height="{height}" aria-labelledby="{key}-title {key}-says">'
        f'<title id="{key}-title">{escape(it.title)}</title>'
        f'<desc id="{key}-says">{escape(says)}</desc>{inside}</svg>'
    )
