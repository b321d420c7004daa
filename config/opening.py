"""Opening a house: assets, policy, parameters, the house's own accounts, members and theirs.

Read from a document and checked as a whole before anything is written; then one decision. What is
there already stays: opening again adds what is new in the document, and puts its policy and its
parameters in force if others are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from accounts import selectors as people
from accounts.domain import members
from accounts.domain.members import MemberAlreadyAdmitted
from accounts.services import register
from clearing import console, store
from clearing import selectors as record
from clearing.domain import amounts, cycles, entries
from clearing.domain.account import AccountAlreadyOpen
from clearing.domain.cause import Cause
from clearing.domain.cycles import Schedule
from clearing.domain.errors import Refusal
from clearing.domain.policy import Policy
from clearing.services import reference, schedules
from margin.services import parameters

METHODS = Path(__file__).resolve().parents[1] / "margin" / "methods"
KINDS = ("house", "client", "backstop")  # the house's own accounts open by themselves
LONGEST_TITLE = 100
_ASSET = re.compile(r"[A-Z0-9]{2,12}")

# What a story's cast adds to the layout: money, first trades, and who plays whom.
STORY = ("venue",)
STORY_OF_ACCOUNT = ("deposits", "reserve", "legs", "counterparty")

Said = str


class OpeningNotValid(Refusal):
    code = "opening-not-valid"
    says = "A house cannot be opened from this."


class OpeningDiffers(Refusal):
    code = "opening-differs"
    says = "It is there already, and is not what the document says."
    remedy = "Correct the document, or use another id."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    asset: str
    scale: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    account_id: str
    member_id: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    member_id: str
    name: str
    lei: str
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    policy: Policy
    method: Mapping[str, Any]  # the content of the parameter file
    reporting: str
    settled_at: str  # times of day, "" for none
    settled_every: int  # minutes, 0 for not
    assets: tuple[Asset, ...]
    members: tuple[Member, ...]

    def streams(self) -> list[str]:
        """Everything that opening may write to, in the order of claiming."""
        ids = [it.account_id for member in self.members for it in member.accounts]
        names = {
            *("parameters", "clock", "policy", "schedule", f"member-{register.HOUSE_MEMBER}"),
            *(f"member-{member.member_id}" for member in self.members),
            *(f"asset-{it.asset}" for it in self.assets),
            *(f"account-{account_id}" for account_id in (*ids, *entries.HOUSE_ACCOUNTS)),
        }
        return sorted(names, key=lambda name: (store.rank(name), name))


@store.decision
def admit(opening: Opening, *, now: Callable[[], datetime], cause: Cause) -> list[Said]:
    """All of it or nothing; a line for each thing that is newly done.

    `now` starts the clock, if that is to be done here too, and says what time it is. Raises
    OpeningDiffers, TermsDiffer, TermsNotValid, ParametersRefused, AssetUnknown.
    """
    for name in opening.streams():
        store.claim(name)
    at = now()
    return [
        *_rules(opening, at=at, cause=cause),
        *(said for it in opening.members for said in _member(it, at=at, cause=cause)),
    ]


def _rules(opening: Opening, *, at: datetime, cause: Cause) -> Iterator[Said]:
    for it in opening.assets:
        if reference.admit_asset(it.asset, scale=it.scale, title=it.title, at=at, cause=cause):
            yield f"asset {it.asset} admitted, {it.scale} digits"
    if reference.set_policy(opening.policy, at=at, cause=cause):
        yield "policy set"
    if (opening.settled_at or opening.settled_every) and schedules.set_schedule(
        opening.settled_at, interval_minutes=opening.settled_every, at=at, cause=cause
    ):
        yield f"the book is settled at {opening.settled_at or 'no fixed time'}"
    active = parameters.activate(opening.method, reporting=opening.reporting, at=at, cause=cause)
    if active:
        in_force = parameters.in_force()
        yield f"parameters {in_force.name[:12]} in force, {in_force.method}"
    if register.open_house(at=at, cause=cause):
        yield "the house's own accounts opened"


def _member(member: Member, *, at: datetime, cause: Cause) -> Iterator[Said]:
    try:
        register.admit_member(
            member.member_id, name=member.name, lei=member.lei, at=at, cause=cause
        )
        yield f"member {member.member_id} admitted, {member.name}"
    except MemberAlreadyAdmitted:
        row = people.member(member.member_id)
        _same("name", member.member_id, asked=member.name, known=row.name)
        _same("lei", member.member_id, asked=member.lei, known=row.lei)
    for it in member.accounts:
        try:
            register.open_account(
                it.account_id,
                member_id=it.member_id,
                kind=it.kind,
                title=it.title,
                at=at,
                cause=cause,
            )
            yield f"account {it.account_id} opened, {it.kind} of {it.member_id}"
        except AccountAlreadyOpen:
            known = record.account_row(it.account_id)
            _same("member_id", it.account_id, asked=it.member_id, known=known.member_id)
            _same("kind", it.account_id, asked=it.kind, known=known.kind)


def _same(field: str, of: str, *, asked: str, known: str) -> None:
    if asked != known:
        raise OpeningDiffers(field=field, of=of, known=known, got=asked)


# --- the document -----------------------------------------------------------------------------


def read(path: Path) -> Opening:
    """Raises FileNotValid, OpeningNotValid, NameNotValid."""
    return opening_of(console.json_object(path), beside=path.parent)


def opening_of(document: Mapping[str, Any], *, beside: Path = METHODS) -> Opening:
    """Checked as a whole. A parameter file is looked for `beside` the document, then among ours.

    What only a story needs is passed over; any other name that is not known is refused. Raises
    OpeningNotValid, NameNotValid, FileNotValid.
    """
    top = _Part(document, "", passed_over=STORY)
    settled = top.part("settlement")
    opening = Opening(
        policy=_policy(top.part("policy")),
        settled_at=settled.text("times", ""),
        settled_every=settled.whole("interval_minutes", 0),
        method=_method(top.text("parameters"), beside=beside),
        reporting=top.text("reporting"),
        assets=tuple(_asset(part) for part in top.parts("assets")),
        members=tuple(_member_of(part) for part in top.parts("members")),
    )
    top.finish()
    settled.finish()
    _check_schedule(opening)
    _check_once("assets", [it.asset for it in opening.assets])
    _check_once("members", [it.member_id for it in opening.members])
    accounts = [it.account_id for member in opening.members for it in member.accounts]
    _check_once("members.accounts", accounts)
    if opening.reporting not in {it.asset for it in opening.assets}:
        raise OpeningNotValid(field="reporting", got=opening.reporting, why="not among the assets")
    return opening


def _check_schedule(opening: Opening) -> None:
    """Raises ScheduleNotValid."""
    times = cycles.times_of(opening.settled_at)
    cycles.check_schedule(Schedule(times=times, interval_minutes=opening.settled_every))


def _policy(part: _Part) -> Policy:
    """What the document does not say is as usual."""
    asked: dict[str, Any] = {}
    for it in fields(Policy):
        usual = getattr(Policy(), it.name)
        if isinstance(usual, int):
            asked[it.name] = part.whole(it.name, usual)
        else:
            text = part.text(it.name, str(usual))
            asked[it.name] = amounts.decimal(text, field=part.place(it.name))
    part.finish()
    return Policy(**asked)


def _method(name: str, *, beside: Path) -> Mapping[str, Any]:
    for folder in (beside, METHODS):
        if (folder / name).is_file():
            return console.json_object(folder / name)
    ours = ", ".join(sorted(path.name for path in METHODS.glob("*.json")))
    raise OpeningNotValid(field="parameters", got=name, why=f"no such file; ours: {ours}")


def _asset(part: _Part) -> Asset:
    asset = Asset(asset=part.text("asset"), scale=part.whole("scale"), title=part.text("title"))
    if not _ASSET.fullmatch(asset.asset):
        raise part.fault("asset", "2 to 12 capital letters and digits")
    if not 0 <= asset.scale <= amounts.DIGITS:
        raise part.fault("scale", f"from 0 to {amounts.DIGITS}")
    part.finish()
    return asset


def _member_of(part: _Part) -> Member:
    member_id, lei = part.text("member_id"), part.text("lei", "")
    members.check_id(member_id, field=part.place("member_id"))
    if lei:
        members.check_lei(lei)
    if member_id == register.HOUSE_MEMBER:
        raise part.fault("member_id", "is the house itself")
    member = Member(
        member_id=member_id,
        name=part.text("name"),
        lei=lei,
        accounts=tuple(_account(it, member_id=member_id) for it in part.parts("accounts")),
    )
    part.finish()
    return member


def _account(part: _Part, *, member_id: str) -> Account:
    part.passed_over = STORY_OF_ACCOUNT
    account = Account(
        account_id=members.check_id(part.text("account_id"), field=part.place("account_id")),
        member_id=member_id,
        kind=part.text("kind"),
        title=part.text("title"),
    )
    if account.kind not in KINDS:
        raise part.fault("kind", " | ".join(KINDS))
    part.finish()
    return account


def _check_once(field: str, ids: list[str]) -> None:
    again = sorted({it for it in ids if ids.count(it) > 1})
    if again:
        raise OpeningNotValid(field=field, got=again[0], why="is named twice")


class _Part:
    """One object of the document, that knows where it stands and what was asked of it."""

    def __init__(self, found: Any, at: str, *, passed_over: tuple[str, ...] = ()) -> None:
        self.at, self.passed_over = at, passed_over
        self.asked: set[str] = set()
        if not isinstance(found, Mapping):
            raise OpeningNotValid(field=at, why="is an object")
        self.found = found

    def place(self, name: str) -> str:
        return f"{self.at}.{name}" if self.at else name

    def fault(self, name: str, why: str) -> OpeningNotValid:
        got = str(self.found.get(name, "nothing"))[:60]
        return OpeningNotValid(field=self.place(name), got=got, wanted=why)

    def text(self, name: str, usual: str | None = None) -> str:
        value = self._value(name, usual)
        if not isinstance(value, str) or len(value) > LONGEST_TITLE or (not value and usual != ""):
            raise self.fault(name, f"a text of 1 to {LONGEST_TITLE} characters")
        return value

    def whole(self, name: str, usual: int | None = None) -> int:
        value = self._value(name, usual)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(name, "a whole number")
        return value

    def part(self, name: str) -> _Part:
        return _Part(self._value(name, {}), self.place(name))

    def parts(self, name: str) -> list[_Part]:
        value = self._value(name, None)
        if not isinstance(value, list):
            raise self.fault(name, "a list")
        return [_Part(it, f"{self.place(name)}[{place}]") for place, it in enumerate(value)]

    def finish(self) -> None:
        """Nothing is passed over by mistake. Raises OpeningNotValid."""
        for name in self.found:
            if name not in self.asked and name not in self.passed_over:
                raise OpeningNotValid(field=self.place(str(name)), why="is not known here")

    def _value(self, name: str, usual: Any) -> Any:
        self.asked.add(name)
        return self.found.get(name, usual)
