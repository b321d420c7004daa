"""One number that repeats a run: everything random in a test is drawn from it.

It is printed at the top of every run and with every test that uses it and fails; `SURETY_SEED`
sets it, for a whole run or for one test.
"""

from __future__ import annotations

import os
import random

SEED = int(os.environ.get("SURETY_SEED") or random.SystemRandom().randrange(10**9))


def chance(*of: object) -> random.Random:
    """A generator of its own for whoever names itself: tests do not disturb each other's draws."""
    print(f"SURETY_SEED={SEED} for {' '.join(map(str, of))}")
    return random.Random(" ".join(map(str, (SEED, *of))))
