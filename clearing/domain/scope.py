"""May this caller touch this account?"""

from __future__ import annotations

from typing import Protocol

from clearing.domain.errors import Refusal


class OutOfScope(Refusal):
    code = "out-of-scope"
    says = "This credential is for something else."


class Scope(Protocol):
    """What a door knows of its caller. `accounts.domain.credentials` has the real one."""

    @property
    def venue(self) -> str | None:
        """The market identifier code a venue's credential may report trades for."""

    @property
    def custodian(self) -> str | None:
        """Who holds the collateral, if the caller is one that confirms what has arrived."""

    @property
    def member_id(self) -> str | None:
        """The member whose accounts the caller may see; None for the house's own officers."""

    @property
    def sees_everything(self) -> bool: ...

    @property
    def may_act(self) -> bool:
        """Whether the caller is an officer who may act on risk, not only look."""

    @property
    def actor(self) -> str:
        """As facts name who caused them."""


def may_see(scope: Scope, *, member_id: str) -> bool:
    """Whether what belongs to a member is the caller's to look at."""
    return scope.sees_everything or (scope.member_id is not None and scope.member_id == member_id)


def require_venue(scope: Scope) -> str:
    """The venue the caller reports for. Raises OutOfScope for anybody but a venue."""
    if scope.venue is None:
        raise OutOfScope(needs="the credential of the venue that matched the trade")
    return scope.venue


def require_reporter(scope: Scope) -> str:
    """The venue whose credential reports prices. Raises OutOfScope: nobody marks its own book."""
    if scope.venue is None:
        raise OutOfScope(needs="the credential of a venue that a source of prices reports by")
    return scope.venue


def require_risk_officer(scope: Scope) -> None:
    """Raises OutOfScope for everybody but an officer who may act: a key never may."""
    if not scope.may_act:
        raise OutOfScope(needs="the session of an officer who may act on risk")


def require_custodian(scope: Scope) -> str:
    """The custodian the caller confirms for. Raises OutOfScope: nobody credits itself."""
    if scope.custodian is None:
        raise OutOfScope(needs="the credential of the custodian that holds the collateral")
    return scope.custodian


def require_member(scope: Scope) -> str:
    """The member the caller acts for. Raises OutOfScope: an officer's session only reads here."""
    if scope.member_id is None:
        raise OutOfScope(needs="the credential of the member whose account it is")
    return scope.member_id


def require_officer(scope: Scope) -> None:
    """Raises OutOfScope for everybody but the house's own officers."""
    if not scope.sees_everything:
        raise OutOfScope(needs="the session of an officer of the house")
