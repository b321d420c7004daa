"""Parts: where the lots of each leg of a trade are now, how they are split and how they move.

A part is all that one account had of one leg: its lots, and the value it had them for. Whatever
moves lots from one account to another changes two parts by the same lots and the same value, so the
parts of a leg always sum to the leg; and undoing a trade is undoing every part, each at its own
value, wherever the lots went meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from clearing.domain import account, amounts, entries, instrument
from clearing.domain.account import Account, AccountNotOpen, AccountRingFenced, Standing
from clearing.domain.errors import Refusal
from clearing.domain.events import ContractSettled, LegMoved, LegUnwound, PositionMoved
from clearing.domain.instrument import Instrument, Kind

BOUGHT, SOLD = "bought", "sold"
MOST_SHARES = 1_000


class LotsNotFree(Refusal):
    code = "lots-not-free"
    says = "The account does not have that many lots of it free."
    remedy = "Ask for no more than it has, less what waits to be claimed."


class SharesNotValid(Refusal):
    code = "shares-not-valid"
    says = "The shares do not name each account once, or are too many."


class TradeEnded(Refusal):
    code = "trade-ended"
    says = "The trade was busted or corrected, or its contract has expired."


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What somebody asks for: lots without a sign, the leg gives them theirs."""

    account_id: str
    lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Why lots of which trade change accounts, and by which of its kind."""

    why: str  # as LegMoved spells it
    move_id: str
    venue: str
    trade_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Signed like the leg: bought lots are positive, and `value` is what they were paid with."""

    account_id: str
    side: str
    lots: int
    value: int


def side_of(lots: int) -> str:
    return BOUGHT if lots > 0 else SOLD


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split minor units by weight and lose none: largest remainder, ties to whoever stands first.

    At least one weight is above zero and none is below. The shares sum to the total exactly, and
    none is further from its due than one unit.
    """
    whole, size = sum(weights), abs(total)
    shares = [size * weight // whole for weight in weights]
    by_remainder = sorted(
        range(len(weights)), key=lambda place: (-(size * weights[place] % whole), place)
    )
    for place in by_remainder[: size - sum(shares)]:
        shares[place] += 1
    return shares if total >= 0 else [-share for share in shares]


def check_shares(shares: Sequence[Share]) -> None:
    """Raises SharesNotValid."""
    names = {share.account_id for share in shares}
    if not 1 <= len(shares) <= MOST_SHARES or len(names) != len(shares):
        raise SharesNotValid(field="shares", count=len(shares), limit=MOST_SHARES)


def split(part: Part, shares: Sequence[Share], *, waiting: int = 0) -> list[Part]:
    """What each share takes of a part; the rest, which takes part in the rounding, stays.

    `waiting` are lots that somebody else was promised. Raises LotsNotFree.
    """
    free, asked = abs(part.lots) - waiting, sum(share.lots for share in shares)
    if asked > free:
        raise LotsNotFree(field="quantity", account=part.account_id, free=free, asked=asked)
    rest = abs(part.lots) - asked
    values = apportion(part.value, [*(share.lots for share in shares), rest])
    sign = 1 if part.lots > 0 else -1
    return [
        Part(account_id=share.account_id, side=part.side, lots=sign * share.lots, value=value)
        for share, value in zip(shares, values, strict=False)
    ]


def moved(held: Account, it: Instrument, part: Part, *, counterpart: str, by: Move) -> LegMoved:
    """The account has the part more."""
    return LegMoved(
        account_id=held.account_id,
        counterpart=counterpart,
        why=by.why,
        move_id=by.move_id,
        venue=by.venue,
        trade_id=by.trade_id,
        side=part.side,
        **_leg(held, it, lots=part.lots, value=part.value),
    )


def given(part: Part, *, by_account: str) -> Part:
    """The same part, as whoever gives it away has it less."""
    return Part(account_id=by_account, side=part.side, lots=-part.lots, value=-part.value)


def unwound(held: Account, it: Instrument, part: Part, *, venue: str, trade_id: str) -> LegUnwound:
    """The account gives its part back, for what it had it for: no standing can stop it."""
    return LegUnwound(
        account_id=held.account_id,
        venue=venue,
        trade_id=trade_id,
        side=part.side,
        **_leg(held, it, lots=-part.lots, value=-part.value),
    )


def settled(held: Account, it: Instrument, *, index: Decimal, price_set: str) -> ContractSettled:
    """What is held of an expired contract is paid out at the price it expired at."""
    lots, cost = held.lots(it.symbol), held.cost(it.symbol)
    return ContractSettled(
        account_id=held.account_id,
        symbol=it.symbol,
        settlement=it.settlement,
        lots=lots,
        cost=cost,
        cash=amounts.fitting(instrument.payout(it, index, lots=lots) - cost),
        price_set=price_set,
    )


def position_moved(
    held: Account,
    it: Instrument,
    *,
    lots: int,
    value: int,
    counterpart: str,
    gives: bool,
    why: str,
    move_id: str,
) -> PositionMoved:
    leg = _leg(held, it, lots=lots, value=value)
    del leg["underlying"], leg["delivered"]  # nothing bought on the spot stays a position
    return PositionMoved(
        account_id=held.account_id,
        counterpart=counterpart,
        gives=gives,
        why=why,
        move_id=move_id,
        **leg,
    )


def _leg(held: Account, it: Instrument, *, lots: int, value: int) -> dict[str, Any]:
    """What taking the lots for the value does to the account, as facts spell it.

    A part may be value alone: what an average left with who made it. That is cash.
    """
    cost, paid = 0, -value
    if it.carried_at_cost and lots:
        cost, paid = account.carried(
            held=held.lots(it.symbol), cost=held.cost(it.symbol), lots=lots, value=value
        )
    spot = it.kind is Kind.SPOT
    return {
        "symbol": it.symbol,
        "lots": lots,
        "value": value,
        "settlement": it.settlement,
        "cash": amounts.fitting(paid),
        "cost": amounts.fitting(cost),
        "underlying": it.underlying if spot else "",
        "delivered": amounts.exact(it.lot_size * lots, scale=it.underlying_scale) if spot else 0,
    }


def carried_for(held: Account, it: Instrument, *, lots: int) -> int:
    """What the account carries for some of its lots, signed like them; the whole for all of them.

    Cut as a position that shrinks is cut, so that whoever gives the lots away for this is paid nothing.
    """
    position = held.lots(it.symbol)
    return account.pro_rata(held.cost(it.symbol), part=abs(lots), whole=abs(position))


def check_may_move(held: Account, it: Instrument, *, lots: int, field: str) -> None:
    """A move by consent is new risk: open accounts take it, suspended ones may only shed.

    Raises AccountNotOpen, AccountRingFenced.
    """
    if held.kind == account.BACKSTOP:
        raise AccountRingFenced(field=field, account=held.account_id)
    sheds = account.shrinks(held=held.lots(it.symbol), by=lots)
    suspended = held.standing is Standing.SUSPENDED
    if held.account_id in entries.HOUSE_ACCOUNTS or not (
        held.standing is Standing.OPEN or (suspended and sheds)
    ):
        raise AccountNotOpen(field=field, account=held.account_id, standing=held.standing)
