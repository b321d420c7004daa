"""Cases that traded on prices that turned out wrong.

What a plan traded stands: the other side has it, and prices have moved since. So nothing is undone;
the case is flagged, once for each correction, for people to say what is owed.
"""

from __future__ import annotations

from collections.abc import Collection

from clearing import selectors as record
from clearing import store
from clearing.domain.cause import Cause
from clearing.domain.events import PricesResettled
from clearing.services import timekeeping
from liquidation import selectors
from liquidation.domain.case import doubts
from liquidation.domain.events import CaseFlagged


def flag_all(sequence: int, *, cause: Cause) -> int:
    """After a correction was settled; how many cases it flags that were not flagged for it."""
    fact: PricesResettled = record.recorded(sequence).fact
    chain = record.stands_for(fact.corrects) - {fact.correction}
    accounts = selectors.accounts_with_cases(after=min(chain))
    return sum(flag(account, fact.correction, wrong=chain, cause=cause) for account in accounts)


@store.decision
def flag(account_id: str, correction: int, *, wrong: Collection[int], cause: Cause) -> int:
    """The account's cases with a plan carried out on a set that is wrong, and how many they are."""
    stream = store.claim(f"case-{account_id}")
    facts = (it.fact for it in record.stream(f"case-{account_id}"))
    found = doubts(facts, price_sequences=wrong, correction=correction)
    for doubt in found:
        row = selectors.case(doubt.case_id)
        plans = "1 plan was" if doubt.plans == 1 else f"{doubt.plans} plans were"
        fact = CaseFlagged(
            account_id=account_id,
            case_id=doubt.case_id,
            correction=correction,
            plans=doubt.plans,
            penalty=doubt.penalty,
            reason=f"{plans} carried out on prices that correction {correction} replaced",
        )
        under = Cause(actor=cause.actor, correlation_id=row.correlation_id, sequence=cause.sequence)
        store.append(stream, fact, at=timekeeping.now(), cause=under)
    return len(found)
