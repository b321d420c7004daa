"""A house through many days of trading: loaded, settled every day, and then looked at as a whole."""

from __future__ import annotations

import pytest

from tests.faults.year import Size, Year
from tests.seeds import chance

WEEK = Size(days=7, accounts=20, trades=30)
WHOLE = Size(days=365, accounts=500, trades=1_000)


def told(size: Size) -> Year:
    year = Year(size, chance("year", size), say=lambda text: print(text, flush=True))
    year.tell()
    return year


@pytest.mark.parametrize("size", [WEEK, pytest.param(WHOLE, marks=pytest.mark.soak)], ids=repr)
def test_after_any_number_of_days_the_books_agree_in_every_way_there_is(house, size: Size):
    """Jobs left for margin are not run. Each set of a day that expires contracts settles them."""
    year = told(size)

    assert year.faults() == []
    assert year.cycles == size.days
    assert year.trades == size.days * size.trades


def test_a_month_end_expires_contracts_on_the_way(house):
    year = told(Size(days=33, accounts=6, trades=8))

    assert year.expired == 2, "a future and an option, both held by somebody"
    assert year.faults() == []
