"""Users, roles and credentials."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.contrib.auth.models import Permission

from accounts import models, selectors
from accounts.domain import credentials, members, roles
from accounts.domain.events import CredentialIssued, CredentialRevoked, RoleGranted
from clearing import store
from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound


@store.decision
def grant_role(
    login: str, *, role: str, member_id: str = "", at: datetime, cause: Cause
) -> int | None:
    """Give an existing user a role; None when it is held already.

    Raises NotFound, RoleUnknown, MemberUnknown.
    """
    roles.check(role)
    if member_id:
        selectors.member(member_id)
    user = models.User.objects.filter(username=login).first()
    if user is None:
        raise NotFound(field="login", login=login)
    stream = store.claim(f"user-{login}")
    if models.RoleHeld.objects.filter(login=login, role=role).exists():
        return None
    fact = RoleGranted(login=login, role=role, member_id=member_id)
    sequence = store.append(stream, fact, at=at, cause=cause)
    _apply_roles(user, member_id=member_id)
    return sequence


def _apply_roles(user: models.User, *, member_id: str) -> None:
    """Django's own permission rows follow the roles, so that its admin asks one question."""
    wanted = {
        permission.partition(".")[2] for permission in selectors.permissions_of(user.username)
    }
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    user.is_staff = bool(wanted)
    user.member_id = member_id
    user.save()


def create_user(login: str, *, password: str) -> models.User:
    """A row, not a fact: it can do nothing until it is granted a role. Existing users are kept."""
    user = models.User.objects.filter(username=login).first()
    if user is None:
        user = models.User(username=login)
    user.set_password(password)
    user.save()
    return user


@store.decision
def issue_credential(
    *,
    title: str,
    member_id: str = "",
    venue: str = "",
    custodian: str = "",
    expires_at: datetime | None = None,
    at: datetime,
    cause: Cause,
) -> str:
    """A new key, shown this once; only its hash is kept.

    For one member, one venue or one custodian. Raises MemberUnknown, NameNotValid.
    """
    if sum(map(bool, (member_id, venue, custodian))) != 1:
        raise members.NameNotValid(field="member_id", form="one member, venue or custodian")
    if member_id:
        selectors.member(member_id)
    if venue:
        members.check_mic(venue)
    if custodian:
        members.check_id(custodian, field="custodian")
    credential_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    stream = store.claim(f"credential-{credential_id}")
    fact = CredentialIssued(
        credential_id=credential_id,
        member_id=member_id,
        venue=venue,
        custodian=custodian,
        title=title,
        expires_at=clock.text(expires_at) if expires_at else "",
    )
    store.append(stream, fact, at=at, cause=cause)
    models.CredentialSecret.objects.create(
        credential_id=credential_id, secret_hash=credentials.hashed(secret)
    )
    return credentials.spelled(credential_id=credential_id, secret=secret)


@store.decision
def revoke_credential(credential_id: str, *, reason: str, at: datetime, cause: Cause) -> int | None:
    """None when it was revoked before. Raises NotFound."""
    stream = store.claim(f"credential-{credential_id}")
    row = models.Credential.objects.filter(credential_id=credential_id).first()
    if row is None:
        raise NotFound(field="credential_id", credential=credential_id)
    if row.revoked:
        return None
    fact = CredentialRevoked(credential_id=credential_id, reason=reason)
    return store.append(stream, fact, at=at, cause=cause)
