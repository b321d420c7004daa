"""manage.py surface: forwards, smiles and free money in an option chain or a sealed set."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import CommandError, CommandParser

from clearing import selectors
from clearing.console import HouseCommand
from config.desk import smiles
from config.desk.smiles import Sketch
from config.feeds import chains, report, surfaces
from config.feeds.surfaces import Board
from margin import selectors as margin
from margin.engine import surface
from margin.engine.smile import Smile
from margin.engine.surface import Limits, Surface, Use, Violation

HEAD = f"{'expiry':<17}{'days':>8}{'forward':>12}{'bp':>7}{'vol':>8}{'k-0.1':>8}{'k+0.1':>8}"
TAIL = f"{'off':>8}{'inside':>8}{'used':>6}"


class Command(HouseCommand):
    help = (
        "Fit a volatility surface: to a chain file as load_chain takes it, from bids and asks, with"
        " forwards by put-call parity; or to the volatilities of a sealed set. One line an expiry:"
        " the forward and how far one strike's word is from it, volatility at the forward and a tenth"
        " of log-moneyness to either side, how far the smile is off at the root mean square, the"
        " share of spreads it runs through, and quotes used. Then every arbitrage that was found, with"
        " strike and size, and how many quotes were not used for which reason. Nothing is recorded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "of",
            metavar="FILE|SET",
            help="a chain file; or latest, a sequence, or letters of a hash",
        )
        parser.add_argument(
            "--at",
            type=_time,
            help="of a file: the last snapshot not after this time; else its last",
        )
        parser.add_argument("--currency", help="this one alone")
        parser.add_argument("--html", type=Path, metavar="OUT", help="write the smiles as a page")

    def handle(self, *_args: Any, **options: Any) -> None:
        path = Path(options["of"])
        drawn: list[str] = []
        if path.exists():
            for board in self._boards(path, options):
                drawn.extend(self._fitted(board))
        else:
            drawn.extend(self._sealed(options["of"], options["currency"]))
        if options["html"]:
            options["html"].write_text(_page(options["of"], drawn), encoding="utf-8")
            self.stdout.write(f"{len(drawn)} smiles drawn in {options['html']}")

    def _boards(self, path: Path, options: dict[str, Any]) -> list[Board]:
        found = None
        for snapshot in chains.read_chain([path]):
            if options["at"] and snapshot.at > options["at"]:
                break
            found = snapshot
        if found is None:
            raise CommandError("no snapshot by then")
        self.stdout.write(f"snapshot of {report.moment(found.at)}, {found.rows} rows")
        wanted = options["currency"]
        return [it for it in surfaces.boards(found) if wanted in (None, it.currency)]

    def _fitted(self, board: Board) -> Iterator[str]:
        found = surface.fit(board.chain, limits=Limits())
        self.stdout.write(f"\n{board.currency}\n{HEAD}{TAIL}")
        for row, at in enumerate(board.expiries):
            it = found.smiles[row]
            if it is None:
                self.stdout.write(f"{at:%Y-%m-%d %H:%M} nothing to fit")
                continue
            share = f"{found.inside[row]:.0%}"
            self.stdout.write(_line(at, it, bp=f"{found.forwards[row].error_bp:.1f}", inside=share))
        self._wrong(found.violations, board.expiries)
        unused = Counter(Use(int(it)).name.lower().replace("_", "-") for it in found.use)
        self.stdout.write(", ".join(f"{count} {why}" for why, count in sorted(unused.items())))
        yield from _drawn(board, found)

    def _sealed(self, named: str, currency: str | None) -> Iterator[str]:
        sealed = selectors.price_set_named(named)
        self.stdout.write(f"set {sealed.name[:12]} of {report.moment(sealed.at)}")
        for found in margin.set_surfaces(sealed):
            if currency not in (None, found.underlying):
                continue
            self.stdout.write(f"\n{found.underlying}\n{HEAD}{TAIL}")
            for row, (at, it) in enumerate(zip(found.expiries, found.smiles, strict=True)):
                if it is None:
                    self.stdout.write(f"{at:%Y-%m-%d %H:%M} nothing to fit")
                    continue
                self.stdout.write(_line(at, it, bp="-", inside="-"))
                yield smiles.drawn(
                    Sketch(
                        key=f"{found.underlying}-{row}",
                        title=f"{found.underlying} {at:%Y-%m-%d}",
                        points=found.points[row],
                        smile=it,
                        marked=[bad.strike for bad in found.violations if bad.expiry == row],
                    )
                )
            self._wrong(found.violations, found.expiries)

    def _wrong(self, violations: Sequence[Violation], expiries: Sequence[datetime]) -> None:
        self.stdout.write(f"arbitrage: {len(violations) or 'none found'}")
        for it in violations:
            self.stdout.write(f"  {smiles.said(it, expiries)}")


def _line(at: datetime, it: Smile, *, bp: str, inside: str) -> str:
    middle, left, right = it.vol(np.array([0.0, -0.1, 0.1]))
    flat = " flat" if it.is_flat else ""
    return (
        f"{at:%Y-%m-%d %H:%M} {it.years * 365:>8.2f}{it.forward:>12,.2f}{bp:>7}{middle:>8.2%}"
        f"{left:>8.2%}{right:>8.2%}{it.error:>8.2%}{inside:>8}{it.used:>6}{flat}"
    )


def _drawn(board: Board, found: Surface) -> Iterator[str]:
    chain = board.chain
    middle = 0.5 * (found.vol_bid + found.vol_ask)
    for row, at in enumerate(board.expiries):
        mine = np.flatnonzero((found.use == Use.FITTED) & (chain.expiry == row))
        mine = mine[np.argsort(chain.strike[mine], kind="stable")]
        yield smiles.drawn(
            Sketch(
                key=f"{board.currency}-{row}",
                title=f"{board.currency} {at:%Y-%m-%d}",
                points=[(float(chain.strike[n]), float(middle[n])) for n in mine],
                smile=found.smiles[row],
                marked=[it.strike for it in found.violations if it.expiry == row],
            )
        )


def _page(title: str, drawn: Sequence[str]) -> str:
    style = (
        "body{font:14px sans-serif;max-width:60rem;margin:2rem auto}svg{margin:2rem 0}"
        ".smile{fill:none;stroke:#1d4ed8;stroke-width:2}.quote{fill:#3fa37a}"
        ".fault{stroke:#b91c1c;stroke-width:2}"
    )
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{style}</style>{''.join(drawn)}"
    )


def _time(text: str) -> datetime:
    try:
        return report.period(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no day or time, such as 2026-02-05T12:00") from None
