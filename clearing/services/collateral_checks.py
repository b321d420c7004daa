"""Checks of collateral for `manage.py verify`: no unit is promised twice, and every lot arrived."""

from __future__ import annotations

from clearing.domain import substitution, withdrawal
from clearing.services.findings import Check, Look, rows, rows_in

REBUILD = (
    "Rows follow from the log: once the log itself verifies, manage.py rebuild_projections writes"
    " them again."
)


def encumbrances(look: Look) -> None:
    """What a lot is promised to is under way, is its own account's, and is promised no more than it
    asks for; what an open substitution is promised is still in the balance or was used by trading."""
    look.saw(rows_in("clearing_collaterallot"))
    states = {"pending": list(withdrawal.PENDING), "open": list(substitution.OPEN)}
    for by, account, asset, units in rows(_STRAY, [states["pending"], states["open"]]):
        look.found(f"{account} {by}", f"{units} of {asset} is promised to what is not under way")


def origins(look: Look) -> None:
    """Of each deposit there is no more left than what arrived."""
    look.saw(rows_in("clearing_collaterallot"))
    for account, asset, sequence, units, arrived in rows(_ORIGINS):
        said = "nothing" if arrived is None else arrived
        look.found(f"{account} lot-{sequence}", f"{units} of {asset} is left where {said} arrived")


_STRAY = """
    WITH asked AS (
        SELECT 'withdrawal:' || withdrawal_id AS name, account, asset, amount
        FROM clearing_withdrawal WHERE status = ANY (%s)
        UNION ALL
        SELECT 'substitution:' || substitution_id, account, asset, amount
        FROM clearing_substitution WHERE state = ANY (%s)
    ), promised AS (
        SELECT encumbered_by AS name, account, asset, sum(units) AS units
        FROM clearing_collaterallot WHERE encumbered_by <> '' GROUP BY encumbered_by, account, asset
    )
    SELECT promised.name, promised.account, promised.asset, promised.units
    FROM promised LEFT JOIN asked USING (name, account, asset)
    WHERE asked.amount IS NULL OR promised.units > asked.amount ORDER BY 1
"""
_ORIGINS = """
    WITH kept AS (
        SELECT account, asset, sequence, sum(units) AS units
        FROM clearing_collaterallot GROUP BY account, asset, sequence
    ), arrived AS (
        SELECT sequence, account, substr(asset, 6) AS asset, amount FROM clearing_entry
        WHERE sequence IN (SELECT sequence FROM kept) AND asset LIKE 'cash:%%' AND amount > 0
    )
    SELECT kept.account, kept.asset, kept.sequence, kept.units, arrived.amount
    FROM kept LEFT JOIN arrived USING (sequence, account, asset)
    WHERE arrived.amount IS NULL OR kept.units > arrived.amount ORDER BY kept.sequence
"""

CHECKS = (
    Check("collateral promises", REBUILD, encumbrances),
    Check("collateral lots", REBUILD, origins),
)
