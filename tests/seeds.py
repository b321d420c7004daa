"""One number that repeats a run: everything random in a test is drawn from it.

It is printed at the top of every run and with every test that uses it and fails; `SURETY_SEED`
sets it, for a whole run or for one test.
"""

from __future__ import annotations

import os
import random

SEED = int(os.environ.get("SURETY_SEED") or random.SystemRandom().randrange(10**9))
os.environ["SURETY_SEED"] = str(SEED)  # processes that share a run's tests draw the same


def chance(*of: object) -> random.Random:
    """A generator of its own for whoever names itself: tests do not disturb each other's draws."""
    print(f"SURETY_SEED={SEED} for {' '.join(map(str, of))}")
    return random.Random(" ".join(map(str, (SEED, *of))))


def seed_of(*of: object) -> int:
    """One number of that generator: a seed among those of a parametrized test."""
    return random.Random(" ".join(map(str, (SEED, *of)))).randrange(10**9)
