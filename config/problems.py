"""The page behind every problem's `type`: what it means, and what to do about it."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from clearing.domain.errors import NotFound, Refusal
from config import answers

PLACES = ("domain", "services", "selectors", "store", "api")  # where an app's refusals live
APPS = ("clearing", "accounts", "margin", "liquidation")


class ProblemKind(serializers.Serializer[Any]):
    code = serializers.CharField()
    status = serializers.IntegerField(help_text="HTTP status.")
    title = serializers.CharField()
    remedy = serializers.CharField()


class ProblemKinds(serializers.Serializer[Any]):
    items = ProblemKind(many=True)


class Problems(APIView):
    """GET everything the API may refuse."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="list_problems",
        tags=["problems"],
        summary="Every problem there is",
        description="What the API may refuse, by code. Codes are stable; sentences may improve.",
        responses={200: ProblemKinds},
    )
    def get(self, _request: Request) -> Response:
        return Response({"items": [catalogue()[code] for code in sorted(catalogue())]})


class OneProblem(APIView):
    """GET what one problem means."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="get_problem",
        tags=["problems"],
        summary="One problem",
        description="The page a problem's `type` points at.",
        responses={200: ProblemKind},
    )
    def get(self, _request: Request, code: str) -> Response:
        if code not in catalogue():
            raise NotFound(field="code", code=code)
        return Response(catalogue()[code])


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Code -> page, of the doors' own refusals and of every rule's."""
    found = {
        code: {"code": code, "status": status, "title": title, "remedy": remedy}
        for code, (status, title, remedy) in answers.AT_THE_DOOR.items()
    }
    for refusal in refusals():
        found[refusal.code] = {
            "code": refusal.code,
            "status": answers.status_of(refusal),
            "title": refusal.says,
            "remedy": refusal.remedy,
        }
    return found


@cache
def refusals() -> tuple[type[Refusal], ...]:
    """Every kind of refusal of the apps; the modules that may hold one are loaded first."""
    for app in APPS:
        for module in pkgutil.iter_modules(import_module(app).__path__):
            if module.name in PLACES:
                _load(f"{app}.{module.name}")
    return tuple(it for it in _below(Refusal) if it.__module__.split(".")[0] in APPS)


def _load(name: str) -> None:
    module = import_module(name)
    for inner in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
        import_module(inner.name)


def _below(kind: type[Refusal]) -> list[type[Refusal]]:
    return [it for each in kind.__subclasses__() for it in (each, *_below(each))]
