"""Routes about who."""

from django.urls import path

from accounts.api import accounts

urlpatterns = [
    path("accounts", accounts.Accounts.as_view(), name="accounts"),
    path("accounts/<name:account_id>", accounts.OneAccount.as_view(), name="account"),
]
