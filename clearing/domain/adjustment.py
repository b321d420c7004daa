"""Contract adjustment: a split of the underlying, and nobody richer or poorer by it.

When n new units stand for d old ones, a holder must end with the same right to the same value. The
practice is the Options Clearing Corporation's (By-Laws, Article VI, section 11A):

- a whole ratio (7 for 1): each lot becomes n/d lots of the same size; the strike is divided by the
  ratio and rounded to the nearest cent. 645 becomes 92.14, and one lot of 100 seven of 100;
- any other ratio (3 for 2, 1 for 10): the number of lots stays and the deliverable changes: a lot of
  100 becomes one of 150, or of 10; the strike is divided by the ratio as well.

Either way the units of the underlying that a holder's lots stand for are exactly the old ones times
the ratio, and the cost they are carried at is the old cost: what they are worth at a mark moves by
nothing but the market, and no cash changes hands. The one thing that is not exact is a strike that
has no whole cent; nobody is paid for it, on either side, and the fact says how much it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from clearing.domain import amendment, amounts, clock, instrument
from clearing.domain.amendment import Codes
from clearing.domain.errors import Refusal
from clearing.domain.events import ContractAdjusted, InstrumentListed, LotsAdjusted
from clearing.domain.instrument import Instrument, Kind, Payoff, Status

CENT = Decimal("0.01")
LARGEST_TERM = 1_000
LOTS, DELIVERABLE = "lots", "deliverable"


class RatioNotValid(Refusal):
    code = "ratio-not-valid"
    says = "This is no ratio of a split."
    remedy = "Say new:old in whole numbers, such as 7:1 or 3:2, not equal."


class AdjustmentNotPossible(Refusal):
    code = "adjustment-not-possible"
    says = "The contract cannot be adjusted exactly in this way."


class NothingToAdjust(Refusal):
    code = "nothing-to-adjust"
    says = "No live contract that holds positions is on this underlying."


class SymbolTaken(Refusal):
    code = "symbol-taken"
    says = "The adjusted contract would get a symbol that is in use."
    remedy = "Name a symbol for it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """`numerator` new units of the underlying stand for `denominator` old ones."""

    numerator: int
    denominator: int

    @property
    def fraction(self) -> Fraction:
        return Fraction(self.numerator, self.denominator)

    def __str__(self) -> str:
        return f"{self.numerator}:{self.denominator}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An old contract, the one that stands for it, and how many of its lots are one old lot."""

    ratio: Ratio
    old: Instrument
    new: Instrument
    lots_factor: int

    @property
    def method(self) -> str:
        return LOTS if self.new.lot_size == self.old.lot_size else DELIVERABLE

    @property
    def strike_rounding(self) -> Decimal:
        """What exercising all that one old lot became costs more than exercising it did, in the
        quote asset: at most half a cent for each new unit, either way; 0 without a strike."""
        if self.old.strike is None or self.new.strike is None:
            return Decimal(0)
        units = self.new.lot_size * self.lots_factor
        return self.new.strike * units - self.old.strike * self.old.lot_size


def ratio_of(text: str) -> Ratio:
    """From `7:1`. Raises RatioNotValid."""
    new, colon, old = text.partition(":")
    terms = [int(it) for it in (new, old) if it.isascii() and it.isdigit() and len(it) <= 4]
    if not colon or len(terms) != 2 or not all(1 <= it <= LARGEST_TERM for it in terms):
        raise RatioNotValid(field="ratio", got=text[:60])
    whole = Fraction(*terms)
    if whole == 1:
        raise RatioNotValid(field="ratio", got=text[:60])
    return Ratio(numerator=whole.numerator, denominator=whole.denominator)


def adjusted(it: Instrument, ratio: Ratio, *, symbol: str = "") -> Adjustment:
    """The contract that stands for this one after a split, under `symbol` or a name of the rule's.

    Raises AdjustmentNotPossible, TermsNotValid, AmountNotExact where the new lot or its tick is no
    whole number of what is counted.
    """
    if it.kind is Kind.SPOT or it.payoff is Payoff.INVERSE:
        why = "spot has no positions" if it.kind is Kind.SPOT else "it pays in what would be split"
        raise AdjustmentNotPossible(field="symbol", symbol=it.symbol, why=why)
    whole = ratio.denominator == 1
    lot_size = it.lot_size if whole else _times(it, ratio)
    strike = None if it.strike is None else _over(it, it.strike, ratio)
    new = replace(
        it,
        symbol=symbol or symbol_after(it, strike=strike, whole=whole),
        lot_size=lot_size,
        strike=strike,
        status=Status.LISTED,
        **dict.fromkeys(amendment.AMENDABLE),  # type: ignore[arg-type]  # all of them may be None
    )
    if new.symbol == it.symbol:
        raise AdjustmentNotPossible(field="symbol", symbol=it.symbol, why="it needs another symbol")
    instrument.check_terms(new)
    return Adjustment(ratio=ratio, old=it, new=new, lots_factor=ratio.numerator if whole else 1)


