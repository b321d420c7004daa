"""The sidebar and the look of the admin: what settings hand to Unfold."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _list(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


def sidebar(_: HttpRequest) -> list[dict[str, Any]]:
    return [
        {
            "title": "Now",
            "items": [
                {
                    "title": "What is wrong now",
                    "icon": "emergency_home",
                    "link": reverse_lazy("admin:index"),
                },
                _list("Margin calls", "notifications_active", "margin_margincall"),
                _list("Liquidation cases", "gavel", "liquidation_case"),
                _list("Jobs", "manufacturing", "clearing_job"),
            ],
        },
        {
            "title": "Who",
            "separator": True,
            "items": [
                _list("Accounts", "account_balance_wallet", "accounts_account"),
                _list("Members", "domain", "accounts_member"),
                _list("Credentials", "key", "accounts_credential"),
                _list("Users", "badge", "accounts_user"),
            ],
        },
        {
            "title": "How much",
            "separator": True,
            "items": [
                _list("Runs", "calculate", "margin_run"),
                _list("Requirements", "scale", "margin_requirement"),
                _list("Parameter sets", "tune", "margin_parameterset"),
            ],
        },
        _proof(),
        *_record(),
    ]


def _record() -> list[dict[str, Any]]:
    schedule = reverse_lazy("desk-schedule")
    groups = {
        "Trades": [
            _list("Trades", "swap_horiz", "clearing_trade"),
            _list("Give-ups and transfers", "move_up", "clearing_handover"),
            _list("Allocations", "call_split", "clearing_allocation"),
            _list("Average price groups", "balance", "clearing_pricegroup"),
            _list("Instruments", "candlestick_chart", "clearing_instrument"),
            _list("Assets", "paid", "clearing_asset"),
        ],
        "Settlement and collateral": [
            _list("Settlement cycles", "sync_alt", "clearing_cycle"),
            _list("Funding rates", "percent", "clearing_fundingfixing"),
            {"title": "Collateral schedule", "icon": "rule", "link": schedule},
            _list("Collateral lots", "inventory_2", "clearing_collaterallot"),
            _list("Substitutions", "swap_horiz", "clearing_substitution"),
            _list("Withdrawals", "output", "clearing_withdrawal"),
        ],
        "Prices": [
            _list("Price sets", "price_check", "clearing_priceset"),
            _list("Price sources", "campaign", "clearing_pricesource"),
            _list("Observations", "visibility", "clearing_observationbatch"),
            _list("Windows without a set", "event_busy", "clearing_pricedeferral"),
            _list("Price policy", "rule", "clearing_pricerules"),
        ],
        "The log": [
            _list("Events", "history", "clearing_event"),
            _list("Sealed blocks", "lock", "clearing_block"),
            _list("Checkpoints", "verified", "clearing_checkpoint"),
        ],
    }
    return [{"title": title, "separator": True, "items": items} for title, items in groups.items()]


def _proof() -> dict[str, Any]:
    return {
        "title": "Proof",
        "separator": True,
        "items": [
            {
                "title": "Trial balance",
                "icon": "balance",
                "link": reverse_lazy("desk-trial-balance"),
            },
            _list("Breaks", "difference", "clearing_break"),
            _list("Reconciliations", "fact_check", "clearing_reconciliation"),
            _list("Halted withdrawals", "block", "clearing_releasehalt"),
            _list("Violations", "report", "clearing_violation"),
        ],
    }


def primary(*_: Any) -> dict[str, str]:
    """A calm blue, so that red is left for what is wrong."""
    return {
        "50": "#eff6ff",
        "100": "#dbeafe",
        "200": "#bfdbfe",
        "300": "#93c5fd",
        "400": "#60a5fa",
        "500": "#3b82f6",
        "600": "#1d4ed8",
        "700": "#1e40af",
        "800": "#1e3a8a",
        "900": "#172554",
        "950": "#0f172a",
    }


def styles(_: HttpRequest) -> str:
    return static("surety/desk.css")


def scripts(_: HttpRequest) -> str:
    return static("surety/desk.js")
