"""Contracts to list, in a file: one row, one contract, with the codes others know it by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clearing.domain.amendment import CODES, Codes
from clearing.domain.errors import Refusal
from clearing.domain.events import InstrumentListed
from config.feeds import tables
from config.feeds.tables import Form, RowBroken, RowRepeated

TERMS = (
    *("symbol", "kind", "payoff", "underlying", "quote", "settlement", "lot_size", "tick_size"),
    *("expiry_at", "strike", "option_type"),
)
COLUMNS = (*TERMS, *CODES)
INSTRUMENTS = Form(title="instruments", columns=frozenset(COLUMNS), naming="symbol")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    row: int
    terms: InstrumentListed
    codes: Codes


def read(path: Path) -> list[Contract]:
    """A wrong row refuses the whole file. Raises FileUnreadable, LayoutUnknown, RowBroken,
    RowRepeated."""
    table = tables.table(path, [INSTRUMENTS])
    found: dict[str, Contract] = {}
    for number, cells in table.rows():
        if isinstance(cells, Refusal):
            raise RowBroken(field="row", file=table.file, row=number, **cells.facts)
        symbol = cells["symbol"]
        if symbol in found:
            first = found[symbol].row
            raise RowRepeated(field="symbol", file=table.file, row=number, earlier=first)
        if cells["expiry_at"]:
            tables.stamp(cells["expiry_at"], field="expiry_at")
        found[symbol] = Contract(
            row=number,
            terms=InstrumentListed(**{name: cells[name] for name in TERMS}),
            codes=Codes(**{name: cells[name] for name in CODES}),
        )
    return list(found.values())
