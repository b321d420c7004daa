"""Collateral in lots, what it counts for, and the schedule that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import Door, checked, scope_of
from clearing.api.fields import DecimalText, Moment
from clearing.domain import amounts
from clearing.domain.collateral import Valued
from clearing.domain.lots import Drawn
from clearing.domain.schedule import Schedule, Terms, about
from clearing.selectors import AssetLots
from clearing.services import timekeeping

LOT_NOTE = "Its part of the asset's value, rounded down; the asset's own line is exact."


class Cuts(serializers.Serializer[Any]):
    not_admitted = DecimalText(help_text="All of it, where the schedule does not take the asset.")
    haircut = DecimalText()
    gap = DecimalText(help_text="Of a leveraged token: leverage times its underlying's gap.")
    concentration = DecimalText(help_text="Above the limit, once haircuts are taken.")
    wrong_way = DecimalText()
    depeg = DecimalText()


class CollateralLot(serializers.Serializer[Any]):
    lot_id = serializers.CharField()
    units = DecimalText(help_text="What is left of it, in the asset.")
    used = DecimalText(help_text="What trading has used up of it: the oldest lot first.")
    custodian = serializers.CharField(help_text="Empty where nobody said.")
    deposited_at = Moment()
    encumbered = serializers.BooleanField()
    encumbered_by = serializers.CharField(help_text="`substitution:<id>`; empty when it is free.")
    market_value = DecimalText(allow_null=True, help_text=LOT_NOTE)
    eligible_value = DecimalText(allow_null=True, help_text=LOT_NOTE)
    sequence = serializers.IntegerField(help_text="The fact that brought it.")


class CollateralAsset(serializers.Serializer[Any]):
    asset = serializers.CharField()
    balance = DecimalText(help_text="Lots left and settled cash, less debt.")
    settled_cash = DecimalText(help_text="What trading has paid in beyond all lots; it has no lot.")
    debt = DecimalText()
    leaving = DecimalText(help_text="In lots promised to withdrawals; no longer in the balance.")
    price = DecimalText(allow_null=True, help_text="The sealed index; null without one.")
    market_value = DecimalText(allow_null=True)
    cuts = Cuts(allow_null=True)
    eligible_value = DecimalText(allow_null=True, help_text="Market value less every cut.")
    why = serializers.CharField(help_text="Why nothing of it counts; empty otherwise.")
    lots = CollateralLot(many=True, help_text="Oldest first, as they would leave.")


class Collateral(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    asset = serializers.CharField(
        allow_null=True, help_text="What values are in; null before the first schedule."
    )
    at = Moment()
    price_sequence = serializers.IntegerField(allow_null=True)
    market_value = DecimalText(allow_null=True)
    eligible_value = DecimalText(allow_null=True)
    assets = CollateralAsset(many=True)


class AccountCollateral(Door):
    """GET an account's collateral, lot by lot."""

    @extend_schema(
        operation_id="list_collateral_lots",
        tags=["collateral"],
        summary="Collateral in lots, and what it counts for",
        description="Per asset: the balance as lots and settled cash, its market value at the sealed"
        " index, each cut of the schedule in its order, and what is left. A cut is taken once; what"
        " counts is never more than the market value. Without a schedule there are no cuts and the"
        " margin method alone decides; values are null.",
        responses={200: Collateral},
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))

        found = selectors.account_collateral(account.account_id, at=timekeeping.now())

        return Response(Collateral(_collateral(found)).data)


def _collateral(found: selectors.AccountCollateral) -> dict[str, Any]:
    digits, reporting = selectors.scales(), found.schedule.reporting
    money = _money(reporting, digits)
    worth = [it.valued for it in found.assets if it.valued]
    return {
        "account_id": found.account_id,
        "asset": reporting or None,
        "at": found.at,
        "price_sequence": found.price_sequence,
        "market_value": money(sum(it.market for it in worth)),
        "eligible_value": money(sum(it.eligible for it in worth)),
        "assets": [_asset(it, reporting, digits) for it in found.assets],
    }


def _money(reporting: str, digits: Mapping[str, int]) -> Any:
    def money(minor: int | None) -> str | None:
        if minor is None or not reporting:
            return None
        return format(amounts.shown(minor, scale=digits[reporting]), "f")

    return money


def _asset(it: AssetLots, reporting: str, digits: Mapping[str, int]) -> dict[str, Any]:
    money, worth = _money(reporting, digits), it.valued

    def units(minor: int) -> str:
        return format(amounts.shown(minor, scale=digits[it.asset]), "f")

    return {
        "asset": it.asset,
        "balance": units(it.balance),
        "settled_cash": units(it.against.settled_cash),
        "debt": units(it.against.debt),
        "leaving": units(sum(lot.units for lot in it.leaving)),
        "price": None if worth is None else worth.price,
        "market_value": money(worth.market if worth else None),
        "cuts": None if worth is None else {name: money(cut) for name, cut in worth.cuts.items()},
        "eligible_value": money(worth.eligible if worth else None),
        "why": worth.why if worth else "",
        "lots": [
            {
                "lot_id": row.lot.lot_id,
                "units": units(row.left),
                "used": units(row.used),
                "custodian": row.lot.custodian,
                "deposited_at": row.lot.deposited_at,
                "encumbered": bool(row.lot.encumbered_by),
                "encumbered_by": row.lot.encumbered_by,
                "market_value": money(_part(row, worth, worth.market) if worth else None),
                "eligible_value": money(_part(row, worth, worth.eligible) if worth else None),
                "sequence": row.lot.sequence,
            }
            for row in it.against.lots
        ],
    }


