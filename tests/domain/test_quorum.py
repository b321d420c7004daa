"""Many observations become one price: who is not heard, and what nobody can move."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clearing.domain import clock, observations, prices, quorum, sources
from clearing.domain.medians import median, outlying, sealed, weighted_median
from clearing.domain.observations import Batch, Observation
from clearing.domain.rejections import Why, hash_of
from clearing.domain.sources import Kind, PricePolicy, Source
from tests.domain.instruments import CALL, EXPIRY, FUTURE, PERPETUAL
from tests.oracle import quorum as oracle

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LISTED = {it.symbol: it for it in (PERPETUAL, FUTURE, CALL)}
FORWARD = f"forward BTC {clock.text(EXPIRY)}"
POLICY = PricePolicy()
NAMES = ("A", "B", "C", "D", "E", "F", "G")
_numbers = count()


def a_source(name: str, **but) -> Source:
    return replace(Source(name=name, kind=Kind.VENUE), **but)


def said(source: str, *found: Observation) -> Batch:
    text = observations.content(source, found)
    return observations.read(text)


def of(subject: str = "index BTC", mark: str = "", *, age: float = 0, **but) -> Observation:
    return Observation(subject=subject, at=AT - timedelta(seconds=age), mark=mark, **but)


def closed(*batches: Batch, policy: PricePolicy = POLICY, **admitted: Source) -> quorum.Outcome:
    known = {name: a_source(name) for name in NAMES} | admitted
    return quorum.seal(batches, admitted=known, policy=policy, instruments=LISTED, at=AT)


def marks(*values: str, subject: str = "index BTC") -> list[Batch]:
    return [said(name, of(subject, value)) for name, value in zip(NAMES, values, strict=False)]


def why(outcome: quorum.Outcome) -> set[tuple[str, str, str]]:
    return {(it.subject, it.source, it.why.value) for it in outcome.rejections}


def test_three_sources_make_the_one_in_the_middle():
    outcome = closed(*marks("90010", "90000", "90050"))

    assert outcome.prices is not None
    assert outcome.prices.indices == {"BTC": "90010"}
    assert outcome.rejections == ()
    assert outcome.prices.source == "quorum"


def test_two_sources_meet_half_way_rounded_half_even_to_twelve_digits():
    assert closed(*marks("90000.1", "90000.2")).prices.indices == {"BTC": "90000.15"}
    one, other = "1.0000000000010", "1.0000000000021"  # half-way is ...1550: even is ...2
    assert closed(*marks(one, other)).prices.indices == {"BTC": "1.000000000002"}
    assert sealed(Decimal("0.0000000000005")) == "0"
    assert sealed(Decimal("0.0000000000015")) == "0.000000000002"


WRONG = {
    "stale": (of(mark="90000", age=121), Why.STALE),
    "forty percent off": (of(mark="126000"), Why.OUTLYING),
    "forty percent below": (of(mark="54000"), Why.OUTLYING),
    "zero": (of(mark="0"), Why.ZERO),
    "negative": (of(mark="-90000"), Why.NEGATIVE),
    "negative bid": (of(mark="90000", bid="-1", ask="90001"), Why.NEGATIVE),
    "crossed": (of(mark="90000", bid="90001", ask="90000"), Why.CROSSED),
    "nothing": (of(bid="90000"), Why.EMPTY),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_one_of_three_that_is_wrong_is_not_heard_and_it_is_said_why(wrong):
    observation, reason = WRONG[wrong]

    outcome = closed(*marks("90000", "90010"), said("C", observation))

    assert outcome.prices.indices == {"BTC": "90005"}
    assert why(outcome) == {("index BTC", "C", reason.value)}
    assert outcome.prices.made_of.rejections == hash_of(outcome.rejections)


@pytest.mark.parametrize("wrong", WRONG)
def test_where_it_was_needed_for_the_quorum_no_set_is_sealed(wrong):
    observation, _ = WRONG[wrong]

    outcome = closed(said("A", of(mark="90000")), said("B", observation))

    assert outcome.prices is None
    assert ("index BTC", "", "no-quorum") in why(outcome)


def test_two_that_disagree_are_both_disbelieved():
    outcome = closed(*marks("90000", "126000"))

    assert outcome.prices is None
    assert why(outcome) == {
        ("index BTC", "A", "outlying"),
        ("index BTC", "B", "outlying"),
        ("index BTC", "", "no-quorum"),
    }


def test_two_of_three_that_collude_are_believed():
    """What no median can tell: it is written down here so that nobody hopes for it."""
    assert closed(*marks("90000", "126000", "126010")).prices.indices == {"BTC": "126005"}


def test_a_crash_in_which_everybody_falls_is_a_price():
    calm = [said(name, of(mark="90000", age=60)) for name in "ABC"]
    crash = marks("54000", "54100", "53900")

    outcome = closed(*calm, *crash, policy=replace(POLICY, jump_band=Decimal("0.1")))

    assert outcome.prices.indices == {"BTC": "54000"}


def test_one_that_jumps_alone_is_not_heard_until_it_says_so_again():
    lone = replace(
        sources.ONE_SOURCE,
        jump_band=Decimal("0.1"),
        max_age_seconds=100,
        outlier_band=Decimal(1),
        divergence_band=Decimal(1),
    )
    before, jump = said("A", of(mark="90000", age=60)), said("A", of(mark="54000"))
    confirmed = said("A", of(mark="54100", age=30))

    assert why(closed(before, jump, policy=lone)) == {
        ("index BTC", "A", "jumped"),
        ("index BTC", "", "no-quorum"),
    }
    assert closed(before, confirmed, jump, policy=lone).prices.indices == {"BTC": "54000"}


def test_a_suspended_source_and_one_that_may_not_quote_it_are_not_heard():
    outcome = closed(
        *marks("90000", "90010", "90020", "90030"),
        C=a_source("C", suspended=True),
        D=a_source("D", quotes=("ETH",)),
    )

    assert outcome.prices.indices == {"BTC": "90005"}
    assert why(outcome) == {("index BTC", "C", "suspended"), ("index BTC", "D", "not-its-own")}


def test_an_own_venue_never_makes_the_quorum_of_an_index():
    """The collateral that was worth 0.65 on one venue's own book, and one everywhere else."""
    own = {"A": a_source("A", kind=Kind.OWN)}
    pegged = [said("A", of("index USDE", "0.65")), said("B", of("index USDE", "0.999"))]

    assert closed(*marks("90000", "90010"), **own).prices is None
    assert closed(*marks("90000", "90010", "90020"), **own).prices.indices == {"BTC": "90010"}
    assert closed(*pegged, said("C", of("index USDE", "0.998")), **own).prices.indices == {
        "USDE": "0.9985"
    }


