"""In what the ledger's assets are counted, so that doors can spell amounts of any of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clearing.domain import amounts, entries
from clearing.selectors.reference import instruments, scales


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """`what` is cash, cost or lots; `name` the asset or symbol; amounts are decimals of `currency`,
    or whole lots."""

    what: str
    name: str
    currency: str
    scale: int

    def shown(self, amount: int) -> str:
        return format(amounts.shown(amount, scale=self.scale), "f")

    @property
    def title(self) -> str:
        """`USDC`, `BTC-PERP lots`, `BTC-PERP carried at, USDC`."""
        match self.what:
            case "lots":
                return f"{self.name} lots"
            case "cost":
                return f"{self.name} carried at, {self.currency}"
            case _:
                return self.name


def units(assets: Iterable[str]) -> dict[str, Unit]:
    """The unit of each of the ledger's assets; of one the house no longer knows, whole numbers."""
    named = sorted(set(assets))
    digits = scales()
    costs = [it.removeprefix(entries.cost("")) for it in named if it.startswith(entries.cost(""))]
    terms = instruments(costs) if costs else {}
    found = {}
    for asset in named:
        what, _, name = asset.partition(":")
        currency = {"cash": name, "lots": "lots"}.get(what, "")
        if what == "cost" and name in terms:
            currency = terms[name].settlement
        scale = digits.get(currency, 0)
        found[asset] = Unit(what=what, name=name, currency=currency, scale=scale)
    return found
