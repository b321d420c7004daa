"""What an account would have free if prices went against it for as long as it takes to sell.

Each underlying goes up and down by the move the collateral schedule states for it, and each margin
group is taken at its worse side: nothing says that they all go the same way. Volatilities stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np

from clearing import selectors as record
from clearing.domain import amounts
from clearing.domain.instrument import Kind
from clearing.selectors import BookColumns, SealedPrices
from margin import selectors
from margin.engine import shapes
from margin.engine.requirement import requirement
from margin.selectors import Resolved
from margin.services.results import Pins, without_noise


def free(columns: BookColumns, pins: Pins) -> int | None:
    """Equity less the initial level of the one account in the columns, in the reporting asset's
    minor units, rounded down. None where nothing is stressed, or it cannot be priced.
    """
    terms = record.collateral_schedule(at=pins.at)
    indices = pins.sealed.prices.indices
    moves = {asset: terms.of(asset).stress_move for asset in indices}
    if not any(moves.values()):
        return None
    sides = [
        moved(pins.sealed, {asset: sign * it for asset, it in moves.items()}) for sign in (1, -1)
    ]
    balances, cuts, cash = [], [0], Decimal(0)
    for sealed in (pins.sealed, *sides):
        on = selectors.resolved_aside(sealed, pins.rules)
        inputs = selectors.arrays(columns, on)
        if inputs.refused:
            return None
        found = requirement(inputs.book, on.market, on.rules.parameters, on.array)
        balances.append(_groups(found))
        cash = Decimal(float(inputs.book.cash[0]))
        cuts.extend(it.initial for it in _cuts(columns, on, pins).values())
    worst = np.minimum.reduce(balances)
    scale = pins.rules.scale
    left = sum((without_noise(float(it), scale=scale) for it in worst), Decimal(0))
    return amounts.credited(without_noise(float(left + cash), scale=scale), scale=scale) - max(cuts)


def _groups(found: shapes.Requirement) -> shapes.Floats:
    """(U,) what each margin group adds to the balance after the initial level."""
    at: shapes.Floats = (
        found.worst * found.initial_factor
        - found.initial_contingency
        - found.maintenance_contingency
        + found.mark_to_market
    )[0]
    return at


def _cuts(columns: BookColumns, on: Resolved, pins: Pins) -> Mapping[int, selectors.Cuts]:
    return selectors.cuts(columns, on.prices, on.rules, at=pins.at)


def moved(sealed: SealedPrices, by: Mapping[str, Decimal]) -> SealedPrices:
    """The set with every price of an underlying multiplied by one plus its move; never zero."""
    found = sealed.prices
    terms = record.instruments(found.quotes)

    def at(underlying: str, price: str) -> str:
        return format(Decimal(price) * (1 + max(by.get(underlying, Decimal(0)), LEAST)), "f")

    quotes = {
        symbol: quote
        if terms[symbol].kind is Kind.OPTION  # valued by the model, on the forward
        else replace(quote, mark=at(terms[symbol].underlying, quote.mark))
        for symbol, quote in found.quotes.items()
    }
    prices = replace(
        found,
        indices={asset: at(asset, price) for asset, price in found.indices.items()},
        forwards={key: at(key.partition(" ")[0], price) for key, price in found.forwards.items()},
        quotes=quotes,
    )
    said = ",".join(f"{asset}{move:+f}" for asset, move in sorted(by.items()) if move)
    return replace(sealed, name=f"{sealed.name}?{said}", prices=prices)


LEAST = Decimal("-0.99")
