"""Which sets stood when, what they were made of, what was not heard, and who is."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import KEY, Door, cause_of, checked, key_of, scope_of
from clearing.api.fields import DecimalText, Moment
from clearing.api.pages import SequencePage, newest_first, paged
from clearing.api.reference import Prices, prices_shown
from clearing.domain.observations import NUMBERS, Batch
from clearing.domain.rejections import Why
from clearing.domain.scope import require_risk_officer
from clearing.services import pricing

REASONS = [it.value for it in Why]


class PriceSetRow(serializers.Serializer[Any]):
    price_set = serializers.CharField(source="name", help_text="SHA-256 of its content.")
    sequence = serializers.IntegerField()
    at = Moment()
    source = serializers.CharField()  # type: ignore[assignment]  # fields have one too
    quotes = serializers.IntegerField()
    simulated = serializers.BooleanField()
    settled = serializers.BooleanField()
    corrects = serializers.IntegerField(
        allow_null=True, help_text="Sequence of the set it stands in for."
    )
    reason = serializers.CharField(help_text="Of the correction; empty without one.")


class Recipe(serializers.Serializer[Any]):
    batches = serializers.ListField(child=serializers.CharField(), help_text="Names, by hash.")
    policy = serializers.DictField(child=serializers.CharField(), help_text="The rules.")
    sources = serializers.DictField(
        child=serializers.CharField(), help_text="Name to kind, weight, what it quotes, standing."
    )
    rejections = serializers.CharField(help_text="Hash of what was not heard.")


class PriceSet(Prices):
    made_of = Recipe(allow_null=True, help_text="Null for a set that one feed gave as a whole.")
    of_its_time = PriceSetRow(many=True, help_text="Oldest first: the last one stands.")


class Rejection(serializers.Serializer[Any]):
    subject = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="Empty for why a subject has no price in the set."
    )
    why = serializers.ChoiceField(choices=REASONS)
    says = serializers.CharField()


class Said(serializers.Serializer[Any]):
    subject = serializers.CharField()
    at = Moment()
    bid = DecimalText(allow_null=True)
    ask = DecimalText(allow_null=True)
    mark = DecimalText(allow_null=True)
    last = DecimalText(allow_null=True)
    vol = DecimalText(allow_null=True)
    depth = DecimalText(allow_null=True)


class SaidBatch(serializers.Serializer[Any]):
    batch = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    observations = Said(many=True)


class SaidBatches(serializers.Serializer[Any]):
    batches = SaidBatch(many=True)


class Deferral(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    at = Moment(help_text="The close of the window.")
    reason = serializers.CharField()
    observations = serializers.IntegerField(help_text="How many were looked at.")
    rejected = serializers.IntegerField()


class Source(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    title = serializers.CharField()
    kind = serializers.ChoiceField(choices=["venue", "vendor", "own"])
    weight = serializers.IntegerField()
    quotes = serializers.CharField(help_text="Underlyings it may quote; `*` for all.")
    simulated = serializers.BooleanField()
    standing = serializers.ChoiceField(choices=["active", "suspended"])


class SourceList(serializers.Serializer[Any]):
    items = Source(many=True)


class Peg(serializers.Serializer[Any]):
    asset = serializers.CharField()
    price = DecimalText(help_text="Of one unit in the reporting currency.")
    by_definition = serializers.BooleanField(
        help_text="True where no set quotes it and the policy says one: no market price."
    )
    price_sequence = serializers.IntegerField(source="sequence", allow_null=True)


class PegList(serializers.Serializer[Any]):
    items = Peg(many=True)


class QuoteBody(serializers.Serializer[Any]):
    mark = DecimalText()
    vol = DecimalText(required=False, help_text="Left out: as it was.")


class CorrectionBody(serializers.Serializer[Any]):
    indices = serializers.DictField(child=DecimalText(), required=False, help_text="By asset.")
    forwards = serializers.DictField(
        child=DecimalText(), required=False, help_text="By `<underlying> <expiry>`."
    )
    quotes = serializers.DictField(child=QuoteBody(), required=False, help_text="By symbol.")
    reason = serializers.CharField(max_length=200, help_text="Recorded in the fact.")


class CorrectionTaken(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    price_set = serializers.CharField()
    corrects = serializers.IntegerField()


class PriceSets(Door):
    """GET every set that was ever sealed."""

    @extend_schema(
        operation_id="list_price_sets",
        tags=["prices"],
        summary="Price sets",
        description="Sealed sets and corrections, newest in the log first. In force is the one of"
        " the latest `at`; of one `at` the latest in the log.",
        parameters=[SequencePage],
        responses={200: paged(PriceSetRow)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        rows = selectors.price_sets().order_by("-sequence")

        return Response(newest_first(rows, **query, show=lambda row: PriceSetRow(row).data))


class OnePriceSet(Door):
    """GET one set with everything in it."""

    @extend_schema(
        operation_id="get_price_set",
        tags=["prices"],
        summary="One price set",
        description="By `latest`, by sequence, or by its name or at least the first eight letters"
        " of it: its prices, what it was made of, and what stood and stands for its time.",
        responses={200: PriceSet},
    )
    def get(self, _request: Request, price_set: str) -> Response:
        sealed = selectors.price_set_named(price_set)

        shape = PriceSet(
            {
                **prices_shown(sealed),
                "made_of": sealed.prices.made_of,
                "of_its_time": selectors.sets_of_time(sealed.sequence),
            }
        )
        return Response(shape.data)


class Corrections(Door):
    """POST what was wrong with a set."""

    names = {**Door.names, "index": "indices", "forward": "forwards", "symbol": "quotes"}

    @extend_schema(
        operation_id="correct_price_set",
        tags=["prices"],
        summary="Correct a price set",
        description="A new set, the old one with some prices replaced, stands in for it from its own"
        " time on. Both are kept. Needs the session of an officer who may act on risk.",
        parameters=[KEY],
        request=CorrectionBody,
        responses={201: CorrectionTaken},
        examples=[
            OpenApiExample(
                "One index",
                {"indices": {"BTC": "90100"}, "reason": "XTWO misplaced a digit"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, price_set: str) -> Response:
        require_risk_officer(scope_of(request))
        wrong = selectors.price_set_named(price_set)
        key, body = key_of(request), checked(CorrectionBody, request.data)

        fixed = pricing.patched(
            wrong.sequence,
            indices=body.get("indices", {}),
            forwards=body.get("forwards", {}),
            quotes={
                symbol: f"{quote['mark']}:{quote.get('vol', '')}"
                for symbol, quote in body.get("quotes", {}).items()
            },
        )
        sequence = pricing.correct(
            wrong.sequence, fixed, reason=body["reason"], key=key, cause=cause_of(request)
        )

        name = selectors.prices_at(sequence).name
        shape = CorrectionTaken(
            {"sequence": sequence, "price_set": name, "corrects": wrong.sequence}
        )
        return Response(shape.data, status=201)


class Rejections(Door):
    """GET what was not heard for a set."""

    @extend_schema(
        operation_id="list_rejections",
        tags=["prices"],
        summary="What was not heard for a set",
        description="Every observation that was left out, with the reason and the numbers; and, with"
        " no source named, every subject that has no price in the set. Evidence, bound by the set's"
        " own content.",
        parameters=[SequencePage],
        responses={200: paged(Rejection)},
    )
    def get(self, request: Request, price_set: str) -> Response:
        query = checked(SequencePage, request.query_params)

        rows = selectors.rejection_rows(selectors.price_set_named(price_set).name)

        return Response(newest_first(rows, **query, by="id", show=lambda row: Rejection(row).data))


class MadeOf(Door):
    """GET what the sources said, as it came."""

    @extend_schema(
        operation_id="list_observations",
        tags=["prices"],
        summary="What a set was made of",
        description="The batches its recipe names, to the letter: with the recipe's rules they make"
        " the same set again. Empty for a set that one feed gave as a whole.",
        responses={200: SaidBatches},
    )
    def get(self, _request: Request, price_set: str) -> Response:
        found = selectors.price_set_named(price_set).prices.made_of

        batches = selectors.batches_named(found.batches) if found else []
        return Response(SaidBatches({"batches": [_said(it) for it in batches]}).data)


class Deferrals(Door):
    """GET the windows that closed without a set."""

    @extend_schema(
        operation_id="list_price_deferrals",
        tags=["prices"],
        summary="Windows without a set",
        description="Newest first: nothing was margined on them.",
        parameters=[SequencePage],
        responses={200: paged(Deferral)},
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)

        rows = selectors.deferrals()

        return Response(newest_first(rows, **query, show=lambda row: Deferral(row).data))


class Sources(Door):
    """GET who is heard."""

    @extend_schema(
        operation_id="list_price_sources",
        tags=["prices"],
        summary="Sources of prices",
        description="Everybody admitted, by name, and whether they are heard.",
        responses={200: SourceList},
    )
    def get(self, _request: Request) -> Response:
        return Response(SourceList({"items": selectors.price_source_rows()}).data)


class Pegs(Door):
    """GET what stable coins are worth."""

    @extend_schema(
        operation_id="list_pegs",
        tags=["prices"],
        summary="Pegs",
        description="Every asset the price policy names as pegged: its index in the set in force, or"
        " one by definition, which is said.",
        responses={200: PegList},
    )
    def get(self, _request: Request) -> Response:
        return Response(PegList({"items": selectors.pegs()}).data)


def _said(batch: Batch) -> dict[str, Any]:
    rows = [
        {
            "subject": it.subject,
            "at": it.at,
            **{name: getattr(it, name) or None for name in NUMBERS},
        }
        for it in batch.observations
    ]
    return {"batch": batch.name, "source": batch.source, "observations": rows}
