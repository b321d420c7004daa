"""Rows about who: passwords and key hashes live here, everything else follows from facts."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """Somebody who can log in. What they may do comes from roles, which are facts."""

    member_id = models.CharField(max_length=20, default="", blank=True)

    class Meta(AbstractUser.Meta):
        permissions = [
            ("view_house", "May read everything in the house"),
            ("act_on_risk", "May act on accounts, calls and cases"),
            ("run_house", "May operate jobs, members and credentials"),
        ]


class Member(models.Model):
    member_id = models.CharField(primary_key=True, max_length=20)
    name = models.CharField(max_length=100)
    lei = models.CharField(max_length=20, default="")
    admitted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} ({self.member_id})"


class Account(models.Model):
    """Which member owns which account."""

    account_id = models.CharField(primary_key=True, max_length=20)
    member = models.ForeignKey(Member, models.PROTECT, db_constraint=False)
    kind = models.CharField(
        max_length=20,
        choices=[(kind, kind) for kind in ("house", "client", "backstop", "clearinghouse")],
    )
    title = models.CharField(max_length=100)
    opened_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.account_id


class RoleHeld(models.Model):
    login = models.CharField(max_length=150)
    role = models.CharField(max_length=30)
    member_id = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["login", "role"], name="role_held_once")]


class Credential(models.Model):
    credential_id = models.CharField(primary_key=True, max_length=20)
    member_id = models.CharField(max_length=20)
    venue = models.CharField(max_length=4)
    custodian = models.CharField(max_length=20)
    title = models.CharField(max_length=100)
    expires_at = models.DateTimeField(null=True)
    revoked = models.BooleanField(default=False)
    issued_at = models.DateTimeField()


class CredentialSecret(models.Model):
    """The hash of a key; not a projection, because the key is never recorded anywhere."""

    credential_id = models.CharField(primary_key=True, max_length=20)
    secret_hash = models.CharField(max_length=64)
