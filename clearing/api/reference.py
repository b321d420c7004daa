"""What may be traded, at which prices, and what time it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import Door, checked
from clearing.api.fields import DecimalText, Moment
from clearing.api.pages import NamePage, page, paged
from clearing.domain import amendment
from clearing.domain.amendment import Codes
from clearing.domain.instrument import Instrument as Terms
from clearing.domain.instrument import Kind, Payoff, Status
from clearing.services import timekeeping

KINDS = [it.value for it in Kind]


class Instrument(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    payoff = serializers.ChoiceField(choices=[it.value for it in Payoff])
    underlying = serializers.CharField()
    quote = serializers.CharField()
    settlement = serializers.CharField(help_text="The asset it pays in.")
    lot_size = DecimalText(help_text="Quantities are multiples of it.")
    tick_size = DecimalText(help_text="Prices are multiples of it.")
    expiry_at = Moment(allow_null=True)
    strike = DecimalText(allow_null=True)
    option_type = serializers.ChoiceField(choices=["call", "put"], allow_null=True)
    status = serializers.ChoiceField(choices=[it.value for it in Status])
    price_step = DecimalText(allow_null=True, help_text="New trades are priced in multiples of it.")
    lowest_price = DecimalText(allow_null=True)
    highest_price = DecimalText(allow_null=True)
    successor = serializers.CharField(help_text="The contract it was adjusted into; else empty.")
    isin = serializers.CharField(help_text="ISO 6166; codes are empty where it has none.")
    cfi = serializers.CharField(help_text="ISO 10962.")
    mic = serializers.CharField(help_text="ISO 10383.")
    dti = serializers.CharField(help_text="ISO 24165, of the underlying token.")
    upi = serializers.CharField(help_text="ISO 4914.")
    venue_code = serializers.CharField(help_text="What its venue calls it.")
    contract_size = DecimalText(help_text="Units in what its venue counts as one contract.")


class Quote(serializers.Serializer[Any]):
    mark = DecimalText(help_text="In the instrument's own quotation.")
    vol = DecimalText(allow_null=True, help_text="Options only: a fraction a year.")


class Prices(serializers.Serializer[Any]):
    price_set = serializers.CharField(help_text="SHA-256 of the set's content: its name.")
    sequence = serializers.IntegerField()
    at = Moment()
    source = serializers.CharField()  # type: ignore[assignment]  # fields have one too
    simulated = serializers.BooleanField()
    settled = serializers.BooleanField(help_text="Whatever had expired by it has been paid out.")
    indices = serializers.DictField(child=DecimalText(), help_text="Asset to price.")
    forwards = serializers.DictField(
        child=DecimalText(), help_text="`<underlying> <expiry>` to forward price."
    )
    quotes = serializers.DictField(child=Quote(), help_text="Symbol to quote.")


class Clock(serializers.Serializer[Any]):
    now = Moment(help_text="Business time: every deadline is compared with it.")
    mode = serializers.ChoiceField(choices=["live", "story"])
    sequence = serializers.IntegerField(help_text="The fact that set it.")


class Instruments(Door):
    """GET what is listed."""

    @extend_schema(
        operation_id="list_instruments",
        tags=["reference"],
        summary="Instruments",
        description="Everything that was ever listed, by symbol.",
        parameters=[NamePage],
        responses={200: paged(Instrument)},
    )
    def get(self, request: Request) -> Response:
        query = checked(NamePage, request.query_params)

        symbols = selectors.symbols(after=query["cursor"], limit=query["limit"] + 1)

        terms, codes = selectors.instruments(symbols), selectors.codes(symbols)
        found = [terms[symbol] for symbol in symbols]
        return Response(
            page(
                found,
                limit=query["limit"],
                place=lambda it: it.symbol,
                show=lambda it: _instrument(it, codes.get(it.symbol, Codes())),
            )
        )


class OneInstrument(Door):
    """GET one instrument's terms."""

    @extend_schema(
        operation_id="get_instrument",
        tags=["reference"],
        summary="One instrument",
        description="Its terms, and whether it trades.",
        responses={200: Instrument},
    )
    def get(self, _request: Request, symbol: str) -> Response:
        it = selectors.instrument(symbol)
        codes = selectors.codes([symbol]).get(symbol, Codes())
        return Response(_instrument(it, codes))


class LatestPrices(Door):
    """GET the price set in force."""

    @extend_schema(
        operation_id="get_prices",
        tags=["reference"],
        summary="The latest sealed prices",
        description="Nothing is margined or closed on any other. A set never changes: its name is"
        " the hash of its content.",
        responses={200: Prices},
        examples=[
            OpenApiExample(
                "A set",
                {
                    "price_set": "5b1f…",
                    "sequence": 1040,
                    "at": "2026-01-01T01:00:00.000000Z",
                    "source": "median of five",
                    "simulated": False,
                    "settled": True,
                    "indices": {"BTC": "90000"},
                    "forwards": {"BTC 2026-01-30T08:00:00.000000Z": "90312.5"},
                    "quotes": {"BTC-PERP": {"mark": "90000.5", "vol": None}},
                },
                response_only=True,
            )
        ],
    )
    def get(self, _request: Request) -> Response:
        sealed = selectors.latest_prices()

        return Response(Prices(prices_shown(sealed)).data)


def prices_shown(sealed: selectors.SealedPrices) -> dict[str, Any]:
    """As `Prices` spells a set."""
    found = sealed.prices
    return {
        "price_set": sealed.name,
        "sequence": sealed.sequence,
        "at": sealed.at,
        "source": found.source,
        "simulated": found.simulated,
        "settled": sealed.settled,
        "indices": found.indices,
        "forwards": found.forwards,
        "quotes": {
            symbol: {"mark": quote.mark, "vol": quote.vol or None}
            for symbol, quote in found.quotes.items()
        },
    }


class BusinessClock(Door):
    """GET business time."""

    @extend_schema(
        operation_id="get_clock",
        tags=["reference"],
        summary="Business time",
        description="Deadlines, expiry and staleness are compared with it; it moves by facts.",
        responses={200: Clock},
    )
    def get(self, _request: Request) -> Response:
        return Response(Clock(timekeeping.reading()).data)


def _instrument(it: Terms, codes: Codes) -> dict[str, Any]:
    option_type = None if it.is_call is None else "call" if it.is_call else "put"
    shape = Instrument(
        {
            **{name: getattr(it, name) for name in Terms.__dataclass_fields__},
            **asdict(codes),
            "contract_size": amendment.contract_size(it, codes),
            "option_type": option_type,
            "status": it.status.value,
        }
    )
    return dict(shape.data)
