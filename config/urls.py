"""Every door of the house that speaks HTTP."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import answers, probes, problems

api: list[URLPattern | URLResolver] = [
    path("", include("clearing.urls")),
    path("", include("accounts.urls")),
    path("", include("margin.urls")),
    path("", include("liquidation.urls")),
    path("problems", problems.Problems.as_view(), name="problems"),
    path("problems/<name:code>", problems.OneProblem.as_view(), name="problem"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("<path:other>", answers.not_found),  # a problem, also while Django shows its own pages
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/house/", include("config.desk.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("livez", probes.alive),
    path("readyz", probes.ready),
]
handler404 = "config.answers.not_found"
handler500 = "config.answers.broken"
