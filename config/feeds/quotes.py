"""A source's observations from a file: one row one subject at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clearing.domain import amounts, observations
from clearing.domain.errors import Refusal
from clearing.domain.observations import NUMBERS, Observation
from config.feeds import tables
from config.feeds.tables import Cells, Form, RowRefused

FORM = Form(
    title="observations",
    columns=frozenset(("subject", "at", *NUMBERS)),
    naming="subject",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    observations: tuple[Observation, ...]
    refused: tuple[RowRefused, ...]


def read(path: Path) -> Quotes:
    """Rows that have no shape are left out and named; a wrong price is an observation all the same.

    Raises FileUnreadable, LayoutUnknown.
    """
    table = tables.table(path, [FORM])
    found, refused = [], []
    for number, cells in table.rows():
        if isinstance(cells, Refusal):
            refused.append(table.refused(number, cells))
            continue
        try:
            found.append(_observation(cells))
        except Refusal as refusal:
            refused.append(table.refused(number, refusal, cells))
    return Quotes(observations=tuple(found), refused=tuple(refused))


def _observation(cells: Cells) -> Observation:
    observations.parts(cells["subject"])
    for name in NUMBERS:
        if cells[name]:
            amounts.decimal(cells[name], field=name)
    return Observation(
        subject=cells["subject"],
        at=tables.stamp(cells["at"], field="at"),
        **{name: cells[name] for name in NUMBERS},
    )
