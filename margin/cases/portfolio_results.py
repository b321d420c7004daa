"""Everything that a portfolio-margin case publishes beside what the engine makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from margin.cases import Result
from margin.cases.files import CaseUnreadable, Fields, number_of
from margin.cases.portfolio_method import plain_name, scenario_name
from margin.cases.reading import Figure, results
from margin.engine import risk_array, scenarios
from margin.engine.parameters import Parameters, Vol
from margin.engine.shapes import Book, Floats, Kind, Market, Requirement

LEVELS = {"IM": "initial", "MM": "maintenance", "IMHand": "initial", "MMHand": "maintenance"}
CANCELLED = 1e-15  # of all that is added up; a sum that cancels is known no better
# One case has a skew that moves spot, and prints of it what neither its parameters nor its totals bear
# out: it was made with the cap of the other skew.
NOT_JUDGED = "LINEAR_SPOT_SHOCK"
DIRECTIONS = {-1.0: Vol.DOWN, 0.0: Vol.NONE, 1.0: Vol.UP}
# Published part by part; the engine says the sum.
CONTINGENCIES = {
    "maintenance_contingency": ("MMPerpCont", "MMBaseCont", "MMOptionCont"),
    "initial_contingency": ("IMPerpCont", "IMBaseCont", "IMOptionCont", "OracleCont"),
}

Figures = dict[str, float]


def compared(
    case: Fields,
    *,
    book: Book,
    market: Market,
    parameters: Parameters,
    ours: Requirement,
    of: Mapping[str, tuple[float, float]],
) -> tuple[Result, ...]:
    """Every published figure beside ours, the levels first.

    of  level to what the integer path says, and its bound
    """
    published = case.part("Result")
    marks = book.positions.toarray()[0] * risk_array.price(market, parameters)[:, risk_array.BASE]
    held = float(np.abs(book.collateral * market.collateral.price).sum())
    half = CANCELLED * max(1.0, float(np.abs(marks).sum()) + held)
    figures = {}
    for name, value in _figures(ours, book, market, marks).items():
        integer, bound = of[LEVELS[name]] if name in LEVELS else (None, 0.0)
        figures[name] = Figure(ours=value, integer=integer, bound=bound, half=half)
    return (
        *results(published, figures, levels=LEVELS),
        *_contingencies(published, ours, half=half),
        *_scenarios(published, ours, parameters, half=half),
        *_expiries(published, market, parameters, marks, half=half),
        *_vols(case, published, parameters),
    )


def _figures(found: Requirement, book: Book, market: Market, marks: Floats) -> Figures:
    """What the engine says of the whole, by the publisher's names.

    marks  (N,) what each position is worth
    """
    option = market.series.kind == Kind.OPTION
    value = book.collateral * market.collateral.price / market.underlyings.stable[0]
    factor = float(found.initial_factor[0, 0])
    return {
        "IM": float(found.initial[0]),
        "MM": float(found.maintenance[0]),
        "IMHand": float(found.initial[0]),
        "MMHand": float(found.maintenance[0]),
        "PortfolioMTM": float(found.equity[0]),
        "OptionMTM": float(marks[option].sum()),
        "CollateralMTM": float(value.sum()),
        "ForwardContingency": float(found.scenarios[0, 0, -1]),
        "im_loss_factor": factor,
        "IMLossFactor": factor,
    }


def _contingencies(published: Fields, found: Requirement, *, half: float) -> list[Result]:
    return [
        Result(
            name=" + ".join(parts),
            ours=-float(getattr(found, name)[0, 0]),
            theirs=sum(published.number(part) for part in parts),
            half=half,
        )
        for name, parts in CONTINGENCIES.items()
        if all(part in published for part in parts)
    ]


def _scenarios(
    published: Fields, found: Requirement, parameters: Parameters, *, half: float
) -> list[Result]:
    """Every scenario's profit or loss, and the worst of those that are published together."""
    places: dict[str, list[int]] = {}
    for place, each in enumerate(parameters.scenarios):
        places.setdefault(plain_name(each.name), []).append(place)
    compared: list[Result] = []
    for key, worst in (
        ("reg_losses", "worst_reg_loss"),
        ("tail_losses", "worst_tail_loss"),
        ("skew_losses", "worst_skew_loss"),
    ):
        together: list[float] = []
        for name, loss in _losses(published, key):
            if not places.get(name):
                raise CaseUnreadable(
                    f"Result: {name} is no scenario of the parameters, or too often"
                )
            together.append(float(found.scenarios[0, 0, places[name].pop(0)]))
            compared.append(
                Result(name=f"scenario {name}", ours=together[-1], theirs=loss, half=half)
            )
        judged = bool(together) and len(together) == len(published.rows(key))
        if worst in published and judged:
            compared.append(
                Result(name=worst, ours=min(together), theirs=published.number(worst), half=half)
            )
    return compared


