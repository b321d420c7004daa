"""What goes into the engine and what comes out, as arrays.

Everything is resolved before it arrives: nothing is looked up in here and nothing can be missing.
Axes: A accounts, N series (one row per instrument), E expiries that carry options, U underlyings
(one margin group each), C collateral assets, K scenarios.

Money is in the reporting currency, prices are in it per unit of the underlying, time is in seconds,
rates and volatilities are fractions per year of 365 days. A balance is what an account has: more is
better, negative is short. A loss is a negative number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Kind(IntEnum):
    """How a series pays. Coin-settled options count as OPTION: in money they pay the same."""

    OPTION = 0  # European, on the forward of its expiry
    LINEAR = 1  # future or perpetual, worth its price
    INVERSE = 2  # future or perpetual of fixed money size, paid in coin


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlyings:
    """One row per margin group; every array is (U,)."""

    spot: Floats
    spot_confidence: Floats
    perpetual_confidence: Floats  # 1 where the venue publishes none
    stable: Floats  # price of the stable coin that collateral is valued in


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiries:
    """One row per (underlying, expiry) that carries options; every array is (E,)."""

    underlying: Ints  # row of Underlyings
    seconds: Floats  # to expiry, from the time of the price set; negative once past
    forward: Floats
    forward_confidence: Floats
    rate: Floats
    rate_confidence: Floats
    vol_confidence: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One row per instrument; every array is (N,)."""

    kind: Ints  # Kind
    underlying: Ints  # row of Underlyings
    expiry: Ints  # row of Expiries for options, -1 for the rest
    strike: Floats  # options; 0 for the rest
    is_call: Flags
    vol: Floats  # options: mark volatility; 0 for the rest
    mark: (
        Floats  # LINEAR and INVERSE: price per unit of underlying; options are valued by the model
    )
    size: Floats  # one lot: units of underlying (OPTION, LINEAR) or money (INVERSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collateral:
    """One row per collateral asset other than the reporting currency; every array is (C,)."""

    underlying: Ints  # the margin group whose spot moves it
    price: Floats
    confidence: Floats
    initial_haircut: Floats  # IM-only part, charged on top of the maintenance part
    maintenance_haircut: Floats
    risk_cancelling: Flags  # whether its value moves in the scenarios


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    underlyings: Underlyings
    expiries: Expiries
    series: Series
    collateral: Collateral


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Who holds what; row a is one account throughout.

    positions   (A, N) whole lots, signed, canonical CSR of int64
    collateral  (A, C) units of each asset; negative is a debit balance
    cash        (A,)   reporting currency, already including unsettled funding
    cost        (A, U) what the LINEAR positions of the group were bought for, reporting currency
    coin_cost   (A, U) the same for INVERSE positions, in coin: sum of lots * (-size / entry price)
    """

    positions: csr_array
    collateral: Floats
    cash: Floats
    cost: Floats
    coin_cost: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What each account must hold, and why; all money in the reporting currency.

    initial      (A,)  balance after the initial requirement: negative is under-margined
    maintenance  (A,)  the same after the maintenance requirement
    equity       (A,)  cash + mark_to_market summed over groups (which includes collateral at its price)
    scenarios    (A, U, K) profit or loss of each group in each scenario, damped, as it competes;
                 the last scenario is the basis contingency
    binding      (A, U) index of the scenario with the worst outcome (the first of equals)
    worst        (A, U) its outcome, never positive
    mark_to_market, initial_contingency, maintenance_contingency  (A, U)
    initial_factor (A, U) what `worst` was multiplied with for the initial level
    """

    initial: Floats
    maintenance: Floats
    equity: Floats
    scenarios: Floats
    binding: Ints
    worst: Floats
    mark_to_market: Floats
    initial_contingency: Floats
    maintenance_contingency: Floats
    initial_factor: Floats
