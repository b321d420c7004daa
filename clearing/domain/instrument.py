"""What can be traded: kinds, ticks, lots, expiry and payoff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from enum import StrEnum

from clearing.domain import amounts, clock
from clearing.domain.errors import Refusal

MOST_LOTS = 1_000_000_000  # in one trade


class Kind(StrEnum):
    SPOT = "spot"  # an exchange of two assets at once
    FUTURE = "future"
    PERPETUAL = "perpetual"
    OPTION = "option"  # European, settled in cash


class Payoff(StrEnum):
    LINEAR = "linear"  # paid in the currency the price is in
    INVERSE = "inverse"  # paid in the underlying coin


class Status(StrEnum):
    LISTED = "listed"
    HALTED = "halted"
    EXPIRED = "expired"
    ADJUSTED = "adjusted"  # another contract stands for it
    DELISTED = "delisted"


class TermsNotValid(Refusal):
    code = "terms-not-valid"
    says = "These terms do not make an instrument."


class InstrumentUnknown(Refusal):
    code = "instrument-unknown"
    says = "No such instrument is listed."
    remedy = "List it first, or check the symbol."


class InstrumentNotTrading(Refusal):
    code = "instrument-not-trading"
    says = "The instrument does not trade now."


class PriceOffTick(Refusal):
    code = "price-off-tick"
    says = "The price is not a whole number of ticks."
    remedy = "Use a multiple of the tick."


class PriceOutsideLimits(Refusal):
    code = "price-outside-limits"
    says = "The instrument does not trade at this price."
    remedy = "Its step and limits are among its terms."


class PriceNotPositive(Refusal):
    code = "price-not-positive"
    says = "The price must be above zero; only an option may trade at zero."


class LotsOutOfRange(Refusal):
    code = "lots-out-of-range"
    says = "The quantity must be at least one lot and no more than the limit."


class QuantityOffLot(Refusal):
    code = "quantity-off-lot"
    says = "The quantity is not a whole number of lots."
    remedy = "Use a multiple of the lot size."


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Resolved terms.

    lot_size   units of the underlying in one lot; for inverse futures and perpetuals, money in one
    tick_size  smallest step of the quoted price
    settlement the asset it pays in; scale is that asset's digits
    quote      the asset its strike and index are in

    What may change while positions are open: price_step, the multiple of the tick that trades are
    priced in, and the lowest and highest price. `successor` is the contract it was adjusted into.
    """

    symbol: str
    kind: Kind
    payoff: Payoff
    underlying: str
    quote: str
    settlement: str
    scale: int
    underlying_scale: int
    lot_size: Decimal
    tick_size: Decimal
    expiry_at: datetime | None = None
    strike: Decimal | None = None
    is_call: bool | None = None
    status: Status = Status.LISTED
    price_step: Decimal | None = None
    lowest_price: Decimal | None = None
    highest_price: Decimal | None = None
    successor: str = ""

    @property
    def priced_in_coin(self) -> bool:
        """Coin-settled options are quoted in coin; everything else in money."""
        return self.kind is Kind.OPTION and self.payoff is Payoff.INVERSE

    @property
    def tick_value(self) -> int:
        """Minor units of the settlement asset that one lot gains when the price rises one tick."""
        return amounts.exact(self.tick_size * self.lot_size, scale=self.scale, field="tick_size")

    @property
    def carried_at_cost(self) -> bool:
        return self.kind in (Kind.FUTURE, Kind.PERPETUAL)


def check_terms(it: Instrument) -> None:
    """Raises TermsNotValid naming the first field that is wrong."""
    _require(bool(it.symbol) and len(it.symbol) <= 40 and it.symbol.isascii(), "symbol", it.symbol)
    _require(it.lot_size > 0, "lot_size", it.lot_size)
    _require(it.tick_size > 0, "tick_size", it.tick_size)
    dated = it.kind in (Kind.FUTURE, Kind.OPTION)
    _require((it.expiry_at is not None) == dated, "expiry_at", it.expiry_at)
    _require(
        (it.strike is not None and it.strike > 0) == (it.kind is Kind.OPTION), "strike", it.strike
    )
    _require((it.is_call is not None) == (it.kind is Kind.OPTION), "is_call", it.is_call)
    expected = it.underlying if it.payoff is Payoff.INVERSE else it.quote
    _require(it.settlement == expected, "settlement", it.settlement)
    _require(not (it.kind is Kind.SPOT and it.payoff is Payoff.INVERSE), "payoff", it.payoff)
    if not (it.carried_at_cost and it.payoff is Payoff.INVERSE):
        it.tick_value  # noqa: B018 - refuses a tick that the settlement asset cannot pay exactly
    if it.kind is Kind.SPOT:
        amounts.exact(it.lot_size, scale=it.underlying_scale, field="lot_size")


def _require(holds: bool, field: str, got: object) -> None:
    if not holds:
        raise TermsNotValid(field=field, got=got)


