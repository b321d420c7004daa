"""Holding a statement from outside against the book: reading it, matching it, and what follows.

The layout is ours: a header, then a line a balance, position or movement. A statement is complete:
what its holder does not name, it does not hold.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import localcontext

from clearing.domain import amounts, clock
from clearing.domain.errors import Refusal, naming
from clearing.domain.events.reconciliation import BreakFound, BreakResolved

CUSTODIAN, VENUE = "custodian", "venue"
UNNAMED = "unnamed"  # who holds what came in under no custodian's name
BALANCE, POSITION = "balance", "position"
DEPOSIT, WITHDRAWAL, TRADE = "deposit", "withdrawal", "trade"
LINES = {CUSTODIAN: (BALANCE, DEPOSIT, WITHDRAWAL), VENUE: (POSITION, TRADE)}
MOVEMENTS = (DEPOSIT, WITHDRAWAL, TRADE)
MOST_LINES = 10_000
MOST_NAMED = 20  # references a break carries


class OutsideStatementNotValid(Refusal):
    code = "outside-statement-not-valid"
    says = "The statement cannot be read."
    remedy = "Send the layout of `manage.py reconcile --help`, each balance once."


class SourceGap(Refusal):
    code = "source-gap"
    says = "Movements are missing between this statement and the one before."
    remedy = "Send the statements that lie between, oldest first."


class SourceReused(Refusal):
    code = "source-reused"
    says = "A movement was told under this number before, with other content."
    remedy = "Tell it as it was told; a correction is a movement with a number of its own."


class DifferenceOutOfRange(Refusal):
    code = "difference-out-of-range"
    says = "What is stated is further from the book than any break can say."
    remedy = "Check the amount: no holder can have so much."


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLine:
    """As the holder wrote it; amounts are decimals, of an instrument in its own units."""

    line: str
    source_sequence: str = ""
    reference: str = ""
    at: str = ""
    account: str = ""
    asset: str = ""
    amount: str = ""
    price: str = ""
    buyer: str = ""
    seller: str = ""

    @property
    def source(self) -> int:
        return int(self.source_sequence or 0)


COLUMNS = tuple(it.name for it in fields(OutsideLine))
Key = tuple[str, str]  # account, or "" for everybody's; asset or symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    key: Key
    ours: int
    theirs: int

    @property
    def amount(self) -> int:
        return self.theirs - self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreak:
    """One that no run has found gone, whether somebody knows why or not."""

    break_id: str
    difference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a difference in an asset or instrument means: what it is counted in, and what halts."""

    unit: str  # cash | lots
    halts: str  # the asset that must not leave meanwhile
    tolerance: int = 0


