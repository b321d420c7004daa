"""What is always true of the house, asked of its tables and compared with the slow economy."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from django.db import connection

from clearing import models, selectors
from clearing.services import verification
from tests.faults.market import ACCOUNTS, UNIT, Market
from tests.oracle.economy import HALF


def check(market: Market) -> None:
    """I1 to I5, I8 and I16; I6 is asked by the commands themselves."""
    held = {account: selectors.holdings(account) for account in ACCOUNTS}
    _lots(market, held)
    _sums()
    _cycles(market)
    _rows()
    _versions()
    _collateral(market)
    _owned(market, held)


def check_all() -> None:
    """I4 in full: chains, blocks, entries, and every row beside a replay of the whole log."""
    found = verification.verify()
    assert found == [], found


def _lots(market: Market, held: dict[str, dict[str, int]]) -> None:
    """I1: per instrument the lots sum to zero, and everybody has what the economy says."""
    for symbol, it in market.economy.contracts.items():
        if it.kind == "spot":
            continue
        mine = {account: book.get(f"lots:{symbol}", 0) for account, book in held.items()}
        assert sum(mine.values()) == 0, f"I1: {symbol} {mine}"
        left = {account: lots for account, lots in mine.items() if lots}
        assert left == market.economy.held(symbol), f"I1: {symbol}"


def _sums() -> None:
    """I2: every asset over all accounts, the house's own too."""
    for asset, members, house in selectors.trial_balance():
        assert members + house == 0, f"I2: {asset} is off by {members + house}"


def _cycles(market: Market) -> None:
    """I3: every cycle is closed, the settlement account is empty, residues are within accounts."""
    rows = selectors.cycles()
    assert not rows.exclude(state="closed").exists(), "I3: a cycle did not close"
    assert rows.filter(kind="ad-hoc").count() == market.cycles
    assert selectors.holdings("ccp-settlement") == {}, "I3: the settlement account"
    for cycle, symbol, lots, value, accounts in _asked(_VALUED):
        assert lots == 0, f"I3: {symbol} in {cycle}"
        assert 2 * abs(value) <= accounts, f"I3: {symbol} leaves {value} in {cycle}"
    novation = selectors.holdings("ccp-novation")
    for asset in UNIT:
        carried = sum(
            novation.get(f"cost:{symbol}", 0)
            for symbol, it in market.economy.contracts.items()
            if it.pays_in == asset
        )
        assert novation.get(f"cash:{asset}", 0) == carried, f"I3: the house between in {asset}"


def _rows() -> None:
    """I4, the cheap form: a member's holding is the sum of its entries."""
    assert list(_asked(_UNLIKE)) == [], "I4"


def _versions() -> None:
    """I5: versions of a stream are 1 to n, and later versions have later sequences."""
    assert list(_asked(_GAPS)) == [], "I5"


def _collateral(market: Market) -> None:
    """I8: units in lots are what arrived and did not leave; a lot is promised once; custody agrees."""
    economy = market.economy
    lots = models.CollateralLot.objects
    for account in ACCOUNTS:
        for asset in UNIT:
            mine = lots.filter(account=account, asset=asset).values_list("units", flat=True)
            assert sum(mine) == economy.lots_of_collateral(account, asset), f"I8: {account} {asset}"
    promised = dict(_asked(_PROMISED))
    assert promised == {f"withdrawal:{name}": n for name, n in economy.promised.items() if n}, "I8"
    custody = {f"cash:{asset}": -units for asset, units in economy.custody.items() if units}
    assert selectors.holdings("ccp-custody") == custody, "I8: custody"


def _owned(market: Market, held: dict[str, dict[str, int]]) -> None:
    """I16: cash less what positions are carried at is what everything that stands has paid, however
    it was settled, corrected and unwound; lots are equal, so at any mark the whole is too."""
    economy = market.economy
    room = {asset: Fraction(0) for asset in UNIT}
    for account, book in held.items():
        for asset in UNIT:
            due, bound = economy.owned(account, asset)
            has = book.get(f"cash:{asset}", 0) - sum(
                book.get(f"cost:{symbol}", 0)
                for symbol, it in economy.contracts.items()
                if it.pays_in == asset
            )
            assert abs(has - due) <= bound, f"I16: {account} {asset} {has} {due} within {bound}"
            room[asset] += bound
        for symbol in economy.contracts:
            worth = economy.valued(symbol, account)
            if worth is not None:
                off = abs(book.get(f"cost:{symbol}", 0) - worth)
                assert off <= HALF, f"I16: {account} carries {symbol} off by {off}"
    for asset, most in room.items():
        residue = selectors.holdings("ccp-rounding").get(f"cash:{asset}", 0)
        assert abs(residue) <= most + len(ACCOUNTS) * len(economy.contracts), f"I3: {asset}"


def _asked(sql: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        yield from cursor.fetchall()


_PROMISED = """
    SELECT encumbered_by, sum(units)::bigint FROM clearing_collaterallot
    WHERE encumbered_by <> '' GROUP BY encumbered_by
"""
_VALUED = """
    SELECT cycle, symbol, sum(count), sum(value), count(*) FROM clearing_cycleline
    WHERE kind = 'vm' AND corrects = '' GROUP BY cycle, symbol
"""
_UNLIKE = """
    WITH summed AS (
        SELECT account, asset, sum(amount) AS amount FROM clearing_entry
        WHERE account NOT LIKE 'ccp-%' GROUP BY account, asset HAVING sum(amount) <> 0
    )
    SELECT account, asset FROM clearing_holding AS kept FULL JOIN summed USING (account, asset)
    WHERE kept.amount IS DISTINCT FROM summed.amount
"""
_GAPS = """
    SELECT stream, version, place, before FROM (
        SELECT stream, version, sequence,
               row_number() OVER (PARTITION BY stream ORDER BY version) AS place,
               lag(sequence) OVER (PARTITION BY stream ORDER BY version) AS before
        FROM clearing_event
    ) AS it WHERE version <> place OR sequence <= coalesce(before, 0)
"""
