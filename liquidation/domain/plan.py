"""Which positions to close, and by how much: the same share of every one, so that hedges stay
hedges. Candidates are the shares of 1 to 100 %; which is the smallest that suffices is a question
for the margin engine, asked for all of them at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from clearing.domain import account as record
from clearing.domain import amounts
from clearing.domain.account import Account
from clearing.domain.instrument import Instrument, Kind, Payoff, nearest_ticks, price_of
from clearing.domain.trade import HOUSE_VENUE, Leg

SHARES = tuple(range(1, 101))  # percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One trade of the plan, as the account makes it: closing a long sells, so lots are negative."""

    symbol: str
    lots: int
    price_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a share should lead to, in minor units of the reporting asset."""

    percent: int
    equity: int
    maintenance: int
    target: int

    @property
    def restores(self) -> bool:
        return self.equity >= self.target


def steps_for(
    percent: int,
    *,
    lots: Mapping[str, int],
    terms: Mapping[str, Instrument],
    marks: Mapping[str, Decimal],
) -> tuple[Step, ...]:
    """Close this share of each position, rounded up to a whole lot, at the sealed price."""
    return tuple(
        Step(
            symbol=symbol,
            lots=-share_of(held, percent),
            price_ticks=nearest_ticks(terms[symbol], marks[symbol]),
        )
        for symbol, held in sorted(lots.items())
        if held
    )


def share_of(held: int, percent: int) -> int:
    """Away from zero, and never more than is held: a single lot can be closed too."""
    share = -(-abs(held) * percent // 100)
    return share if held > 0 else -share


def after(account: Account, steps: Sequence[Step], terms: Mapping[str, Instrument]) -> Account:
    """The account once the steps have traded: the record's own rule, so plan and book agree."""
    for step in steps:
        leg = Leg(
            account_id=account.account_id,
            side="seller",
            trade_id="plan",
            venue=HOUSE_VENUE,
            lots=step.lots,
            price_ticks=step.price_ticks,
        )
        account = record.evolve(account, record.novate(account, leg, terms[step.symbol]))
    return account


def penalty(
    steps: Sequence[Step],
    *,
    terms: Mapping[str, Instrument],
    indices: Mapping[str, Decimal],
    rate: Decimal,
    scale: int,
    equity: int,
) -> int:
    """`rate` of the value traded, up to a whole minor unit; never more than the equity there is.

    The value of a future or perpetual is its contract value, that of an option its premium. Minor
    units of the reporting asset.
    """
    value = sum((_value(terms[it.symbol], it, indices) for it in steps), Decimal(0))
    return max(0, min(amounts.owed(value * rate, scale=scale), equity))


def bearable(penalty: int, *, equity: int) -> int:
    """What of a penalty is left when it may not push below zero: `equity` is after the penalty.

    Trades are made at the nearest tick, so even they may cost a little.
    """
    return max(0, penalty + min(0, equity))


def _value(it: Instrument, step: Step, indices: Mapping[str, Decimal]) -> Decimal:
    price, lots = price_of(it, step.price_ticks), abs(step.lots)
    index = indices[it.underlying]
    match it.kind, it.payoff:
        case Kind.OPTION, Payoff.INVERSE:
            return lots * it.lot_size * price * index
        case _, Payoff.INVERSE:
            return lots * it.lot_size
        case _:
            return lots * it.lot_size * price


def choose(outlooks: Sequence[Outlook], *, maintenance: int, missing: int) -> Outlook | None:
    """The smallest share that restores the target; if none does, the one that leaves the least
    missing, and less than is missing now. Never one that raises the requirement; None if that
    leaves nothing: selling for the sake of selling helps nobody, and would never come to an end.
    """
    helpful = [it for it in outlooks if it.maintenance <= maintenance]
    restoring = [it for it in helpful if it.restores]
    if restoring:
        return min(restoring, key=lambda it: it.percent)
    helpful = [it for it in helpful if it.target - it.equity < missing]
    return min(helpful, key=lambda it: (it.target - it.equity, it.percent), default=None)


def spelled(steps: Sequence[Step]) -> str:
    rows = [{"lots": it.lots, "price_ticks": it.price_ticks, "symbol": it.symbol} for it in steps]
    return json.dumps(rows, sort_keys=True, separators=(",", ":"))


def read(text: str) -> tuple[Step, ...]:
    return tuple(Step(**row) for row in json.loads(text))


def name_of(
    *, case_id: str, step: int, steps: str, price_sequence: int, account_version: int
) -> str:
    bound = json.dumps([case_id, step, steps, price_sequence, account_version])
    return hashlib.sha256(bound.encode()).hexdigest()
