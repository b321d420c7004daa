"""Member firms and the identifiers they carry."""

from __future__ import annotations

import re

from clearing.domain.errors import Refusal
from clearing.domain.trade import HOUSE_VENUE

_ID = re.compile(r"[A-Z0-9][A-Z0-9-]{1,19}")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,39}")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_MIC = re.compile(r"[A-Z0-9]{4}")

KINDS = ("house", "client", "backstop", "clearinghouse")


class NameNotValid(Refusal):
    code = "name-not-valid"
    says = "This identifier is not well formed."


class MemberUnknown(Refusal):
    code = "member-unknown"
    says = "No such member is admitted."


class MemberAlreadyAdmitted(Refusal):
    code = "member-already-admitted"
    says = "A member of that id was admitted before."


def check_id(text: str, *, field: str) -> str:
    """Capital letters, digits and dashes: ids appear in URLs and in stream names."""
    if not _ID.fullmatch(text):
        raise NameNotValid(field=field, got=text[:40], form="A-Z, 0-9 and -, 2 to 20 characters")
    return text


def check_login(text: str) -> str:
    """What somebody logs in with is part of a stream's name too."""
    if not _LOGIN.fullmatch(text):
        raise NameNotValid(field="login", got=text[:60], form="letters, digits and ._@+-, up to 40")
    return text


def check_kind(text: str) -> str:
    if text not in KINDS:
        raise NameNotValid(field="kind", got=text[:40], form=" | ".join(KINDS))
    return text


def check_lei(text: str) -> str:
    """ISO 17442: twenty characters, the last two check digits, ISO 7064 MOD 97-10."""
    digits = "".join(str(int(letter, 36)) for letter in text) if _LEI.fullmatch(text) else "0"
    if int(digits) % 97 != 1:
        raise NameNotValid(field="lei", got=text[:40], form="an LEI with right check digits")
    return text


def check_mic(text: str) -> str:
    """ISO 10383: four characters, and not the label the house puts on its own trades."""
    if not _MIC.fullmatch(text) or text == HOUSE_VENUE:
        form = f"a market identifier code other than {HOUSE_VENUE}"
        raise NameNotValid(field="venue", got=text[:40], form=form)
    return text
