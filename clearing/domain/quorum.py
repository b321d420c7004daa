"""From what several sources said to one price each: who is not heard and why, quorum, median.

Per subject, in this order: the latest observation of each source within the window; those that
cannot be right by themselves are rejected (suspended, not its own to quote, stale, crossed,
negative, zero where nothing is free); then a jump nobody confirms; then whoever is outlying; then
the quorum is counted, what is left must agree, and the weighted median is the price.

Outlying is measured from the others alone, so that nobody pulls the yardstick towards itself: a
source is outlying when it is farther from the median of the others than the band and than
`outlier_mads` median absolute deviations of the others. While honest sources are a strict majority
and lie within half the band of each other, none of them is ever outlying (the median of the others
and their deviation move away together), so the sealed price lies within the honest range. A
colluding majority is beyond it: two of three that agree are believed. Two that disagree are both
outlying, and nothing is sealed. (Leave-one-out median and MAD: Hampel 1974; Rousseeuw and Croux,
Alternatives to the Median Absolute Deviation, JASA 88, 1993.)

Everything is Decimal and sorted before it is used: the same observations in any order, in any
number of batches, make the same set to the last byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from clearing.domain import clock, recipes, sources
from clearing.domain.instrument import Instrument
from clearing.domain.instrument import Kind as InstrumentKind
from clearing.domain.medians import EXACT, TWO, median, outlying, sealed, weighted_median
from clearing.domain.observations import Batch, Observation, Of, parts
from clearing.domain.prices import PriceSet, Quote
from clearing.domain.rejections import Rejection, Why
from clearing.domain.sources import PricePolicy, Source

SOURCE = "quorum"  # as sets made here name where they come from
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`prices` is None where no index reached its quorum: nothing can be margined on that."""

    prices: PriceSet | None
    rejections: tuple[Rejection, ...]
    observations: int  # looked at: the latest of each source and subject
    batches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """A source's latest word on a subject, and the one before it."""

    source: Source
    latest: Observation
    before: Observation | None
    batches: tuple[str, ...]
    value: Decimal = Decimal(0)
    vol: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """What a subject's observations are held to."""

    quorum: int
    band: Decimal
    floor: Decimal
    may_be_zero: bool = False
    has_vol: bool = False
    own_counts: bool = True


class _Desk:
    """One sealing at work: what was sealed so far, and what was rejected."""

    def __init__(
        self,
        policy: PricePolicy,
        instruments: Mapping[str, Instrument],
        at: datetime,
    ) -> None:
        self.policy, self.instruments, self.at = policy, instruments, at
        self.indices: dict[str, str] = {}
        self.forwards: dict[str, str] = {}
        self.quotes: dict[str, Quote] = {}
        self.rejections: list[Rejection] = []
        self.heard: set[Source] = set()

    def reject(self, subject: str, source: str, why: Why, says: str = "") -> None:
        self.rejections.append(Rejection(subject, source, why, says))


def seal(
    batches: Iterable[Batch],
    *,
    admitted: Mapping[str, Source],
    policy: PricePolicy,
    instruments: Mapping[str, Instrument],
    at: datetime,
) -> Outcome:
    """The set of the window that closes at `at`. What is of a later time waits for the next."""
    said = _latest(batches, admitted, at=at, policy=policy)
    desk = _Desk(policy, instruments, at)
    for of in (Of.INDEX, Of.FORWARD, Of.QUOTE):  # options hang on the first two
        for subject in sorted(subject for subject in said if parts(subject)[0] is of):
            _seal_one(desk, subject, said[subject])
    rejections = tuple(sorted(desk.rejections))
    every = sorted({name for each in said.values() for it in each for name in it.batches})
    return Outcome(
        prices=_set(desk, admitted, every, rejections) if desk.indices else None,
        rejections=rejections,
        observations=sum(len(each) for each in said.values()),
        batches=tuple(every),
    )


def _set(
    desk: _Desk,
    admitted: Mapping[str, Source],
    batches: Sequence[str],
    rejections: Sequence[Rejection],
) -> PriceSet:
    return PriceSet(
        at=desk.at,
        source=SOURCE,
        simulated=any(it.simulated for it in desk.heard),
        indices=desk.indices,
        forwards=desk.forwards,
        quotes=desk.quotes,
        made_of=recipes.of(
            batches=batches, policy=desk.policy, admitted=admitted, rejections=rejections
        ),
    )


def made_again(
    found: PriceSet, batches: Iterable[Batch], *, instruments: Mapping[str, Instrument]
) -> Outcome:
    """What a set's own recipe makes of the batches it names: the set itself, if all is well."""
    assert found.made_of is not None
    return seal(
        batches,
        admitted=recipes.sources_in(found.made_of),
        policy=recipes.policy_in(found.made_of),
        instruments=instruments,
        at=found.at,
    )


