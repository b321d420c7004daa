"""What a source reports is kept to the letter; only its shape is held to anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import observations, sources
from clearing.domain.amounts import NotANumber
from clearing.domain.observations import Observation, ObservationRefused
from clearing.domain.sources import Kind, PolicyNotValid, PricePolicy, Source, SourceNotValid

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SAID = st.builds(
    Observation,
    subject=TEXT,
    at=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),
    bid=TEXT,
    ask=TEXT,
    mark=TEXT,
    last=TEXT,
    vol=TEXT,
    depth=TEXT,
)


@given(TEXT, st.lists(SAID, max_size=4))
def test_what_is_kept_is_read_back(source, found):
    text = observations.content(source, found)

    batch = observations.read(text)

    assert (batch.source, batch.observations) == (source, tuple(found))
    assert batch.name == observations.name_of(text)


@given(TEXT, st.lists(SAID, max_size=3), st.lists(SAID, max_size=3))
def test_other_words_have_another_name(source, one, other):
    names = {observations.name_of(observations.content(source, it)) for it in (one, other)}

    assert (len(names) == 1) == (one == other)


def check(*found: Observation) -> None:
    observations.check(found, now=NOW, ahead_seconds=60)


def test_a_wrong_price_is_evidence_and_is_taken():
    check(Observation(subject="index BTC", at=NOW, bid="2", ask="1", mark="-5"))


@pytest.mark.parametrize(
    ("subject", "at", "field"),
    [
        ("BTC", NOW, "subject"),
        ("index", NOW, "subject"),
        ("index ", NOW, "subject"),
        ("index BTC now", NOW, "subject"),
        ("price BTC", NOW, "subject"),
        ("forward BTC", NOW, "subject"),
        ("forward BTC tomorrow", NOW, "subject"),
        ("forward BTC 2026-01-30", NOW, "subject"),
        ("quote " + "x" * 100, NOW, "subject"),
        ("index BTC", NOW + timedelta(seconds=61), "at"),
    ],
)
def test_a_shape_that_is_none_is_refused_with_its_place(subject, at, field):
    good = Observation(subject="index BTC", at=NOW, mark="1")

    with pytest.raises(ObservationRefused) as caught:
        check(good, Observation(subject=subject, at=at, mark="1"))

    assert (caught.value.field, caught.value.place) == (field, 1)


@pytest.mark.parametrize("name", observations.NUMBERS)
def test_a_number_is_plain(name):
    with pytest.raises(NotANumber) as caught:
        check(Observation(subject="index BTC", at=NOW, **{name: "NaN"}))

    assert (caught.value.field, caught.value.place) == (name, 0)


def test_a_batch_holds_something_and_not_too_much(monkeypatch):
    monkeypatch.setattr(observations, "MOST_OBSERVATIONS", 1)
    one = Observation(subject="index BTC", at=NOW, mark="1")

    for found in ((), (one, one)):
        with pytest.raises(ObservationRefused):
            check(*found)


@pytest.mark.parametrize(
    "but",
    [
        {"name": ""},
        {"name": "two words"},
        {"name": "x" * 21},
        {"weight": 0},
        {"weight": 11},
        {"quotes": ()},
        {"quotes": ("BTC", "")},
        {"quotes": ("B T",)},
    ],
)
def test_terms_that_make_no_source_are_refused(but):
    usual = {"name": "XDRB", "kind": Kind.VENUE}
    sources.check_source(Source(**usual))

    with pytest.raises(SourceNotValid):
        sources.check_source(Source(**usual | but))


@pytest.mark.parametrize(
    ("but", "field"),
    [
        ({"cadence_seconds": 0}, "cadence_seconds"),
        ({"quorum_index": 0}, "quorum_index"),
        ({"outlier_mads": 1}, "outlier_mads"),
        ({"option_band": "1.1"}, "option_band"),
        ({"outlier_band": "0"}, "outlier_band"),
        ({"divergence_band": "0.01"}, "outlier_band"),
        ({"outlier_bands": "0.1"}, "outlier_bands"),
        ({"max_age_seconds": "60"}, "max_age_seconds"),
        ({"pegged": 1}, "pegged"),
    ],
)
def test_rules_nobody_could_seal_by_are_refused(but, field):
    with pytest.raises(PolicyNotValid) as caught:
        sources.check_policy(sources.policy_of(but))

    assert caught.value.field == field


def test_rules_are_read_as_they_are_spelled():
    policy = PricePolicy(pegged=("USDC", "USDT"), quorum_option=3)

    assert sources.policy_of(sources.spelled(policy)) == policy
    assert sources.policy_of({}) == PricePolicy()