def symbol_after(it: Instrument, *, strike: Decimal | None, whole: bool) -> str:
    """As the trade names adjusted series: the new strike in the old one's place, and a 1 after the
    root where the deliverable is no longer the usual one, or where there is no strike to tell by."""
    parts = it.symbol.split("-")
    if it.strike is not None and strike is not None:
        old, new = plain(it.strike), plain(strike)
        parts = [new if part == old else part for part in parts]
    if not whole or parts == it.symbol.split("-"):
        parts[0] += "1"
    return "-".join(parts)


def plain(number: Decimal) -> str:
    """Without zeros at its end: 645, 92.14, 92.5."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _times(it: Instrument, ratio: Ratio) -> Decimal:
    """The lot times the ratio, where that is a plain decimal number of units."""
    units = Fraction(it.lot_size) * ratio.fraction
    with localcontext(prec=60):
        lot_size = Decimal(units.numerator) / Decimal(units.denominator)
        exact = Fraction(lot_size) == units
    if not exact or lot_size.normalize().as_tuple().exponent < -amounts.DIGITS:  # type: ignore[operator]
        raise AdjustmentNotPossible(
            field="ratio", symbol=it.symbol, lot=it.lot_size, why=f"{ratio} of it is no decimal"
        )
    return Decimal(plain(lot_size))


def _over(it: Instrument, strike: Decimal, ratio: Ratio) -> Decimal:
    """The strike divided by the ratio, to the nearest cent, halves up."""
    with localcontext(prec=60):
        exact = strike * ratio.denominator / ratio.numerator
        rounded = exact.quantize(CENT, rounding=ROUND_HALF_UP)
    if rounded <= 0:
        raise AdjustmentNotPossible(field="ratio", symbol=it.symbol, why="no strike would be left")
    return rounded


def listed(it: Adjustment) -> InstrumentListed:
    """The new contract's terms, as a fact."""
    new = it.new
    option_type = "" if new.is_call is None else "call" if new.is_call else "put"
    return InstrumentListed(
        symbol=new.symbol,
        kind=new.kind.value,
        payoff=new.payoff.value,
        underlying=new.underlying,
        quote=new.quote,
        settlement=new.settlement,
        lot_size=plain(new.lot_size),
        tick_size=str(new.tick_size),
        expiry_at=clock.text(new.expiry_at) if new.expiry_at else "",
        strike="" if new.strike is None else plain(new.strike),
        option_type=option_type,
    )


def fact(it: Adjustment, *, action: str, reason: str) -> ContractAdjusted:
    return ContractAdjusted(
        symbol=it.old.symbol,
        new_symbol=it.new.symbol,
        action=action,
        method=it.method,
        numerator=it.ratio.numerator,
        denominator=it.ratio.denominator,
        lots_factor=it.lots_factor,
        lot_size=plain(it.old.lot_size),
        new_lot_size=plain(it.new.lot_size),
        strike="" if it.old.strike is None else plain(it.old.strike),
        new_strike="" if it.new.strike is None else plain(it.new.strike),
        strike_rounding=plain(it.strike_rounding),
        reason=reason,
    )


def codes_after(it: Adjustment, known: Codes) -> Codes:
    """What of its codes the new contract keeps: those of its venue, its class and its token. An
    ISIN, a UPI and a venue's own code are of the old contract alone."""
    size = known.contract_size
    if size and it.method == DELIVERABLE:
        size = plain(Decimal(size) / it.old.lot_size * it.new.lot_size)
    return Codes(cfi=known.cfi, mic=known.mic, dti=known.dti, contract_size=size)


def exchange(it: Adjustment, *, account_id: str, lots: int, cost: int) -> LotsAdjusted:
    """One holder's part. Raises AmountOutOfRange where no column could hold the new lots."""
    amounts.fitting(lots * it.lots_factor, field="lots")
    return LotsAdjusted(
        account_id=account_id,
        symbol=it.old.symbol,
        new_symbol=it.new.symbol,
        settlement=it.old.settlement,
        lots=lots,
        lots_factor=it.lots_factor,
        cost=cost,
    )
