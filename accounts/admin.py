"""Members, accounts and who may log in. Accounts are opened here by the service the API uses too."""
# ruff: noqa: ARG002 - Django says what its hooks take

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models as columns
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts import models
from accounts.services import people, register
from clearing.desk import ACT, RUN, Order, RecordDesk, account_link, cause_of
from clearing.domain.cause import Cause
from clearing.services import timekeeping

admin.site.unregister(Group)  # what people may do comes from roles, which are facts


@admin.register(models.Member)
class MemberDesk(RecordDesk):
    ordering = ("member_id",)
    list_display = ("member_id", "name", "lei", "admitted_at")
    search_fields = ("member_id__istartswith", "name__icontains")

    def links(self, record: models.Member) -> list[tuple[str, str]]:
        accounts = reverse("admin:accounts_account_changelist")
        return [("Accounts", f"{accounts}?member__member_id__exact={record.pk}")]


@admin.register(models.Account)
class AccountDesk(RecordDesk):
    """Risk officers open accounts here; everything later is an order or happens by itself."""

    ordering = ("account_id",)
    list_display = ("account_id", "page", "member", "kind", "title", "opened_at")
    list_filter = ("kind",)
    list_select_related = ("member",)
    search_fields = ("account_id__istartswith", "member__name__icontains")

    @admin.display(description="margin and trail")
    def page(self, account: models.Account) -> SafeString:
        return account_link(account.account_id)

    def links(self, record: models.Account) -> list[tuple[str, str]]:
        return [
            ("Margin, positions, trail", reverse("desk-account", args=[record.pk])),
            ("Member", reverse("admin:accounts_member_change", args=[record.member_id])),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ACT)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        asked = ("account_id", "member", "kind", "title")
        return asked if obj is None else (*asked, "opened_at")

    def formfield_for_choice_field(
        self, db_field: columns.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """The house opens its own accounts when it starts."""
        if db_field.name == "kind":
            kwargs["choices"] = [(kind, kind) for kind in ("client", "house", "backstop")]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: models.Account, form: Any, change: bool
    ) -> None:
        register.open_account(
            obj.account_id,
            member_id=obj.member_id,
            kind=obj.kind,
            title=obj.title,
            at=timekeeping.now(),
            cause=cause_of(request),
        )


def _revoke(record: models.Credential, *, reason: str, cause: Cause) -> str:
    at = timekeeping.now()
    people.revoke_credential(record.credential_id, reason=reason, at=at, cause=cause)
    return f"{record.credential_id} is revoked"


@admin.register(models.Credential)
class CredentialDesk(RecordDesk):
    ordering = ("-issued_at", "credential_id")
    list_display = (
        *("credential_id", "title", "member_id", "venue", "custodian"),
        *("expires_at", "revoked"),
    )
    list_filter = ("revoked",)
    search_fields = ("credential_id__istartswith", "member_id__exact", "title__icontains")
    orders = (
        Order(
            name="revoke",
            title="Revoke",
            says="The key stops working at once and for good.",
            permission=RUN,
            applies=lambda credential: not credential.revoked,
            carry=_revoke,
        ),
    )


@admin.register(models.User)
class UserDesk(RecordDesk):
    ordering = ("username",)
    list_display = ("username", "roles", "member_id", "is_active", "last_login")
    search_fields = ("username__istartswith",)
    fields = ("username", "roles", "member_id", "is_active", "last_login", "date_joined")
    readonly_fields = fields

    held: dict[str, list[str]] = {}

    def get_queryset(self, request: HttpRequest) -> columns.QuerySet[models.User]:
        held: dict[str, list[str]] = {}
        for login, role in models.RoleHeld.objects.order_by("role").values_list("login", "role"):
            held.setdefault(login, []).append(role)
        self.held = held  # one question for a whole page
        users: columns.QuerySet[models.User] = super().get_queryset(request)
        return users

    @admin.display(description="roles")
    def roles(self, user: models.User) -> str:
        return ", ".join(self.held.get(user.username, [])) or "none"
