"""The continuous auditor: asks in SQL whether what is always true is true, and says so if not.

The same questions as `verify` asks of the book, without replaying it, on a pulse. What it finds is
a fact, said once; it halts what leaves the house; and what it no longer finds is a fact too. Nobody
but a certificate lets withdrawals go on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clearing import selectors, store
from clearing.domain.cause import Cause
from clearing.domain.events import InvariantRestored, InvariantViolated
from clearing.services import balances, releases
from clearing.services.findings import Finding, Look
from clearing.services.releases import INVARIANT, STREAM

# Which invariant of the house each of the book's checks asks about.
ASKS = {
    "facts balance": "I2 every fact balances",
    "trial balance": "I1 I2 every column sums to zero",
    "holdings": "I4 holdings are the sum of their entries",
    "account versions": "I5 an account stands at its stream's head",
}
LONGEST = 200


def look() -> list[Finding]:
    """What does not hold now, each check by statements of one moment."""
    found = []
    for check in balances.CHECKS:
        at_work = Look(check=check.name, remedy=check.remedy)
        for part in check.cut(1):
            check.look(at_work, part)
        found += at_work.findings
    return found


def audit(*, at: datetime, cause: Cause) -> int:
    """Look, and record what changed since the last look; return how much is violated now.

    An alarm halts the house, so what is found is looked for once more before it is said.
    """
    found = look()
    if found:
        places = {(it.check, it.where) for it in found}
        found = [it for it in look() if (it.check, it.where) in places]
    known = selectors.violations().exists()
    if not found and not known:
        return 0  # the usual pulse writes nothing and waits for nobody
    return record(found, at=at, cause=cause)


@store.decision
def record(found: list[Finding], *, at: datetime, cause: Cause) -> int:
    """Violations that are new, those that are gone, and a halt of what they touch.

    A violation that names no asset of the house touches all of them.
    """
    stream = store.claim(STREAM)
    now = {(ASKS.get(it.check, it.check), it.where[:LONGEST]): it.says for it in found}
    before = {(row.invariant, row.subject) for row in selectors.violations()}
    facts: list[Any] = [
        InvariantRestored(invariant=invariant, subject=subject)
        for invariant, subject in sorted(before - now.keys())
    ]
    new = sorted(now.keys() - before)
    facts += [
        InvariantViolated(invariant=invariant, subject=subject, says=now[invariant, subject])
        for invariant, subject in new
    ]
    if new:
        touched = {asset for _, subject in new for asset in _touched(subject)}
        facts += releases.halting(touched, because=INVARIANT, reason=f"{new[0][0]}: {new[0][1]}")
    store.append_all([(stream, fact) for fact in facts], at=at, cause=cause)
    return len(now)


def _touched(subject: str) -> set[str]:
    """The asset a subject such as `NORTH-1 cash:USDC` names, or every one."""
    assets = set(selectors.scales())
    named = {word.removeprefix("cash:") for word in subject.split() if word.startswith("cash:")}
    return named & assets or assets
