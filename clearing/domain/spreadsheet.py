"""Tables that a spreadsheet may open: what others named must be read there, never computed.

A spreadsheet takes a cell that begins with one of a few characters for a formula, also from a CSV
file. A member or a venue chooses ids, so each text is given an apostrophe in front where it begins
so, as OWASP advises (CSV Injection). Numbers and times are never changed: a sign is theirs.
"""

from __future__ import annotations

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def inert(text: str) -> str:
    """The text, as one that no spreadsheet computes. For columns of text alone."""
    return f"'{text}" if text.startswith(STARTS_A_FORMULA) else text
