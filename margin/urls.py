"""Routes about how much."""

from django.urls import path

from margin.api import calls, requirements

urlpatterns = [
    path("accounts/<name:account_id>/requirement", requirements.LatestRequirement.as_view()),
    path("accounts/<name:account_id>/requirements", requirements.Requirements.as_view()),
    path("accounts/<name:account_id>/calls", calls.AccountCalls.as_view()),
    path("calls/<name:call_id>", calls.OneCall.as_view()),
    path("calls/<name:call_id>/acknowledge", calls.Acknowledge.as_view()),
]
