"""A check of the statements that came from outside: kept as they came, and every one of them."""

from __future__ import annotations

from clearing.domain import reconciliation
from clearing.services.evidence import RESTORE
from clearing.services.findings import Check, Look, rows, streamed


def outside_documents(look: Look) -> None:
    """A statement's content has the hash it is named by, and a run that names it; none is gone."""
    named = {name for (name,) in rows(_NAMED)}
    for name, body in streamed(_DOCUMENTS):
        look.saw()
        if reconciliation.named(body) != name:
            look.found(f"statement {name}", "is not what came in")
        if name not in named:
            look.found(f"statement {name}", "no run was made with it")
        named.discard(name)
    for name in sorted(named):
        look.found(f"statement {name}", "a run was made with it, but it is gone")


_NAMED = "SELECT DISTINCT document FROM clearing_reconciliation"  # rows that `verify` vouches for
_DOCUMENTS = "SELECT name, body FROM clearing_outsidedocument ORDER BY name"

CHECKS = (Check("outside documents", RESTORE, outside_documents),)
