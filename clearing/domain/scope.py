"""May this caller touch this account?"""

from __future__ import annotations

from typing import Protocol


class Scope(Protocol):
    """What a door knows of its caller. `accounts.domain.credentials` has the real ones."""

    @property
    def venue(self) -> str | None:
        """The market identifier code a venue's credential may report trades for."""

    @property
    def member_id(self) -> str | None:
        """The member whose accounts the caller may see; None for the house's own officers."""

    @property
    def sees_everything(self) -> bool: ...
