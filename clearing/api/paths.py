"""What may stand in a path. Anything else is no route of ours, and never reaches a query."""

from __future__ import annotations

from django.urls import register_converter


class NameInPath:
    """An id: of an account, call, case, withdrawal or request."""

    regex = r"[A-Za-z0-9._:-]{1,100}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class SymbolInPath(NameInPath):
    """An instrument's symbol: any visible ASCII; it stands last in its path."""

    regex = r"[\x21-\x7e]{1,60}"


register_converter(NameInPath, "name")
register_converter(SymbolInPath, "symbol")
