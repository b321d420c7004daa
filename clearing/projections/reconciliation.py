"""Rows of reconciliation, halts and violations."""

from __future__ import annotations

from clearing import models
from clearing.domain import clock, events
from clearing.store import Recorded


def reconciliation_run(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Reconciliation.objects.create(
        sequence=recorded.sequence,
        holder=fact.holder,
        kind=fact.kind,
        document=fact.document,
        at=clock.parsed(fact.at),
        lines=fact.lines,
        matched=fact.matched,
        breaks=fact.breaks,
        missing=fact.missing,
        last_source=fact.last_source,
    )


def break_found(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Break.objects.create(
        break_id=fact.break_id,
        holder=fact.holder,
        kind=fact.kind,
        account=fact.account,
        asset=fact.asset,
        unit=fact.unit,
        ours=fact.ours,
        theirs=fact.theirs,
        difference=fact.difference,
        halts=fact.halts,
        missing=fact.missing,
        status="open",
        reason="",
        found_at=recorded.effective_at,
        sequence=recorded.sequence,
    )


def break_explained(recorded: Recorded) -> None:
    _break(recorded, status="explained")


def break_resolved(recorded: Recorded) -> None:
    _break(recorded, status="resolved")


def _break(recorded: Recorded, *, status: str) -> None:
    models.Break.objects.filter(break_id=recorded.fact.break_id).update(
        status=status, reason=recorded.fact.reason[:300]
    )


def tolerance_set(recorded: Recorded) -> None:
    models.Tolerance.objects.update_or_create(
        asset=recorded.fact.asset, defaults={"amount": recorded.fact.amount}
    )


def releases_halted(recorded: Recorded) -> None:
    fact = recorded.fact
    models.ReleaseHalt.objects.create(
        asset=fact.asset,
        because=fact.because,
        reason=fact.reason[:300],
        since=recorded.effective_at,
        sequence=recorded.sequence,
    )


def releases_certified(recorded: Recorded) -> None:
    models.ReleaseHalt.objects.filter(asset=recorded.fact.asset).delete()


def invariant_violated(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Violation.objects.create(
        sequence=recorded.sequence,
        invariant=fact.invariant,
        subject=fact.subject,
        says=fact.says,
        since=recorded.effective_at,
    )


def invariant_restored(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Violation.objects.filter(invariant=fact.invariant, subject=fact.subject).delete()


PROJECTIONS = {
    events.ReconciliationRun: reconciliation_run,
    events.BreakFound: break_found,
    events.BreakExplained: break_explained,
    events.BreakResolved: break_resolved,
    events.ToleranceSet: tolerance_set,
    events.ReleasesHalted: releases_halted,
    events.ReleasesCertified: releases_certified,
    events.InvariantViolated: invariant_violated,
    events.InvariantRestored: invariant_restored,
}
TABLES = (
    models.Reconciliation,
    models.Break,
    models.Tolerance,
    models.ReleaseHalt,
    models.Violation,
)
