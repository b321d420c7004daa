"""Several sources quoting the usual house, for tests of how sets are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from clearing.domain import clock
from clearing.domain.observations import Observation
from clearing.domain.sources import Kind, PricePolicy, Source
from tests.builders import CALL, CAUSE, EXPIRY, FUTURE, INVERSE, PERPETUAL, PUT, SPOT, START

SOURCES = ("XONE", "XTWO", "XTHR")
POLICY = PricePolicy(pegged=("USDC",))


def admit(*names: str, policy: PricePolicy = POLICY, **but: Any) -> None:
    """Sources that report by credentials of their own names, and the rules."""
    from clearing.services import observing

    observing.set_price_policy(policy, at=START, cause=CAUSE)
    for name in names or SOURCES:
        usual = Source(name=name, kind=Kind.VENUE, reporter=name)
        observing.admit_source(replace(usual, **but), title=name, at=START, cause=CAUSE)


def a_board(
    index: str = "90000", *, at: datetime, but: Mapping[str, Mapping[str, str]] | None = None
) -> list[Observation]:
    """Everything the usual house lists, delta-one at the index; `but` changes subjects."""
    usual: dict[str, dict[str, str]] = {
        "index BTC": {"mark": index},
        f"forward BTC {clock.text(EXPIRY)}": {"mark": index},
        **{f"quote {it}": {"mark": index} for it in (PERPETUAL, INVERSE, FUTURE, SPOT)},
        f"quote {CALL}": {"mark": "0.0123", "vol": "0.5"},
        f"quote {PUT}": {"mark": "0.0101", "vol": "0.55"},
    }
    numbers = usual | {subject: dict(given) for subject, given in (but or {}).items()}
    return [Observation(subject=subject, at=at, **given) for subject, given in numbers.items()]


def report(source: str, found: Iterable[Observation], **but: Any) -> Any:
    from clearing.services import observing

    return observing.report(source, list(found), cause=CAUSE, **but)


def everybody(index: str = "90000", *, at: datetime) -> None:
    for name in SOURCES:
        report(name, a_board(index, at=at))
