"""The collateral schedule: what is admitted, on which terms, and when those may change.

A change is announced before it is in force, so that nobody is called or sold out by an edit, and no
single edit lists a worthless asset and empties the house on it. The notice is a constant of the code
and not a term: no fact can shorten it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, assert_never

from clearing.domain import amounts, clock
from clearing.domain.errors import Refusal
from clearing.domain.events import schedule as facts
from clearing.domain.events.schedule import ScheduleFact
from clearing.domain.leveraged import Gap

NOTICE = timedelta(days=1)
REASON = "taken out of the schedule"


class NoticeTooShort(Refusal):
    code = "notice-too-short"
    says = "The schedule changes only after its notice; a lower outflow limit alone is immediate."
    remedy = "Announce it from the earliest time on, or leave the time out."


class ScheduleNotValid(Refusal):
    code = "schedule-not-valid"
    says = "These are no terms of collateral."


class ScheduleLeavesOut(Refusal):
    code = "schedule-leaves-out"
    says = "A first schedule must say something of every asset that is held."
    remedy = "Add the asset, admitted or not."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One asset's terms in force. Shares are of 1; None means no limit; () means any location.

    Limits of what counts are money in the reporting asset; limits of outflow are units of the asset.
    """

    asset: str
    admitted: bool = False
    locations: tuple[str, ...] = ()
    custodian_confirms: bool = False
    haircut: Decimal = Decimal(0)
    account_limit: Decimal | None = None
    member_limit: Decimal | None = None
    member_share: Decimal | None = None
    issuer: str = ""
    underlying: str = ""
    wrong_way_cut: Decimal = Decimal(0)
    peg: str = ""
    depeg_threshold: Decimal = Decimal(0)
    depeg_cut: Decimal = Decimal(0)
    outflow_house_amount: Decimal | None = None
    outflow_house_share: Decimal | None = None
    outflow_member_amount: Decimal | None = None
    outflow_member_share: Decimal | None = None
    stress_move: Decimal = Decimal(0)

    @property
    def outflow(self) -> tuple[Decimal | None, ...]:
        return (
            self.outflow_house_amount,
            self.outflow_house_share,
            self.outflow_member_amount,
            self.outflow_member_share,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A fact of the schedule in its order; `effective_from` is when its time comes."""

    sequence: int
    announced_at: datetime
    effective_from: datetime
    fact: ScheduleFact


def about(fact: ScheduleFact) -> str:
    """The asset or the underlying it is the word on; empty for the schedule itself."""
    return getattr(fact, "asset", getattr(fact, "underlying", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The terms in force at a time. `reporting` is empty before the first schedule: then the house
    counts collateral by the margin method alone."""

    reporting: str = ""
    terms: Mapping[str, Terms] = field(default_factory=lambda: MappingProxyType({}))
    gaps: Mapping[str, Gap] = field(default_factory=lambda: MappingProxyType({}))  # by underlying

    @property
    def opened(self) -> bool:
        return bool(self.reporting)

    def of(self, asset: str) -> Terms:
        """An asset nobody spoke of is not admitted; the reporting asset itself always is."""
        found = self.terms.get(asset, Terms(asset=asset))
        return replace(found, admitted=True) if asset == self.reporting else found


def in_force(announced: Iterable[Announced], *, at: datetime) -> Schedule:
    """The last word on each rule whose time has come.

    By order of announcement and not of effect: whoever lowers a limit now also takes back a raise
    that was announced before and has not come yet.
    """
    found = Schedule()
    for it in sorted(announced, key=lambda it: it.sequence):
        if it.effective_from <= at:
            found = evolve(found, it.fact)
    return found


def evolve(schedule: Schedule, fact: ScheduleFact) -> Schedule:
    if isinstance(fact, facts.CollateralScheduleOpened):
        return replace(schedule, reporting=fact.reporting)
    if isinstance(fact, facts.GapSet):
        gap = Gap(underlying=fact.underlying, move=Decimal(fact.move), source=fact.source)
        return replace(schedule, gaps={**schedule.gaps, fact.underlying: gap})
    before = schedule.terms.get(fact.asset, Terms(asset=fact.asset))
    return replace(schedule, terms={**schedule.terms, fact.asset: _evolved(before, fact)})


def _evolved(
    terms: Terms, fact: Any
) -> Terms:  # a ScheduleFact of an asset; the match below is total
    match fact:
        case facts.CollateralAssetAdmitted():
            return replace(
                terms,
                admitted=True,
                locations=tuple(fact.locations.split()),
                custodian_confirms=fact.custodian_confirms,
            )
        case facts.CollateralAssetExcluded():
            return replace(terms, admitted=False)
        case facts.HaircutSet():
            return replace(terms, haircut=Decimal(fact.haircut))
        case facts.ConcentrationLimitSet():
            return replace(
                terms,
                account_limit=_limit(fact.account_limit),
                member_limit=_limit(fact.member_limit),
                member_share=_limit(fact.member_share),
            )
        case facts.WrongWayRuleSet():
            return replace(
                terms,
                issuer=fact.issuer,
                underlying=fact.underlying,
                wrong_way_cut=Decimal(fact.cut),
            )
        case facts.DepegRuleSet():
            return replace(
                terms,
                peg=fact.peg,
                depeg_threshold=Decimal(fact.threshold),
                depeg_cut=Decimal(fact.cut),
            )
        case facts.OutflowLimitSet():
            return replace(
                terms,
                outflow_house_amount=_limit(fact.house_amount),
                outflow_house_share=_limit(fact.house_share),
                outflow_member_amount=_limit(fact.member_amount),
                outflow_member_share=_limit(fact.member_share),
            )
        case facts.StressMoveSet():
            return replace(terms, stress_move=Decimal(fact.move))
        case _:
            assert_never(fact)


def _limit(text: str) -> Decimal | None:
    return Decimal(text) if text else None


# --- changing it ------------------------------------------------------------------------------


def earliest(
    fact: Any, *, at: datetime, before: Schedule, first: bool, held: Collection[str]
) -> datetime:
    """When a fact of an asset may come into force at the earliest.

    At once: a first schedule, as far as it cuts nothing that is held already, and an outflow limit
    that lets no more out in any way than the one in force. Everything else waits its notice. A first
    gap of an underlying cuts nothing: without one its tokens count for nothing at all.
    """
    if isinstance(fact, facts.GapSet):
        return at if first else at + NOTICE
    if isinstance(fact, facts.OutflowLimitSet):
        now, then = before.of(fact.asset).outflow, _evolved(Terms(asset=fact.asset), fact).outflow
        if first or all(_no_looser(new, than=old) for new, old in zip(then, now, strict=True)):
            return at
        return at + NOTICE
    cuts = not isinstance(fact, facts.CollateralAssetAdmitted | facts.StressMoveSet)
    return at if first and not (cuts and fact.asset in held) else at + NOTICE


def _no_looser(new: Decimal | None, *, than: Decimal | None) -> bool:
    return than is None or (new is not None and new <= than)


def timed(fact: Any, *, wanted: str, no_earlier_than: datetime) -> Any:
    """The fact with its time: the one wanted, or the earliest. Raises NoticeTooShort."""
    if not wanted:
        return replace(fact, effective_from=clock.text(no_earlier_than))
    try:
        from_then = clock.parsed(wanted)
        assert from_then.tzinfo is not None
    except (ValueError, AssertionError):
        raise ScheduleNotValid(field="effective_from", got=wanted[:60]) from None
    if from_then < no_earlier_than:
        raise NoticeTooShort(
            field=_place(fact),
            wanted=clock.text(from_then),
            earliest=clock.text(no_earlier_than),
        )
    return replace(fact, effective_from=clock.text(from_then))


def _place(fact: Any) -> str:
    """Where in a document a fact is said."""
    if isinstance(fact, facts.GapSet):
        return f"gaps.{fact.underlying}"
    return f"assets.{fact.asset}"


def same(one: Any, other: Any) -> bool:
    """Whether two facts say the same, whenever they come into force."""
    return one is not None and replace(one, effective_from="") == replace(other, effective_from="")


# --- reading a document -----------------------------------------------------------------------

KNOWN = {
    *("admitted", "locations", "custodian_confirms", "haircut", "reason", "effective_from"),
    *("concentration", "wrong_way", "depeg", "outflow", "stress_move"),
}


def facts_of(asset: str, said: Mapping[str, Any]) -> list[Any]:
    """What a document says of one asset, as facts without their times; only the rules it names.

    Raises ScheduleNotValid, NotANumber.
    """
    place = f"assets.{asset}"
    _require(set(said) <= KNOWN, place, sorted(set(said) - KNOWN))
    _require(isinstance(said.get("admitted"), bool), f"{place}.admitted", said.get("admitted"))
    found: list[Any] = []
    if said["admitted"]:
        confirms = said.get("custodian_confirms", False)
        _require(isinstance(confirms, bool), f"{place}.custodian_confirms", confirms)
        locations = said.get("locations", [])
        sound = isinstance(locations, list) and all(
            isinstance(it, str) and it and not set(it) & set(" \t\n") for it in locations
        )
        _require(sound, f"{place}.locations", locations)
        found.append(
            facts.CollateralAssetAdmitted(
                asset=asset,
                locations=" ".join(sorted(locations)),
                custodian_confirms=confirms,
                effective_from="",
            )
        )
    else:
        reason = _text(said, "reason", place, default=REASON)
        found.append(facts.CollateralAssetExcluded(asset=asset, reason=reason, effective_from=""))
    if "haircut" in said:
        share = _share(said, "haircut", place)
        found.append(facts.HaircutSet(asset=asset, haircut=share, effective_from=""))
    if "stress_move" in said:
        share = _share(said, "stress_move", place)
        found.append(facts.StressMoveSet(asset=asset, move=share, effective_from=""))
    for name, kind in _RULES.items():
        if name in said:
            found.append(_rule(kind, asset, said[name], f"{place}.{name}"))
    return found


def gap_of(underlying: str, said: Mapping[str, Any]) -> facts.GapSet:
    """What a document says of one underlying's gap, without its time. Raises ScheduleNotValid,
    NotANumber."""
    place, known = f"gaps.{underlying}", {"move", "source", "effective_from"}
    _require(set(said) <= known, place, sorted(set(said) - known))
    source = _text(said, "source", place, default="").strip()
    _require(bool(source), f"{place}.source", source)
    move = _share(said, "move", place)
    return facts.GapSet(underlying=underlying, move=move, source=source, effective_from="")


_RULES: dict[str, Any] = {
    "concentration": facts.ConcentrationLimitSet,
    "wrong_way": facts.WrongWayRuleSet,
    "depeg": facts.DepegRuleSet,
    "outflow": facts.OutflowLimitSet,
}
_NAMES = ("issuer", "underlying", "peg")
_REQUIRED_SHARES = ("cut", "threshold")
_SHARES = ("member_share", "house_share")


def _rule(kind: Any, asset: str, said: Any, place: str) -> Any:
    names = [it.name for it in fields(kind) if it.name not in ("asset", "effective_from")]
    _require(isinstance(said, Mapping), place, said)
    _require(set(said) <= set(names), place, sorted(set(said) - set(names)))
    given: dict[str, str] = {}
    for name in names:
        if name in _NAMES:
            given[name] = _text(said, name, place, default="")
        elif name in _REQUIRED_SHARES:
            given[name] = _share(said, name, place)
        elif name in said:
            given[name] = (_share if name in _SHARES else _amount)(said, name, place)
        else:
            given[name] = ""
    if kind is facts.DepegRuleSet:
        _require(Decimal(given["threshold"]) > 0, f"{place}.threshold", given["threshold"])
    return kind(asset=asset, effective_from="", **given)


def _text(said: Mapping[str, Any], name: str, place: str, *, default: str) -> str:
    text = said.get(name, default)
    _require(isinstance(text, str) and len(text) <= 200, f"{place}.{name}", text)
    return str(text)


def _share(said: Mapping[str, Any], name: str, place: str) -> str:
    share = _amount(said, name, place)
    _require(Decimal(share) <= 1, f"{place}.{name}", share)
    return share


def _amount(said: Mapping[str, Any], name: str, place: str) -> str:
    amount = amounts.decimal(said.get(name, ""), field=f"{place}.{name}")
    _require(amount >= 0, f"{place}.{name}", amount)
    return format(amount.normalize(), "f")


def _require(holds: bool, field: str, got: object) -> None:
    if not holds:
        raise ScheduleNotValid(field=field, got=got)
