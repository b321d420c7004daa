"""Members, and the accounts they own."""

from __future__ import annotations

from datetime import datetime

from accounts import selectors
from accounts.domain import members
from accounts.domain.events import MemberAdmitted
from clearing import store
from clearing.domain import entries
from clearing.domain.cause import Cause
from clearing.services import accounts as record

HOUSE_MEMBER = "CCP"


@store.decision
def admit_member(member_id: str, *, name: str, lei: str = "", at: datetime, cause: Cause) -> int:
    """Raises NameNotValid, MemberAlreadyAdmitted."""
    members.check_id(member_id, field="member_id")
    if lei:
        members.check_lei(lei)
    stream = store.claim(f"member-{member_id}")
    if stream.version:
        raise members.MemberAlreadyAdmitted(field="member_id", member=member_id)
    return store.append(
        stream, MemberAdmitted(member_id=member_id, name=name, lei=lei), at=at, cause=cause
    )


@store.decision
def open_account(
    account_id: str, *, member_id: str, kind: str, title: str, at: datetime, cause: Cause
) -> int:
    """Raises NameNotValid, MemberUnknown, AccountAlreadyOpen."""
    members.check_id(account_id, field="account_id")
    members.check_kind(kind)
    selectors.member(member_id)
    return record.open_account(
        account_id, member_id=member_id, kind=kind, title=title, at=at, cause=cause
    )


@store.decision
def open_house(*, at: datetime, cause: Cause) -> int | None:
    """The clearinghouse as a member, with the accounts that stand on the other side of entries.

    None when it was opened before.
    """
    stream = store.claim(f"member-{HOUSE_MEMBER}")
    if stream.version:
        return None
    fact = MemberAdmitted(member_id=HOUSE_MEMBER, name="The clearinghouse", lei="")
    sequence = store.append(stream, fact, at=at, cause=cause)
    for account_id in sorted(entries.HOUSE_ACCOUNTS):
        record.open_account(
            account_id,
            member_id=HOUSE_MEMBER,
            kind="clearinghouse",
            title=account_id,
            at=at,
            cause=cause,
        )
    return sequence


def suspend(account_id: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """The account may only shed risk from here on. None when it is suspended already."""
    return record.suspend(account_id, reason=reason, at=at, cause=cause)


def reinstate(account_id: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    return record.reinstate(account_id, reason=reason, at=at, cause=cause)
