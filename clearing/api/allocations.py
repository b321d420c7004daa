"""Passing a leg on to accounts of one's own: allocation, and allocation at an average price."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment, Name, plain
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain.scope import require_member
from clearing.services import allocations, average_prices, timekeeping

SIDE_HELP = "Needed only where the account has a part of both legs."


class ShareBody(serializers.Serializer[Any]):
    account_id = Name(max_length=20, help_text="Of the same member.")
    quantity = DecimalText()


class AllocationBody(serializers.Serializer[Any]):
    account_id = Name(max_length=20, help_text="Who has the lots now.")
    side = serializers.ChoiceField(choices=["bought", "sold"], default="", help_text=SIDE_HELP)
    shares = ShareBody(many=True, help_text="All of them are allocated, or none.")


class Done(serializers.Serializer[Any]):
    sequence = serializers.IntegerField(help_text="Of the last fact it led to.")


class AllocationTaken(Done):
    allocation_id = serializers.CharField()


class AllocationShown(serializers.Serializer[Any]):
    allocation_id = serializers.CharField()
    account_id = serializers.CharField(help_text="Who allocated.")
    side = serializers.CharField()
    quantity = DecimalText(help_text="In all, signed like the leg.")
    status = serializers.ChoiceField(choices=["active", "cancelled"])
    made_at = Moment()
    deadline_at = Moment(help_text="Until when it may be cancelled, to be made anew.")
    shares = ShareBody(many=True)
    sequence = serializers.IntegerField()


class GroupTrade(serializers.Serializer[Any]):
    venue = Name(max_length=20)
    trade_id = Name(max_length=60)


class GroupBody(serializers.Serializer[Any]):
    account_id = Name(max_length=20, help_text="Who executed.")
    trades = GroupTrade(many=True, help_text="Of one side and one instrument.")
    shares = ShareBody(many=True, help_text="Every lot of the group; the account may keep some.")


class GroupTaken(Done):
    group_id = serializers.CharField()


class GroupShown(serializers.Serializer[Any]):
    group_id = serializers.CharField()
    account_id = serializers.CharField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    trades = serializers.IntegerField()
    quantity = DecimalText()
    value = DecimalText(help_text="Of all of it, in `settlement`.")
    settlement = serializers.CharField()
    average = serializers.CharField(
        help_text="Minor units of `settlement` for one lot, exactly, as a fraction such as `250/7`."
    )
    made_at = Moment()
    sequence = serializers.IntegerField()


class Allocations(Door):
    """POST an allocation of a leg, GET those of a trade."""

    names = {"account": "account_id", "key": "Idempotency-Key"}

    @extend_schema(
        operation_id="allocate_trade",
        tags=["trades"],
        summary="Allocate a leg",
        description="Passes lots on to other accounts of the same member at the trade's own price,"
        " all shares or none; what is not allocated stays. Values that do not divide are split by"
        " largest remainder and sum exactly.",
        parameters=[KEY],
        request=AllocationBody,
        responses={201: AllocationTaken},
        examples=[
            OpenApiExample(
                "Two clients",
                {
                    "account_id": "NORTH-1",
                    "shares": [
                        {"account_id": "NORTH-2", "quantity": "1"},
                        {"account_id": "NORTH-3", "quantity": "0.5"},
                    ],
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, venue: str, trade_id: str) -> Response:
        scope = scope_of(request)
        selectors.visible_trade(venue, trade_id, scope=scope)
        require_member(scope)
        key, body = key_of(request), checked(AllocationBody, request.data)
        selectors.visible(body["account_id"], scope=scope)

        sequence = allocations.allocate(
            venue,
            trade_id,
            account_id=body["account_id"],
            side=body["side"],
            shares=shares_in(body),
            key=key,
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        allocation_id = allocations.named(body["account_id"], "allocation", key)
        return Response({"allocation_id": allocation_id, "sequence": sequence}, status=201)

    @extend_schema(
        operation_id="list_allocations",
        tags=["trades"],
        summary="Allocations of a trade",
        description="Newest first, with who got what. Your own accounts' alone.",
        parameters=[SequencePage],
        responses={200: paged(AllocationShown)},
    )
    def get(self, request: Request, venue: str, trade_id: str) -> Response:
        scope = scope_of(request)
        trade = selectors.visible_trade(venue, trade_id, scope=scope)
        query = checked(SequencePage, request.query_params)

        found = selectors.visible_allocations(trade.name, scope=scope)

        it = selectors.instrument(trade.symbol)
        return Response(newest_first(found, **query, show=lambda row: _allocation(row, it)))


class AllocationCancel(Door):
    """POST to take an allocation back."""

    @extend_schema(
        operation_id="cancel_allocation",
        tags=["trades"],
        summary="Cancel an allocation",
        description="Everything it passed on comes back to whoever allocated, so that it can be"
        " allocated anew. Before its deadline, and while the lots are still where they went.",
        parameters=[KEY],
        request=None,
        responses={200: Done},
    )
    def post(self, request: Request, venue: str, trade_id: str, allocation_id: str) -> Response:
        scope = scope_of(request)
        trade = selectors.visible_trade(venue, trade_id, scope=scope)
        selectors.visible_allocation(trade.name, allocation_id, scope=scope)
        require_member(scope)

        sequence = allocations.cancel(
            venue,
            trade_id,
            allocation_id,
            key=key_of(request),
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        return Response({"sequence": sequence})


class PriceGroups(Door):
    """POST executions to be allocated at their average, GET such groups."""

    names = {"account": "account_id", "key": "Idempotency-Key"}

    @extend_schema(
        operation_id="average_trades",
        tags=["trades"],
        summary="Allocate at the average price",
        description="Groups executions of one account, side and instrument and allocates every lot"
        " at their exact average: values are split by largest remainder and sum to the group's, so"
        " nothing is left over.",
        parameters=[KEY],
        request=GroupBody,
        responses={201: GroupTaken},
        examples=[
            OpenApiExample(
                "Two fills",
                {
                    "account_id": "NORTH-1",
                    "trades": [
                        {"venue": "XDER", "trade_id": "t-17"},
                        {"venue": "XDER", "trade_id": "t-18"},
                    ],
                    "shares": [{"account_id": "NORTH-2", "quantity": "7"}],
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        scope = scope_of(request)
        require_member(scope)
        key, body = key_of(request), checked(GroupBody, request.data)
        selectors.visible(body["account_id"], scope=scope)

        sequence = average_prices.group(
            body["account_id"],
            trades=[(each["venue"], each["trade_id"]) for each in body["trades"]],
            shares=shares_in(body),
            key=key,
            at=timekeeping.now(),
            cause=cause_of(request),
        )

        group_id = allocations.named(body["account_id"], "average", key)
        return Response({"group_id": group_id, "sequence": sequence}, status=201)

    @extend_schema(
        operation_id="list_price_groups",
        tags=["trades"],
        summary="Average price groups",
        description="Your own, newest first, each with its exact average.",
        parameters=[SequencePage],
        responses={200: paged(GroupShown)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        found = selectors.price_groups(scope_of(request))

        digits = selectors.scales()
        return Response(newest_first(found, **query, show=lambda row: _group(row, digits)))


def shares_in(body: dict[str, Any]) -> dict[str, str]:
    """account -> quantity. Raises ValidationError where an account stands twice."""
    found = {share["account_id"]: share["quantity"] for share in body["shares"]}
    if len(found) != len(body["shares"]):
        raise serializers.ValidationError({"shares": ["An account stands twice."]})
    return found


def _allocation(row: Any, it: Any) -> dict[str, Any]:
    steps = selectors.moves_of(row.allocation_id)
    shape = AllocationShown(
        {
            "allocation_id": row.allocation_id,
            "account_id": row.account,
            "side": row.side,
            "quantity": plain(it.lot_size * row.lots),
            "status": row.status,
            "made_at": row.made_at,
            "deadline_at": row.deadline_at,
            "shares": [
                {"account_id": step.account, "quantity": plain(it.lot_size * abs(step.lots))}
                for step in steps
                if step.why == "allocation"
            ],
            "sequence": row.sequence,
        }
    )
    return dict(shape.data)


def _group(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    it = selectors.instrument(row.symbol)
    shape = GroupShown(
        {
            "group_id": row.group_id,
            "account_id": row.account,
            "symbol": row.symbol,
            "side": row.side,
            "trades": row.trades,
            "quantity": plain(it.lot_size * row.lots),
            "value": selectors.shown(row.settlement, row.value, digits),
            "settlement": row.settlement,
            "average": str(Fraction(row.value, row.lots)),
            "made_at": row.made_at,
            "sequence": row.sequence,
        }
    )
    return dict(shape.data)
