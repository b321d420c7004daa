"""Facts of collateral, said in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clearing.domain import events as book


def _of(verb: str) -> Callable[[Any, Any], str]:
    def said(it: Any, words: Any) -> str:
        return f"Withdrawal {it.withdrawal_id} of {words.money(it.amount, it.asset)} {verb}"

    return said


def _when(text: str) -> str:
    """RFC 3339 to the second."""
    return f"{text[:19].replace('T', ' ')} UTC"


def _from(fact: Any) -> str:
    return f"from {_when(fact.effective_from)} on"


def _admitted(it: Any, _: Any) -> str:
    where = f", with {it.locations.replace(' ', ', ')}" if it.locations else ""
    return f"{it.asset} is taken as collateral{where}, {_from(it)}"


def _limited(it: Any, _: Any) -> str:
    limits = {
        "of an account": it.account_limit,
        "of a member": it.member_limit,
        "as a share of all a member has": it.member_share,
    }
    said = ", ".join(f"{limit} {what}" for what, limit in limits.items() if limit) or "no limit"
    return f"{it.asset} counts up to {said}, {_from(it)}"


def _outflow(it: Any, _: Any) -> str:
    limits = {
        "from the house": it.house_amount,
        "as a share from the house": it.house_share,
        "from a member": it.member_amount,
        "as a share from a member": it.member_share,
    }
    said = ", ".join(f"{limit} {what}" for what, limit in limits.items() if limit) or "no limit"
    return f"{it.asset} leaves by no more in an hour than {said}, {_from(it)}"


def _proposed(it: Any, words: Any) -> str:
    coming = words.money(it.incoming_amount, it.incoming)
    leaving = words.money(it.amount, it.asset)
    return f"{it.account_id} proposes {coming} for {leaving} until {_when(it.expires_at)}"


def _exchanged(it: Any, words: Any) -> str:
    counts = words.money(it.eligible_after, it.reporting)
    return (
        f"Substitution {it.substitution_id} is settled: {words.money(it.amount, it.asset)} leaves"
        f" {it.account_id}, whose collateral counts for {counts}"
    )


SAYS: dict[type, Callable[[Any, Any], str]] = {
    book.CollateralLocated: lambda it, _: (
        f"{it.lot_id} of {it.account_id} lies with {it.custodian}"
    ),
    book.WithdrawalApproved: _of("is approved by margin, and tested again when it leaves"),
    book.WithdrawalInstructed: _of("waits for the custodian to confirm"),
    book.WithdrawalConfirmed: lambda it, words: (
        f"{it.custodian} stands ready to pay withdrawal {it.withdrawal_id} of"
        f" {words.money(it.amount, it.asset)}"
    ),
    book.WithdrawalDelayed: lambda it, words: (
        f"Withdrawal {it.withdrawal_id} of {words.money(it.amount, it.asset)} waits until"
        f" {_when(it.goes_at)}: {it.reason}"
    ),
    book.SubstitutionProposed: _proposed,
    book.SubstitutionCovered: lambda it, _: (
        f"{it.custodian} has what substitution {it.substitution_id} brings in"
    ),
    book.SubstitutionDelayed: lambda it, _: (
        f"Substitution {it.substitution_id} waits until {_when(it.goes_at)}: {it.reason}"
    ),
    book.SubstitutionSettled: _exchanged,
    book.SubstitutionRefused: lambda it, _: (
        f"Substitution {it.substitution_id} is refused: {it.reason}"
    ),
    book.SubstitutionExpired: lambda it, _: (
        f"Substitution {it.substitution_id} is past its deadline of {_when(it.expires_at)}"
    ),
    book.SubstitutionCancelled: lambda it, _: (
        f"{it.account_id} takes substitution {it.substitution_id} back"
    ),
    book.CollateralScheduleOpened: lambda it, _: (
        f"The house counts collateral by a schedule, in {it.reporting}"
    ),
    book.CollateralAssetAdmitted: _admitted,
    book.CollateralAssetExcluded: lambda it, _: (
        f"{it.asset} is no collateral {_from(it)}: {it.reason}"
    ),
    book.HaircutSet: lambda it, _: f"{it.asset} counts less a haircut of {it.haircut}, {_from(it)}",
    book.ConcentrationLimitSet: _limited,
    book.WrongWayRuleSet: lambda it, _: (
        f"{it.asset} is cut by {it.cut} where {it.issuer or it.underlying or 'nobody'} is what it"
        f" depends on, {_from(it)}"
    ),
    book.DepegRuleSet: lambda it, _: (
        f"{it.asset} counts at no more than {it.peg or 'its price'}, less {it.cut} for each"
        f" {it.threshold} below it, {_from(it)}"
    ),
    book.GapSet: lambda it, _: (
        f"Leveraged tokens on {it.underlying} are cut by a gap of {it.move} times their leverage, by"
        f" {it.source}, {_from(it)}"
    ),
    book.OutflowLimitSet: _outflow,
    book.StressMoveSet: lambda it, _: (
        f"Withdrawals are tested with {it.asset} moved by {it.move}, {_from(it)}"
    ),
}
