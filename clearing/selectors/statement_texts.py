"""A statement spelled out, a row a line, for whoever writes it to a file."""

from __future__ import annotations

from collections.abc import Iterator

from clearing.domain import clock
from clearing.domain.spreadsheet import inert
from clearing.domain.statement import Line
from clearing.selectors.statements import MovementRow, Period, statement_lines
from clearing.selectors.units import Unit, units
from clearing.selectors.wording import Teller, teller

COLUMNS = (
    *("line", "what", "asset", "currency", "sequence", "effective_at", "recorded_at"),
    *("kind", "said", "counterpart", "reference", "amount", "balance"),
)

TEXTS = ("line", "what", "asset", "currency", "kind", "said", "counterpart", "reference")


def statement_table(period: Period) -> Iterator[list[str]]:
    """The same rows, for a file: no text in them is taken for a formula."""
    for row in statement_rows(period):
        cells = zip(COLUMNS, row, strict=True)
        yield [inert(cell) if name in TEXTS else cell for name, cell in cells]


def statement_rows(period: Period) -> Iterator[list[str]]:
    """The header, then every line in order; amounts as decimals of the currency named beside them.

    Raises StatementBroken, at its end.
    """
    yield list(COLUMNS)
    known: dict[str, Unit] = {}
    words = teller()
    for line in statement_lines(period):
        if line.asset not in known:
            known.update(units([line.asset]))
        yield _row(line, known[line.asset], words)


def _row(line: Line, unit: Unit, words: Teller) -> list[str]:
    it: MovementRow | None = line.movement
    return [
        *(line.part, unit.what, unit.name, unit.currency),
        *(_fact(it, words) if it else [""] * 7),
        unit.shown(line.amount) if it else "",
        unit.shown(line.balance),
    ]


def _fact(it: MovementRow, words: Teller) -> list[str]:
    fact = it.recorded
    return [
        str(fact.sequence),
        clock.text(fact.effective_at),
        clock.text(fact.recorded_at),
        it.kind,
        words.line(fact),
        " ".join(it.counterparts),
        it.reference,
    ]