def test_what_is_said_later_than_the_close_waits_for_the_next_window():
    late = closed(*marks("90000", "90010"), said("C", of(mark="90100", age=-1)))

    assert late.prices.indices == {"BTC": "90005"}
    assert late.rejections == ()


def test_the_latest_word_of_a_source_counts_and_only_that():
    outcome = closed(
        said("A", of(mark="91000", age=30), of(mark="90000", age=1)), said("B", of(mark="90000"))
    )

    assert outcome.prices.indices == {"BTC": "90000"}
    assert outcome.observations == 2


def test_who_is_not_admitted_is_nobody():
    stranger = said("MALLORY", of(mark="1"))

    outcome = closed(*marks("90000", "90010"), stranger)

    assert outcome.prices == closed(*marks("90000", "90010")).prices
    assert stranger.name not in outcome.batches


def options(*quotes: tuple[str, str], symbol: str = "BTC-C") -> list[Batch]:
    return [
        said(
            name,
            of("index BTC", "90000"),
            of(FORWARD, "90100"),
            of(f"quote {symbol}", mark, vol=vol),
        )
        for name, (mark, vol) in zip(NAMES, quotes, strict=False)
    ]


def test_an_option_is_sealed_with_the_middle_mark_and_volatility():
    outcome = closed(*options(("0.0123", "0.5"), ("0.0121", "0.49"), ("0.0125", "0.51")))

    assert outcome.prices.quotes["BTC-C"] == prices.Quote("0.0123", "0.5")
    prices.check(outcome.prices, LISTED)


