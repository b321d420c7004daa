"""Rows from facts: members, account owners, roles, credentials."""

from __future__ import annotations

from accounts import models
from accounts.domain import events
from clearing.domain import clock
from clearing.domain.events import AccountOpened
from clearing.store import Recorded


def member_admitted(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Member.objects.create(
        member_id=fact.member_id, name=fact.name, lei=fact.lei, admitted_at=recorded.effective_at
    )


def account_opened(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Account.objects.create(
        account_id=fact.account_id,
        member_id=fact.member_id,
        kind=fact.kind,
        title=fact.title,
        opened_at=recorded.effective_at,
    )


def role_granted(recorded: Recorded) -> None:
    fact = recorded.fact
    models.RoleHeld.objects.create(login=fact.login, role=fact.role, member_id=fact.member_id)


def role_revoked(recorded: Recorded) -> None:
    fact = recorded.fact
    models.RoleHeld.objects.filter(login=fact.login, role=fact.role).delete()


def credential_issued(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Credential.objects.create(
        credential_id=fact.credential_id,
        member_id=fact.member_id,
        venue=fact.venue,
        custodian=fact.custodian,
        title=fact.title,
        expires_at=clock.parsed(fact.expires_at) if fact.expires_at else None,
        issued_at=recorded.effective_at,
    )


def credential_revoked(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Credential.objects.filter(credential_id=fact.credential_id).update(revoked=True)


PROJECTIONS = {
    events.MemberAdmitted: member_admitted,
    AccountOpened: account_opened,
    events.RoleGranted: role_granted,
    events.RoleRevoked: role_revoked,
    events.CredentialIssued: credential_issued,
    events.CredentialRevoked: credential_revoked,
}
TABLES = (models.Account, models.Member, models.RoleHeld, models.Credential)
