"""The simulated story: told by real workers its checks hold, and names and places decide nothing."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from config.story import cast as casting
from config.story import market
from tests import conftest
from tests.flows import stories
from tests.flows.stories import Told

STORY = Path(casting.__file__).parent
CAST = STORY / "cast.json"
DEMO = STORY.parent / "management" / "commands" / "demo.py"
EVERY = 2  # every second snapshot: somebody is called and pays, and somebody is liquidated
SEED = int(os.environ.get("STORY_SEED", "20260302"))


@contextmanager
def a_database(blocker: Any) -> Iterator[dict[str, str]]:
    """As the fixture `house`, for a whole module; the environment of its workers."""
    opened = conftest.house.__wrapped__(None, blocker)
    yield next(opened).environment
    for _ in opened:
        raise AssertionError("the fixture yields once")


def simulated(*, fall: str, every: int) -> Iterator[Any]:
    return islice(market.snapshots(seed=1, fall=Decimal(fall)), 0, None, every)


@pytest.fixture(scope="module")
def plain(django_db_setup, django_db_blocker) -> Told:
    cast, falling = casting.read(CAST), simulated(fall="0.30", every=EVERY)
    with a_database(django_db_blocker) as environment:
        return stories.tell(cast, falling, by=stories.workers(environment))


@pytest.fixture(scope="module")
def renamed(django_db_setup, django_db_blocker) -> tuple[Told, dict[str, str]]:
    """The same cast under other names and in another order, and whom each name stands for."""
    document, was = disguised(json.loads(CAST.read_text()))
    cast, falling = casting.cast_of(document), simulated(fall="0.30", every=EVERY)
    with a_database(django_db_blocker):
        return stories.tell(cast, falling, by=stories.a_thread()), was


def disguised(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    print(f"STORY_SEED={SEED}")
    draw, was = random.Random(SEED), {}
    draw.shuffle(document["members"])
    for member in document["members"]:
        member["member_id"] = f"M{draw.getrandbits(32):08X}"
        member["name"] = "Anybody"
        draw.shuffle(member["accounts"])
        for account in member["accounts"]:
            name = f"A{draw.getrandbits(32):08X}"
            was[name], account["account_id"] = account["account_id"], name
            account["title"] = "Any account"
    return document, was


def test_every_check_of_the_story_holds(plain: Told):
    assert stories.broken(plain) == []
    assert plain.snapshots == 12


def test_the_work_is_done_by_workers(plain: Told):
    assert stories.foreign(plain)


def test_told_again_on_its_own_log_nothing_changes(plain: Told):
    assert plain.facts_told_again == plain.facts > 500


def test_a_players_name_and_place_decide_nothing(plain: Told, renamed: tuple[Told, dict[str, str]]):
    found, was = renamed

    assert stories.broken(found) == []
    assert sorted((was[row[0]], *row[1:]) for row in found.calls) == sorted(plain.calls)
    assert sorted((was[row[0]], *row[1:]) for row in found.cases) == sorted(plain.cases)


def test_a_market_that_does_not_fall_calls_nobody(house):
    still = simulated(fall="0", every=4)

    told = stories.tell(casting.read(CAST), still, by=stories.a_thread(), fall=False)

    assert stories.broken(told) == []
    assert (told.calls, told.cases) == ([], [])


def test_no_code_knows_a_player():
    cast = casting.read(CAST)
    names = {it.account_id for it in cast.players} | {it.member_id for it in cast.players}

    for source in (*STORY.glob("*.py"), DEMO):
        assert [name for name in sorted(names) if name in source.read_text()] == [], source.name
