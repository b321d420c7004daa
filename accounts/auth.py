"""Who is asking: a key, or an officer's own session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts import selectors
from accounts.domain.credentials import Scope
from clearing.services import timekeeping

WORD = "Bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """What stands as `request.user`: nobody's account at Django, only what may be touched."""

    scope: Scope
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True


class BearerCredential(BaseAuthentication):
    """`Authorization: Bearer clr_<id>_<secret>`. Keys expire by business time."""

    def authenticate(self, request: Request) -> tuple[Caller, Scope] | None:
        """None when no key was sent. Raises CredentialNotValid, the same for every kind of wrong."""
        word, _, key = request.headers.get("Authorization", "").partition(" ")
        if word.lower() != WORD.lower():
            return None
        scope = selectors.scope_of(key.strip(), now=timekeeping.now())
        return Caller(scope), scope

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return WORD


class OfficerSession(SessionAuthentication):
    """The admin's session, of somebody who may read the house; writes need its CSRF token."""

    def authenticate(self, request: Request) -> tuple[Caller, Scope] | None:
        found = super().authenticate(request)
        scope = selectors.officer_scope(found[0]) if found else None
        return (Caller(scope), scope) if scope else None


class BearerCredentialScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.auth.BearerCredential"
    name = "credential"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "clr_<id>_<secret>",
            "description": "A key of one member, which sees and moves what is that member's, of one"
            " venue, which reports its trades, or of one custodian, which confirms collateral that"
            " has arrived. Shown once when it is issued.",
        }


class OfficerSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.auth.OfficerSession"
    name = "officer"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "An officer logged in to the admin reads everything here; one who may act"
            " on risk corrects prices, and changes nothing else.",
        }