def test_a_deep_option_may_be_worth_nothing():
    outcome = closed(*options(("0", "0.9"), ("0", "0.9"), ("0.0001", "0.95")))

    assert outcome.prices.quotes["BTC-C"] == prices.Quote("0", "0.9")
    assert outcome.rejections == ()


def test_an_option_forty_percent_off_is_not_heard():
    outcome = closed(*options(("0.0123", "0.5"), ("0.0121", "0.5"), ("0.0172", "0.5")))

    assert why(outcome) == {("quote BTC-C", "C", "outlying")}
    assert outcome.prices.quotes["BTC-C"].mark == "0.0122"


def test_an_options_volatility_is_a_price_too():
    outcome = closed(*options(("0.0123", "0.5"), ("0.0121", "0.5"), ("0.0123", "0.9")))

    assert why(outcome) == {("quote BTC-C", "C", "outlying")}
    assert why(closed(*options(("0.01", "0.5"), ("0.01", "")))) == {
        ("quote BTC-C", "B", "no-volatility"),
        ("quote BTC-C", "", "no-quorum"),
    }


def test_what_hangs_on_an_index_that_was_not_sealed_is_not_sealed():
    outcome = closed(
        *marks("90000", "90010", subject="quote BTC-PERP"),
        *marks("3000", "3001", subject="index ETH"),
    )

    assert outcome.prices.quotes == {}
    assert why(outcome) == {("quote BTC-PERP", "", "unsupported")}


def test_what_is_not_listed_or_over_is_not_sealed():
    over = f"forward BTC {clock.text(AT)}"
    outcome = closed(
        *marks("90000", "90010"),
        said("C", of("quote DOGE-PERP", "1"), of(over, "90000")),
    )

    assert why(outcome) == {("quote DOGE-PERP", "C", "not-listed"), (over, "C", "expired")}


def test_those_that_are_left_must_agree():
    """A line of sources none of which is far from its neighbours is still no price."""
    wide = replace(POLICY, outlier_band=Decimal("0.05"), divergence_band=Decimal("0.05"))
    outcome = closed(*marks("100", "103", "106"), policy=wide)

    assert outcome.prices is None
    assert ("index BTC", "", "diverging") in why(outcome)


# --- properties -------------------------------------------------------------------------------

HONEST = st.decimals("97.6", "102.4", places=3)
ANYTHING = st.decimals("0.001", "100000", places=3)


@given(st.lists(HONEST, min_size=2, max_size=4), st.lists(ANYTHING, max_size=3))
def test_an_honest_majority_is_always_heard_and_holds_the_price(honest, liars):
    """Honest: within half the band of each other. Liars: fewer, and as they please."""
    assume(len(liars) < len(honest))
    low, high = min(honest), max(honest)
    assume(high - low <= low * POLICY.outlier_band / 2)
    values = [*honest, *liars]

    outcome = closed(*marks(*map(str, values)), policy=replace(POLICY, divergence_band=Decimal(1)))

    heard = {it.source for it in outcome.rejections if it.source}
    assert not heard & set(NAMES[: len(honest)])
    if outcome.prices is not None:
        assert low <= Decimal(outcome.prices.indices["BTC"]) <= high


