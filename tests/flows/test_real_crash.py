"""The story on a real crash: an exchange's option chains, every six hours. Skipped without them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from config.story import cast as casting
from config.story import real
from tests.flows import stories

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CAST = Path(casting.__file__).parent / "cast.json"

pytestmark = pytest.mark.skipif(
    not list(DATA.glob(real.CHAINS)),
    reason=f"needs option chains beside the checkout: {real.CHAINS}",
)


@pytest.mark.parametrize(
    ("every", "snapshots"), [(4, 14), pytest.param(1, 55, marks=pytest.mark.soak)]
)
def test_the_story_holds_on_a_real_crash(house, every: int, snapshots: int):
    market = islice(real.snapshots(DATA), 0, None, every)

    told = stories.tell(casting.read(CAST), market, by=stories.workers(house.environment))

    assert stories.broken(told) == []
    assert told.snapshots == snapshots
    assert told.facts_told_again == told.facts
    assert stories.foreign(told)
