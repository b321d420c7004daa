"""manage.py seal_prices: close the window that has come."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from clearing import selectors
from clearing.console import HouseCommand
from clearing.domain import clock
from clearing.services import quorum

MOST = 50


class Command(HouseCommand):
    help = (
        "Close the latest window of the price policy by business time: seal the set of what several"
        " sources say, and list what was not heard and why. In live use a pulse does it every few"
        " seconds. Closing again changes nothing. Exit code 1 when no index has its quorum: no set"
        " is sealed then, and that is recorded."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        closed = quorum.seal_window(cause=self.cause())
        if closed is None:
            self.stdout.write("nothing to close: no policy, no source, or closed before")
            return
        if closed.sealed:
            outcome = selectors.prices_at(closed.sequence).name
            self.stdout.write(
                f"{clock.text(closed.at)} sealed {closed.quotes} quotes as {outcome[:12]},"
                f" event {closed.sequence}, {closed.rejected} rejections"
            )
        else:
            outcome = selectors.deferrals()[0].evidence
        for row in selectors.rejections(outcome)[:MOST]:
            self.stdout.write(f"  {row.subject} {row.source or '-'} {row.why} {row.says}".rstrip())
        if closed.rejected > MOST:
            self.stdout.write(f"  and {closed.rejected - MOST} more: show_prices {outcome[:12]}")
        if not closed.sealed:
            reason = selectors.deferrals()[0].reason
            raise CommandError(f"no set sealed at {clock.text(closed.at)}: {reason}")
