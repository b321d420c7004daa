"""Old facts are read as new ones: stored bytes never change, and one by one is as many at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import codec, models, selectors
from clearing.domain.entries import Movement
from clearing.services import sealing, verification
from tests import golden_facts
from tests.builders import a_house
from tests.tampering import count_from_one, owning

PUBLISHED = Path(__file__).parents[1] / "house" / "published_events.json"
CORPUS = golden_facts.corpus()


@pytest.mark.parametrize("line", CORPUS, ids=lambda line: line["name"])
def test_bytes_of_every_version_still_read_as_they_did(line):
    assert golden_facts.described(line["name"], line["payload"]) == line


def test_the_corpus_holds_every_fact_that_was_published():
    published = set(json.loads(PUBLISHED.read_text())) | set(codec.UPGRADES)

    missing = published - {line["name"] for line in CORPUS}

    assert missing == set(), "add it once: python -m tests.golden_facts"


def test_many_at_once_read_as_one_by_one():
    rows = [(line["name"], line["payload"]) for line in CORPUS] * 3

    assert codec.decode_all(rows) == [codec.decode(*row) for row in rows]


@pytest.mark.parametrize("payload", ["{}{}", "{} x", "[1]", "{", ""])
def test_what_is_not_one_fact_is_not_read(payload):
    with pytest.raises((TypeError, ValueError)):
        codec.decode_all([(CORPUS[0]["name"], payload)])


# --- a chain from v1 by v2 to v3 ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCharged:
    """Only in this test: v1 had no reason, v2 had the amount in whole units as text."""

    NAME: ClassVar[str] = "test.fee-charged.v3"

    account_id: str
    asset: str
    amount: int
    reason: str

    def movements(self):
        yield Movement("ccp-fees", self.account_id, f"cash:{self.asset}", self.amount)


def with_reason(fields):
    return {**fields, "reason": "not said"}


def in_minor_units(fields):
    kept = {name: value for name, value in fields.items() if name != "whole"}
    return {**kept, "amount": int(fields["whole"]) * 100}


def in_minor_units_at_once(columns):
    kept = {name: column for name, column in columns.items() if name != "whole"}
    return {**kept, "amount": [int(whole) * 100 for whole in columns["whole"]]}


UPGRADES = {
    "test.fee-charged.v1": ("test.fee-charged.v2", with_reason),
    "test.fee-charged.v2": ("test.fee-charged.v3", in_minor_units),
}
AT_ONCE = {"test.fee-charged.v2": in_minor_units_at_once}


def publish_three_versions(patch: pytest.MonkeyPatch) -> None:
    with_fees = {**codec.catalogue(), FeeCharged.NAME: FeeCharged}
    patch.setattr(codec, "catalogue", lambda: with_fees)
    patch.setattr(codec, "UPGRADES", UPGRADES)
    patch.setattr(codec, "COLUMN_UPGRADES", AT_ONCE)


@pytest.fixture
def three_versions(monkeypatch):
    publish_three_versions(monkeypatch)


def spelled(version: int, whole: int) -> tuple[str, str]:
    match version:
        case 1:
            fields = {"account_id": "A-1", "asset": "USDC", "whole": str(whole)}
        case 2:
            fields = {"account_id": "A-1", "asset": "USDC", "whole": str(whole), "reason": "late"}
        case _:
            fields = {"account_id": "A-1", "asset": "USDC", "amount": whole, "reason": "late"}
    return f"test.fee-charged.v{version}", json.dumps(fields, sort_keys=True)


def test_a_chain_is_followed_to_its_end(three_versions):
    assert codec.decode(*spelled(1, 5)) == FeeCharged(
        account_id="A-1", asset="USDC", amount=500, reason="not said"
    )
    assert codec.decode(*spelled(2, 5)).amount == 500
    assert codec.decode(*spelled(3, 5)).amount == 5


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-1000, 1000)), max_size=30))
def test_upgrades_by_column_agree_with_upgrades_by_fact(facts):
    with pytest.MonkeyPatch.context() as patch:
        publish_three_versions(patch)
        rows = [spelled(*fact) for fact in facts]

        assert codec.decode_all(rows) == [codec.decode(*row) for row in rows]


@pytest.mark.django_db
def test_old_and_new_versions_stand_in_one_log_and_fold_as_one(three_versions):
    """Sealed, folded, verified: the root is of stored bytes, the columns of what they say."""
    count_from_one()
    a_house()
    before = selectors.balances().get("A-1", {})
    for version in (1, 2, 3):
        record(*spelled(version, 7), version)
    sealing.catch_up()

    assert before == {}
    assert selectors.balances()["A-1"] == {"cash:USDC": -(700 + 700 + 7)}
    assert [it.fact.NAME for it in selectors.stream("account-A-1")] == [FeeCharged.NAME] * 3
    assert models.Event.objects.filter(name="test.fee-charged.v1").exists()
    found = {it.check for it in verification.verify()}
    assert not found & {"sealed blocks", "block columns", "hash chains"}


def record(name: str, payload: str, version: int) -> None:
    from datetime import UTC, datetime

    from clearing import store
    from tests.builders import CAUSE

    at = datetime(2026, 1, 1, tzinfo=UTC)
    last = models.Event.objects.filter(stream="account-A-1").order_by("version").last()
    digest = store.event_hash(
        previous=bytes(last.hash) if last else store.GENESIS,
        stream="account-A-1",
        version=version,
        name=name,
        effective_at=at,
        recorded_at=at,
        cause=CAUSE,
        payload=payload,
    )
    with owning() as cursor:  # the functions of the log take no old versions
        cursor.execute(
            "INSERT INTO clearing_event (stream, version, name, effective_at, recorded_at, actor,"
            " correlation_id, cause, payload, hash) VALUES (%s, %s, %s, %s, %s, %s, %s, NULL, %s, %s)",
            [
                *("account-A-1", version, name, at, at, CAUSE.actor, CAUSE.correlation_id),
                *(payload, digest),
            ],
        )