def lookback(policy: PricePolicy) -> timedelta:
    return timedelta(seconds=policy.lookback_seconds)


def window_end(now: datetime, *, cadence_seconds: int) -> datetime:
    """The latest close that has come: whole multiples of the cadence since 1970."""
    step = timedelta(seconds=cadence_seconds)
    return EPOCH + (now - EPOCH) // step * step


# --- one subject ------------------------------------------------------------------------------


def _latest(
    batches: Iterable[Batch],
    admitted: Mapping[str, Source],
    *,
    at: datetime,
    policy: PricePolicy,
) -> dict[str, list[_Said]]:
    """By subject, each source's two latest words at or before the close; who is not admitted at
    all has no word here."""
    found: dict[tuple[str, str], list[tuple[Observation, str]]] = {}
    for batch in batches:
        if batch.source not in admitted:
            continue
        for it in batch.observations:
            age = (at - it.at).total_seconds()
            if 0 <= age <= policy.lookback_seconds:
                found.setdefault((it.subject, batch.source), []).append((it, batch.name))
    said: dict[str, list[_Said]] = {}
    for (subject, source), words in sorted(found.items()):
        words.sort(key=lambda word: (word[0].at, _order(word[0]), word[1]))
        latest, batch_name = words[-1]
        earlier = next((word for word in reversed(words) if word[0].at < latest.at), None)
        before, named = (earlier[0], (batch_name, earlier[1])) if earlier else (None, (batch_name,))
        said.setdefault(subject, []).append(_Said(admitted[source], latest, before, named))
    return said


def _order(it: Observation) -> tuple[str, ...]:
    return (it.bid, it.ask, it.mark, it.last, it.vol)


def _seal_one(desk: _Desk, subject: str, said: Sequence[_Said]) -> None:
    of, name, expiry = parts(subject)
    it = desk.instruments.get(name) if of is Of.QUOTE else None
    underlying = name if of is not Of.QUOTE else it.underlying if it else ""
    if (of is Of.QUOTE and it is None) or _past(desk, it, expiry):
        why = Why.NOT_LISTED if of is Of.QUOTE and it is None else Why.EXPIRED
        for word in said:
            desk.reject(subject, word.source.name, why)
        return
    rules = _rules(desk, of, it)
    if rules is None:
        desk.reject(subject, "", Why.UNSUPPORTED, f"no index of {underlying}, or no forward")
        return
    good = _by_themselves(desk, subject, said, rules, underlying)
    good = _confirmed(desk, subject, good, rules)
    good = _agreeing(desk, subject, good, rules)
    if _enough(desk, subject, good, rules):
        _take(desk, of, name, expiry, good, rules)


def _past(desk: _Desk, it: Instrument | None, expiry: str) -> bool:
    ends = it.expiry_at if it is not None else clock.parsed(expiry) if expiry else None
    return ends is not None and ends <= desk.at


def _rules(desk: _Desk, of: Of, it: Instrument | None) -> _Rules | None:
    """None where what it hangs on was not sealed."""
    policy = desk.policy
    if it is None:
        index = of is Of.INDEX
        quorum = policy.quorum_index if index else policy.quorum_forward
        # an own venue's print never makes the quorum of an index
        return _Rules(
            quorum=quorum, band=policy.outlier_band, floor=Decimal(0), own_counts=not index
        )
    if it.underlying not in desk.indices:
        return None
    if it.kind is not InstrumentKind.OPTION:
        return _Rules(quorum=policy.quorum_linear, band=policy.outlier_band, floor=Decimal(0))
    assert it.expiry_at is not None
    if f"{it.underlying} {clock.text(it.expiry_at)}" not in desk.forwards:
        return None
    unit = Decimal(1) if it.priced_in_coin else Decimal(desk.indices[it.underlying])
    return _Rules(
        quorum=policy.quorum_option,
        band=policy.option_band,
        floor=EXACT.multiply(policy.option_floor, unit),
        may_be_zero=True,
        has_vol=True,
    )


def _by_themselves(
    desk: _Desk, subject: str, said: Sequence[_Said], rules: _Rules, underlying: str
) -> list[_Said]:
    good = []
    for word in said:
        fault = _fault(desk, word, rules, underlying)
        if fault is not None:
            desk.reject(subject, word.source.name, *fault)
            continue
        value = value_of(word.latest)
        assert value is not None
        vol = word.latest.number("vol") if rules.has_vol else None
        good.append(replace(word, value=value, vol=vol))
    return good


