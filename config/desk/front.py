"""The front page: what is wrong now, first."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from fractions import Fraction
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from clearing import selectors as record
from clearing.desk import VIEW
from config.desk import pages, pictures
from config.desk.pages import Moment
from liquidation import selectors as liquidation
from liquidation.domain.states import WAITING_FOR_PEOPLE
from margin import selectors as margin
from margin.domain.calls import Levels, Standing

MOST = 50  # rows of a table; how many there are in all is said beside it
DEPTHS = {
    Standing.DEBT: "in debt",
    Standing.SEVERE: "too deep to wait",
    Standing.BELOW_MAINTENANCE: "below maintenance",
    Standing.BELOW_CALL: "below the call level",
}


def front_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's dashboard callback."""
    if not request.user.has_perm(VIEW):
        return context
    moment, digits = pages.moment(), record.scales()
    short, unpriced = _accounts(digits)
    calls, cases = _calls(moment, digits), _cases(moment, digits)
    standings = Counter(row["standing"] for row in short)
    dead, trouble = record.dead_jobs().count(), record.trouble()
    house = {
        "moment": moment,
        "short": short[:MOST],
        "deep": any(standings[it] for it in DEPTHS if it is not Standing.BELOW_CALL),
        "depths": ", ".join(
            f"{standings[it]} {said}" for it, said in DEPTHS.items() if standings[it]
        ),
        "unpriced": unpriced[:MOST],
        "calls": calls[:MOST],
        "late": sum(row["left"] is not None and row["left"] <= timedelta(0) for row in calls),
        "cases": cases[:MOST],
        "flagged": list(liquidation.flagged_cases()[:MOST]),
        "stuck": sum(row["stuck"] for row in cases),
        "dead_jobs": dead,
        "open_jobs": record.open_jobs(),
        "counts": {
            "short": len(short),
            "unpriced": len(unpriced),
            "calls": len(calls),
            "cases": len(cases),
        },
        "alarms": [
            *_doubts(trouble),
            *_alarms(moment, trouble, dead=dead, unpriced=len(unpriced)),
        ],
    }
    return {**context, "title": "What is wrong now", "house": house}


