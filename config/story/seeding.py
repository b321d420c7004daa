"""The opening: assets, rules, members, accounts, collateral, and everybody's first trades."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from accounts.domain.members import MemberAlreadyAdmitted
from accounts.services import register
from clearing.domain import instrument
from clearing.domain.account import AccountAlreadyOpen
from clearing.domain.cause import Cause
from clearing.domain.policy import Policy
from clearing.domain.trade import Trade
from clearing.services import collateral, reference, timekeeping, trades
from config.story.cast import Cast, Player, fitted
from config.story.feed import Snapshot
from margin.services import parameters

METHODS = Path(__file__).resolve().parents[2] / "margin" / "methods"


def set_up(cast: Cast, *, at: datetime, cause: Cause) -> None:
    """Everything that does not depend on the market. Doing it again changes nothing."""
    document = cast.document
    timekeeping.reach(at, cause=cause)
    for row in document["assets"]:
        reference.admit_asset(
            row["asset"], scale=row["scale"], title=row["title"], at=at, cause=cause
        )
    policy = document["policy"] | {"penalty_rate": Decimal(document["policy"]["penalty_rate"])}
    reference.set_policy(Policy(**policy), at=at, cause=cause)
    method = json.loads((METHODS / document["parameters"]).read_text())
    parameters.activate(method, reporting=document["reporting"], at=at, cause=cause)
    register.open_house(at=at, cause=cause)
    for member in document["members"]:
        with suppress(MemberAlreadyAdmitted):
            register.admit_member(member["member_id"], name=member["name"], at=at, cause=cause)
    for player in cast.players:
        _fund(player, at=at, cause=cause)


def _fund(player: Player, *, at: datetime, cause: Cause) -> None:
    with suppress(AccountAlreadyOpen):
        register.open_account(
            player.account_id,
            member_id=player.member_id,
            kind=player.kind,
            title=player.title,
            at=at,
            cause=cause,
        )
    for asset, amount in player.deposits.items():
        key = f"start-{player.account_id}-{asset}"
        collateral.deposit(
            player.account_id, key=key, asset=asset, amount=amount, at=at, cause=cause
        )


def open_books(cast: Cast, first: Snapshot, *, cause: Cause) -> int:
    """Each player's legs as one batch, so that a hedge is never seen half built; how many trades."""
    count = 0
    for player in cast.players:
        reported = _trades(cast, player, first)
        if reported:
            trades.novate_all(reported, at=first.prices.at, cause=cause)
            count += len(reported)
    return count


def _trades(cast: Cast, player: Player, first: Snapshot) -> list[Trade]:
    """At the first prices, rounded to the tick, against the counterparty."""
    reported = []
    for number, leg in enumerate(fitted(player, first.terms, first.prices), start=1):
        it = reference.resolve(leg.terms)
        ticks = instrument.nearest_ticks(it, Decimal(first.prices.quote(it.symbol).mark))
        sides = (player.account_id, cast.counterparty.account_id)
        buyer, seller = sides if leg.quantity > 0 else sides[::-1]
        reported.append(
            Trade(
                trade_id=f"start-{player.account_id}-{number}",
                venue=cast.document["venue"],
                symbol=it.symbol,
                quantity=str(abs(leg.quantity)),
                price=str(instrument.price_of(it, ticks)),
                buyer=buyer,
                seller=seller,
            )
        )
    return reported
