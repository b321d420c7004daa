"""Users, roles and credentials."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.contrib.auth.models import Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts import models, selectors
from accounts.domain import credentials, members, roles
from accounts.domain.events import (
    CredentialIssued,
    CredentialRevoked,
    RoleGranted,
    RoleRevoked,
)
from clearing import store
from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.domain.errors import NotFound, Refusal


class RoleHeldOtherwise(Refusal):
    code = "role-held-otherwise"
    says = "The role is held already, for somebody else."
    remedy = "Revoke it first."


class PasswordTooWeak(Refusal):
    code = "password-too-weak"
    says = "This password is too easy to guess."


@store.decision
def grant_role(
    login: str, *, role: str, member_id: str = "", at: datetime, cause: Cause
) -> int | None:
    """Give an existing user a role; None when it is held already.

    Raises NotFound, RoleUnknown, MemberUnknown, RoleHeldOtherwise.
    """
    roles.check(role)
    if member_id:
        selectors.member(member_id)
    user = _user(login)
    stream = store.claim(f"user-{login}")
    held = models.RoleHeld.objects.filter(login=login, role=role).first()
    if held is not None:
        if held.member_id != member_id:
            raise RoleHeldOtherwise(field="member_id", held_for=held.member_id or "the house")
        return None
    fact = RoleGranted(login=login, role=role, member_id=member_id)
    sequence = store.append(stream, fact, at=at, cause=cause)
    _apply_roles(user)
    return sequence


@store.decision
def take_on(
    login: str, *, password: str, role: str, member_id: str = "", at: datetime, cause: Cause
) -> int | None:
    """A new user with a first role, both or neither; one that exists keeps the password it has.

    Raises NameNotValid, PasswordTooWeak, and as `grant_role`.
    """
    if not selectors.has_login(login):
        members.check_login(login)
        _check_password(password, login=login)
        create_user(login, password=password)
    return grant_role(login, role=role, member_id=member_id, at=at, cause=cause)


@store.decision
def revoke_role(login: str, *, role: str, at: datetime, cause: Cause) -> int | None:
    """What the role carried is taken back at once; None when it is not held.

    Raises NotFound, RoleUnknown.
    """
    roles.check(role)
    user = _user(login)
    stream = store.claim(f"user-{login}")
    held = models.RoleHeld.objects.filter(login=login, role=role).first()
    if held is None:
        return None
    fact = RoleRevoked(login=login, role=role, member_id=held.member_id)
    sequence = store.append(stream, fact, at=at, cause=cause)
    _apply_roles(user)
    return sequence


def _user(login: str) -> models.User:
    user = models.User.objects.filter(username=login).first()
    if user is None:
        raise NotFound(field="login", login=login)
    return user


def _check_password(password: str, *, login: str) -> None:
    try:
        validate_password(password, user=models.User(username=login))
    except ValidationError as error:
        raise PasswordTooWeak(field="password", why=" ".join(error.messages)) from None


def _apply_roles(user: models.User) -> None:
    """Django's own permission rows follow the roles, so that its admin asks one question.

    A user acts for the member of the role granted last among those that name one.
    """
    wanted = {
        permission.partition(".")[2] for permission in selectors.permissions_of(user.username)
    }
    held = models.RoleHeld.objects.filter(login=user.username).exclude(member_id="")
    latest = held.order_by("-id").first()
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    user.is_staff = bool(wanted)
    user.member_id = latest.member_id if latest else ""
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
