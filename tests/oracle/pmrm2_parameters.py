"""Parameter set PM2-T of PMRM-2, typed in from the methodology and from nowhere else.

Order of scenarios: the grid from the highest price to the lowest, the tails, the two skews. The
basis contingency competes as one more scenario, the last.
"""

from __future__ import annotations

from typing import Any


class Parameters(dict[str, Any]):
    """A plain dict, but remembered by: prices are cached per parameter set. Never edit one."""

    __hash__ = object.__hash__  # type: ignore[assignment]


GRID = [
    *((1.0 + move / 1000, vol) for move in (135, 90, 45, 0) for vol in ("down", "none", "up")),
    *((1.0 - move / 1000, vol) for move in (45, 90, 135) for vol in ("down", "none", "up")),
]
TAILS = [0.34, 0.67, 1.5, 2.0, 3.0, 4.0]

PM2_T = Parameters(
    {
        "scenarios": [
            {"shock": 1.18, "vol": "up", "damping": 1.0},
            *({"shock": shock, "vol": vol, "damping": 1.0} for shock, vol in GRID),
            {"shock": 0.82, "vol": "up", "damping": 1.0},
            # A tail counts as a fifth of the 18 % edge over its own size: .18 / .66 / 5 and so on.
            *({"shock": shock, "vol": "up", "damping": 0.036 / abs(shock - 1)} for shock in TAILS),
            {"shock": 1.0, "vol": "linear", "damping": 1.0},
            {"shock": 1.0, "vol": "abs", "damping": 1.0},
        ],
        "vol_range_up": 0.5,
        "vol_range_down": 0.275,
        "short_term_power": 0.3,
        "long_term_power": 0.13,
        "days_floor": 1.0,
        "min_vol_up": 0.45,
        "linear_base_cap": 0.15,
        "linear_cap_slope": -0.05,
        "abs_base_cap": 0.15,
        "abs_cap_slope": -0.05,
        "min_k_star": 0.01,
        "width_scale": 4.0,
        "vol_static": 0.6,
        "vol_scale": -0.1,
        "initial_factor": 1.0,
        "maintenance_factor": 0.8,
        "long_base": 0.95,
        "long_rate_multiple": 1.0,
        "long_rate_add": 0.08,
        "short_base": 1.04,
        "short_rate_multiple": 0.5,
        "short_rate_add": 0.08,
        "basis_up": 1.045,
        "basis_down": 0.955,
        "basis_add": 0.5,
        "basis_multiple": 2.0,
        "peg_threshold": 0.98,
        "peg_factor": 2.0,
        "confidence_threshold": 0.55,
        "confidence_scale": 1.0,
        "maintenance_perpetual": 0.015,
        "initial_perpetual": 0.005,
        "maintenance_option": 0.003,
        "initial_option": 0.002,
    }
)

# What PM2-T does not reach but the rules allow: vols that fall to nothing, skews that do, caps that
# shrink below zero, no floor under the days, pegs and confidences that rarely suffice.
HARSH = Parameters(
    PM2_T
    | {
        "scenarios": [
            {"shock": 1.3, "vol": "down", "damping": 1.0},
            {"shock": 0.7, "vol": "none", "damping": 0.7},
            {"shock": 1.0, "vol": "up", "damping": 2.0},
            {"shock": 1.0, "vol": "down", "damping": 1.5},
            {"shock": 1.0, "vol": "linear", "damping": 3.0},
            {"shock": 1.0, "vol": "abs", "damping": 0.5},
        ],
        "vol_range_up": 0.3,
        "vol_range_down": 0.9,
        "short_term_power": 0.5,
        "days_floor": 0.0,
        "min_vol_up": 0.9,
        "linear_base_cap": 2.0,
        "linear_cap_slope": -3.0,
        "abs_base_cap": 0.4,
        "abs_cap_slope": 0.9,
        "min_k_star": 0.2,
        "width_scale": 1.5,
        "vol_static": 0.7,
        "vol_scale": -0.2,
        "initial_factor": 1.3,
        "maintenance_factor": 0.9,
        "long_base": 0.85,
        "long_rate_multiple": 0.6,
        "long_rate_add": 0.21,
        "short_base": 0.98,
        "short_rate_multiple": 0.7,
        "short_rate_add": 0.03,
        "basis_up": 1.21,
        "basis_down": 0.83,
        "basis_add": 6.0,
        "basis_multiple": 9.0,
        "peg_threshold": 1.2,
        "peg_factor": 3.0,
        "confidence_threshold": 0.96,
        "confidence_scale": 1.7,
        "maintenance_perpetual": 0.02,
        "initial_perpetual": 0.03,
        "maintenance_option": 0.05,
        "initial_option": 0.07,
    }
)


