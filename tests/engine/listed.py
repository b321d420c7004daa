"""Listed contracts for the tests of risk arrays: methods, series and books, plain and as arrays."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from margin.engine.array_margin import Contracts
from margin.engine.array_parameters import ArrayParameters, load_array_parameters
from margin.engine.array_scan import linear_losses

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "array-scan"
CLASSIC = json.loads((METHODS / "jscc-nikkei-225.json").read_text())

PLAIN = {"tiers": [{"name": "all"}], "spreads": [], "short_option_minimum": 0}


def leg(of: str, row: str, ratio: float, side: str) -> dict[str, Any]:
    return {of: row, "ratio": ratio, "side": side}


def a_method(**but: Any) -> dict[str, Any]:
    """The classic scenarios, with other commodities, credits or terms."""
    return copy.deepcopy(CLASSIC | but)


def a_future(
    method: Mapping[str, Any], *, commodity: str, scan_range: float, **but: Any
) -> dict[str, Any]:
    scenarios = load_array_parameters(method).scenarios
    usual = {
        "commodity": commodity,
        "tier": method["commodities"][commodity]["tiers"][0]["name"],
        "month": "front",
        "losses": linear_losses(np.array([scan_range]), scenarios)[0].tolist(),
        "delta": 1.0,
        "call": None,
        "value": 0.0,
    }
    return usual | but


def as_contracts(
    method: Mapping[str, Any], series: Sequence[Mapping[str, Any]]
) -> tuple[Contracts, ArrayParameters]:
    parameters = load_array_parameters(method)
    tiers = {
        (parameters.commodities[tier.commodity], tier.name): row
        for row, tier in enumerate(parameters.tiers)
    }
    months = sorted({(each["commodity"], each["tier"], each["month"]) for each in series})
    whole = all(isinstance(loss, int) for each in series for loss in each["losses"])
    contracts = Contracts(
        month=np.array(
            [months.index((each["commodity"], each["tier"], each["month"])) for each in series]
        ),
        losses=np.array([each["losses"] for each in series], np.int64 if whole else float),
        delta=np.array([each["delta"] for each in series], float),
        is_option=np.array([each["call"] is not None for each in series]),
        is_call=np.array([bool(each["call"]) for each in series]),
        option_value=np.array([each["value"] for each in series], float),
        tier_of_month=np.array([tiers[month[:2]] for month in months]),
    )
    return contracts, parameters


def as_positions(accounts: Sequence[Mapping[int, int]], *, series: int) -> csr_array:
    lots = np.zeros((len(accounts), series), np.int64)
    for row, held in enumerate(accounts):
        for column, count in held.items():
            lots[row, column] = count
    return csr_array(lots)


def a_random_method(rng: Random) -> dict[str, Any]:
    """Three commodities of up to three tiers, with spreads, deliveries, credits and minimums."""
    commodities = {}
    for name in ("A", "B", "C"):
        tiers = [{"name": f"t{place}"} for place in range(rng.randint(1, 3))]
        if rng.random() < 0.7:
            tiers[0]["delivery"] = {"spread": rng.randint(0, 9), "outright": rng.randint(0, 20)}
        spreads = []
        for _ in range(rng.randint(0, 3)):
            one, other = rng.choice(tiers)["name"], rng.choice(tiers)["name"]
            legs = [leg("tier", one, rng.choice([1, 2]), "a")]
            legs.append(leg("tier", other, rng.choice([1, 2]), "b"))
            if rng.random() < 0.3 and len(tiers) == 3:
                legs = [leg("tier", f"t{place}", 1 + place % 2, "aba"[place]) for place in range(3)]
            spreads.append({"charge": rng.randint(1, 60), "legs": legs})
        commodities[name] = {
            "tiers": tiers,
            "spreads": spreads,
            "short_option_minimum": rng.choice([0, 5, 25]),
        }
    pairs = [("A", "B"), ("B", "C"), ("A", "C")]
    credits = [
        {
            "credit": rng.choice([0.25, 0.5, 0.75]),
            "legs": [
                leg("commodity", one, rng.choice([1, 2, 3]), "a"),
                leg("commodity", other, rng.choice([1, 2]), "b"),
            ],
        }
        for one, other in rng.sample(pairs, rng.randint(0, 3))
    ]
    return a_method(
        commodities=commodities,
        credits=credits,
        level={"initial": rng.choice([1, 1.25]), "maintenance": 1},
        short_options_counted=rng.choice(["sum", "larger"]),
        option_value_reaches=rng.choice(["commodity", "account"]),
    )


def some_random_series(rng: Random, method: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Futures and options of every commodity and tier, with whole losses and deltas in 64ths."""
    series = []
    for name, terms in method["commodities"].items():
        for tier in terms["tiers"]:
            for month in ("front", "back"):
                size = rng.randint(50, 900)
                plain = a_future(
                    method, commodity=name, scan_range=size, tier=tier["name"], month=month
                )
                losses = [round(loss) for loss in plain["losses"]]
                series.append(plain | {"losses": losses})
                for call in (True, False):
                    sign = 1 if call else -1
                    delta = rng.randint(1, 63) / 64
                    bent = [
                        round(sign * delta * loss - rng.randint(0, 40) * (loss < 0))
                        + (rng.randint(-20, 5))
                        for loss in losses
                    ]
                    option = {"call": call, "value": rng.randint(0, 300), "delta": sign * delta}
                    series.append(plain | option | {"losses": bent})
    return series


def some_random_accounts(rng: Random, *, series: int, count: int) -> list[dict[int, int]]:
    return [
        {
            row: rng.choice([-9, -4, -1, 1, 2, 7])
            for row in rng.sample(range(series), rng.randint(0, min(series, 12)))
        }
        for _ in range(count)
    ]
