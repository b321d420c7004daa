"""What an account holds: positions, and balances of every asset."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import Door, scope_of
from clearing.api.fields import DecimalText, plain
from clearing.api.points import AsOf, asked
from clearing.domain import entries
from clearing.selectors import PositionRow

COUNTED = "The account's latest fact that is counted; 0 if none is."


class Position(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    quantity = DecimalText(help_text="Signed: bought is positive. In the instrument's own units.")
    cost = DecimalText(
        allow_null=True,
        help_text="What the position was bought for, signed, in `settlement`; futures and"
        " perpetuals only, because options are paid for when they trade.",
    )
    settlement = serializers.CharField()
    lots = DecimalText(help_text="The quantity in whole lots.")
    mark = DecimalText(allow_null=True, help_text="Null where the price set has none.")
    value = DecimalText(
        allow_null=True,
        help_text="What the lots are worth at the mark less `cost`, in `settlement`.",
    )


class Positions(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    sequence = serializers.IntegerField(help_text=COUNTED)
    price_sequence = serializers.IntegerField(
        allow_null=True,
        help_text="The price set the marks are of: the one in force at that point; null before the"
        " first.",
    )
    positions = Position(many=True)


class Balance(serializers.Serializer[Any]):
    asset = serializers.CharField()
    amount = DecimalText(help_text="Signed; without what is waiting to be withdrawn.")
    withdrawing = DecimalText(help_text="Asked for and not yet decided.")


class Balances(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    sequence = serializers.IntegerField(help_text=COUNTED)
    balances = Balance(many=True)


class AccountPositions(Door):
    """GET what an account has open."""

    @extend_schema(
        operation_id="list_positions",
        tags=["accounts"],
        summary="Positions of an account",
        description="Every instrument the account holds lots of, by symbol: now, or at any point of"
        " the log. Marks are those in force at the same point.",
        parameters=[AsOf],
        responses={200: Positions},
        examples=[
            OpenApiExample(
                "A long perpetual",
                {
                    "account_id": "NORTH-1",
                    "sequence": 1043,
                    "price_sequence": 1040,
                    "positions": [
                        {
                            "symbol": "BTC-PERP",
                            "quantity": "1.500",
                            "cost": "135000.750000",
                            "settlement": "USDC",
                            "lots": "1500",
                            "mark": "90000.5",
                            "value": "0.000000",
                        }
                    ],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))

        point = asked(request).sides

        book = selectors.account_book(account.account_id, **point)
        sealed = selectors.prices_as_of(**point)

        digits = selectors.scales()
        shape = Positions(
            {
                "account_id": account_id,
                "sequence": book.sequence,
                "price_sequence": sealed.sequence if sealed else None,
                "positions": [
                    _position(row, digits) for row in selectors.positions(book.held, sealed)
                ],
            }
        )
        return Response(shape.data)


class AccountBalances(Door):
    """GET what an account has of each asset."""

    @extend_schema(
        operation_id="list_balances",
        tags=["accounts"],
        summary="Balances of an account",
        description="Cash and collateral by asset. An amount asked to be withdrawn leaves the"
        " balance at once and stands beside it until it is decided. Now, or at any point of the"
        " log.",
        parameters=[AsOf],
        responses={200: Balances},
        examples=[
            OpenApiExample(
                "Two assets",
                {
                    "account_id": "NORTH-1",
                    "sequence": 1043,
                    "balances": [
                        {"asset": "BTC", "amount": "0.50000000", "withdrawing": "0.00000000"},
                        {"asset": "USDC", "amount": "1000000.000000", "withdrawing": "250.000000"},
                    ],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))

        point = asked(request).sides

        book = selectors.account_book(account.account_id, **point)

        prefix, digits = entries.cash(""), selectors.scales()
        named = sorted(it for it in {*book.held, *book.leaving} if it.startswith(prefix))
        balances = [
            {
                "asset": asset,
                "amount": selectors.shown(asset, book.held.get(name, 0), digits),
                "withdrawing": selectors.shown(asset, book.leaving.get(name, 0), digits),
            }
            for name, asset in ((it, it.removeprefix(prefix)) for it in named)
        ]
        shape = Balances(
            {"account_id": account_id, "sequence": book.sequence, "balances": balances}
        )
        return Response(shape.data)


def _position(row: PositionRow, digits: dict[str, int]) -> dict[str, Any]:
    it = row.terms

    def money(minor: int) -> str:
        return selectors.shown(it.settlement, minor, digits)

    return {
        "symbol": it.symbol,
        "quantity": plain(it.lot_size * row.lots),
        "cost": money(row.cost) if it.carried_at_cost else None,
        "settlement": it.settlement,
        "lots": row.lots,
        "mark": row.mark,
        "value": None if row.value is None else money(row.value),
    }
