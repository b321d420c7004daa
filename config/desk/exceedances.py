"""Backtests as pictures: what each day brought, what was required for it, and where that fell short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

HEIGHT, TOP = 240, 22
SPAN = HEIGHT - 2 * TOP
THICK = 'vector-effect="non-scaling-stroke"'  # lines stay as wide however the picture is stretched
STYLE = (
    "body{font:14px sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}svg{margin:1.5rem 0}"
    ".day{fill:none;stroke:#8aa0b8;stroke-width:1}.required{fill:none;stroke:#1d4ed8;stroke-width:1.5}"
    ".over{fill:#b91c1c}.thin{fill:none;stroke:#b91c1c;stroke-width:1.5}.window{fill:#f4e3b2}"
    ".zero,.year{stroke:#c9ced6;stroke-width:1}text{font-size:12px;fill:#333}pre{overflow-x:auto}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Shares of the book's gross value; a gain is positive, what is required is positive too."""

    at: date
    gain: float
    required: float
    exceeded: bool
    thin: bool  # on so few scenarios that the requirement means little


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of days that everybody remembers."""

    name: str
    first: date
    last: date


def drawn(
    days: Sequence[Day],
    *,
    key: str,
    title: str,
    span: tuple[date, date],
    windows: Sequence[Window],
) -> str:
    """An SVG without script, over `span` so that pictures line up.

    Gains and losses are lines from zero, the requirement runs below; a dot is where a loss was
    larger, hollow where the requirement was thin.
    """
    if not days:
        return _picture("", key=key, title=title, says="No day was tested.")
    first, last = span
    low = min(min(it.gain, -it.required) for it in days)
    high = max(0.0, *(it.gain for it in days))
    scale = (high - low) or 1.0

    def x(at: date) -> float:
        return (at - first).days / max((last - first).days, 1) * 100

    def y(value: float) -> float:
        return (high - value) / scale * 100

    moves = "".join(f"M{x(it.at):.3f} {y(0.0):.2f}V{y(it.gain):.2f}" for it in days)
    line = " ".join(f"{x(it.at):.3f},{y(-it.required):.2f}" for it in days)
    inner = (
        f'<svg x="0" y="{TOP}" width="100%" height="{SPAN}" viewBox="0 0 100 100"'
        f' preserveAspectRatio="none"><path class="day" d="{moves}" {THICK}/>'
        f'<polyline class="required" points="{line}" {THICK}/></svg>'
    )
    dots = "".join(
        f'<circle class="{"thin" if it.thin else "over"}" cx="{x(it.at):.3f}%"'
        f' cy="{TOP + y(it.gain) / 100 * SPAN:.1f}" r="4"><title>{it.at} lost {-it.gain:.2%}, required'
        f" {it.required:.2%}</title></circle>"
        for it in days
        if it.exceeded
    )
    zero = TOP + y(0.0) / 100 * SPAN
    frame = "".join(_shaded(it, x, first=first, last=last) for it in windows)
    frame += f'<line class="zero" x1="0" x2="100%" y1="{zero:.1f}" y2="{zero:.1f}"/>'
    frame += "".join(_year(it, x) for it in range(first.year + 1, last.year + 1))
    ends = (
        f'<text x="0" y="12">{escape(title)} {high:+.0%}</text>'
        f'<text x="0" y="{HEIGHT - TOP + 14}">{low:+.0%}</text>'
    )
    over = [it for it in days if it.exceeded]
    says = (
        f"{len(days)} tests from {days[0].at} to {days[-1].at}; {len(over)} losses were larger than"
        " required." + (f" The largest was {max(-it.gain for it in over):.2%}." if over else "")
    )
    return _picture(frame + inner + dots + ends, key=key, title=title, says=says)


def page(title: str, *, pictures: Sequence[str], words: str) -> str:
    """A page of its own: the pictures, then what was said."""
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1>{''.join(pictures)}<pre>{escape(words)}</pre>"
    )


def _shaded(it: Window, x: Callable[[date], float], *, first: date, last: date) -> str:
    if it.last < first or it.first > last:
        return ""
    left, right = x(max(it.first, first)), x(min(it.last, last))
    return (
        f'<rect class="window" x="{left:.3f}%" y="{TOP}" width="{right - left:.3f}%" height="{SPAN}">'
        f'<title>{escape(it.name)}</title></rect><text x="{(left + right) / 2:.3f}%" y="{TOP - 6}"'
        f' text-anchor="middle">{escape(it.name)}</text>'
    )


def _year(year: int, x: Callable[[date], float]) -> str:
    at = f"{x(date(year, 1, 1)):.3f}%"
    return (
        f'<line class="year" x1="{at}" x2="{at}" y1="{HEIGHT - TOP}" y2="{HEIGHT - TOP + 5}"/>'
        f'<text x="{at}" y="{HEIGHT - 4}" text-anchor="middle">{year}</text>'
    )


def _picture(inside: str, *, key: str, title: str, says: str) -> str:
    return (
        f'<svg class="desk-picture" xmlns="http://www.w3.org/2000/svg" role="img" width="100%"'
        f' height="{HEIGHT}" aria-labelledby="{key}-title {key}-says">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-says">{escape(says)}</desc>'
        f"{inside}</svg>"
    )
