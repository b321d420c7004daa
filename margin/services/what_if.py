"""Margin for books that do not exist: the same engine, nothing written."""

from __future__ import annotations

from clearing import selectors as record
from clearing.selectors import BookColumns
from clearing.services import timekeeping
from margin import selectors
from margin.domain.calls import Levels
from margin.services import results
from margin.services.results import Pins

RUN = "what-if"


def levels(book: BookColumns, *, price_sequence: int) -> list[Levels | None]:
    """One answer for each account of the book, None where it cannot be priced.

    The set is taken at its own time, so past sets can be asked about as well. On the latest set the
    collateral schedule is that of now, as in a run: else a case would plan by terms that its
    requirement is no longer under, and never come to its end.
    """
    sealed = record.prices_at(price_sequence)
    latest = record.latest_prices().sequence == price_sequence
    pins = Pins(
        run_id=RUN,
        kind=RUN,
        sealed=sealed,
        rules=selectors.rules(),
        at=sealed.at,
        terms_at=timekeeping.now() if latest else sealed.at,
    )
    return [
        None
        if row["reason"]
        else Levels(
            asset=row["asset"],
            equity=row["equity"],
            maintenance=row["maintenance"],
            initial=row["initial"],
            run_id=RUN,
            price_sequence=price_sequence,
            account_version=row["account_version"],
        )
        for row in results.of(book, pins)
    ]


def reporting_of(run_id: str, account_id: str) -> str:
    """The asset a result is in."""
    return selectors.requirement_in(run_id, account_id).asset