def _fault(desk: _Desk, word: _Said, rules: _Rules, underlying: str) -> tuple[Why, str] | None:
    it = word.latest
    if word.source.suspended:
        return Why.SUSPENDED, ""
    if not word.source.may_quote(underlying):
        return Why.NOT_ITS_OWN, f"admitted for {','.join(word.source.quotes)}"
    age = int((desk.at - it.at).total_seconds())
    if age > desk.policy.max_age_seconds:
        return Why.STALE, f"{age} s old, limit {desk.policy.max_age_seconds} s"
    for name in ("bid", "ask", "mark", "last", "vol"):
        number = it.number(name)
        if number is not None and number < 0:
            return Why.NEGATIVE, f"{name} {number:f}"
    bid, ask, value = it.number("bid"), it.number("ask"), value_of(it)
    if bid is not None and ask is not None and bid > ask:
        return Why.CROSSED, f"bid {bid:f} above ask {ask:f}"
    if value is None:
        return Why.EMPTY, "neither a mark, nor both sides, nor a last price"
    if value == 0 and not rules.may_be_zero:
        return Why.ZERO, ""
    if rules.has_vol and not it.number("vol"):
        return Why.NO_VOLATILITY, ""
    return None


def value_of(it: Observation) -> Decimal | None:
    """The mark; without one the middle of bid and ask; without both sides the last price."""
    mark, bid, ask = it.number("mark"), it.number("bid"), it.number("ask")
    if mark is not None:
        return mark
    if bid is not None and ask is not None:
        return EXACT.divide(EXACT.add(bid, ask), TWO)
    return it.number("last")


def _confirmed(desk: _Desk, subject: str, good: list[_Said], rules: _Rules) -> list[_Said]:
    """Without those that jumped from their own last word while most others stayed."""
    if not desk.policy.jump_band:
        return good
    limit = max(desk.policy.jump_band, rules.band) if rules.has_vol else desk.policy.jump_band
    moves = {word.source.name: _move(word) for word in good}
    kept = []
    for word in good:
        move = moves[word.source.name]
        if move is None or abs(move) <= limit:
            kept.append(word)
            continue
        others = [it for name, it in moves.items() if name != word.source.name and it is not None]
        along = sum(1 for it in others if EXACT.multiply(it, move) > 0 and 2 * abs(it) >= abs(move))
        if others and 2 * along >= len(others):
            kept.append(word)
            continue
        desk.reject(
            subject, word.source.name, Why.JUMPED, f"by {move:.4f} from its own last, unconfirmed"
        )
    return kept


def _move(word: _Said) -> Decimal | None:
    """Share of its own last word a source moved by; None where it had none to move from."""
    before = value_of(word.before) if word.before else None
    if before is None or before <= 0:
        return None
    return EXACT.divide(EXACT.subtract(word.value, before), before)


def _agreeing(desk: _Desk, subject: str, good: list[_Said], rules: _Rules) -> list[_Said]:
    """Without the outlying: by price, and options by volatility too."""
    out = {
        name: ("price", said)
        for name, said in outlying(
            {it.source.name: it.value for it in good},
            band=rules.band,
            floor=rules.floor,
            mads=desk.policy.outlier_mads,
        ).items()
    }
    vols = {it.source.name: it.vol for it in good if it.vol is not None}
    by_vol = outlying(vols, band=rules.band, floor=Decimal(0), mads=desk.policy.outlier_mads)
    for name, said in by_vol.items():
        out.setdefault(name, ("volatility", said))
    for name, (what, said) in out.items():
        desk.reject(subject, name, Why.OUTLYING, f"{what} {said}")
    return [it for it in good if it.source.name not in out]


def _enough(desk: _Desk, subject: str, good: list[_Said], rules: _Rules) -> bool:
    counted = [it for it in good if rules.own_counts or it.source.kind is not sources.Kind.OWN]
    if len(counted) < rules.quorum:
        desk.reject(subject, "", Why.NO_QUORUM, f"{len(counted)} of {rules.quorum} sources")
        return False
    values = sorted(it.value for it in good)
    centre = abs(median(values))
    share = max(desk.policy.divergence_band, 3 * rules.band if rules.has_vol else Decimal(0))
    limit = max(EXACT.multiply(share, centre), 3 * rules.floor)
    if EXACT.subtract(values[-1], values[0]) > limit:
        desk.reject(subject, "", Why.DIVERGING, f"from {values[0]:f} to {values[-1]:f}")
        return False
    return True


def _take(
    desk: _Desk, of: Of, name: str, expiry: str, good: Sequence[_Said], rules: _Rules
) -> None:
    mark = sealed(weighted_median([(it.value, it.source.weight) for it in good]))
    desk.heard.update(it.source for it in good)
    if of is Of.INDEX:
        desk.indices[name] = mark
    elif of is Of.FORWARD:
        desk.forwards[f"{name} {expiry}"] = mark
    elif rules.has_vol:
        vols = [(it.vol, it.source.weight) for it in good if it.vol is not None]
        desk.quotes[name] = Quote(mark, sealed(weighted_median(vols)))
    else:
        desk.quotes[name] = Quote(mark)
