"""What an account must hold, and why."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors as record
from clearing.api.door import Door, checked, scope_of
from clearing.api.fields import DecimalText, Moment, plain
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.domain.errors import NotFound
from margin import selectors
from margin.domain.calls import Standing

STANDINGS = [it.value for it in Standing]
PARTS = (
    "mark_to_market",
    "worst",
    "initial_factor",
    "initial_contingency",
    "maintenance_contingency",
)


class Levels(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    account_id = serializers.CharField()
    at = Moment(help_text="Business time of the run.")
    asset = serializers.CharField(help_text="Every amount here is in it.")
    reason = serializers.CharField(
        help_text="Why the account could not be priced; empty if it was."
    )
    equity = DecimalText(allow_null=True)
    maintenance = DecimalText(
        allow_null=True, help_text="Below it, times the call factor, the account is called."
    )
    initial = DecimalText(allow_null=True, help_text="What a withdrawal must leave.")
    target = DecimalText(allow_null=True, help_text="The equity that covers a call.")
    missing = DecimalText(allow_null=True, help_text="To the target; zero from there on.")
    free = DecimalText(allow_null=True, help_text="Above initial; zero below it.")
    coverage = DecimalText(
        allow_null=True,
        help_text="Equity in percent of maintenance, down to a tenth; null if nothing must be"
        " covered.",
    )
    standing = serializers.ChoiceField(
        choices=STANDINGS,
        allow_null=True,
        help_text="Worst first: `debt` is equity below zero, `severe` below 80 % of maintenance,"
        " `below-call` below 110 % of it.",
    )
    account_version = serializers.IntegerField(help_text="The book: this version of the account,")
    account_sequence = serializers.IntegerField(help_text="whose latest fact was this one.")
    price_sequence = serializers.IntegerField()
    parameter_set = serializers.CharField(help_text="SHA-256 of the parameter set: its name.")
    array_digest = serializers.CharField(help_text="SHA-256 of the risk array that was multiplied.")
    result_hash = serializers.CharField(
        help_text="SHA-256 of the result and all it names: the same inputs give the same hash."
    )


class Scenario(serializers.Serializer[Any]):
    name = serializers.CharField()
    amount = DecimalText(help_text="Gain is positive.")


class Group(serializers.Serializer[Any]):
    underlying = serializers.CharField()
    binding = serializers.CharField(help_text="The scenario that decides.")
    mark_to_market = DecimalText()
    worst = DecimalText(help_text="The binding scenario's amount.")
    initial_factor = DecimalText(help_text="A number without unit.")
    initial_contingency = DecimalText()
    maintenance_contingency = DecimalText()
    vector = Scenario(many=True, help_text="Every scenario.")


class CollateralCut(serializers.Serializer[Any]):
    """An asset that the collateral schedule cuts, in the result's asset."""

    asset = serializers.CharField()
    market = DecimalText(help_text="Its market value.")
    not_admitted = DecimalText()
    haircut = DecimalText()
    gap = DecimalText(help_text="Of a leveraged token, beyond its haircut.")
    concentration = DecimalText()
    wrong_way = DecimalText()
    depeg = DecimalText()
    eligible = DecimalText(help_text="What is left of it.")
    maintenance = DecimalText(
        help_text="In `maintenance`: what is cut beyond the method's haircut."
    )
    initial = DecimalText(help_text="In `initial`: the same at that level.")


class Requirement(Levels):
    price_set = serializers.CharField(help_text="SHA-256 of the sealed prices: their name.")
    groups = Group(many=True, help_text="Per margin group in which the account has something.")
    collateral = CollateralCut(
        many=True, help_text="What the collateral schedule requires beside the method."
    )


