"""The whole house folded from its log: equal to the rows, to SQL and to plain Python, anywhere."""

from __future__ import annotations

import random

import pytest
from django.db import connection

from clearing import codec, models, sealer, selectors
from clearing.domain import entries
from clearing.selectors import ColumnsChanged
from clearing.services import decoding, sealing
from tests.histories import a_history
from tests.seeds import seed_of
from tests.tampering import as_owner, count_from_one, rolled_back


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """A history of several blocks and a tail that is not sealed, never committed."""
    with django_db_blocker.unblock(), rolled_back(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("clearing.sealer.LARGEST_BLOCK", 30)
        count_from_one()
        a_history()
        sealing.seal()
        yield


@pytest.fixture(autouse=True)
def undone(told, django_db_blocker):
    with django_db_blocker.unblock(), rolled_back():
        yield


def by_sql(up_to: int) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account, asset, sum(amount) FROM clearing_entry WHERE sequence <= %s"
            " GROUP BY account, asset HAVING sum(amount) <> 0",
            [up_to],
        )
        for account, asset, amount in cursor.fetchall():
            found.setdefault(account, {})[asset] = int(amount)
    return found


def by_python(up_to: int) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in models.Event.objects.filter(sequence__lte=up_to).order_by("sequence"):
        for it in entries.effects(codec.decode(row.name, row.payload)):
            held = found.setdefault(it.account, {})
            held[it.asset] = held.get(it.asset, 0) + it.amount
    return {
        account: kept
        for account, held in found.items()
        if (kept := {asset: amount for asset, amount in held.items() if amount})
    }


def last() -> int:
    return models.Event.objects.latest("sequence").sequence


def test_the_fold_equals_sql_and_python_at_random_sequences():
    seed = seed_of("whole_book")
    print(f"seed {seed}")
    assert models.Block.objects.count() > 1
    assert selectors.sealed_up_to() < last(), "a tail that is not sealed belongs to it"

    for up_to in [0, 1, last(), *random.Random(seed).sample(range(1, last()), 12)]:
        assert selectors.balances(up_to=up_to) == by_sql(up_to) == by_python(up_to), up_to


def test_without_a_sequence_it_is_the_book_now():
    assert selectors.balances() == by_sql(last())


def test_members_holdings_are_what_the_log_says():
    members = {
        account: held
        for account, held in selectors.balances().items()
        if account not in entries.HOUSE_ACCOUNTS
    }
    rows: dict[str, dict[str, int]] = {}
    for row in models.Holding.objects.all():
        rows.setdefault(row.account, {})[row.asset] = row.amount

    assert members == rows


def test_columns_that_were_changed_are_refused():
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_blockcolumns SET body = set_byte(body, length(body) - 1, 7)"
            " WHERE block = 1"
        )

    with pytest.raises(ColumnsChanged):
        selectors.balances()


def test_columns_changed_with_their_digest_are_refused_too():
    """The block's header names the digest."""
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_blockcolumns SET body = set_byte(body, length(body) - 1, 7),"
            " digest = sha256(set_byte(body, length(body) - 1, 7)) WHERE block = 1"
        )

    with pytest.raises(ColumnsChanged):
        selectors.balances()


def test_a_block_without_columns_is_decoded_on_the_way():
    with as_owner() as cursor:
        cursor.execute("DELETE FROM clearing_blockcolumns WHERE block = 2")

    assert selectors.balances() == by_sql(last())


def test_another_decoder_adds_columns_and_changes_neither_block_nor_root(monkeypatch):
    before = list(models.Block.objects.order_by("number").values_list("root", "head"))
    monkeypatch.setattr(codec, "DECODER", codec.DECODER + 1)

    made, _ = decoding.decode_blocks()

    assert made == len(before)
    assert list(models.Block.objects.order_by("number").values_list("root", "head")) == before
    assert selectors.balances() == by_sql(last())


def test_facts_the_code_cannot_read_are_sealed_without_columns():
    """The order never waits for a decoder; the replay says what it cannot read."""
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_event SET name = 'clearing.unheard-of.v1' WHERE sequence = %s",
            [last()],
        )
    while sealing.seal() < last():
        pass

    block = models.Block.objects.latest("number")
    assert (block.decoder, block.count > 0) == (sealer.UNDECODED, True)
    with pytest.raises(KeyError):
        selectors.balances()


def test_the_lag_of_the_sealer_is_known():
    lag = selectors.seal_lag()

    assert lag.waiting == models.Event.objects.filter(sequence__gt=selectors.sealed_up_to()).count()
    assert lag.heartbeat_seconds >= 0
