"""Checks of the book against itself: what was moved is still there, and rows agree with the log."""

from __future__ import annotations

from itertools import pairwise

from clearing.domain import entries
from clearing.services.evidence import facts_in
from clearing.services.findings import Check, Look, Part, rows, rows_in

REBUILD = (
    "Rows follow from the log: once the log itself verifies, manage.py rebuild_projections writes"
    " them again."
)


STRETCH = 10_000  # sequences summed at once
STRETCHES = 10_000  # at most, wherever somebody put a sequence


def facts_balance(look: Look, part: Part) -> None:
    """In every fact, what one account gets another one gives.

    By stretches of sequences, so that the server sums in memory however long the log is.
    """
    ((first, last),) = rows(_REACH)
    first, last = max(part[0], first), min(part[1], last)
    width = max(STRETCH, (last - first) // STRETCHES)
    ends = [*range(first, last, width)][1:]
    for after, up_to in pairwise([part[0], *ends, part[1]]):
        for sequence, asset, total in rows(_FACTS, [after, up_to]):
            look.found(f"fact {sequence}", f"{asset} is off by {total}")
    look.saw(rows(_COUNT, part)[0][0])


def trial_balance(look: Look) -> None:
    """Every asset sums to zero over all accounts, and the house between buyers and sellers is flat.

    Lots that buyers hold are owed by sellers; and since cash less cost moves by exactly a trade's
    value on both sides, what stands with the house in cash is what stands with it in cost.
    """
    look.saw(rows(_ASSETS)[0][0])
    for asset, total in rows(_TRIAL):
        look.found(asset, f"all accounts together hold {total}")
    for asset, total in rows(_FLAT, [entries.NOVATION]):
        look.found(asset, f"the house itself stands between members with {total}")


def holdings(look: Look) -> None:
    """A member's holding is the sum of its entries, and a holding of nothing has no row."""
    look.saw(rows_in("clearing_holding"))
    for account, asset, kept, summed in rows(_HOLDINGS, [list(entries.HOUSE_ACCOUNTS)]):
        look.found(f"{account} {asset}", f"the row says {kept}, the entries sum to {summed}")


def account_versions(look: Look) -> None:
    """An account's row stands at its stream's last fact."""
    look.saw(rows_in("clearing_accountstate"))
    for account, kept, last in rows(_ACCOUNTS):
        look.found(account, f"the row stands at version {kept}, the stream at {last}")


_REACH = "SELECT coalesce(min(sequence), 0), coalesce(max(sequence), 0) FROM clearing_event"
_COUNT = "SELECT count(*) FROM clearing_entry WHERE sequence > %s AND sequence <= %s"
_FACTS = """
    SELECT sequence, asset, sum(amount) FROM clearing_entry
    WHERE sequence > %s AND sequence <= %s
    GROUP BY sequence, asset HAVING sum(amount) <> 0 ORDER BY sequence, asset
"""
_ASSETS = "SELECT count(DISTINCT asset) FROM clearing_entry"
_TRIAL = """
    SELECT asset, sum(amount) FROM clearing_entry
    GROUP BY asset HAVING sum(amount) <> 0 ORDER BY asset
"""
_FLAT = """
    WITH stands AS (
        SELECT split_part(asset, ':', 1) AS what, split_part(asset, ':', 2) AS name,
               sum(amount) AS amount
        FROM clearing_entry WHERE account = %s GROUP BY asset
    )
    SELECT 'lots:' || name, amount FROM stands WHERE what = 'lots' AND amount <> 0
    UNION ALL
    SELECT 'cash:' || settlement, sum(amount) FROM (
        SELECT name AS settlement, amount FROM stands WHERE what = 'cash'
        UNION ALL
        SELECT terms.settlement, -amount
        FROM stands JOIN clearing_instrument AS terms ON terms.symbol = stands.name
        WHERE what = 'cost'
    ) AS it GROUP BY settlement HAVING sum(amount) <> 0
    ORDER BY 1
"""
_HOLDINGS = """
    WITH summed AS (
        SELECT account, asset, sum(amount) AS amount FROM clearing_entry
        WHERE account <> ALL (%s) GROUP BY account, asset HAVING sum(amount) <> 0
    )
    SELECT account, asset, kept.amount, summed.amount
    FROM clearing_holding AS kept FULL JOIN summed USING (account, asset)
    WHERE kept.amount IS DISTINCT FROM summed.amount ORDER BY account, asset
"""
_ACCOUNTS = """
    SELECT coalesce(state.account, substr(head.name, 9)), state.version, head.version
    FROM clearing_accountstate AS state
    FULL JOIN (SELECT * FROM clearing_stream WHERE name LIKE 'account-%%' AND version > 0) AS head
        ON head.name = 'account-' || state.account
    WHERE state.version IS DISTINCT FROM head.version ORDER BY 1
"""

CHECKS = (
    Check("facts balance", REBUILD, facts_balance, parts=facts_in),
    Check("trial balance", REBUILD, trial_balance),
    Check("holdings", REBUILD, holdings),
    Check("account versions", REBUILD, account_versions),
)
