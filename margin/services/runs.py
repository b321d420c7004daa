"""Margin runs: one account after a fact, everybody after a price set, by the period, at night.

An all-account run freezes the book, fans out chunks as jobs, and is complete when every account has
a row: priced, or with the reason why not. Every step may be run again: rows are unique in a run,
and a run's fact is written once.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from clearing import selectors as record
from clearing import store
from clearing.domain import prices
from clearing.domain.cause import Cause
from clearing.domain.prices import PriceMissing
from clearing.selectors import BookColumns, SealedPrices
from clearing.services import books, jobs, timekeeping
from margin import models, selectors
from margin.domain.events import RunCompleted
from margin.selectors import ParametersMissing
from margin.services import results
from margin.services.results import Pins

ENGINE = "stress-grid/1"


# --- one account ------------------------------------------------------------------------------


@store.decision
def remargin(account_id: str, *, cause: Cause) -> models.Requirement | None:
    """The account as it is now, on the latest sealed set; None when there is nothing to do.

    Skipped when this version of the account was margined on this set already, or when the set's
    expiries are still being settled, since the run over everybody that follows will see the account.
    A set that has grown too old since is not good any more: then the result says so.
    """
    pinned = _latest_pins()
    if pinned is None:
        return None
    sealed, rules = pinned
    columns = record.live_book([account_id])
    if not columns.accounts:
        return None
    latest = selectors.latest_requirement(account_id)
    stale = bool(results.stale(sealed, at=timekeeping.now()))
    if latest is not None and _done(latest, columns, sealed, rules, stale=stale):
        return latest
    run_id = f"account-{account_id}-{columns.versions[0]}-{sealed.sequence}-{rules.name[:8]}"
    if stale:
        run_id += "-stale"
    return run_of_one(run_id, columns, sealed=sealed, rules=rules, cause=cause)


def _latest_pins() -> tuple[SealedPrices, selectors.Rules] | None:
    try:
        sealed, rules = record.latest_prices(), selectors.rules()
    except (PriceMissing, ParametersMissing):
        return None
    return (sealed, rules) if sealed.settled else None


def _done(
    latest: models.Requirement,
    columns: BookColumns,
    sealed: SealedPrices,
    rules: selectors.Rules,
    *,
    stale: bool,
) -> bool:
    said_stale = latest.reason.startswith(prices.PriceStale.code)
    done = (latest.price_sequence, latest.account_version, latest.parameter_set, said_stale)
    return done == (sealed.sequence, columns.versions[0], rules.name, stale)


@store.decision
def run_of_one(
    run_id: str,
    columns: BookColumns,
    *,
    kind: str = "account",
    sealed: SealedPrices,
    rules: selectors.Rules,
    cause: Cause,
) -> models.Requirement:
    """A whole run over one account: its row and its fact in one transaction."""
    stream = store.claim(f"run-{run_id}")
    account_id = columns.accounts[0]
    if stream.version == 0:
        pins = Pins(run_id=run_id, kind=kind, sealed=sealed, rules=rules, at=timekeeping.now())
        _open(pins, accounts=1, cause=cause)
        results.write(results.of(columns, pins))
        _complete(stream, run_id, cause=cause)
    return selectors.requirement_in(run_id, account_id)


# --- everybody --------------------------------------------------------------------------------


@store.decision
def start(kind: str, *, slot: str, cause: Cause) -> str | None:
    """Freeze the book, pin the run, leave a job for each chunk; return the run's id.

    Starting a slot again changes nothing. None when nothing can be margined yet: no prices or no
    parameters. Raises NotYet while expiries of the latest set are being settled.
    """
    try:
        sealed, rules = record.latest_prices(), selectors.rules()
    except (PriceMissing, ParametersMissing):
        return None
    if not sealed.settled:
        raise jobs.NotYet("expiries of the latest price set are still being settled")
    run_id = f"{kind}-{slot}"
    store.claim(f"run-{run_id}")
    if models.Run.objects.filter(run_id=run_id).exists():
        return run_id
    accounts = books.freeze(run_id)
    pins = Pins(run_id=run_id, kind=kind, sealed=sealed, rules=rules, at=timekeeping.now())
    _open(pins, accounts=accounts, cause=cause)
    size = settings.SURETY_CHUNK_ACCOUNTS
    for first in range(0, max(accounts, 1), size):
        jobs.leave(
            "margin.price_chunk",
            key=f"{run_id}:{first}",
            address={
                "run": run_id,
                "first": first,
                "last": first + size,
                "correlation_id": cause.correlation_id,
            },
        )
    return run_id


def adopt(*, slot: str, cause: Cause) -> str | None:
    """Everybody under parameters that have just come into force, on the latest prices.

    None when nothing can be margined yet, or while expiries of the latest set are being settled:
    the run over everybody that follows them is under the new parameters anyway.
    """
    try:
        return start("prices", slot=slot, cause=cause)
    except jobs.NotYet:
        return None


def price_chunk(run_id: str, *, first: int, last: int, cause: Cause) -> None:
    """Margin one stretch of the frozen book, and finish the run if it was the last one missing."""
    run = selectors.run(run_id)
    if run.completed:
        return
    columns = record.frozen_book(run_id, first=first, last=last)
    _write_chunk(columns, _pins_of(run))
    finish(run_id, cause=cause)


@store.decision
def _write_chunk(columns: BookColumns, pins: Pins) -> None:
    written = models.Requirement.objects.filter(run_id=pins.run_id, account__in=columns.accounts)
    if written.count() < len(columns.accounts):
        results.write(results.of(columns, pins))


@store.decision
def finish(run_id: str, *, cause: Cause) -> bool:
    """One fact with counts and hash, once every account has its row; False while some are missing."""
    stream = store.claim(f"run-{run_id}")
    run = selectors.run(run_id)
    if run.completed:
        return True
    if models.Requirement.objects.filter(run_id=run_id).count() < run.accounts:
        return False
    _complete(stream, run_id, cause=cause)
    books.thaw(run_id)
    return True


@store.decision
def schedule(*, cause: Cause) -> list[str]:
    """Leave the periodic and the nightly run whose slot business time has reached.

    A slot is a stretch of business time with one run in it, whatever starts it: after a price set
    everybody is margined anyway, so the period only fills silences.
    """
    now = timekeeping.now()
    left = []
    latest = selectors.last_run_of_all()
    period = timedelta(seconds=record.policy().margin_period_seconds)
    if latest is not None and now - latest.at >= period:
        slot = f"{int(now.timestamp()) // int(period.total_seconds())}"
        left.append(_leave_start("periodic", slot, cause))
    night = now.date().isoformat()
    if latest is not None and not models.Run.objects.filter(run_id=f"night-{night}").exists():
        left.append(_leave_start("night", night, cause))
    return left


def _leave_start(kind: str, slot: str, cause: Cause) -> str:
    address = {"kind": kind, "slot": slot, "correlation_id": cause.correlation_id}
    jobs.leave("margin.start_run", key=f"{kind}-{slot}", address=address)
    return f"{kind}-{slot}"


# --- what both share --------------------------------------------------------------------------


def _open(pins: Pins, *, accounts: int, cause: Cause) -> None:
    models.Run.objects.create(
        run_id=pins.run_id,
        kind=pins.kind,
        price_sequence=pins.sealed.sequence,
        price_set=pins.sealed.name,
        parameter_set=pins.rules.name,
        at=pins.at,
        accounts=accounts,
        correlation_id=cause.correlation_id,
        started_at=timezone.now(),
    )


def _pins_of(run: models.Run) -> Pins:
    return Pins(
        run_id=run.run_id,
        kind=run.kind,
        sealed=record.prices_at(run.price_sequence),
        rules=selectors.rules_named(run.parameter_set),
        at=run.at,
    )


def _complete(stream: store.Stream, run_id: str, *, cause: Cause) -> int:
    run = selectors.run(run_id)
    rows = models.Requirement.objects.filter(run_id=run_id).order_by("account")
    found = list(rows.values_list("result_hash", "reason"))
    run.unpriced = sum(1 for _, reason in found if reason)
    run.result_hash = hashlib.sha256("".join(each for each, _ in found).encode()).hexdigest()
    run.completed, run.completed_at = True, timezone.now()
    run.save()
    fact = RunCompleted(
        run_id=run_id,
        kind=run.kind,
        price_set=run.price_set,
        price_sequence=run.price_sequence,
        parameter_set=run.parameter_set,
        engine=ENGINE,
        accounts=run.accounts,
        unpriced=run.unpriced,
        result_hash=run.result_hash,
    )
    return store.append(stream, fact, at=run.at, cause=cause)
