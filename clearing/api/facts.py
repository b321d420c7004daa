"""Facts as the API shows them: amounts as decimals with their asset, lots and ticks as quantity and
price. What a fact says is not changed, only spelled."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from clearing import selectors
from clearing.api.fields import Moment, plain
from clearing.domain import instrument, settlement
from clearing.domain.instrument import Instrument

# Which field of the fact names the asset of an amount; every other amount is in `asset`, or, where
# a fact has none, in the asset its stream named last.
ASSET_OF = {
    **dict.fromkeys(("cash", "cost", "value", "drawn"), "settlement"),
    **dict.fromkeys(("residue", "residue_cash", "residue_cost"), "settlement"),
    **dict.fromkeys(("free", "stressed_free", "eligible_before", "eligible_after"), "reporting"),
    "delivered": "underlying",
    "incoming_amount": "incoming",
}
AMOUNTS = frozenset(
    {
        *ASSET_OF,
        *("amount", "equity", "maintenance", "target", "penalty", "target_after"),
        *("ours", "theirs", "difference"),
        *("equity_before", "equity_after", "maintenance_before", "maintenance_after"),
    }
)

LINE_AMOUNTS = ("value", "cash", "cost")


class FactShape(serializers.Serializer[Any]):
    sequence = serializers.IntegerField(help_text="Its place in the whole log.")
    stream = serializers.CharField()
    version = serializers.IntegerField(help_text="Its place in its stream, without gaps.")
    name = serializers.CharField()
    effective_at = Moment(help_text="Business time.")
    recorded_at = Moment(help_text="Wall clock.")
    actor = serializers.CharField()
    correlation_id = serializers.CharField()
    cause = serializers.IntegerField(
        allow_null=True, help_text="Sequence of the fact that led to this one."
    )
    fact = serializers.DictField(
        child=serializers.JSONField(), help_text="What happened; fields depend on `name`."
    )


def shown(found: Sequence[Any]) -> list[dict[str, Any]]:
    """Recorded facts in the shape of `FactShape`."""
    spell = _Speller(found)
    rows = FactShape(
        [
            {
                "sequence": it.sequence,
                "stream": it.stream,
                "version": it.version,
                "name": it.fact.NAME,
                "effective_at": it.effective_at,
                "recorded_at": it.recorded_at,
                "actor": it.cause.actor,
                "correlation_id": it.cause.correlation_id,
                "cause": it.cause.sequence,
                "fact": spell.fact(it),
            }
            for it in found
        ],
        many=True,
    )
    return list(rows.data)


class _Speller:
    """Looks up what a whole page of facts needs at once: digits, terms, and assets named before."""

    def __init__(self, found: Sequence[Any]) -> None:
        self.digits = selectors.scales()
        fields = [asdict(it.fact) for it in found]
        symbols = {row["symbol"] for row in fields if "symbol" in row}
        symbols |= {step["symbol"] for row in fields for step in _steps(row)}
        self.terms: Mapping[str, Instrument] = selectors.instruments(symbols) if symbols else {}
        nameless = {it.stream for it, row in zip(found, fields, strict=True) if _nameless(row)}
        self.named = selectors.assets_named(nameless) if nameless else {}

    def fact(self, it: Any) -> dict[str, Any]:
        fields = asdict(it.fact)
        if _nameless(fields):
            fields["asset"] = self._named_before(it)
        steps = [self._spelled(step) for step in _steps(fields)]
        spelled = self._spelled(fields)
        return {**spelled, "steps": steps} if steps else spelled

    def _spelled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        spelled: dict[str, Any] = {}
        for name, value in fields.items():
            match name:
                case "lots":
                    it = self.terms[fields["symbol"]]
                    spelled["quantity"] = plain(it.lot_size * value)
                case "price_ticks":
                    it = self.terms[fields["symbol"]]
                    spelled["price"] = plain(instrument.price_of(it, value))
                case _ if name in AMOUNTS and fields.get("unit") == "lots":
                    spelled[name] = plain(value)

                case "lines" if isinstance(value, str):
                    spelled[name] = [self._line(line) for line in settlement.lines_of(value)]
                case _ if name in AMOUNTS:
                    spelled[name] = self._amount(fields.get(ASSET_OF.get(name, "asset"), ""), value)
                case _:
                    spelled[name] = value
        return spelled

    def _line(self, line: settlement.Line) -> dict[str, Any]:
        amounts = {name: self._amount(line.asset, getattr(line, name)) for name in LINE_AMOUNTS}
        return asdict(line) | amounts

    def _amount(self, asset: str, minor: int) -> str:
        """A fact that moves nothing of an asset may leave its name empty."""
        return selectors.shown(asset, minor, self.digits) if asset else plain(minor)

    def _named_before(self, it: Any) -> str:
        named = self.named[it.stream]
        place = bisect_right(named, it.version, key=lambda each: each[0])
        return named[place - 1][1]


def _nameless(fields: Mapping[str, Any]) -> bool:
    return "asset" not in fields and any(
        name in AMOUNTS and name not in ASSET_OF for name in fields
    )


def _steps(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A plan keeps its trades as JSON text; a count of steps is not a plan."""
    steps = fields.get("steps")
    found: list[dict[str, Any]] = json.loads(steps) if isinstance(steps, str) else []
    return found