def check_trading(it: Instrument, *, at: datetime) -> None:
    """Raises InstrumentNotTrading when halted, when another contract stands for it, or at and after
    expiry."""
    if it.successor:
        raise InstrumentNotTrading(
            field="symbol", symbol=it.symbol, status=it.status, trades_as=it.successor
        )
    if it.status is not Status.LISTED:
        raise InstrumentNotTrading(field="symbol", symbol=it.symbol, status=it.status)
    if it.expiry_at is not None and at >= it.expiry_at:
        raise InstrumentNotTrading(
            field="symbol", symbol=it.symbol, status="expired", expiry=clock.text(it.expiry_at)
        )


def check_bounds(it: Instrument, ticks: int) -> None:
    """Raises PriceOffTick, PriceOutsideLimits for a price that its amended terms do not allow."""
    price = price_of(it, ticks)
    if it.price_step is not None and not amounts.multiple(price, of=it.price_step):
        raise PriceOffTick(field="price", got=price, step=it.price_step)
    if it.lowest_price is not None and price < it.lowest_price:
        raise PriceOutsideLimits(field="price", got=price, lowest=it.lowest_price)
    if it.highest_price is not None and price > it.highest_price:
        raise PriceOutsideLimits(field="price", got=price, highest=it.highest_price)


def lots_of(it: Instrument, quantity: Decimal) -> int:
    """Whole lots in a quantity. Raises QuantityOffLot, LotsOutOfRange."""
    with localcontext(prec=60):
        lots = quantity / it.lot_size
        if lots != lots.to_integral_value():
            raise QuantityOffLot(field="quantity", got=quantity, lot_size=it.lot_size)
    return check_lots(int(lots))


def check_lots(lots: int) -> int:
    if not 1 <= lots <= MOST_LOTS:
        raise LotsOutOfRange(field="quantity", lots=lots, limit=MOST_LOTS)
    return lots


def ticks_of(it: Instrument, price: Decimal) -> int:
    """Whole ticks in a price. Raises PriceOffTick, PriceNotPositive."""
    with localcontext(prec=60):
        ticks = price / it.tick_size
        if ticks != ticks.to_integral_value():
            raise PriceOffTick(field="price", got=price, tick=it.tick_size)
    return check_ticks(it, int(ticks))


def check_ticks(it: Instrument, ticks: int) -> int:
    lowest = 0 if it.kind is Kind.OPTION else 1
    if ticks < lowest:
        raise PriceNotPositive(field="price", got=ticks * it.tick_size)
    return ticks


def nearest_ticks(it: Instrument, price: Decimal) -> int:
    """A sealed price carries more digits than a trade may: the nearest tick, at least the lowest."""
    lowest = 0 if it.kind is Kind.OPTION else 1
    return max(lowest, amounts.settled(price / it.tick_size, scale=0))


def price_of(it: Instrument, ticks: int) -> Decimal:
    return ticks * it.tick_size


def lot_value(it: Instrument, price: Decimal) -> int:
    """Minor units of the settlement asset that one lot is worth at a price of the instrument.

    For inverse futures and perpetuals it is negative (minus money over price, in coin), so that a
    rising price is a gain for the long side there as everywhere.
    """
    return position_value(it, lots=1, price=price)


def position_value(it: Instrument, *, lots: int, price: Decimal) -> int:
    """Minor units of the settlement asset that signed lots are worth at a price of the instrument.

    Rounded once, half-even, on the whole position (clearing/decisions/0031): the coin of one inverse
    lot has digits that a thousand lots must not lose. Odd in `lots`, so two sides of one size always
    cancel. A price of zero is an option's that is worth nothing.
    """
    if price == 0:
        return 0
    return _rounded_whole(it, _exact_lot_value(it, price), lots=lots)


def _exact_lot_value(it: Instrument, price: Decimal) -> Decimal:
    with localcontext(prec=60):
        if it.carried_at_cost and it.payoff is Payoff.INVERSE:
            return -it.lot_size / price
        return price * it.lot_size


def _rounded_whole(it: Instrument, one: Decimal, *, lots: int) -> int:
    with localcontext(prec=60):
        return amounts.settled(lots * one, scale=it.scale)


def value_at_mark(it: Instrument, *, lots: int, cost: int, mark: Decimal) -> int:
    """Minor units of the settlement asset a position is worth at its mark, less its cost."""
    return position_value(it, lots=lots, price=mark) - cost


def payout(it: Instrument, index: Decimal, *, lots: int = 1) -> int:
    """Minor units that signed lots of a dated instrument receive at expiry, before their cost.

    Rounded once on the whole position, as its value at any mark is.
    """
    assert it.expiry_at is not None
    if it.kind is Kind.FUTURE:
        return position_value(it, lots=lots, price=index)
    assert it.strike is not None
    gain = index - it.strike if it.is_call else it.strike - index
    gain = max(gain, Decimal(0)) * it.lot_size
    with localcontext(prec=60):
        one = gain / index if it.payoff is Payoff.INVERSE else gain
    return _rounded_whole(it, one, lots=lots)


def notional(it: Instrument, *, lots: int, price: Decimal) -> Decimal:
    """Units of the settlement asset that the lots, without their side, stand for at a price.

    For options it is their premium; for inverse futures and perpetuals the coin their money buys.
    """
    return abs(lots * _exact_lot_value(it, price)) if price else Decimal(0)
