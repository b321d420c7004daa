"""Joined pages, under `admin/house/` and before the admin's own addresses."""

from django.urls import path

from config.desk.accounts import account_page
from config.desk.cases import case_page
from config.desk.collateral import collateral_page, schedule_page
from config.desk.cycles import cycle_page
from config.desk.prices import price_set_page
from config.desk.proof import statement_page, trial_accounts_page, trial_balance_page
from config.desk.trails import trail_page

urlpatterns = [
    path("accounts/<str:account_id>/", account_page, name="desk-account"),
    path("accounts/<str:account_id>/statement/", statement_page, name="desk-statement"),
    path("trial-balance/", trial_balance_page, name="desk-trial-balance"),
    path("trial-balance/accounts/", trial_accounts_page, name="desk-trial-accounts"),
    path("accounts/<str:account_id>/collateral/", collateral_page, name="desk-collateral"),
    path("collateral/", schedule_page, name="desk-schedule"),
    path("cases/<str:case_id>/", case_page, name="desk-case"),
    path("prices/<int:sequence>/", price_set_page, name="desk-prices"),
    path("cycles/<str:cycle_id>/", cycle_page, name="desk-cycle"),
    path("trails/<path:correlation_id>/", trail_page, name="desk-trail"),
]