EXAMPLE = {
    "run_id": "prices-1040",
    "account_id": "NORTH-1",
    "at": "2026-01-01T01:00:00.000000Z",
    "asset": "USDC",
    "reason": "",
    "equity": "1000000.000000",
    "maintenance": "13500.000000",
    "initial": "16875.000000",
    "target": "16875.000000",
    "missing": "0.000000",
    "free": "983125.000000",
    "coverage": "7407.4",
    "standing": "fine",
    "account_version": 7,
    "account_sequence": 1043,
    "price_sequence": 1040,
    "price_set": "5b1f…",
    "parameter_set": "9d70…",
    "array_digest": "e1c2…",
    "result_hash": "77ab…",
    "groups": [
        {
            "underlying": "BTC",
            "binding": "spot -15 %, vol up",
            "mark_to_market": "0.0",
            "worst": "-13500.0",
            "initial_factor": "1.25",
            "initial_contingency": "0.0",
            "maintenance_contingency": "0.0",
            "vector": [{"name": "spot -15 %, vol up", "amount": "-13500.0"}],
        }
    ],
    "collateral": [],
}


class LatestRequirement(Door):
    """GET the requirement in force, with all that led to it."""

    @extend_schema(
        operation_id="get_requirement",
        tags=["margin"],
        summary="The latest requirement, explained",
        description="By the newest sealed prices and the newest book that were margined. Levels are"
        " rounded to the asset's smallest unit against the account; components are what the engine"
        " computed, spelled exactly. With the named book, prices and parameters anybody arrives at"
        " the same hash.",
        responses={200: Requirement},
        examples=[OpenApiExample("A long perpetual", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = record.visible(account_id, scope=scope_of(request))

        row = selectors.latest_requirement(account.account_id)
        if row is None:
            raise NotFound(field="account", account=account_id, requirement="none computed yet")

        groups = [
            {
                "underlying": group["underlying"],
                "binding": group["binding"],
                **{name: plain(group[name]) for name in PARTS},
                "vector": [{"name": name, "amount": plain(v)} for name, v in group["vector"]],
            }
            for group in selectors.components(row)
        ]
        digits = record.scales()
        parts = {
            "price_set": selectors.run(row.run_id).price_set,
            "groups": groups,
            "collateral": [_cut(it, row.asset, digits) for it in selectors.collateral_cuts(row)],
        }
        return Response(Requirement({**_levels(row, digits), **parts}).data)


class Requirements(Door):
    """GET every requirement there was."""

    @extend_schema(
        operation_id="list_requirements",
        tags=["margin"],
        summary="Requirements of an account over time",
        description="Newest first. A result never changes after it is written.",
        parameters=[SequencePage],
        responses={200: paged(Levels)},
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = record.visible(account_id, scope=scope_of(request))
        query = checked(SequencePage, request.query_params)

        found = selectors.requirements(account.account_id)

        digits = record.scales()
        return Response(
            newest_first(
                found, **query, by="id", show=lambda row: Levels(_levels(row, digits)).data
            )
        )


def _cut(line: dict[str, Any], asset: str, digits: dict[str, int]) -> dict[str, str]:
    return {
        name: value if name == "asset" else record.shown(asset, value, digits)
        for name, value in line.items()
    }


def _levels(row: Any, digits: dict[str, int]) -> dict[str, Any]:
    """No number at all where the account could not be priced: zero would be an answer."""
    found = selectors.levels(row)
    named = {name: getattr(found, name) for name in ("equity", "maintenance", "initial", "target")}
    named |= {"missing": max(0, found.missing), "free": found.free}
    shown: dict[str, Any] = {
        **{name: record.shown(row.asset, minor, digits) for name, minor in named.items()},
        "coverage": found.coverage,
        "standing": found.standing.value,
    }
    if row.reason:
        shown = dict.fromkeys(shown)
    same = (
        *("run_id", "at", "asset", "reason", "account_version", "account_sequence"),
        *("price_sequence", "parameter_set", "array_digest", "result_hash"),
    )
    return {"account_id": row.account, **shown, **{name: getattr(row, name) for name in same}}
