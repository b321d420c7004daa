"""Sealing price sets, and correcting them by others."""

from __future__ import annotations

from dataclasses import replace

from clearing import models, selectors, store
from clearing.domain import clock, prices
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound, Refusal
from clearing.domain.events import PriceSetCorrected, PriceSetSealed
from clearing.domain.prices import PriceSet
from clearing.services import timekeeping


class PriceFromTheFuture(Refusal):
    code = "price-from-the-future"
    says = "The set is of a time that has not come yet."
    remedy = "Seal it when its time has come."


class PriceOutOfOrder(Refusal):
    code = "price-out-of-order"
    says = "A later set is in force already."
    remedy = "Sets are sealed in the order of their times."


class QuorumNeeded(Refusal):
    code = "quorum-needed"
    says = "The house takes no set of one feed: its price policy asks for several sources."
    remedy = "Report it as the observations of a source; the window seals what a quorum confirms."


class CorrectionNotValid(Refusal):
    code = "correction-not-valid"
    says = "This does not correct that set."
    remedy = "Give a set of the same time, with other prices than any that stood for that time."


class CorrectedAlready(Refusal):
    code = "corrected-already"
    says = "Another set stands in for that one already."
    remedy = "Correct the one that stands, if it is wrong too."


@store.decision
def seal(found: PriceSet, *, cause: Cause) -> int:
    """Put the set of one feed in force; return its sequence. The same content is the same set.

    Raises QuorumNeeded where the price policy asks for several sources, and as `put_in_force`.
    """
    prices.check(found, selectors.instruments(found.quotes))
    policy = selectors.price_policy()
    if policy is not None and policy.needs_several:
        raise QuorumNeeded(field="source", source=found.source)
    return put_in_force(found, cause=cause)


@store.decision
def put_in_force(found: PriceSet, *, cause: Cause) -> int:
    """Check a set, keep its content under its hash, and put it in force; return its sequence.

    The same content again is the same set. In a story the clock is carried to the set's time.
    Raises PriceRefused, PriceMissing, PriceOutOfOrder, PriceFromTheFuture.
    """
    prices.check(found, selectors.instruments(found.quotes))
    clock_stream_first = timekeeping.reach(found.at, cause=cause)
    stream = store.claim("prices")
    name = prices.name_of(prices.content(found))
    known = selectors.price_sets().filter(name=name).first()
    if known is not None:
        return known.sequence
    _check_time(found)
    _keep_body(found)
    fact = PriceSetSealed(
        price_set=name,
        source=found.source,
        at=clock.text(found.at),
        quotes=len(found.quotes),
        simulated=found.simulated,
    )
    because = cause.because_of(clock_stream_first) if clock_stream_first else cause
    return store.append(stream, fact, at=found.at, cause=because)


def _check_time(found: PriceSet) -> None:
    if found.at > timekeeping.now():
        raise PriceFromTheFuture(field="at", at=clock.text(found.at))
    latest = selectors.price_sets().first()
    if latest is not None and found.at <= latest.at:
        raise PriceOutOfOrder(field="at", at=clock.text(found.at), latest=clock.text(latest.at))


@store.decision
def correct(sequence: int, found: PriceSet, *, reason: str, key: str = "", cause: Cause) -> int:
    """Let another set stand in for the one at `sequence`, from its own time on; return its sequence.

    Both are kept, and what was computed on the wrong one still names it. Asking again with the same
    content is the same correction, under the same `key` or without one. Two at once: the second is
    told which set stands by then.

    Raises NotFound, CorrectionNotValid (another time, or prices that stood there before),
    CorrectedAlready, PriceRefused, PriceMissing, KeyReused.
    """
    prices.check(found, selectors.instruments(found.quotes))
    stream = store.claim("prices")
    content = f"{sequence} {prices.name_of(prices.content(found))}"
    known = store.earlier(scope=cause.actor, key=key, content=content) if key else None
    if known is not None:
        return known
    corrected = _correct(stream, sequence, found, reason=reason, cause=cause)
    if key:
        store.remember(scope=cause.actor, key=key, content=content, sequence=corrected)
    return corrected


def _correct(
    stream: store.Stream, sequence: int, found: PriceSet, *, reason: str, cause: Cause
) -> int:
    of_time = selectors.sets_of_time(sequence)
    if not of_time:
        raise NotFound(field="price_set", sequence=sequence)
    name = prices.name_of(prices.content(found))
    for row in of_time:
        if row.name == name and row.corrects == sequence:
            return row.sequence
    if found.at != of_time[0].at:
        raise CorrectionNotValid(
            field="at", at=clock.text(found.at), set_at=clock.text(of_time[0].at)
        )
    if selectors.price_sets().filter(name=name).exists():
        raise CorrectionNotValid(field="price_set", same_content_as=name[:12])
    standing = of_time[-1]
    if standing.sequence != sequence:
        raise CorrectedAlready(field="price_set", stands=standing.sequence)
    _keep_body(found)
    fact = PriceSetCorrected(
        corrects=sequence,
        price_set=name,
        source=found.source,
        at=clock.text(found.at),
        quotes=len(found.quotes),
        simulated=found.simulated,
        reason=reason,
    )
    return store.append(stream, fact, at=found.at, cause=cause.because_of(sequence))


def patched(
    sequence: int, *, indices: dict[str, str], forwards: dict[str, str], quotes: dict[str, str]
) -> PriceSet:
    """The set at `sequence` with some prices replaced: what a correction of a few is made from.

    A quote is a mark, or `mark:vol`; a mark alone keeps the volatility. It is nobody's median any
    more, so what it was made of falls away and its source says so. Raises NotFound, PriceMissing
    (replacing what is not in the set).
    """
    wrong = selectors.prices_at(sequence).prices
    for given, known, field in (
        (indices, wrong.indices, "index"),
        (forwards, wrong.forwards, "forward"),
        (quotes, wrong.quotes, "symbol"),
    ):
        for name in given:
            if name not in known:
                raise prices.PriceMissing(field=field, **{field: name}, at=clock.text(wrong.at))
    changed = {}
    for symbol, text in quotes.items():
        mark, _, vol = text.partition(":")
        changed[symbol] = prices.Quote(mark, vol or wrong.quotes[symbol].vol)
    source = wrong.source.removesuffix(CORRECTED) + CORRECTED
    return replace(
        wrong,
        source=source,
        indices={**wrong.indices, **indices},
        forwards={**wrong.forwards, **forwards},
        quotes={**wrong.quotes, **changed},
        made_of=None,
    )


CORRECTED = ", corrected"


def _keep_body(found: PriceSet) -> None:
    body = prices.content(found)
    models.PriceBody.objects.bulk_create(
        [models.PriceBody(name=prices.name_of(body), body=body)], ignore_conflicts=True
    )
