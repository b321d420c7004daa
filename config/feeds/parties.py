"""Which account each party of a message trades for, as a file or an operator spells it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clearing.domain.errors import Refusal
from config.feeds import tables
from config.feeds.tables import FileUnreadable, Form

PARTIES = Form(title="accounts by party", columns=frozenset(("party", "account")), naming="party")


class PartyNotValid(Refusal):
    code = "party-not-valid"
    says = "This does not say which account a party trades for."
    remedy = "Say PARTY=ACCOUNT, each party once."


def spelled(pairs: Iterable[str]) -> dict[str, str]:
    """From PARTY=ACCOUNT; a party may have spaces. Raises PartyNotValid."""
    found: dict[str, str] = {}
    for pair in pairs:
        party, equals, account = (part.strip() for part in pair.rpartition("="))
        if not (party and equals and account) or found.get(party, account) != account:
            raise PartyNotValid(field="party", got=pair[:60])
        found[party] = account
    return found


def read(path: Path) -> dict[str, str]:
    """Raises FileUnreadable, LayoutUnknown, RowBroken, RowRepeated."""
    table = tables.table(path, [PARTIES])
    found: dict[str, str] = {}
    for number, cells in table.rows():
        if isinstance(cells, Refusal):
            raise tables.RowBroken(field="row", file=table.file, row=number, **cells.facts)
        if cells["party"] in found:
            raise tables.RowRepeated(
                field="party", file=table.file, row=number, got=cells["party"][:60]
            )
        found[cells["party"]] = cells["account"]
    return found


def content(path: Path, *, most: int) -> bytes:
    """A file's bytes, and one more than most if there are more. Raises FileUnreadable."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise FileUnreadable(field="file", file=path.name, reason=str(error.strerror)) from None