def as_method(rules: Parameters) -> dict[str, Any]:
    """The same rules in the layout of a method file, for the engine to load."""
    return {
        "name": "oracle",
        "source": "tests",
        "scenarios": [
            {
                "name": str(index),
                "spot": each["shock"],
                "vol": each["vol"],
                "dampening": each["damping"],
            }
            for index, each in enumerate(rules["scenarios"])
        ],
        "vol_shock": {
            "range_up": rules["vol_range_up"],
            "range_down": rules["vol_range_down"],
            "short_power": rules["short_term_power"],
            "long_power": rules["long_term_power"],
            "pivot_days": 30,
            "floor_days": rules["days_floor"],
            "minimum_up": rules["min_vol_up"],
        },
        "skew": {
            "linear": {"base": rules["linear_base_cap"], "slope": rules["linear_cap_slope"]},
            "abs": {"base": rules["abs_base_cap"], "slope": rules["abs_cap_slope"]},
            "minimum_width": rules["min_k_star"],
            "width": rules["width_scale"],
            "vol_static": rules["vol_static"],
            "vol_slope": rules["vol_scale"],
        },
        "discount": {
            side: {
                "base": rules[f"{side}_base"],
                "rate_multiple": rules[f"{side}_rate_multiple"],
                "addition": rules[f"{side}_rate_add"],
            }
            for side in ("long", "short")
        },
        "basis": {
            "up": rules["basis_up"],
            "down": rules["basis_down"],
            "addition": rules["basis_add"],
            "multiple": rules["basis_multiple"],
        },
        "loss_factor": {
            "initial": rules["initial_factor"],
            "maintenance": rules["maintenance_factor"],
        },
        "charges": {
            "linear": {
                "initial": rules["initial_perpetual"],
                "maintenance": rules["maintenance_perpetual"],
            },
            "short_option": {
                "initial": rules["initial_option"],
                "maintenance": rules["maintenance_option"],
            },
        },
        "peg": {"level": rules["peg_threshold"], "scale": rules["peg_factor"]},
        "confidence": {
            "level": rules["confidence_threshold"],
            "scale": rules["confidence_scale"],
        },
        "settlement_window_seconds": 1800,
        "collateral": {},
        "default_collateral": {
            "initial_haircut": 0.0,
            "maintenance_haircut": 1.0,
            "risk_cancelling": False,
        },
    }


OURS = {  # published name: ours
    "VOLRANGEUP": "vol_range_up",
    "VOLRANGEDOWN": "vol_range_down",
    "SHORTTERMPOWER": "short_term_power",
    "LONGTERMPOWER": "long_term_power",
    "DTE_FLOOR": "days_floor",
    "MIN_VOL_EVAL_SHOCKED": "min_vol_up",
    "LINEAR_SCALE_CAP": "linear_base_cap",
    "LINEAR_CBASE": "linear_cap_slope",
    "ABS_SCALE_CAP": "abs_base_cap",
    "ABS_CBASE": "abs_cap_slope",
    "MIN_K_STAR": "min_k_star",
    "MIN_WIDTH_SCALE": "width_scale",
    "VOL_PARAM_STATIC": "vol_static",
    "VOL_PARAM_SCALE": "vol_scale",
    "IM_LOSS_FACTOR": "initial_factor",
    "MM_LOSS_FACTOR": "maintenance_factor",
    "BASE_STATIC_DISCOUNT": "long_base",
    "LONG_RATE_MULTSCALE": "long_rate_multiple",
    "LONG_RATE_ADDSCALE": "long_rate_add",
    "BASE_STATIC_DISCOUNT_NEG": "short_base",
    "SHORT_RATE_MULTSCALE": "short_rate_multiple",
    "SHORT_RATE_ADDSCALE": "short_rate_add",
    "SCENARIO_SPOT_UP": "basis_up",
    "SCENARIO_SPOT_DOWN": "basis_down",
    "BASIS_CONT_ADD_FACTOR": "basis_add",
    "BASIS_CONT_MULT_FACTOR": "basis_multiple",
    "PEG_LOSS_THRESHOLD": "peg_threshold",
    "PEG_LOSS_FACTOR": "peg_factor",
    "CONF_THRESHOLD": "confidence_threshold",
    "CONF_MARGIN": "confidence_scale",
    "MM_PERP_PERCENT": "maintenance_perpetual",
    "IM_PERP_PERCENT": "initial_perpetual",
    "MM_OPTION_PERCENT": "maintenance_option",
    "IM_OPTION_PERCENT": "initial_option",
}


def published_rules(said: dict[str, Any]) -> Parameters:
    """The parameters of a published test case, by the names its publisher gave them."""
    scenarios = [
        {
            "shock": each["SpotShock"],
            "vol": each["VolShockDirection"].lower(),
            "damping": each["DampeningFactor"],
        }
        for each in said["Scenarios"]
    ]
    flat = {
        name: value
        for part in said.values()
        if isinstance(part, dict)
        for name, value in part.items()
    }
    return Parameters({"scenarios": scenarios} | {OURS[name]: flat[name] for name in OURS})