def _losses(published: Fields, key: str) -> list[tuple[str, float]]:
    """Our name of each scenario that a list names, and its published outcome."""
    found: list[tuple[str, float]] = []
    for row in published.rows(key) if key in published else ():
        place = f"Result.{key}"
        if key == "skew_losses":
            twist, loss = _row(row, 2, place)
            if str(twist) != NOT_JUDGED:
                found.append((scenario_name(1.0, str(twist).lower()), number_of(loss, place)))
            continue
        shock, vol, loss = _row(row, 3, place)
        direction = DIRECTIONS.get(number_of(vol, place))
        if direction is None:
            raise CaseUnreadable(f"{place} has a vol shock that is none of -1, 0 and 1")
        name = scenario_name(1.0 + number_of(shock, place), direction)
        found.append((name, number_of(loss, place)))
    return found


def _row(row: Any, length: int, place: str) -> list[Any]:
    if not isinstance(row, list) or len(row) != length:
        raise CaseUnreadable(f"{place} has a row that is no list of {length}")
    return row


def _expiries(
    published: Fields, market: Market, parameters: Parameters, marks: Floats, *, half: float
) -> list[Result]:
    """Discounts and values of each expiry, in the order in which they were published."""
    each = market.expiries
    long = scenarios.static_discount_long(each.seconds, each.rate, parameters.discount_long)
    short = scenarios.static_discount_short(each.seconds, each.rate, parameters.discount_short)
    option = market.series.kind == Kind.OPTION
    value = np.zeros(len(each.seconds))
    np.add.at(value, market.series.expiry[option], marks[option])
    found = []
    for key, ours in (
        ("OptionMTMPerExpiry", value),
        ("OptionMTMPerExpiryDiscounted", value * np.where(value >= 0.0, long, short)),
    ):
        if key in published:
            found += _paired(key, ours, published.numbers(key), half=half)
    if "discount_factors" in published:
        place = "Result.discount_factors"
        rows = [_row(row, 2, place) for row in published.rows("discount_factors")]
        for side, (name, ours) in enumerate((("long", long), ("short", short))):
            theirs = [number_of(row[side], place) for row in rows]
            found += _paired(f"{name} discount", ours, theirs)
    return found


def _vols(case: Fields, published: Fields, parameters: Parameters) -> list[Result]:
    """How far each option's vol moves, in the order of the case's options."""
    options = case.part("Scenario").parts("Options")
    seconds = np.array([each.number("Expiry") for each in options])
    vol = np.array([each.number("MarkVol") for each in options])
    shock = parameters.vol_shock
    up = scenarios.vol_up_multiplier(seconds, shock)
    down = scenarios.vol_down_multiplier(seconds, shock)
    found = []
    for key, ours in (
        ("VolShockUpMultiplier", up),
        ("VolShockDownMultiplier", down),
        ("VolShockUpEvaluated", np.maximum(shock.minimum_up, vol * up)),
        ("VolShockDownEvaluated", vol * down),
    ):
        if key in published:
            found += _paired(key, ours, published.numbers(key))
    return found


def _paired(name: str, ours: Floats, theirs: Sequence[float], *, half: float = 0.0) -> list[Result]:
    if len(theirs) != len(ours):
        raise CaseUnreadable(f"Result: {name} has {len(theirs)} rows, the scenario {len(ours)}")
    return [
        Result(name=f"{name} {place}", ours=float(our), theirs=their, half=half)
        for place, (our, their) in enumerate(zip(ours, theirs, strict=True), start=1)
    ]
