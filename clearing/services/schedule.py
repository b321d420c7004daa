"""The collateral schedule, set as one document and recorded as what changed in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearing import selectors, store
from clearing.domain import schedule
from clearing.domain.cause import Cause
from clearing.domain.events import CollateralAssetAdmitted, CollateralAssetExcluded
from clearing.domain.events.schedule import CollateralScheduleOpened
from clearing.domain.schedule import Schedule, ScheduleLeavesOut, ScheduleNotValid


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a document is compared with: everything announced, and what of it is in force."""

    first: bool
    before: Schedule
    latest: Mapping[tuple[str, str], Any]  # (asset, rule) -> its last word
    held: set[str]
    at: datetime


@store.decision
def set_schedule(document: Mapping[str, Any], *, at: datetime, cause: Cause) -> list[int]:
    """Announce whatever in the document was not announced before; the sequences, oldest first.

    An asset's rules that the document does not name stay as they are. Without a time of its own each
    change comes into force at the earliest that its notice allows. Setting it again changes nothing.

    Raises ScheduleNotValid, ScheduleLeavesOut, NoticeTooShort, NotANumber, AssetUnknown.
    """
    assets, gaps = _assets(document), _gaps(document)
    stream = store.claim("schedule")
    announced = selectors.announced()
    before = schedule.in_force(announced, at=at)
    reporting = _reporting(document, before)
    change = _Change(
        first=not before.opened,
        before=before,
        latest={_place(it.fact): it.fact for it in announced},
        held=selectors.assets_held(),
        at=at,
    )
    if change.first:
        left_out = sorted(change.held - assets.keys() - {reporting})
        if left_out:
            raise ScheduleLeavesOut(field="assets", assets=", ".join(left_out))
    facts = [
        fact
        for asset, said in sorted(assets.items())
        for fact in _news(schedule.facts_of(asset, said), said, change)
    ]
    facts += [
        fact
        for name, said in sorted(gaps.items())
        for fact in _news([schedule.gap_of(name, said)], said, change)
    ]
    if change.first:
        facts.insert(0, CollateralScheduleOpened(reporting=reporting))
    return store.append_all([(stream, fact) for fact in facts], at=at, cause=cause)


def _assets(document: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = sorted(set(document) - {"reporting", "assets", "gaps", "title"})
    if unknown:
        raise ScheduleNotValid(field="file", got=unknown)
    assets = document.get("assets")
    if not isinstance(assets, Mapping) or not all(
        isinstance(it, Mapping) for it in assets.values()
    ):
        raise ScheduleNotValid(field="assets", got="no object of assets")
    for asset in assets:
        selectors.scale(asset)
    return assets


def _gaps(document: Mapping[str, Any]) -> Mapping[str, Any]:
    gaps = document.get("gaps", {})
    if not isinstance(gaps, Mapping) or not all(isinstance(it, Mapping) for it in gaps.values()):
        raise ScheduleNotValid(field="gaps", got="no object of underlyings")
    for underlying in gaps:
        selectors.scale(underlying)
    return gaps


def _reporting(document: Mapping[str, Any], before: Schedule) -> str:
    reporting = document.get("reporting", before.reporting)
    if before.opened and reporting != before.reporting:
        raise ScheduleNotValid(field="reporting", got=reporting, known=before.reporting)
    if not isinstance(reporting, str) or not reporting:
        raise ScheduleNotValid(field="reporting", got=reporting)
    selectors.scale(reporting)
    return reporting


def _place(fact: Any) -> tuple[str, str]:
    """Which rule of which asset a fact is the word on; in and out of the schedule are one."""
    rule = type(fact).__name__
    if isinstance(fact, CollateralAssetAdmitted | CollateralAssetExcluded):
        rule = "admission"
    return schedule.about(fact), rule


def _news(facts: Iterable[Any], said: Mapping[str, Any], change: _Change) -> list[Any]:
    found = []
    for fact in facts:
        last = change.latest.get(_place(fact))
        if type(last) is type(fact) and schedule.same(last, fact):
            continue
        earliest = schedule.earliest(
            fact, at=change.at, before=change.before, first=change.first, held=change.held
        )
        wanted = said.get("effective_from", "")
        found.append(schedule.timed(fact, wanted=str(wanted), no_earlier_than=earliest))
    return found
