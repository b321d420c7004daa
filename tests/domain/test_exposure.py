"""What can make an account owe something, and what cannot."""

from __future__ import annotations

import pytest

from margin.domain.exposure import exposed_rows, is_exposed


@pytest.mark.parametrize(
    ("asset", "amount", "exposed"),
    [
        ("cash:USDC", 5, False),
        ("cash:USDC", 0, False),
        ("cash:USDC", -1, True),
        ("lots:BTC-PERP", 1, True),
        ("lots:BTC-PERP", -1, True),
        ("lots:BTC-PERP", 0, False),
        ("cost:BTC-PERP", -7, True),
    ],
)
def test_positions_what_they_carry_and_debts_are_at_risk(asset, amount, exposed):
    assert is_exposed(asset, amount) is exposed


def test_rows_without_anything_at_risk_are_left_out():
    assert exposed_rows([0, 0, 2], ["cash:A", "lots:X", "cash:A"], [1, 2, -3]) == {0, 2}
