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
from clearing.domain import entries


class Position(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    quantity = DecimalText(help_text="Signed: bought is positive. In the instrument's own units.")
    cost = DecimalText(
        allow_null=True,
        help_text="What the position was bought for, signed, in `settlement`; futures and"
        " perpetuals only, because options are paid for when they trade.",
    )
    settlement = serializers.CharField()


class Positions(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    sequence = serializers.IntegerField(help_text="The account's latest fact that is counted.")
    positions = Position(many=True)


class Balance(serializers.Serializer[Any]):
    asset = serializers.CharField()
    amount = DecimalText(help_text="Signed; without what is waiting to be withdrawn.")
    withdrawing = DecimalText(help_text="Asked for and not yet decided.")


class Balances(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    sequence = serializers.IntegerField(help_text="The account's latest fact that is counted.")
    balances = Balance(many=True)


class AccountPositions(Door):
    """GET what an account has open."""

    @extend_schema(
        operation_id="list_positions",
        tags=["accounts"],
        summary="Positions of an account",
        description="Every instrument the account holds lots of, by symbol.",
        responses={200: Positions},
        examples=[
            OpenApiExample(
                "A long perpetual",
                {
                    "account_id": "NORTH-1",
                    "sequence": 1043,
                    "positions": [
                        {
                            "symbol": "BTC-PERP",
                            "quantity": "1.500",
                            "cost": "135000.750000",
                            "settlement": "USDC",
                        }
                    ],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, account_id: str) -> Response:
        account = selectors.visible(account_id, scope=scope_of(request))

        sequence, held = selectors.book(account.account_id)

        prefix, digits = entries.lots(""), selectors.scales()
        symbols = [asset.removeprefix(prefix) for asset in held if asset.startswith(prefix)]
        terms = selectors.instruments(symbols)
        positions = [
            {
                "symbol": symbol,
                "quantity": plain(it.lot_size * held[entries.lots(symbol)]),
                "cost": selectors.shown(it.settlement, held.get(entries.cost(symbol), 0), digits)
                if it.carried_at_cost
                else None,
                "settlement": it.settlement,
            }
            for symbol, it in terms.items()
        ]
        shape = Positions({"account_id": account_id, "sequence": sequence, "positions": positions})
        return Response(shape.data)


class AccountBalances(Door):
    """GET what an account has of each asset."""

    @extend_schema(
        operation_id="list_balances",
        tags=["accounts"],
        summary="Balances of an account",
        description="Cash and collateral by asset. An amount asked to be withdrawn leaves the"
        " balance at once and stands beside it until it is decided.",
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

        sequence, held = selectors.book(account.account_id)

        prefix, digits = entries.cash(""), selectors.scales()
        leaving: dict[str, int] = {}
        for asset, amount in selectors.account(account_id).waiting.values():
            leaving[asset] = leaving.get(asset, 0) + amount
        assets = {asset.removeprefix(prefix) for asset in held if asset.startswith(prefix)}
        balances = [
            {
                "asset": asset,
                "amount": selectors.shown(asset, held.get(entries.cash(asset), 0), digits),
                "withdrawing": selectors.shown(asset, leaving.get(asset, 0), digits),
            }
            for asset in sorted(assets | set(leaving))
        ]
        shape = Balances({"account_id": account_id, "sequence": sequence, "balances": balances})
        return Response(shape.data)