@given(st.lists(HONEST, min_size=2, max_size=5), st.sampled_from(sorted(WRONG)))
def test_adding_what_is_not_heard_never_moves_the_price(honest, wrong):
    low, high = min(honest), max(honest)
    assume(high - low <= low * POLICY.outlier_band / 2)
    observation, _ = WRONG[wrong]  # of 90000: far from 100, whatever else is wrong with it
    before = closed(*marks(*map(str, honest)))

    after = closed(*marks(*map(str, honest)), said("G", observation))

    assert after.prices.indices == before.prices.indices
    assert {it.source for it in after.rejections} == {"G"}


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), ANYTHING, st.integers(0, 300)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_the_same_observations_in_any_order_make_the_same_bytes(found, chance):
    batches = [said(name, of(mark=str(mark), age=age)) for name, mark, age in found]
    shuffled = list(batches)
    chance.shuffle(shuffled)

    one, other = closed(*batches), closed(*shuffled, *batches[:3])

    assert one == other
    if one.prices is not None:
        assert prices.name_of(prices.content(one.prices)) == prices.name_of(
            prices.content(other.prices)
        )
        assert prices.read(prices.content(one.prices)) == one.prices


@given(st.lists(st.tuples(st.sampled_from(NAMES), HONEST, st.integers(0, 300)), max_size=20))
def test_a_set_is_made_again_from_the_batches_it_names(found):
    batches = [said(name, of(mark=str(mark), age=age)) for name, mark, age in found]
    outcome = closed(*batches, B=a_source("B", suspended=True), C=a_source("C", weight=3))
    assume(outcome.prices is not None)
    kept = prices.read(prices.content(outcome.prices))
    named = [batch for batch in batches if batch.name in kept.made_of.batches]

    again = quorum.made_again(kept, named, instruments=LISTED)

    assert again == outcome


@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.tuples(st.one_of(HONEST, ANYTHING), st.integers(1, 4)),
        min_size=1,
    ),
    st.integers(1, 4),
)
def test_prices_are_those_of_the_oracle(said_by, needed):
    admitted = {name: a_source(name, weight=weight) for name, (_, weight) in said_by.items()}
    policy = replace(POLICY, quorum_index=needed)
    batches = [said(name, of(mark=str(mark))) for name, (mark, _) in said_by.items()]

    outcome = closed(*batches, policy=policy, **admitted)

    values = {name: Fraction(mark) for name, (mark, _) in said_by.items()}
    expected = oracle.price(
        values,
        {name: weight for name, (_, weight) in said_by.items()},
        quorum=needed,
        band=Fraction(policy.outlier_band),
        mads=policy.outlier_mads,
        divergence=Fraction(policy.divergence_band),
    )
    found = None if outcome.prices is None else outcome.prices.indices["BTC"]
    assert found == expected


@given(
    st.dictionaries(st.sampled_from(NAMES), st.decimals(-(10**9), 10**9, places=6)),
    st.decimals(0, 1, places=3),
    st.decimals(0, 10, places=3),
    st.integers(2, 5),
)
def test_who_is_outlying_is_as_the_oracle_says(values, band, floor, mads):
    found = outlying(values, band=band, floor=floor, mads=mads)

    assert found.keys() == oracle.outlying(
        {name: Fraction(value) for name, value in values.items()},
        band=Fraction(band),
        floor=Fraction(floor),
        mads=mads,
    )


@given(st.lists(st.decimals(-(10**9), 10**9, places=6), min_size=1))
def test_half_lies_on_either_side_of_a_median(values):
    middle = median(values)

    assert 2 * sum(value < middle for value in values) <= len(values)
    assert 2 * sum(value > middle for value in values) <= len(values)


@given(st.lists(st.tuples(st.decimals(0, 99, places=2), st.integers(1, 5)), min_size=1))
def test_a_weight_is_so_many_votes(weighted):
    votes = [value for value, weight in weighted for _ in range(weight)]

    assert weighted_median(weighted) == median(votes)


@pytest.mark.parametrize("seconds", [1, 60, 3_600])
def test_windows_close_at_whole_multiples_of_the_cadence(seconds):
    now = AT + timedelta(seconds=90.5)

    end = quorum.window_end(now, cadence_seconds=seconds)

    assert timedelta(0) <= now - end < timedelta(seconds=seconds)
    assert int(end.timestamp()) % seconds == 0