def _accounts(digits: dict[str, int]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(below the call level, worst first; those no requirement is known of)."""
    short, unpriced = [], []
    for row in margin.latest_requirements():
        if row.reason:
            unpriced.append({"account": row.account, "page": _page(row.account), "why": row.reason})
            continue
        levels = margin.levels(row)
        if levels.below_call:
            short.append((_depth(levels), row.account, levels))
    short.sort(key=lambda found: found[:2])
    worst = [
        {
            "account": account,
            "page": _page(account),
            "standing": levels.standing,
            "said": DEPTHS[levels.standing],
            "asset": levels.asset,
            "equity": record.shown(levels.asset, levels.equity, digits),
            "maintenance": record.shown(levels.asset, levels.maintenance, digits),
            "missing": record.shown(levels.asset, levels.missing, digits),
            "coverage": levels.coverage,
            "bar": pictures.coverage(levels),
        }
        for _, account, levels in short[:MOST]
    ]
    return worst + [{"standing": levels.standing} for _, _, levels in short[MOST:]], unpriced


def _depth(levels: Levels) -> tuple[int, Fraction]:
    """Debts first, the largest before others; then by the share of maintenance that is covered."""
    if levels.equity < 0:
        return 0, Fraction(levels.equity)
    return 1, Fraction(levels.equity, levels.maintenance)  # below the call level it is above zero


def _calls(moment: Moment, digits: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "call_id": call.call_id,
            "page": reverse("admin:margin_margincall_change", args=[call.call_id]),
            "account": call.account,
            "account_page": _page(call.account),
            "state": call.state,
            "asset": call.asset,
            "amount": record.shown(call.asset, call.amount, digits),
            "due_at": call.due_at,
            "left": call.due_at - moment.business if moment.business else None,
        }
        for call in margin.open_calls()
    ]


def _cases(moment: Moment, digits: dict[str, int]) -> list[dict[str, Any]]:
    """Those that wait for people first."""
    rows = [
        {
            "case_id": case.case_id,
            "page": reverse("desk-case", args=[case.case_id]),
            "account": case.account,
            "account_page": _page(case.account),
            "state": case.state,
            "stuck": case.state in WAITING_FOR_PEOPLE,
            "reason": case.reason,
            "asset": case.asset,
            "equity": record.shown(case.asset, case.equity, digits),
            "maintenance": record.shown(case.asset, case.maintenance, digits),
            "steps": case.steps,
            "still": moment.business - case.moved_at if moment.business else None,
        }
        for case in liquidation.open_cases()
    ]
    return sorted(rows, key=lambda row: not row["stuck"])


def _doubts(trouble: record.Trouble) -> list[tuple[str, str, str]]:
    """What makes the books themselves doubtful: it stands before everything else."""
    found = []
    if trouble.violated:
        says = (
            f"The record violates {len(trouble.violated)} of its invariants: {trouble.violated[0]}"
        )
        found.append(("bad", says, reverse("admin:clearing_violation_changelist")))
    if trouble.halted:
        says = f"Withdrawals of {', '.join(trouble.halted)} are halted until they are certified"
        found.append(("bad", says, reverse("admin:clearing_releasehalt_changelist")))
    breaks = reverse("admin:clearing_break_changelist")
    if trouble.breaks_open:
        named = "1 break" if trouble.breaks_open == 1 else f"{trouble.breaks_open} breaks"
        says = f"{named} with the outside not explained"
        found.append(("bad", says, f"{breaks}?status__exact=open"))
    if trouble.breaks_explained:
        named = "1 break stands" if trouble.breaks_explained == 1 else "Breaks stand"
        says = f"{named} explained and not resolved"
        found.append(("note", says, f"{breaks}?status__exact=explained"))
    return found


def _alarms(
    moment: Moment, trouble: record.Trouble, *, dead: int, unpriced: int
) -> list[tuple[str, str, str]]:
    """(severity, sentence, where to look): what makes the rest of the page doubtful."""
    found = []
    jobs = reverse("admin:clearing_job_changelist") + "?state__exact=dead"
    prices = reverse("admin:clearing_priceset_changelist")
    if dead:
        gave = "1 job has given up" if dead == 1 else f"{dead} jobs have given up"
        found.append(("bad", f"{gave}: what should have followed did not", jobs))
    for cycle_id, reason in trouble.held:
        why = f"Settlement cycle {cycle_id} does not balance and is held: {reason}"
        found.append(("bad", why, reverse("desk-cycle", args=[cycle_id])))
    if moment.business is None:
        found.append(("bad", "Business time has not started: nothing falls due", ""))
    elif moment.stopped:
        found.append(("bad", "Business time stands still: the clock process is not running", ""))
    if moment.prices is None:
        found.append(("bad", "No prices are sealed: nobody is margined", prices))
    elif moment.stale:
        found.append(("bad", "Prices are too old: nobody is called on them", prices))
    if trouble.missed is not None:
        at, reason = trouble.missed
        windows = reverse("admin:clearing_pricedeferral_changelist")
        said = f"No price set could be sealed since {at:%Y-%m-%d %H:%M:%S}: {reason}"
        found.append(("bad", said, windows))
    if moment.run is None:
        found.append(("warn", "No run over all accounts has completed yet", ""))
    if unpriced:
        whom = "1 account has" if unpriced == 1 else f"{unpriced} accounts have"
        found.append(("warn", f"{whom} no known requirement", "#unpriced"))
    if moment.prices is not None and moment.prices.simulated:
        found.append(("note", "The latest prices are simulated, not a market's", prices))
    return found


def _page(account_id: str) -> str:
    return reverse("desk-account", args=[account_id])
