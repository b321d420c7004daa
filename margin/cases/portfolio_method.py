"""The parameters that a portfolio-margin case carries, by our names."""

from __future__ import annotations

from typing import Any

from margin.cases.files import Fields
from margin.engine.parameters import Parameters, Vol, load

SETTLEMENT_WINDOW_SECONDS = 1800
PIVOT_DAYS = 30
OWN = {"initial": "IM", "maintenance": "MM"}


def scenario_name(spot: float, vol: str) -> str:
    return f"{spot:.12g}/{vol}"


def plain_name(name: str) -> str:
    """A scenario's name without the number that tells it from others of the same shocks."""
    return name.partition(" #")[0]


def method(given: Fields) -> Parameters:
    """The case's parameter set. Raises CaseUnreadable and ParameterError naming the field."""
    margin, basis = given.part("Margin"), given.part("BasisContingency")
    other = given.part("OtherContingency")
    nothing = {"initial_haircut": 0, "maintenance_haircut": 1, "risk_cancelling": False}
    return load(
        {
            "name": "published case",
            "source": "published case",
            "scenarios": _scenarios(given),
            "vol_shock": _vol_shock(given.part("VolShock")),
            "skew": _skew(given.part("SkewShock")),
            "discount": {
                "long": {
                    "base": margin.number("BASE_STATIC_DISCOUNT"),
                    "rate_multiple": margin.number("LONG_RATE_MULTSCALE"),
                    "addition": margin.number("LONG_RATE_ADDSCALE"),
                },
                "short": {
                    "base": margin.number("BASE_STATIC_DISCOUNT_NEG"),
                    "rate_multiple": margin.number("SHORT_RATE_MULTSCALE"),
                    "addition": margin.number("SHORT_RATE_ADDSCALE"),
                },
            },
            "basis": {
                "up": basis.number("SCENARIO_SPOT_UP"),
                "down": basis.number("SCENARIO_SPOT_DOWN"),
                "addition": basis.number("BASIS_CONT_ADD_FACTOR"),
                "multiple": basis.number("BASIS_CONT_MULT_FACTOR"),
            },
            "loss_factor": {ours: margin.number(f"{own}_LOSS_FACTOR") for ours, own in OWN.items()},
            "charges": {
                "linear": {ours: other.number(f"{own}_PERP_PERCENT") for ours, own in OWN.items()},
                "short_option": {
                    ours: other.number(f"{own}_OPTION_PERCENT") for ours, own in OWN.items()
                },
            },
            "peg": {
                "level": other.number("PEG_LOSS_THRESHOLD"),
                "scale": other.number("PEG_LOSS_FACTOR"),
            },
            "confidence": {
                "level": other.number("CONF_THRESHOLD"),
                "scale": other.number("CONF_MARGIN"),
            },
            "settlement_window_seconds": SETTLEMENT_WINDOW_SECONDS,
            "collateral": {},
            "default_collateral": nothing,
        }
    )


def _vol_shock(given: Fields) -> dict[str, Any]:
    return {
        "range_up": given.number("VOLRANGEUP"),
        "range_down": given.number("VOLRANGEDOWN"),
        "short_power": given.number("SHORTTERMPOWER"),
        "long_power": given.number("LONGTERMPOWER"),
        "pivot_days": PIVOT_DAYS,
        "floor_days": given.number("DTE_FLOOR"),
        "minimum_up": given.number("MIN_VOL_EVAL_SHOCKED"),
    }


def _skew(given: Fields) -> dict[str, Any]:
    return {
        "linear": {
            "base": given.number("LINEAR_SCALE_CAP"),
            "slope": given.number("LINEAR_CBASE"),
        },
        "abs": {"base": given.number("ABS_SCALE_CAP"), "slope": given.number("ABS_CBASE")},
        "minimum_width": given.number("MIN_K_STAR"),
        "width": given.number("MIN_WIDTH_SCALE"),
        "vol_static": given.number("VOL_PARAM_STATIC"),
        "vol_slope": given.number("VOL_PARAM_SCALE"),
    }


def moves_spot_in_a_skew(given: Fields) -> bool:
    """Whether a scenario that twists volatility moves spot as well."""
    return any(
        each.number("SpotShock") != 1.0
        for each in given.parts("Scenarios")
        if each.text("VolShockDirection").lower() in (Vol.LINEAR, Vol.ABS)
    )


def _scenarios(given: Fields) -> list[dict[str, Any]]:
    """The scenarios in their order; those of the same shocks are numbered.

    One case moves spot in a skew; its published figures show that the options do not move.
    """
    found: list[dict[str, Any]] = []
    for each in given.parts("Scenarios"):
        vol = each.text("VolShockDirection").lower()
        spot = 1.0 if vol in (Vol.LINEAR, Vol.ABS) else each.number("SpotShock")
        name = scenario_name(spot, vol)
        same = sum(plain_name(other["name"]) == name for other in found)
        found.append(
            {
                "name": f"{name} #{same + 1}" if same else name,
                "spot": spot,
                "vol": vol,
                "dampening": each.number("DampeningFactor"),
            }
        )
    return found
