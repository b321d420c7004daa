"""Many at once: a window is sealed once, and nobody's word is lost or counted twice."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from clearing import models, selectors
from clearing.services import observing, pricing, timekeeping, verification
from clearing.services import quorum as windows
from clearing.services.pricing import CorrectedAlready
from tests.builders import CAUSE, a_house, a_price_set, after
from tests.quotes import SOURCES, a_board, admit, everybody, report
from tests.threads import at_once

NOON = after(hours=1)


def facts(name: str) -> int:
    return models.Event.objects.filter(name=f"clearing.{name}.v1").count()


def close() -> windows.Closed | None:
    return windows.seal_window(cause=CAUSE)


def test_eight_sealers_of_one_window_seal_it_once(house):
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)
    everybody(at=NOON)

    closed = [done.result() for done in at_once([close] * 8)]

    assert sum(it is not None for it in closed) == 1
    assert facts("price-set-sealed") == 1
    assert verification.verify() == []


def test_eight_sealers_of_a_window_without_a_quorum_say_so_once(house):
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)
    report("XONE", a_board(at=NOON))

    closed = [done.result() for done in at_once([close] * 8)]

    assert sum(it is not None for it in closed) == 1
    assert facts("price-set-deferred") == 1
    assert models.PriceRejection.objects.filter(subject="index BTC").count() == 1


def test_what_is_reported_while_a_window_is_sealed_is_in_it_or_in_the_next(house):
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)
    for name in SOURCES[:2]:
        report(name, a_board("90000", at=NOON))
    at = NOON + timedelta(seconds=60)

    *reported, sealing = at_once(
        [partial(report, "XTHR", a_board("90060", at=NOON)) for _ in range(4)] + [close]
    )

    kept = {done.result().batch for done in reported}
    assert len(kept) == 1
    assert sum(done.result().new for done in reported) >= 1
    assert models.ObservationBatch.objects.filter(source="XTHR").count() == 1
    first = selectors.prices_at(sealing.result().sequence).prices
    heard = kept <= set(first.made_of.batches)
    assert first.indices == {"BTC": "90000"}, "the median of three is that of two here"
    timekeeping.advance(at, cause=CAUSE)
    second = selectors.prices_at(close().sequence).prices
    assert kept <= set(second.made_of.batches)
    assert heard or len(first.made_of.batches) == 2
    assert verification.verify() == []


def test_one_batch_from_eight_threads_is_kept_once_under_one_key(house):
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)

    reported = at_once([partial(report, "XONE", a_board(at=NOON), key="k-1")] * 8)

    assert len({done.result().batch for done in reported}) == 1
    assert models.ObservationBatch.objects.count() == 1
    assert models.Command.objects.filter(scope="observations:XONE").count() == 1


def test_of_two_corrections_at_once_one_stands_and_the_other_is_told(house):
    a_house()
    wrong = pricing.seal(a_price_set(), cause=CAUSE)
    fixed = [
        pricing.patched(wrong, indices={"BTC": index}, forwards={}, quotes={})
        for index in ("88000", "89000")
    ]

    done = at_once(
        [partial(pricing.correct, wrong, it, reason="a race", cause=CAUSE) for it in fixed]
    )

    errors = [it.exception() for it in done]
    assert sorted(type(error) for error in errors if error) == [CorrectedAlready]
    assert facts("price-set-corrected") == 1
    assert verification.verify() == []


def test_a_source_suspended_while_a_window_is_sealed_was_heard_or_was_not(house):
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)
    everybody(at=NOON)
    suspend = partial(observing.suspend_source, "XTHR", reason="a race", at=NOON, cause=CAUSE)

    suspended, sealing = at_once([suspend, close])

    sequence, closed = suspended.result(), sealing.result()
    sealed = selectors.prices_at(closed.sequence)
    standing = sealed.prices.made_of.sources["XTHR"]
    assert ("suspended" in standing) == (sequence < closed.sequence)
    assert verification.verify() == []
