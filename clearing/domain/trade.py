"""A matched trade, and the two legs it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import localcontext

from clearing.domain import amounts, instrument
from clearing.domain.errors import Refusal
from clearing.domain.instrument import Instrument, Payoff

HOUSE_VENUE = "CCPL"  # on trades the house reports itself; no venue's credential carries it


LONGEST_NAME = 100 - len("trade-:")  # of a venue's code and its id: a stream's name has 100


class SelfTrade(Refusal):
    code = "self-trade"
    says = "Buyer and seller are the same account."


class TradeIdNotValid(Refusal):
    code = "trade-id-not-valid"
    says = "The trade's id, with its venue's code, is empty or too long to name it by."
    remedy = "Give the trade a shorter id."


class BatchOutOfRange(Refusal):
    code = "batch-out-of-range"
    says = "A batch has at least one trade and no more than the limit."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What a venue reports, in its own spelling: decimals as text, checked against the terms."""

    trade_id: str
    venue: str
    symbol: str
    quantity: str  # units of underlying, or of money for inverse futures and perpetuals
    price: str
    buyer: str
    seller: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Leg:
    account_id: str
    side: str  # buyer | seller
    trade_id: str
    venue: str
    lots: int  # signed
    price_ticks: int


def check_id(trade: Trade) -> None:
    """What happens to a trade later stands on a stream that is named after it, so both names have to
    fit into a stream's. Raises TradeIdNotValid."""
    longest = LONGEST_NAME - len(trade.venue)
    if not 0 < len(trade.trade_id) <= longest:
        raise TradeIdNotValid(field="trade_id", length=len(trade.trade_id), longest=longest)


def legs_of(trade: Trade, it: Instrument) -> tuple[Leg, Leg]:
    """The bought and the sold side, in account order, which is the order streams are claimed in.

    Raises TradeIdNotValid, SelfTrade, NotANumber, QuantityOffLot, LotsOutOfRange, PriceOffTick,
    PriceNotPositive.
    """
    check_id(trade)
    if trade.buyer == trade.seller:
        raise SelfTrade(field="seller", account=trade.seller)
    lots = instrument.lots_of(it, amounts.decimal(trade.quantity, field="quantity"))
    ticks = instrument.ticks_of(it, amounts.decimal(trade.price, field="price"))
    sides = ((trade.buyer, "buyer", lots), (trade.seller, "seller", -lots))
    first, second = sorted(
        Leg(
            account_id=account_id,
            side=side,
            trade_id=trade.trade_id,
            venue=trade.venue,
            lots=signed,
            price_ticks=ticks,
        )
        for account_id, side, signed in sides
    )
    return first, second


def leg_value(it: Instrument, *, lots: int, ticks: int) -> int:
    """What the lots are worth at the price, signed, in minor units of the settlement asset.

    Exact, but for inverse futures and perpetuals: coin is money over price, rounded half-even on
    the whole leg, and the same integer on both sides.
    """
    if it.carried_at_cost and it.payoff is Payoff.INVERSE:
        with localcontext(prec=60):
            coin = abs(lots) * it.lot_size / instrument.price_of(it, ticks)
            whole = amounts.settled(coin, scale=it.scale)
        return -whole if lots > 0 else whole
    return amounts.fitting(lots * ticks * it.tick_value, field="quantity")
