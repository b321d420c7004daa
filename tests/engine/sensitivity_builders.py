"""Sensitivities that are valid by default, and an invented calibration that uses every step.

Its numbers are nobody's: they are small and different from each other, so that a wrong lookup shows.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from margin.engine.sensitivities import (
    Additions,
    Calibration,
    Sensitivities,
    SensitivityMargin,
    load,
    requirement,
)
from tests.oracle.sensitivities import Row

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "margin" / "methods" / "sensitivities" / "isda-simm-2.5-10day.json"
SHARED = ROOT.parent / "shared" / "data" / "margin"

SHARES = {
    "residual": "Rest",
    "tables": {
        "weights": {"A": 11, "B": 17, "C": 13, "Rest": 19},
        "names": {"A": 0.3, "B": 0.21, "C": 0.15, "Rest": 0},
        "buckets": {"A": {"B": 0.2, "C": -0.1}, "B": {"C": 0.12}},
    },
    "margins": {
        "Delta": {
            "form": "weighted",
            "inputs": {"Share": {}},
            "bucket": "bucket",
            "weight": {"by": ["bucket"], "values": "weights"},
            "threshold": {"by": ["bucket"], "values": {"A": 2, "B": 3, "C": 5, "Rest": 7}},
            "across_names": {"by": ["bucket"], "values": "names"},
            "between_buckets": "buckets",
        },
        "Vega": {
            "form": "weighted",
            "inputs": {"ShareVol": {}},
            "bucket": "bucket",
            "volatility_weight": {"by": ["bucket"], "values": "weights"},
            "multiplier": 0.61,
            "weight": {"by": [], "values": 0.4},
            "threshold": {"by": ["bucket"], "values": {"A": 40, "B": 50, "C": 60, "Rest": 70}},
            "across_names": {"by": ["bucket"], "values": "names"},
            "between_buckets": "buckets",
        },
        "Curvature": {
            "form": "curvature",
            "inputs": {"ShareVol": {}},
            "bucket": "bucket",
            "excluded_buckets": ["C"],
            "volatility_weight": {"by": ["bucket"], "values": "weights"},
            "across_names": {"by": ["bucket"], "values": "names"},
            "between_buckets": "buckets",
        },
    },
}
CURVES = {
    "tables": {
        "labels": {"1m": {"1y": 0.5, "prices": 0.2, "basis": 0.1}, "1y": {"prices": 0.3, "basis": 0},
                   "prices": {"basis": 0.05}},
        "weights": {"calm": {"1m": 3, "1y": 4, "prices": 6, "basis": 2},
                    "wild": {"1m": 8, "1y": 9, "prices": 7, "basis": 5}},
    },
    "margins": {
        "Delta": {
            "form": "weighted",
            "inputs": {"Rate": {}, "Prices": {"label1": "prices"},
                       "Basis": {"label1": "basis", "concentrated": False}},
            "bucket": "qualifier",
            "labels": ["label1", "label2"],
            "weight": {"by": ["temper of qualifier", "label1"], "values": "weights"},
            "threshold": {"by": ["temper of qualifier"], "values": {"calm": 4, "wild": 2}},
            "within_name": {"label1": "labels", "label2": 0.9},
            "between_buckets": 0.25,
            "bucket_concentration": True,
        },
        "Curvature": {
            "form": "curvature",
            "inputs": {"RateVol": {}},
            "bucket": "qualifier",
            "labels": ["label1"],
            "multiplier": 3.5,
            "within_name": {"label1": "labels"},
            "between_buckets": 0.25,
        },
    },
}  # fmt: skip
LOANS = {
    "margins": {
        "Delta": {
            "form": "weighted",
            "inputs": {"Loan": {}},
            "bucket": "bucket",
            "labels": ["label1", "label2"],
            "alike": "label2",
            "weight": {"by": ["bucket"], "values": {"A": 50, "B": 70}},
            "threshold": {"by": ["bucket"], "values": {"A": 1, "B": 2}},
            "across_names": {"by": ["bucket"], "values": {"A": 0.4, "B": 0.35}},
            "within_name": {"factor": {"by": ["bucket"], "values": {"A": 0.8, "B": 0.75}}},
            "between_buckets": {"A": {"B": 0.3}},
            "bucket_concentration": True,
        },
        "Base": {
            "form": "weighted",
            "inputs": {"LoanBase": {}},
            "bucket": "single",
            "weight": {"by": [], "values": 10},
            "across_names": {"by": [], "values": 0.25},
        },
    },
}
MONEY = {
    "tables": {"pairs": {"calm": {"calm": 7, "wild": 12}, "wild": {"calm": 12, "wild": 15}}},
    "margins": {
        "Delta": {
            "form": "weighted",
            "inputs": {"Money": {}},
            "bucket": "single",
            "drops_calculation_currency": True,
            "weight": {"by": ["temper of calculation", "temper of qualifier"], "values": "pairs"},
            "threshold": {"by": ["temper of qualifier"], "values": {"calm": 5, "wild": 3}},
            "across_names": {
                "by": ["temper of calculation"],
                "between": "temper of qualifier",
                "values": {
                    "calm": {
                        "calm": {"calm": 0.5, "wild": 0.3},
                        "wild": {"calm": 0.3, "wild": 0.4},
                    },
                    "wild": {
                        "calm": {"calm": 0.8, "wild": 0.6},
                        "wild": {"calm": 0.6, "wild": 0.5},
                    },
                },
            },
        },
        "Curvature": {
            "form": "curvature",
            "inputs": {"MoneyVol": {"pair": True}},
            "bucket": "single",
            "volatility_weight": {
                "by": ["temper of first", "temper of second"],
                "values": "pairs",
            },
            "across_names": {"by": [], "values": 0.5},
        },
    },
}
DOCUMENT: dict[str, Any] = {
    "name": "invented",
    "source": "invented for these tests; no venue uses it",
    "product_classes": ["Swaps", "Credits", "Stocks"],
    "threshold_unit": 1000000,
    "days_a_year": 365,
    "horizon_days": 14,
    "volatility_quantile": 0.99,
    "curvature_quantile": 0.995,
    "tenors": ["1w", "2w", "1m", "1y"],
    "groups": {"temper": {"lists": {"wild": ["TRY", "ZAR"]}, "otherwise": "calm"}},
    "between_risk_classes": {
        "Shares": {"Curves": 0.2, "Loans": 0.4, "Money": 0.3},
        "Curves": {"Loans": 0.25, "Money": 0.15},
        "Loans": {"Money": 0.35},
    },
    "risk_classes": {"Shares": SHARES, "Curves": CURVES, "Loans": LOANS, "Money": MONEY},
}
INVENTED = load(DOCUMENT)


def a_document(*path: str, to: Any = ..., without: str = "") -> dict[str, Any]:
    """The invented calibration with one field set to another value, or one left out."""
    document = copy.deepcopy(DOCUMENT)
    held = document
    for key in path[: -1 if to is not ... else None]:
        held = held[key]
    if to is not ...:
        held[path[-1]] = to
    if without:
        del held[without]
    return document


def a_row(**but: Any) -> Row:
    usual: dict[str, Any] = {
        "portfolio": "north",
        "product_class": "Stocks",
        "risk_type": "Share",
        "bucket": "A",
        "qualifier": "oak",
        "label1": "",
        "label2": "",
        "amount": 1000.0,
    }
    return Row(**(usual | but))


def sensitivities(rows: Iterable[Row]) -> Sensitivities:
    columns = list(zip(*rows, strict=True)) or [()] * len(Row._fields)
    return Sensitivities.of(**dict(zip(Row._fields, columns, strict=True)))


def additions(rows: Iterable[tuple[str, str, str, float]]) -> Additions:
    fields = ("portfolio", "kind", "product", "value")
    columns = list(zip(*rows, strict=True)) or [()] * len(fields)
    return Additions.of(**dict(zip(fields, columns, strict=True)))


def margin_of(
    rows: Iterable[Row],
    added: Iterable[tuple[str, str, str, float]] = (),
    *,
    calibration: Calibration = INVENTED,
    currency: str = "USD",
    rate: float = 1.0,
) -> SensitivityMargin:
    return requirement(
        sensitivities(rows), calibration, currency=currency, additions=additions(added), rate=rate
    )


def totals(margin: SensitivityMargin) -> dict[str, float]:
    return dict(zip(margin.portfolios, margin.total.tolist(), strict=True))


_NAMES = st.sampled_from(["oak", "elm", "ash", "fir"])
_SHARES = st.tuples(
    st.sampled_from(["Share", "ShareVol"]),
    st.sampled_from(["A", "B", "C", "Rest"]),
    _NAMES,
    st.sampled_from(["1w", "2w", "1m", "1y"]),
    st.just(""),
)
_CURVES = st.tuples(
    st.sampled_from(["Rate", "Prices", "Basis", "RateVol"]),
    st.just(""),
    st.sampled_from(["USD", "EUR", "TRY"]),
    st.sampled_from(["1m", "1y"]),
    st.sampled_from(["", "OIS", "3m"]),
)
_LOANS = st.tuples(
    st.sampled_from(["Loan", "LoanBase"]),
    st.sampled_from(["A", "B"]),
    _NAMES,
    st.sampled_from(["1y", "5y"]),
    st.sampled_from(["senior", "junior"]),
)
_MONEY = st.tuples(
    st.just("Money"),
    st.just(""),
    st.sampled_from(["USD", "EUR", "GBP", "TRY", "ZAR"]),
    st.just(""),
    st.just(""),
)
_PAIRS = st.tuples(
    st.just("MoneyVol"),
    st.just(""),
    st.sampled_from(["USDEUR", "EURUSD", "TRYGBP", "ZARTRY"]),
    st.sampled_from(["1w", "2w", "1m", "1y"]),
    st.just(""),
)


def rows(*, sizes: st.SearchStrategy[float]) -> st.SearchStrategy[list[Row]]:
    """Books of up to three portfolios in every class of the invented calibration."""
    kinds = st.one_of(_SHARES, _CURVES, _LOANS, _MONEY, _PAIRS)
    return st.lists(
        st.builds(
            lambda portfolio, product, kind, amount: Row(portfolio, product, *kind, amount),
            st.sampled_from(["north", "south", "west"]),
            st.sampled_from(["Swaps", "Stocks"]),
            kinds,
            sizes,
        ),
        max_size=14,
    )


def a_dense_book(seed: int) -> list[Row]:
    """Three hundred rows of one portfolio: most factors are held with most others."""
    random = Random(seed)
    kinds = {
        "Share ShareVol": (["A", "B", "C", "Rest"], ["oak", "elm", "ash"], ["1w", "1y"], [""]),
        "Rate Prices Basis RateVol": ([""], ["USD", "EUR", "TRY"], ["1m", "1y"], ["", "OIS", "3m"]),
        "Loan LoanBase": (["A", "B"], ["oak", "elm"], ["1y", "5y"], ["senior", "junior"]),
        "Money": ([""], ["USD", "EUR", "GBP", "TRY", "ZAR"], [""], [""]),
        "MoneyVol": ([""], ["EURUSD", "USDEUR", "TRYGBP"], ["1w", "1m"], [""]),
    }
    book = []
    for _ in range(300):
        risk_types, fields = random.choice(list(kinds.items()))
        names = [random.choice(each) for each in fields]
        amount = random.uniform(-4e6, 4e6)
        book.append(Row("north", "Swaps", random.choice(risk_types.split()), *names, amount))
    return book