def _part(row: Drawn, of: Valued, value: int) -> int:
    return value * row.left // of.units


class CollateralTerms(serializers.Serializer[Any]):
    asset = serializers.CharField()
    admitted = serializers.BooleanField()
    locations = serializers.ListField(
        child=serializers.CharField(), help_text="Custodians it may lie with; empty means any."
    )
    custodian_confirms = serializers.BooleanField(
        help_text="Whether a custodian must confirm before a withdrawal leaves."
    )
    haircut = DecimalText(help_text="A share of the market value.")
    account_limit = DecimalText(allow_null=True, help_text="Most that counts, after the haircut.")
    member_limit = DecimalText(allow_null=True, help_text="Of all the member's accounts together.")
    member_share = DecimalText(
        allow_null=True, help_text="Of all the member's collateral after its haircuts."
    )
    issuer = serializers.CharField(help_text="A member whose own paper it is; empty for none.")
    underlying = serializers.CharField(
        help_text="An account that loses when this falls has the wrong-way cut; empty for none."
    )
    wrong_way_cut = DecimalText()
    peg = serializers.CharField(help_text="Counts at no more than this asset; empty for none.")
    depeg_threshold = DecimalText(help_text="One step below the peg.")
    depeg_cut = DecimalText(help_text="For each whole step.")
    outflow_house_amount = DecimalText(allow_null=True, help_text="In the asset, in any hour.")
    outflow_house_share = DecimalText(allow_null=True)
    outflow_member_amount = DecimalText(allow_null=True)
    outflow_member_share = DecimalText(allow_null=True)
    stress_move = DecimalText(help_text="What a price may move while a withdrawal is out.")


class CollateralGap(serializers.Serializer[Any]):
    underlying = serializers.CharField()
    move = DecimalText(help_text="Worst move before a token is rebalanced: a share of the price.")
    source = serializers.CharField(  # type: ignore[assignment]  # fields have one too
        help_text="Where it was observed."
    )


class Announcement(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    asset = serializers.CharField(help_text="Of a gap: the underlying.")
    fact = serializers.CharField(help_text="The event's name.")
    announced_at = Moment()
    effective_from = Moment()
    terms = serializers.DictField(child=serializers.CharField(), help_text="What it says.")


class ScheduleShown(serializers.Serializer[Any]):
    at = Moment()
    reporting = serializers.CharField(
        allow_null=True, help_text="What limits are in; null before the first schedule."
    )
    assets = CollateralTerms(many=True, help_text="In force at that time.")
    gaps = CollateralGap(many=True, help_text="By which leveraged tokens are cut.")
    announced = Announcement(many=True, help_text="What is still to come, by when it comes.")


class ScheduleAt(serializers.Serializer[Any]):
    at = Moment(required=False, help_text="The terms in force then; now without it.")


class CollateralSchedule(Door):
    """GET what the house takes and what it counts for."""

    @extend_schema(
        operation_id="get_collateral_schedule",
        tags=["collateral"],
        summary="The collateral schedule",
        description="Which assets are taken, each with its haircut, limits and rules, as in force now"
        " or at any time, and what is announced. Changes are announced a day before they are in"
        " force; only an outflow limit may be lowered at once.",
        parameters=[ScheduleAt],
        responses={200: ScheduleShown},
        examples=[
            OpenApiExample(
                "Nothing set yet",
                {
                    "at": "2026-01-01T01:00:00.000000Z",
                    "reporting": None,
                    "assets": [],
                    "gaps": [],
                    "announced": [],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        at = checked(ScheduleAt, request.query_params).get("at") or timekeeping.now()

        announced = selectors.announced()

        found = selectors.collateral_schedule(at=at)
        shape = ScheduleShown(
            {
                "at": at,
                "reporting": found.reporting or None,
                "assets": [shown(it) for _, it in sorted(_terms(found).items())],
                "gaps": [found.gaps[name] for name in sorted(found.gaps)],
                "announced": [
                    _announced(it)
                    for it in sorted(announced, key=lambda it: it.effective_from)
                    if it.effective_from > at >= it.announced_at
                ],
            }
        )
        return Response(shape.data)


def _terms(found: Schedule) -> dict[str, Terms]:
    return {asset: found.of(asset) for asset in found.terms}


def shown(terms: Terms) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value := getattr(terms, name), tuple) else value
        for name in terms.__dataclass_fields__
    }


def _announced(it: Any) -> dict[str, Any]:
    said = {
        name: str(getattr(it.fact, name))
        for name in it.fact.__dataclass_fields__
        if name not in ("asset", "effective_from")
    }
    return {
        "sequence": it.sequence,
        "asset": about(it.fact),
        "fact": it.fact.NAME,
        "announced_at": it.announced_at,
        "effective_from": it.effective_from,
        "terms": said,
    }
