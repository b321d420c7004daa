"""Facts of an account's standing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened:
    NAME: ClassVar[str] = "clearing.account-opened.v1"

    account_id: str
    member_id: str
    kind: str  # house | client | backstop | clearinghouse
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSuspended:
    """From here on it may only shed risk."""

    NAME: ClassVar[str] = "clearing.account-suspended.v1"

    account_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReinstated:
    NAME: ClassVar[str] = "clearing.account-reinstated.v1"

    account_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed:
    NAME: ClassVar[str] = "clearing.account-closed.v1"

    account_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReopened:
    """A closed account got something back, and is suspended from here on: it may pay in, shed risk
    and be ported, and take on nothing."""

    NAME: ClassVar[str] = "clearing.account-reopened.v1"

    account_id: str
    reason: str


AccountFact = AccountOpened | AccountSuspended | AccountReinstated | AccountClosed | AccountReopened
FACTS: tuple[type, ...] = AccountFact.__args__
