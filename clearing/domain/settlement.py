"""What an account pays and receives: variation margin, fees, funding; and what must balance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal, localcontext

from clearing.domain import amounts, instrument
from clearing.domain.errors import Refusal
from clearing.domain.events import TradeNovated
from clearing.domain.events.cycles import PAID_AT_THE_TRADE
from clearing.domain.instrument import Instrument, Kind

VM, FEE, PREMIUM, REALISED = "vm", "fee", "premium", "realised"
FUNDING, PAYOUT = "funding", "payout"
LINE_KINDS = (VM, REALISED, FUNDING, PREMIUM, FEE, PAYOUT)


class FeeNotValid(Refusal):
    code = "fee-not-valid"
    says = "A fee is not negative, and its rate is below one tenth."


class FundingNotValid(Refusal):
    code = "funding-not-valid"
    says = "This funding rate cannot be applied."


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that one account pays (negative) or receives, in minor units of the asset.

    count  what it is made of: lots of a position, or how many trades
    price  the mark, as sealed; "" where there is none
    value  what the position is worth at it, and carried at from here on
    cash   what is paid; cost, by how much what it is carried at changes
    """

    kind: str
    symbol: str
    asset: str
    count: int
    price: str = ""
    value: int = 0
    cash: int
    cost: int = 0


def text_of(lines: Iterable[Line]) -> str:
    """Canonical JSON: an array a line, in the order of its fields."""
    return json.dumps([astuple(line) for line in lines], separators=(",", ":"))


def lines_of(text: str) -> list[Line]:
    names = tuple(Line.__dataclass_fields__)
    return [Line(**dict(zip(names, row, strict=True))) for row in json.loads(text)]


# --- variation margin -------------------------------------------------------------------------


def variation_margin(it: Instrument, *, lots: int, cost: int, mark: str) -> Line:
    """Cash for what the position gained since it was last valued, which becomes what it is carried at.

    So cash + value - cost stays as it was, to the minor unit, whatever is traded meanwhile.
    """
    value = instrument.position_value(it, lots=lots, price=Decimal(mark))
    gained = amounts.fitting(value - cost)
    return Line(
        kind=VM,
        symbol=it.symbol,
        asset=it.settlement,
        count=lots,
        price=mark,
        value=value,
        cash=gained,
        cost=gained,
    )


# --- what trades cost -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """In units of the settlement asset for each lot, and as a share of what the trade is worth."""

    per_lot: Decimal = Decimal(0)
    rate: Decimal = Decimal(0)


def check_fee(fee: Fee) -> None:
    """Raises FeeNotValid."""
    if fee.per_lot < 0:
        raise FeeNotValid(field="per_lot", got=fee.per_lot)
    if not 0 <= fee.rate < Decimal("0.1"):
        raise FeeNotValid(field="rate", got=fee.rate)


def trade_lines(
    trades: Sequence[TradeNovated], terms: Mapping[str, Instrument], fees: Mapping[Kind, Fee]
) -> list[Line]:
    """Premium and realised gains, which were paid with each trade, and fees, which are charged now.

    A fee is summed exactly over the trades of an instrument and rounded up once.
    """
    by_symbol: dict[str, list[TradeNovated]] = {}
    for trade in trades:
        by_symbol.setdefault(trade.symbol, []).append(trade)
    found = []
    for symbol, mine in sorted(by_symbol.items()):
        it = terms[symbol]
        paid = sum(trade.cash for trade in mine)
        kind = REALISED if it.carried_at_cost else PREMIUM
        if paid and it.kind is not Kind.SPOT:
            found.append(_of_trades(kind, it, mine, paid))
        charged = fee_of(it, mine, fees.get(it.kind, Fee()))
        if charged:
            found.append(_of_trades(FEE, it, mine, -charged))
    return found


def fee_of(it: Instrument, trades: Iterable[TradeNovated], fee: Fee) -> int:
    """Minor units, up; see `instrument.notional` for what a trade is worth."""
    if not (fee.per_lot or fee.rate):
        return 0
    with localcontext(prec=60):
        whole = sum(
            (
                abs(trade.lots) * fee.per_lot
                + fee.rate
                * instrument.notional(
                    it, lots=trade.lots, price=instrument.price_of(it, trade.price_ticks)
                )
                for trade in trades
            ),
            Decimal(0),
        )
    return amounts.owed(whole, scale=it.scale)


def _of_trades(kind: str, it: Instrument, trades: Sequence[TradeNovated], cash: int) -> Line:
    return Line(
        kind=kind,
        symbol=it.symbol,
        asset=it.settlement,
        count=len(trades),
        cash=amounts.fitting(cash),
    )


# --- funding ----------------------------------------------------------------------------------


def funding(it: Instrument, *, lots: int, rate: Decimal, price: Decimal) -> int:
    """Minor units a position receives for one interval: longs pay when the rate is positive.

    The share of the position's value in money, or of the coin it stands for where that is what it
    pays in; rounded half-even on the whole position.
    """
    worth = instrument.notional(it, lots=lots, price=price)
    with localcontext(prec=60):
        paid = amounts.settled(worth * rate, scale=it.scale)
    return -paid if lots > 0 else paid


def check_funding(it: Instrument, *, rate: Decimal, price: Decimal) -> None:
    """Raises FundingNotValid."""
    if it.kind is not Kind.PERPETUAL:
        raise FundingNotValid(field="symbol", symbol=it.symbol, why="not a perpetual")
    if abs(rate) >= 1:
        raise FundingNotValid(field="rate", got=rate, why="the whole position or more")
    if price <= 0:
        raise FundingNotValid(field="price", got=price, why="not above zero")


# --- what must balance ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Sums over all accounts of a cycle for one instrument."""

    symbol: str
    settlement: str
    accounts: int
    lots: int
    value: int
    cash: int
    cost: int


@dataclass(frozen=True, slots=True)
class Fault:
    """An invariant that does not hold, and how it shows."""

    invariant: str
    reason: str


def fault_in(moved: Moved) -> Fault | None:
    """I1: what is bought is sold. I3: values cancel, but for the half unit that rounding each
    position may add an account."""
    if moved.lots:
        return Fault("I1", f"lots of {moved.symbol} sum to {moved.lots}")
    return residue_fault(moved.symbol, residue=moved.value, accounts=moved.accounts)


def residue_fault(symbol: str, *, residue: int, accounts: int) -> Fault | None:
    if 2 * abs(residue) > accounts:
        return Fault("I3", f"values of {symbol} sum to {residue} over {accounts} accounts")
    return None


def content_hash(rows: Iterable[tuple[str, ...]]) -> str:
    """SHA-256 over lines as text, in the order given."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def totals(lines: Iterable[tuple[str, str, int]], residues: Iterable[tuple[str, int]]) -> str:
    """JSON: asset -> what members paid, what they received and what rounding left, in minor units.

    `lines` are (asset, kind, cash); what trades paid before is no part of it.
    """
    found: dict[str, dict[str, int]] = {}
    for asset, kind, cash in lines:
        if kind not in PAID_AT_THE_TRADE:
            _of(found, asset)["received" if cash > 0 else "paid"] += abs(cash)
    for asset, residue in residues:
        _of(found, asset)["residue"] += residue
    return json.dumps(found, sort_keys=True, separators=(",", ":"))


def _of(found: dict[str, dict[str, int]], asset: str) -> dict[str, int]:
    return found.setdefault(asset, {"paid": 0, "received": 0, "residue": 0})
