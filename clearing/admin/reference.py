"""Instruments and assets: terms, codes and how they came to be; officers' orders on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from clearing import models, selectors
from clearing.desk import ACT, Order, RecordDesk, WhyForm, address, event_link, linked
from clearing.domain import adjustment, amendment
from clearing.domain.amendment import AMENDABLE, CODES, Codes
from clearing.domain.cause import Cause
from clearing.domain.instrument import Status
from clearing.services import adjustments, listing, reference, timekeeping

ALIVE = (Status.LISTED, Status.HALTED)
MOST_FACTS = 200
TITLES = {"isin": "ISIN", "cfi": "CFI", "mic": "MIC", "dti": "DTI", "upi": "UPI"}


def _line(label: str, says: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(),
        help_text=says,
    )


class AmendForm(WhyForm):
    """What is left empty is lifted."""

    price_step = _line(
        "Price step", "New trades are priced in multiples of it; empty for the tick."
    )
    lowest_price = _line("Lowest price", "Empty for none.")
    highest_price = _line("Highest price", "Empty for none.")


class AdjustForm(WhyForm):
    ratio = _line("Ratio", "New units to old ones: 7:1, 3:2, 1:10.")
    action = _line("Corporate action", "Its reference; one action is done once.")
    new_symbol = _line("New symbol", "Empty for the rule's own.")


class CodesForm(WhyForm):
    """A code needs no reason but itself."""

    reason = None  # type: ignore[assignment]
    isin = _line("ISIN", "ISO 6166")
    cfi = _line("CFI", "ISO 10962; it must say what the instrument is.")
    mic = _line("MIC", "ISO 10383")
    dti = _line("DTI", "ISO 24165, of the underlying token.")
    upi = _line("UPI", "ISO 4914")
    venue_code = _line("Venue's code", "What its venue calls it.")
    contract_size = _line(
        "Contract size", "Units in what its venue counts as one; empty for a lot."
    )


def _halt(record: models.Instrument, *, reason: str, cause: Cause) -> str:
    halted = reference.halt(record.symbol, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{record.symbol} {'is halted' if halted else 'was halted already'}"


def _resume(record: models.Instrument, *, reason: str, cause: Cause) -> str:
    resumed = reference.resume(record.symbol, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{record.symbol} {'trades again' if resumed else 'was trading already'}"


def _delist(record: models.Instrument, *, reason: str, cause: Cause) -> str:
    done = listing.delist(record.symbol, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{record.symbol} {'is delisted' if done else 'was delisted already'}"


def _amend(record: models.Instrument, *, reason: str, cause: Cause, **bounds: str) -> str:
    changes = {name: bounds[name].strip() for name in AMENDABLE}
    at = timekeeping.now()
    done = listing.amend(record.symbol, changes, reason=reason, at=at, cause=cause)
    return f"{record.symbol} {'is amended' if done else 'is so already'}"


def _adjust(
    record: models.Instrument,
    *,
    reason: str,
    ratio: str,
    action: str,
    new_symbol: str,
    cause: Cause,
) -> str:
    done = adjustments.adjust_contract(
        record.symbol,
        ratio=adjustment.ratio_of(ratio.strip()),
        new_symbol=new_symbol.strip(),
        action=action.strip(),
        reason=reason,
        at=timekeeping.now(),
        cause=cause,
    )
    if not done.new:
        return f"{action} was done before"
    it = done.series[0]
    return f"One lot is {it.lots_factor} of {it.new.symbol}; {done.accounts} accounts moved"


def _assign(record: models.Instrument, *, cause: Cause, **given: str) -> str:
    codes = Codes(**{name: given[name].strip() for name in CODES})
    done = listing.assign_codes({record.symbol: codes}, at=timekeeping.now(), cause=cause)
    return f"{record.symbol} {'has its codes' if done else 'has these codes already'}"


def _codes_of(record: models.Instrument) -> Codes:
    return selectors.codes([record.symbol]).get(record.symbol, Codes())


def _alive(instrument: models.Instrument) -> bool:
    return instrument.status in ALIVE


ORDERS = (
    Order(
        name="halt",
        title="Halt",
        says="Nothing trades in it until it is resumed, liquidations included. Prices are still"
        " sealed and margin is held as before.",
        permission=ACT,
        applies=lambda instrument: instrument.status == Status.LISTED,
        carry=_halt,
    ),
    Order(
        name="resume",
        title="Resume",
        says="It trades again from now on.",
        permission=ACT,
        applies=lambda instrument: instrument.status == Status.HALTED,
        carry=_resume,
    ),
    Order(
        name="amend",
        title="Amend",
        says="New trades keep to these bounds from now on. Open positions and recorded prices mean"
        " what they meant.",
        permission=ACT,
        applies=_alive,
        carry=_amend,
        form=AmendForm,
        starts=lambda instrument: {name: getattr(instrument, name) for name in AMENDABLE},
    ),
    Order(
        name="codes",
        title="Assign codes",
        says="What others call it from now on, whole: what is left empty it no longer has.",
        permission=ACT,
        applies=lambda _instrument: True,
        carry=_assign,
        form=CodesForm,
        starts=lambda instrument: asdict(_codes_of(instrument)),
    ),
    Order(
        name="adjust",
        title="Adjust",
        says="Every holder's lots are exchanged for those of another contract at the same cost, and"
        " this one trades no more. Its index must be quoted in the new units from now on; the other"
        " contracts on the underlying are adjusted with it by manage.py adjust_contract.",
        permission=ACT,
        applies=_alive,
        carry=_adjust,
        form=AdjustForm,
    ),
    Order(
        name="delist",
        title="Delist",
        says="It never trades again. Refused while anybody holds it.",
        permission=ACT,
        applies=_alive,
        carry=_delist,
    ),
)


@admin.register(models.Instrument)
class InstrumentDesk(RecordDesk):
    ordering = ("symbol",)
    list_display = ("symbol", "kind", "payoff", "settlement", "lot_size", "tick_size", "status")
    list_filter = ("status", "kind", "payoff")
    search_fields = ("symbol__istartswith",)
    fields = (
        *("symbol", "kind", "payoff", "underlying", "quote", "settlement"),
        *("lot_size", "tick_size", "expiry_at", "strike", "option_type"),
        *("status", "index", "stands_for_it", "bounds", "codes", "history"),
    )
    readonly_fields = fields
    orders = ORDERS

    def links(self, record: models.Instrument) -> Iterable[tuple[str, str]]:
        stream = reverse("admin:clearing_event_changelist")
        return [("Its facts", f"{stream}?stream=instrument-{record.symbol}")]

    @admin.display(description="adjusted into")
    def stands_for_it(self, row: models.Instrument) -> SafeString | str:
        if not row.successor:
            return "-"
        return linked(row.successor, address(models.Instrument(symbol=row.successor)))

    @admin.display(description="bounds of new trades")
    def bounds(self, row: models.Instrument) -> str:
        bound = {name.replace("_", " "): getattr(row, name) for name in AMENDABLE}
        return ", ".join(f"{name} {value}" for name, value in bound.items() if value) or "none"

    @admin.display(description="codes")
    def codes(self, row: models.Instrument) -> SafeString:
        found = _codes_of(row)
        size = amendment.contract_size(selectors.instrument(row.symbol), found)
        rows = [
            (TITLES.get(name, name.replace("_", " ")), getattr(found, name))
            for name in CODES
            if name != "contract_size" and getattr(found, name)
        ]
        return _table([*rows, ("contract size", f"{size} units")])

    @admin.display(description="how its terms came to be")
    def history(self, row: models.Instrument) -> SafeString:
        facts = selectors.terms_history(row.symbol, limit=MOST_FACTS)
        return _table(
            (
                event_link(it.sequence),
                f"{it.effective_at:%Y-%m-%d %H:%M:%S} UTC",
                it.fact.NAME.split(".")[1].replace("-", " "),
                _detail(it.fact),
                it.cause.actor,
            )
            for it in facts
        )


@admin.register(models.Asset)
class AssetDesk(RecordDesk):
    ordering = ("asset",)
    list_display = ("asset", "title", "scale", "kind", "code")
    fields = ("asset", "title", "scale", "kind", "code", "of", "source")
    readonly_fields = fields
    search_fields = ("asset__istartswith",)
    profiles: dict[str, Any] = {}

    def get_queryset(self, request: Any) -> Any:
        self.profiles = dict(selectors.asset_profiles())
        return super().get_queryset(request)

    @admin.display(description="kind")
    def kind(self, row: models.Asset) -> str:
        return str(self._profile(row, "kind") or "not described")

    @admin.display(description="code")
    def code(self, row: models.Asset) -> str:
        named = {"ISO 4217": "iso4217", "DTI": "dti", "ISIN": "isin"}
        said = {title: self._profile(row, name) for title, name in named.items()}
        return ", ".join(f"{title} {code}" for title, code in said.items() if code) or "-"

    @admin.display(description="leverage")
    def of(self, row: models.Asset) -> str:
        leverage = self._profile(row, "leverage")
        return f"{leverage} times {self._profile(row, 'underlying')}" if leverage else "-"

    @admin.display(description="source")
    def source(self, row: models.Asset) -> str:
        return str(self._profile(row, "source") or "-")

    def _profile(self, row: models.Asset, name: str) -> Any:
        return getattr(self.profiles.get(row.asset), name, "")


def _detail(fact: Any) -> str:
    """A fact's own content in one line, without what stands beside it."""
    names = [it for it in fact.__dataclass_fields__ if it not in ("NAME", "symbol")]
    said = {name.replace("_", " "): getattr(fact, name) for name in names}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value != "")


def _table(rows: Iterable[tuple[Any, ...]]) -> SafeString:
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows),
    )
    return format_html('<div class="desk-scroll"><table class="desk-table">{}</table></div>', body)
