"""What may not leave: halted by a break, a broken invariant or an order; resumed by a certificate.

A withdrawal asks here as it is requested and again as it settles. Whoever asks shares a lock that
whoever halts takes alone, so that once a halt is recorded nothing of the asset is on its way out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from clearing import selectors, store
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import ReleasesCertified, ReleasesHalted

STREAM = "reconciliation"
BREAK, INVARIANT, ORDER = "break", "invariant", "order"


class ReleasesAreHalted(Refusal):
    code = "releases-halted"
    says = "Withdrawals of this asset are halted until the books agree again."
    remedy = "Ask again after the house has certified that they do."


class NotHalted(Refusal):
    code = "releases-not-halted"
    says = "Withdrawals of this asset are not halted."


class CertificateRefused(Refusal):
    code = "certificate-refused"
    says = "The books are not known to agree."
    remedy = "Explain or resolve every break; after an order, reconcile with every holder again."


def check_released(asset: str) -> None:
    """Held as it is until the caller's decision ends. Raises ReleasesAreHalted."""
    _lock(asset, shared=True)
    halt = selectors.release_halts().filter(asset=asset).first()
    if halt is not None:
        raise ReleasesAreHalted(field="asset", asset=asset, since=halt.since.isoformat())


@store.decision
def halt(asset: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """By order: after a restore, say, before anybody knows more. None when it is halted already.

    Raises AssetUnknown.
    """
    selectors.scale(asset)
    stream = store.claim(STREAM)
    found = halting([asset], because=ORDER, reason=reason)
    return store.append(stream, found[0], at=at, cause=cause) if found else None


def halting(assets: Iterable[str], *, because: str, reason: str) -> list[ReleasesHalted]:
    """Facts that halt what is not halted yet, for a decision that has claimed the stream."""
    halted = set(selectors.release_halts().values_list("asset", flat=True))
    wanted = sorted(set(assets) - halted - {""})
    for asset in wanted:
        _lock(asset, shared=False)
    return [ReleasesHalted(asset=asset, because=because, reason=reason[:300]) for asset in wanted]


@store.decision
def certify(asset: str, *, reason: str, at: datetime, cause: Cause) -> int:
    """Withdrawals go on. Asked for by somebody who has seen that the books agree.

    No invariant may be violated and no break that halts the asset may be unexplained; and after a
    halt by order every holder whose statements are taken must have been reconciled with since.
    Raises NotHalted, CertificateRefused.
    """
    stream = store.claim(STREAM)
    halt = selectors.release_halts().filter(asset=asset).first()
    if halt is None:
        raise NotHalted(field="asset", asset=asset)
    violated = selectors.violations().first()
    if violated is not None:
        raise CertificateRefused(field="asset", asset=asset, invariant=violated.invariant)
    open_break = selectors.standing_breaks().filter(halts=asset, status="open").first()
    if open_break is not None:
        raise CertificateRefused(field="asset", asset=asset, open=open_break.break_id)
    runs = selectors.reconciliation_runs()
    since = runs.filter(sequence__gt=halt.sequence)
    holders = set(runs.values_list("holder", "kind"))
    unseen = holders - set(since.values_list("holder", "kind"))
    if halt.because == ORDER and (unseen or not holders):
        whom = ", ".join(sorted(holder for holder, _ in unseen)) or "any holder"
        raise CertificateRefused(field="asset", asset=asset, not_reconciled_since=whom)
    fact = ReleasesCertified(
        asset=asset, halted=halt.sequence, runs=since.count(), reason=reason[:300]
    )
    return store.append(stream, fact, at=at, cause=cause)


def _lock(asset: str, *, shared: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SHARED if shared else _ALONE, [f"releases:{asset}"])


_SHARED = "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))"
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