def named(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read(text: str, *, kind: str) -> list[OutsideLine]:
    """Raises OutsideStatementNotValid, saying which line."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    found = []
    try:
        unknown = set(rows.fieldnames or ()) - set(COLUMNS)
        if unknown or "line" not in (rows.fieldnames or ()):
            raise OutsideStatementNotValid(field="line", columns=", ".join(COLUMNS))
        for row in rows:
            if None in row or None in row.values():
                raise OutsideStatementNotValid(field="line", line=rows.line_num, why="columns")
            found.append(OutsideLine(**{name: it.strip() for name, it in row.items()}))
    except csv.Error as error:
        raise OutsideStatementNotValid(field="line", line=rows.line_num, why=error) from None
    return checked(found, kind=kind)


def checked(lines: Sequence[OutsideLine], *, kind: str) -> list[OutsideLine]:
    """The lines, if their holder may write them. Raises OutsideStatementNotValid."""
    if not 1 <= len(lines) <= MOST_LINES:
        raise OutsideStatementNotValid(field="lines", count=len(lines), most=MOST_LINES)
    seen: set[tuple[str, str, str]] = set()
    for number, it in enumerate(lines, start=1):
        why = _fault(it, kind)
        places = {("", *_key(it))}
        if it.line in MOVEMENTS and not why:
            places = {(it.line, it.reference, ""), ("number", str(it.source), "")}
        if why or places & seen:
            raise OutsideStatementNotValid(field="lines", line=number, why=why or "said twice")
        seen |= places
    return list(lines)


def _fault(it: OutsideLine, kind: str) -> str:
    if it.line not in LINES[kind]:
        return f"a {kind} sends {', '.join(LINES[kind])}"
    if not it.asset or not it.amount:
        return "asset and amount are needed"
    if it.line == POSITION and not it.account:
        return "a position is one account's"
    if it.line not in MOVEMENTS:
        return ""
    digits = it.source_sequence
    if not (digits.isascii() and digits.isdigit() and 0 < len(digits) <= 18 and it.source):
        return "a movement has its holder's own number"
    needed = (it.price, it.buyer, it.seller) if it.line == TRADE else (it.account,)
    if not it.reference or not all(needed):
        return "a movement has a reference, and accounts; a trade its price"
    return "" if not it.at or _is_moment(it.at) else "at is a time with its offset"


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None and bool(_moment(text))
    except (ValueError, OverflowError):
        return False


def _moment(text: str) -> str:
    return clock.text(datetime.fromisoformat(text)) if text else ""


def _key(it: OutsideLine) -> Key:
    return (it.account if it.line == POSITION else "", it.asset)


def key_of(it: OutsideLine) -> Key:
    """What a balance or position line is matched by."""
    return _key(it)


def told(lines: Iterable[OutsideLine]) -> dict[int, tuple[str, str]]:
    """Place among the lines -> (number, content) of every movement: what its number stands for ever
    after, however amounts and times are spelled. Raises NotANumber with the place."""
    found = {}
    for place, it in enumerate(lines):
        if it.line in MOVEMENTS:
            with naming(place):
                found[place] = str(it.source), _content(it)
    return found


def _content(it: OutsideLine) -> str:
    said = (it.line, it.reference, it.account, it.asset, it.buyer, it.seller, _moment(it.at))
    worth = _plain(it.amount, field="amount"), _plain(it.price, field="price")
    return json.dumps([*said, *worth])


def _plain(text: str, *, field: str) -> str:
    """1, 1.0 and 1.00 are one number."""
    if not text:
        return ""
    with localcontext(prec=300):  # all that `amounts.decimal` lets in
        return format(amounts.decimal(text, field=field).normalize(), "f")


def movements(lines: Iterable[OutsideLine]) -> list[OutsideLine]:
    """In the holder's own order."""
    return sorted((it for it in lines if it.line in MOVEMENTS), key=lambda it: it.source)


def check_sources(lines: Iterable[OutsideLine], *, last: int) -> int:
    """The holder's number of the last movement now known; movements told again are welcome.

    Raises SourceGap if numbers are missing after `last`, or between the statement's own; a holder
    that was never heard of may start anywhere.
    """
    expected = last + 1 if last else 0
    for number in sorted({it.source for it in movements(lines)}):
        if expected and number > expected:
            raise SourceGap(field="lines", expected=expected, got=number)
        expected = max(expected, number + 1)
    return max(expected - 1, last, 0)


def compare(
    ours: Mapping[Key, int], theirs: Mapping[Key, int]
) -> tuple[list[Key], list[Difference]]:
    """(what agrees, what does not), by key; nothing on both sides is no line at all."""
    matched, differences = [], []
    for key in sorted({*ours, *theirs}):
        mine, other = ours.get(key, 0), theirs.get(key, 0)
        if mine != other:
            differences.append(Difference(key=key, ours=mine, theirs=other))
        elif mine or key in theirs:
            matched.append(key)
    return matched, differences


def check_sizes(differences: Iterable[Difference], lines: Sequence[OutsideLine]) -> None:
    """Raises DifferenceOutOfRange, with the place of the line that states it where one does."""
    for it in differences:
        if max(map(abs, (it.ours, it.theirs, it.amount))) <= amounts.LARGEST:
            continue
        stated = {_key(line): at for at, line in enumerate(lines) if line.line not in MOVEMENTS}
        refusal = DifferenceOutOfRange(
            field="amount" if it.key in stated else "lines",
            account=it.key[0] or "all",
            asset=it.key[1],
            ours=it.ours,
            theirs=it.theirs,
        )
        refusal.place = stated.get(it.key)
        raise refusal


def breaks(
    differences: Iterable[Difference],
    *,
    known: Mapping[Key, OpenBreak],
    terms: Mapping[str, Terms],
    missing: Iterable[OutsideLine],
    holder: str,
    kind: str,
    document: str,
    next_number: int,
) -> Iterator[BreakFound | BreakResolved]:
    """What a run says of breaks: new ones, and those of before that are gone or are others now.

    One that stands as it did is not said again.
    """
    unexplained = list(missing)
    now = {it.key: it for it in differences}
    for key, before in sorted(known.items()):
        if key not in now:
            reason = "a later statement agrees"
        elif now[key].amount != before.difference:
            reason = "another difference stands in its place"
        else:
            continue
        yield BreakResolved(break_id=before.break_id, document=document, reason=reason)
    for key, it in sorted(now.items()):
        if key in known and known[key].difference == it.amount:
            continue
        account, asset = key
        its = terms[asset]
        beyond = abs(it.amount) > its.tolerance
        names = [each.reference for each in unexplained if asset == each.asset]
        yield BreakFound(
            break_id=f"break-{next_number}",
            holder=holder,
            kind=kind,
            account=account,
            asset=asset,
            unit=its.unit,
            ours=it.ours,
            theirs=it.theirs,
            difference=it.amount,
            halts=its.halts if beyond else "",
            missing=" ".join(names[:MOST_NAMED]),
            document=document,
        )
        next_number += 1
