"""Questions about who: members, owners, callers."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from accounts import models
from accounts.domain import credentials, roles
from accounts.domain.credentials import CredentialNotValid, Scope
from accounts.domain.members import MemberUnknown
from clearing import selectors as record


def member(member_id: str) -> models.Member:
    """Raises MemberUnknown."""
    found = models.Member.objects.filter(member_id=member_id).first()
    if found is None:
        raise MemberUnknown(field="member_id", member=member_id)
    return found


def members() -> QuerySet[models.Member]:
    return models.Member.objects.order_by("member_id")


def scope_of(key: str, *, now: datetime) -> Scope:
    """Who holds this key. Raises CredentialNotValid, the same for every kind of wrong."""
    credential_id, secret = credentials.parts(key)
    row = models.Credential.objects.filter(credential_id=credential_id).first()
    kept = models.CredentialSecret.objects.filter(credential_id=credential_id).first()
    if row is None or kept is None or not credentials.matches(secret, stored=kept.secret_hash):
        raise CredentialNotValid
    if not credentials.live(expires_at=row.expires_at, revoked=row.revoked, now=now):
        raise CredentialNotValid
    return Scope(
        credential_id=row.credential_id,
        member_id=row.member_id or None,
        venue=row.venue or None,
        custodian=row.custodian or None,
    )


def officer_scope(user: models.User) -> Scope | None:
    """An officer's own session reads everything; anybody else's reads nothing."""
    if not user.has_perm("accounts.view_house"):
        return None
    return Scope(
        credential_id=user.get_username(),
        sees_everything=True,
        may_act=user.has_perm("accounts.act_on_risk"),
    )


def has_login(login: str) -> bool:
    return models.User.objects.filter(username=login).exists()


def permissions_of(login: str) -> set[str]:
    held = models.RoleHeld.objects.filter(login=login).values_list("role", flat=True)
    return {permission for role in held for permission in roles.ROLES[role]}


def backstop_accounts() -> list[str]:
    """Open backstop accounts, in the order of their names."""
    rows = record.account_rows()
    return [row.account_id for row in rows if (row.kind, row.standing) == ("backstop", "open")]
