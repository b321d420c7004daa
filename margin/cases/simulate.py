"""Responses of a venue's margin simulation: its parameters, a portfolio, vectors and margins.

Published by Deribit (API, `private/pme/simulate`). A response carries the parameters it was made
with. It carries no volatility, so contracts whose vectors need one are unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from margin.cases import Case, Result
from margin.cases.files import CaseUnreadable, Fields, cases_in
from margin.cases.reading import named, readable
from margin.engine import coin_grid
from margin.engine.coin_grid import CoinGridParameters, Holdings, Instruments, vectors
from margin.engine.shapes import Floats

TAILS = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)  # documented, and in no response
PIVOT_DAYS, FLOOR_DAYS = 30, 1
DECIMALS = 9  # of a coin: what the published sums show
EXPIRES_AT_HOUR = 8  # UTC, on the day in the name
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
PERPETUAL = re.compile(r"([A-Z]+)-PERPETUAL")
DATED = re.compile(r"([A-Z]+)-(\d{1,2})([A-Z]{3})(\d{2})")
CANCELLED = 1e-15  # of all positions; a sum that cancels is known no better


class NotSupported(Exception):
    """A response that was read, and needs what it does not carry."""


@dataclass(frozen=True, slots=True)
class SimulateResponses:
    NAME: str = "margin simulation responses (Deribit)"

    def recognises(self, path: Path) -> bool:
        return any(_is_response(_payload(held)) for _, held in cases_in(path))

    def cases(self, paths: Sequence[Path]) -> list[Case]:
        return named(paths, _run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """One currency of a response, as the engine takes it.

    names  (N,) of the instruments; what open orders and the like ask for is taken as published
    """

    names: list[str]
    holdings: Holdings
    instruments: Instruments
    index: float
    parameters: CoinGridParameters


def _payload(held: Any) -> Any:
    """What a response says: alone, or as the result of a call."""
    if isinstance(held, dict) and isinstance(held.get("result"), dict):
        return held["result"]
    return held


def _is_response(held: Any) -> bool:
    return isinstance(held, dict) and "model_params" in held and "margins" in held


def _run(name: str, held: Any) -> Case:
    try:
        return readable(name, lambda: _results(Fields(_payload(held))))
    except NotSupported as reason:
        return Case(name=name, unsupported=str(reason))


def read(response: Fields) -> Simulated:
    """The one currency of a response. Raises CaseUnreadable, ParameterError and NotSupported."""
    margins = response.part("margins")
    if len(margins.names()) != 1:
        raise NotSupported(f"margins of {len(margins.names())} currencies, and what they offset")
    [coin] = margins.names()
    positions = response.part("portfolio").part("position")
    held = response.part("portfolio").part("currency")
    if any(held.number(currency) for currency in held.names()):
        raise NotSupported("coin held beside the contracts, whose equity moves with the price")
    parameters = _parameters(response.part("model_params"), coin)
    now = response.part("model_params").part("general").number("timestamp") / 1000.0
    names = positions.names()
    quantities = [positions.number(name) for name in names]
    seconds = [_seconds(name, coin=coin, now=now) for name in names]
    distinct = sorted(set(seconds))
    nothing = np.zeros(len(names))
    instruments = Instruments(
        expiry=np.array([distinct.index(each) for each in seconds], dtype=np.int64),
        seconds=np.array(seconds, dtype=np.float64),
        is_option=np.zeros(len(names), dtype=bool),
        is_call=np.zeros(len(names), dtype=bool),
        strike=nothing,
        vol=nothing,
        forward=nothing,
        # A position is a fraction of a coin, so that a lot is all of it.
        size=np.array([abs(each) or 1.0 for each in quantities], dtype=np.float64),
    )
    lots = csr_array(np.sign(np.array([quantities], dtype=np.float64)).astype(np.int64))
    lots.sum_duplicates()
    initial = margins.part(coin).part("initial_margin_details")
    other = sum(
        initial.number(name)
        for name in ("spot_margin", "mmp_margin", "open_orders_margin")
        if name in initial
    )
    return Simulated(
        names=names,
        holdings=Holdings(positions=lots, other=np.array([other])),
        instruments=instruments,
        index=response.part("index_price").number(f"{coin}_usd"),
        parameters=parameters,
    )


def _parameters(given: Fields, coin: str) -> CoinGridParameters:
    pairs, currencies = given.part("currency_pair"), given.part("currency")
    if pairs.names() != [f"{coin}_usd"]:
        raise NotSupported(f"price pairs other than {coin}_usd: {', '.join(pairs.names())}")
    pair, own, general = pairs.part(f"{coin}_usd"), currencies.part(coin), given.part("general")
    if own.flag("correlation_set"):
        raise NotSupported(f"{coin} offsets against other currencies")
    if own.number("haircut"):
        raise NotSupported(f"{coin} is cut by a haircut")
    if pair.number("extended_table_factor") != 1.0:
        raise NotSupported("an extended table that is scaled")
    return coin_grid.load(
        {
            "name": f"{coin} of a response",
            "source": "published response",
            "price_range": pair.number("price_range"),
            "buckets": general.number("buckets_count"),
            "tails": [{"move": move} for move in TAILS],
            "dampener": own.number("extended_dampener"),
            "gain_share": own.number("pnl_offset"),
            "vol_shock": {
                "range_up": pair.number("volatility_range_up"),
                "range_down": pair.number("volatility_range_down"),
                "short_power": pair.number("short_term_vega_power"),
                "long_power": pair.number("long_term_vega_power"),
                "pivot_days": PIVOT_DAYS,
                "floor_days": FLOOR_DAYS,
                "minimum_up": pair.number("min_volatility_for_shock_up"),
            },
            "roll": {
                "annual": own.number("annualised_move_risk"),
                "least": own.number("min_annualised_move"),
            },
            "liquidity": {
                "per_coin": pair.number("m_inc"),
                "threshold": pair.number("delta_total_liq_shock_threshold"),
                "most": pair.number("max_delta_shock"),
            },
            "maintenance_factor": general.number("mm_factor"),
            "decimals": DECIMALS,
        }
    )


def _seconds(name: str, *, coin: str, now: float) -> float:
    """To expiry; 0 for a perpetual."""
    if (found := PERPETUAL.fullmatch(name)) and found[1].lower() == coin:
        return 0.0
    found = DATED.fullmatch(name)
    if not found or found[1].lower() != coin or found[3] not in MONTHS:
        raise NotSupported(f"{name}: neither a perpetual nor a future of {coin} paid in it")
    day, month, year = int(found[2]), MONTHS.index(found[3]) + 1, 2000 + int(found[4])
    try:
        expires = datetime(year, month, day, EXPIRES_AT_HOUR, tzinfo=UTC)
    except ValueError:
        raise CaseUnreadable(f"portfolio.position: {name} expires on no day") from None
    return max(expires.timestamp() - now, 0.0)


def _results(response: Fields) -> tuple[Result, ...]:
    given = read(response)
    of = (given.holdings, given.instruments, given.index, given.parameters)
    ours = coin_grid.reference_requirement(*of)
    array = vectors.build(given.instruments, given.index, given.parameters)
    whole = coin_grid.requirement(*of, array)
    initial, maintenance = coin_grid.rounding_bound(*of, array)

    [coin] = response.part("margins").names()
    published = response.part("margins").part(coin)
    details = published.part("initial_margin_details")
    risk = details.part("risk_matrix_margin_details")
    half = 0.5 * 10.0**-DECIMALS
    return (
        Result(
            name="initial_margin",
            ours=float(ours.initial[0]),
            theirs=published.number("initial_margin"),
            half=half,
            integer=float(whole.initial[0]),
            bound=float(initial[0]),
        ),
        Result(
            name="maintenance_margin",
            ours=float(ours.maintenance[0]),
            theirs=published.number("maintenance_margin"),
            integer=float(whole.maintenance[0]),
            bound=float(maintenance[0]),
        ),
        Result(
            name="risk_matrix_margin",
            ours=float(ours.risk[0]),
            theirs=details.number("risk_matrix_margin"),
        ),
        Result(
            name="worst_case",
            ours=-float(ours.outcomes[0].min()),
            theirs=risk.number("worst_case"),
        ),
        Result(name="roll_shock", ours=float(ours.roll[0]), theirs=risk.number("roll_shock")),
        Result(
            name="delta_shock",
            ours=float(ours.delta_shock[0]),
            theirs=risk.number("delta_shock"),
        ),
        *_vector_results(response, given, ours.outcomes[0], coin=coin),
    )


def _vector_results(
    response: Fields, given: Simulated, outcomes: Floats, *, coin: str
) -> list[Result]:
    """Each instrument's vectors and their sums, scenario by scenario."""
    half = CANCELLED * float(given.instruments.size.sum())
    values = vectors.price(given.instruments, given.index, given.parameters)
    positions = given.holdings.positions.toarray()[0]
    alone = {
        name: positions[row] * values[row, : vectors.DELTA] for row, name in enumerate(given.names)
    }
    found = []
    for key, ours in (
        ("initial_risk_vectors", alone),
        ("aggregated_risk_vectors", {f"{coin}_{coin}": outcomes}),
    ):
        if key not in response:
            continue
        published = response.part(key)
        for name, vector in ours.items():
            sides = published.part(name)
            theirs = [*sides.numbers("standard"), *sides.numbers("extended")]
            if len(theirs) != len(vector):
                raise CaseUnreadable(f"{sides.at('standard')}: {len(theirs)} scenarios, not ours")
            found += [
                Result(name=f"{name} {scenario}", ours=float(our), theirs=their, half=half)
                for scenario, our, their in zip(
                    vectors.column_names(given.parameters), vector, theirs, strict=False
                )
            ]
    return found
