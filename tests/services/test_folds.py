"""A snapshot is a baseline: with it, without it, or with a false one, a stream folds to the same."""

from __future__ import annotations

import pytest

from clearing import models, selectors
from clearing.domain import account
from clearing.services import collateral, folds, timekeeping, verification
from clearing.services.folds import SnapshotUnlike
from tests.builders import CAUSE, a_house

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_long_stream(monkeypatch):
    monkeypatch.setattr(folds, "EVERY", 5)
    a_house()
    deposit(12)


def deposit(times: int) -> None:
    for _ in range(times):
        number = models.Event.objects.count()
        collateral.deposit(
            "SOUTH-1",
            key=f"more-{number}",
            asset="USDC",
            amount="1",
            at=timekeeping.now(),
            cause=CAUSE,
        )


def replayed():
    return account.replay(it.fact for it in selectors.stream("account-SOUTH-1"))


def test_an_account_folds_to_what_its_facts_say():
    assert folds.account_state("SOUTH-1") == (replayed(), 14)


def test_only_what_is_new_is_read(django_assert_num_queries, monkeypatch):
    folds.account_state("SOUTH-1")
    deposit(2)
    read = []
    fold = folds.ACCOUNT.evolve
    counted = folds.Projector(
        **{
            **{name: getattr(folds.ACCOUNT, name) for name in ("name", "version", "start")},
            "text": folds.ACCOUNT.text,
            "parsed": folds.ACCOUNT.parsed,
            "evolve": lambda state, fact: read.append(fact) or fold(state, fact),
        }
    )

    assert folds.state("account-SOUTH-1", counted, refold=False) == (replayed(), 16)

    assert len(read) == 2


def test_deleting_all_snapshots_changes_nothing():
    before = folds.account_state("SOUTH-1")
    models.Snapshot.objects.all().delete()

    assert folds.account_state("SOUTH-1") == before


def test_a_snapshot_that_was_changed_is_not_used(caplog):
    before = folds.account_state("SOUTH-1")
    row = models.Snapshot.objects.get()
    models.Snapshot.objects.update(state=row.state.replace("cash:USDC", "cash:BTC"))

    assert folds.account_state("SOUTH-1", refold=False) == before
    assert "was changed" in caplog.text
    assert {it.check for it in verification.verify()} == {"snapshots"}


def test_one_that_was_forged_with_its_hash_is_found_by_folding_again():
    folds.account_state("SOUTH-1")
    row = models.Snapshot.objects.get()
    forged = row.state.replace("cash:USDC", "cash:BTC")
    digest = folds._hash(row.stream, folds.ACCOUNT, row.version, forged)
    models.Snapshot.objects.update(state=forged, state_hash=digest)

    with pytest.raises(SnapshotUnlike):
        folds.account_state("SOUTH-1", refold=True)
    assert {it.check for it in verification.verify()} == {"snapshots"}


def test_new_code_of_a_projector_starts_from_nothing(monkeypatch):
    folds.account_state("SOUTH-1")
    names = ("name", "start", "evolve", "text", "parsed")
    newer = folds.Projector(version=2, **{name: getattr(folds.ACCOUNT, name) for name in names})

    assert folds.state("account-SOUTH-1", newer) == (replayed(), 14)

    assert set(models.Snapshot.objects.values_list("projector_version", flat=True)) == {1, 2}


def test_a_snapshot_never_falls_back():
    folds.account_state("SOUTH-1")
    folds._keep("account-SOUTH-1", folds.ACCOUNT, account.Account(), 3)

    assert models.Snapshot.objects.get().version == 14


def test_a_state_is_read_back_as_it_was_kept():
    found = replayed()

    assert folds.ACCOUNT.parsed(folds.ACCOUNT.text(found)) == found
