"""Routes about what happens if they do not pay."""

from django.urls import path

from liquidation.api import cases

urlpatterns = [
    path("accounts/<name:account_id>/cases", cases.AccountCases.as_view()),
    path("cases/<name:case_id>", cases.OneCase.as_view()),
]
