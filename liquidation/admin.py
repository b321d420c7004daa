"""Cases: look, and take up again one that is stuck."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString

from clearing.desk import ACT, MoneyDesk, Order, account_link, case_link, event_link, trail_link
from clearing.domain.cause import Cause
from clearing.services import timekeeping
from liquidation import models
from liquidation.domain.states import WAITING_FOR_PEOPLE
from liquidation.services import cases


def _resume(record: models.Case, *, reason: str, cause: Cause) -> str:
    cases.resume(record.account, reason=reason, at=timekeeping.now(), cause=cause)
    return f"{record.case_id} is taken up again"


@admin.register(models.Case)
class CaseDesk(MoneyDesk):
    ordering = ("-sequence",)
    list_display = ("case_id", "page", "of", "state", "reason", "steps", "opened_at", "moved_at")
    list_filter = ("state",)
    search_fields = ("case_id__exact", "account__exact", "call_id__exact")
    fields = (
        *("case_id", "of", "state", "reason", "had", "maintained", "aimed", "steps", "charged"),
        *("opened_at", "moved_at", "closed_at", "trail", "first_event", "last_event"),
    )
    readonly_fields = fields
    orders = (
        Order(
            name="resume",
            title="Take up again",
            says="The case goes on from where the account is margined: the next plan is made and"
            " carried out, or it gets stuck again and says why.",
            permission=ACT,
            applies=lambda case: case.state in WAITING_FOR_PEOPLE,
            carry=_resume,
        ),
    )

    def links(self, record: models.Case) -> list[tuple[str, str]]:
        return [
            ("Plan, levels, whole trail", reverse("desk-case", args=[record.case_id])),
            ("Account", reverse("desk-account", args=[record.account])),
            ("Margin call", reverse("admin:margin_margincall_change", args=[record.call_id])),
        ]

    @admin.display(description="plan and trail")
    def page(self, case: models.Case) -> SafeString:
        return case_link(case.case_id)

    @admin.display(description="account")
    def of(self, case: models.Case) -> SafeString:
        return account_link(case.account)

    @admin.display(description="equity")
    def had(self, case: models.Case) -> str:
        return self.money(case.asset, case.equity)

    @admin.display(description="maintenance")
    def maintained(self, case: models.Case) -> str:
        return self.money(case.asset, case.maintenance)

    @admin.display(description="restored at equity of")
    def aimed(self, case: models.Case) -> str:
        return self.money(case.asset, case.target)

    @admin.display(description="penalties")
    def charged(self, case: models.Case) -> str:
        return self.money(case.asset, case.penalty)

    @admin.display(description="trail")
    def trail(self, case: models.Case) -> SafeString:
        return trail_link(case.correlation_id)

    @admin.display(description="first event")
    def first_event(self, case: models.Case) -> SafeString | str:
        return event_link(case.sequence)

    @admin.display(description="last event")
    def last_event(self, case: models.Case) -> SafeString | str:
        return event_link(case.latest)
