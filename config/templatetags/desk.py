"""How pages spell numbers and times."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def figure(text: object) -> SafeString:
    """A decimal, easier to read and unchanged: groups and fine digits are only styled.

    What is copied, read aloud or compared is the decimal exactly as the API spells it.
    """
    spelled = str(text)
    sign = spelled[: len(spelled) - len(spelled.lstrip("-"))]
    whole, point, fraction = spelled[len(sign) :].partition(".")
    if not whole.isdecimal():
        return SafeString(escape(spelled))
    head = len(whole) % 3 or 3
    groups = [whole[:head], *(whole[at : at + 3] for at in range(head, len(whole), 3))]
    spans = "".join(f"<span>{group}</span>" for group in groups)
    sure = 2 if int(whole) else len(fraction)  # of less than one, every digit counts
    fine = f'<span class="fine">{escape(fraction[sure:])}</span>' if fraction[sure:] else ""
    rest = escape(f"{point}{fraction[:sure]}")
    return SafeString(f'<span class="desk-figure">{escape(sign)}{spans}{rest}{fine}</span>')


@register.filter
def lasting(span: timedelta | None) -> str:
    """`2 h 05 min`, `4 min 10 s`, `8 s`; what is past has a minus."""
    if span is None:
        return "never"
    seconds = int(abs(span).total_seconds())
    sign = "−" if span < timedelta(0) and seconds else ""
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{sign}{days} d {hours} h"
    if hours:
        return f"{sign}{hours} h {minutes:02} min"
    if minutes:
        return f"{sign}{minutes} min {seconds % 60:02} s"
    return f"{sign}{seconds} s"


@register.filter
def moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else "never"
