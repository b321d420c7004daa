"""API credentials: shown once, kept as a hash, bound to one member, venue or custodian."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

from clearing.domain.errors import Refusal

PREFIX = "clr"
_KEY = re.compile(rf"{PREFIX}_([0-9a-f]{{1,20}})_([0-9a-f]{{1,128}})")


class CredentialNotValid(Refusal):
    code = "credential-not-valid"
    says = "The credential is unknown, revoked or expired."
    remedy = "Send `Authorization: Bearer clr_...` with a live key."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a caller may touch. One of the four is set."""

    credential_id: str
    member_id: str | None = None
    venue: str | None = None
    custodian: str | None = None
    sees_everything: bool = False
    may_act: bool = False  # an officer's session alone

    @property
    def actor(self) -> str:
        """As facts name who caused them."""
        return f"{'officer' if self.sees_everything else 'credential'}:{self.credential_id}"


def spelled(*, credential_id: str, secret: str) -> str:
    return f"{PREFIX}_{credential_id}_{secret}"


def parts(key: str) -> tuple[str, str]:
    """(credential id, secret). Raises CredentialNotValid."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise CredentialNotValid
    return found[1], found[2]


def hashed(secret: str) -> str:
    """Secrets are 256 random bits, so a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, *, stored: str) -> bool:
    return hmac.compare_digest(hashed(secret), stored)


def live(*, expires_at: datetime | None, revoked: bool, now: datetime) -> bool:
    return not revoked and (expires_at is None or now < expires_at)
