"""Who takes part, with which books: read from a data file, checked, and fitted to a market.

Legs are described by what they are (a call some way above the index, a month out), so one cast plays
on any market: the nearest expiry and strike that the first price set quotes is taken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from clearing.domain import clock
from clearing.domain.events import InstrumentListed
from clearing.domain.prices import PriceSet


class CastNotValid(ValueError):
    """The cast file cannot be played; says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegWanted:
    """days and moneyness (strike over index) where the kind has them; quantity is signed."""

    kind: str  # spot | perpetual | future | option
    underlying: str
    quantity: Decimal  # in units of the underlying, or of money for contracts of fixed money size
    option_type: str = ""
    moneyness: Decimal = Decimal(1)
    days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    account_id: str
    member_id: str
    kind: str
    title: str
    deposits: Mapping[str, str]
    reserve: Decimal  # what the member has elsewhere to pay calls with
    legs: tuple[LegWanted, ...]
    counterparty: bool  # takes the other side of everybody's first trades


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    name: str  # of its content
    document: Mapping[str, Any]
    players: tuple[Player, ...]

    @property
    def counterparty(self) -> Player:
        return next(it for it in self.players if it.counterparty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    terms: InstrumentListed
    quantity: Decimal


def read(path: Path) -> Cast:
    """Raises CastNotValid."""
    try:
        document = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise CastNotValid(f"{path}: {error}") from error
    return cast_of(document)


def cast_of(document: Mapping[str, Any]) -> Cast:
    """Raises CastNotValid."""
    try:
        players = tuple(
            _player(member["member_id"], account)
            for member in document["members"]
            for account in member["accounts"]
        )
    except (KeyError, TypeError, ArithmeticError) as error:
        raise CastNotValid(f"the cast lacks or misspells {error}") from error
    if sum(player.counterparty for player in players) != 1:
        raise CastNotValid("exactly one account is the counterparty")
    text = json.dumps(document, sort_keys=True)
    return Cast(
        name=hashlib.sha256(text.encode()).hexdigest()[:8], document=document, players=players
    )


def _player(member_id: str, row: Mapping[str, Any]) -> Player:
    return Player(
        account_id=row["account_id"],
        member_id=member_id,
        kind=row["kind"],
        title=row["title"],
        deposits=row.get("deposits", {}),
        reserve=Decimal(row.get("reserve", "0")),
        legs=tuple(
            LegWanted(
                kind=leg["kind"],
                underlying=leg["underlying"],
                quantity=Decimal(leg["quantity"]),
                option_type=leg.get("option_type", ""),
                moneyness=Decimal(leg.get("moneyness", "1")),
                days=int(leg.get("days", 0)),
            )
            for leg in row.get("legs", ())
        ),
        counterparty=row.get("counterparty", False),
    )


def fitted(player: Player, listed: Sequence[InstrumentListed], prices: PriceSet) -> list[Leg]:
    """The player's legs on this market. Raises CastNotValid when nothing of a kind is quoted."""
    return [
        Leg(terms=_nearest(wanted, listed, prices), quantity=wanted.quantity)
        for wanted in player.legs
    ]


def _nearest(
    wanted: LegWanted, listed: Sequence[InstrumentListed], prices: PriceSet
) -> InstrumentListed:
    target = Decimal(prices.indices[wanted.underlying]) * wanted.moneyness
    on = prices.at + timedelta(days=wanted.days)

    def distance(it: InstrumentListed) -> tuple[Decimal, Decimal, str]:
        away = abs((_expiry(it) - on).total_seconds()) if it.expiry_at else 0
        strike = abs(Decimal(it.strike) - target) if it.strike else Decimal(0)
        return Decimal(away), strike, it.symbol

    fitting = [
        it
        for it in listed
        if (it.kind, it.underlying, it.option_type)
        == (wanted.kind, wanted.underlying, wanted.option_type)
        and it.symbol in prices.quotes
    ]
    if not fitting:
        kind = f"{wanted.option_type} {wanted.kind}".strip()
        raise CastNotValid(f"the market quotes no {kind} of {wanted.underlying}")
    return min(fitting, key=distance)


def _expiry(it: InstrumentListed) -> datetime:
    return clock.parsed(it.expiry_at)
