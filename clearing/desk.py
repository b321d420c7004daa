"""The admin's base: records are looked at, and changed only by orders that go through services."""
# ruff: noqa: ARG002 - Django says what its hooks take

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextareaWidget

from clearing import selectors
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal

VIEW = "accounts.view_house"
ACT = "accounts.act_on_risk"
RUN = "accounts.run_house"

Link = tuple[str, str]  # title, address


class WhyForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Recorded with your name in the fact this leads to.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an officer may have done with one record: a page that asks why, then one service."""

    name: str
    title: str
    says: str  # what will happen
    permission: str
    applies: Callable[[Any], bool]
    carry: Callable[..., str]  # (record, *, cause, and the form's fields): says what came of it
    form: type[WhyForm] = WhyForm
    starts: Callable[[Any], dict[str, Any]] = lambda _record: {}  # what the form stands at first


class RecordDesk(ModelAdmin):  # type: ignore[misc]
    """Lists and shows; a subclass names the orders its records take."""

    orders: tuple[Order, ...] = ()
    actions_on_bottom = False
    list_per_page = 50
    show_full_result_count = False
    change_form_outer_before_template = "desk/record_head.html"

    # --- who may what -------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_run_permission(self, request: HttpRequest) -> bool:
        """What list actions of operators ask for."""
        return request.user.has_perm(RUN)

    # --- a refusal is an answer ---------------------------------------------------------------

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._answered(request, super().add_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._answered(request, super().changelist_view, *args, **kwargs)

    def _answered(
        self, request: HttpRequest, view: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A refusal rolled back whatever the view did; it is shown, and the form again."""
        try:
            response: HttpResponse = view(request, *args, **kwargs)
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The facts are the log; Django's own would be a second one."""

    # --- pages --------------------------------------------------------------------------------

    def links(self, record: Any) -> Iterable[Link]:
        """Where to go from a record's page."""
        return ()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        record = self.get_object(request, unquote(object_id))
        allowed = [
            (order.title, reverse(self._named(order), args=[quote(record.pk)]))
            for order in self.orders
            if record is not None
            and request.user.has_perm(order.permission)
            and order.applies(record)
        ]
        head = {"desk_orders": allowed, "desk_links": list(self.links(record)) if record else []}
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**head, **(extra_context or {})}
        )
        return response

    def get_urls(self) -> list[URLPattern]:
        asked = [
            path(
                f"<path:object_id>/order/{order.name}/",
                self.admin_site.admin_view(self.order_view),
                {"order": order},
                name=self._named(order).partition(":")[2],
            )
            for order in self.orders
        ]
        return [*asked, *super().get_urls()]

    def _named(self, order: Order) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_{order.name}"

    def order_view(self, request: HttpRequest, object_id: str, order: Order) -> HttpResponse:
        """The form on GET, the service on POST."""
        if not (self.has_view_permission(request) and request.user.has_perm(order.permission)):
            raise PermissionDenied
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        sent = request.POST if request.method == "POST" else None
        form = order.form(sent, initial=order.starts(record))
        if form.is_valid():
            return self._carried(request, record, order, **form.cleaned_data)
        return render(
            request,
            "desk/order.html",
            {
                **self.admin_site.each_context(request),
                "title": f"{order.title}: {record.pk}",
                "order": order,
                "record": record,
                "form": form,
                "back": address(record),
            },
        )

    def _carried(
        self, request: HttpRequest, record: Any, order: Order, **asked: Any
    ) -> HttpResponse:
        try:
            came = order.carry(record, cause=cause_of(request), **asked)
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        self.message_user(request, came, messages.SUCCESS)
        return HttpResponseRedirect(address(record))


class EndlessDesk(RecordDesk):
    """For tables too large to count: pages without a last one."""

    paginator = InfinitePaginator


class MoneyDesk(EndlessDesk):
    """Shows minor units as decimals with their asset."""

    digits: dict[str, int] = {}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        self.digits = selectors.scales()  # the same for everybody: scales never change
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows

    def money(self, asset: str, minor: int) -> str:
        return f"{selectors.shown(asset, minor, self.digits)} {asset}"


def cause_of(request: HttpRequest) -> Cause:
    """Under whose name and which request an officer's order is recorded."""
    correlation_id: str = getattr(request, "correlation_id", "desk")
    return Cause(actor=f"officer:{request.user.get_username()}", correlation_id=correlation_id)


# --- links ------------------------------------------------------------------------------------


def address(record: Model) -> str:
    """A record's own page."""
    return reverse(
        f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[quote(record.pk)]
    )


def linked(title: object, to: str) -> SafeString:
    return format_html('<a class="desk-link" href="{}">{}</a>', to, title)


def event_link(sequence: int | None) -> SafeString | str:
    if sequence is None:
        return "-"
    return linked(sequence, reverse("admin:clearing_event_change", args=[sequence]))


def account_link(account_id: str) -> SafeString:
    return linked(account_id, reverse("desk-account", args=[account_id]))


def case_link(case_id: str) -> SafeString:
    return linked(case_id, reverse("desk-case", args=[case_id]))


def trail_link(correlation_id: str) -> SafeString:
    return linked(correlation_id, reverse("desk-trail", args=[correlation_id]))
