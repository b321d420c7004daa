"""The facts this app records: members, roles, credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAdmitted:
    NAME: ClassVar[str] = "accounts.member-admitted.v1"

    member_id: str
    name: str
    lei: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGranted:
    NAME: ClassVar[str] = "accounts.role-granted.v1"

    login: str
    role: str
    member_id: str  # "" for the house's own people


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRevoked:
    NAME: ClassVar[str] = "accounts.role-revoked.v1"

    login: str
    role: str
    member_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialIssued:
    """The key itself is never recorded; its hash is a row."""

    NAME: ClassVar[str] = "accounts.credential-issued.v1"

    credential_id: str
    member_id: str  # "" unless it is a member's
    venue: str  # market identifier code; "" unless it is a venue's
    custodian: str  # who holds the collateral; "" unless it is a custodian's
    title: str
    expires_at: str  # "" for never


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRevoked:
    NAME: ClassVar[str] = "accounts.credential-revoked.v1"

    credential_id: str
    reason: str


FACTS: tuple[type, ...] = (
    MemberAdmitted,
    RoleGranted,
    RoleRevoked,
    CredentialIssued,
    CredentialRevoked,
)
