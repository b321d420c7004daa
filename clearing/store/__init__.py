"""Claim, append, decide: the only writer of the log.

Theory of operation. A decision is one transaction. It claims the streams it needs (a lock on each
head row, so writers to one stream queue and never conflict), looks at their state, decides, and
appends. Appending writes the event, chains its hash to its stream, and in the same transaction
writes what can be read at once (entries, holdings, the apps' projections) and one job for each
thing that must follow (config/routes.py). Nothing else is written and nobody is called: workers
find the jobs.

The application's role may write none of the log's tables: claiming and appending call functions of
the server (migration 0004), each in one round trip with binary parameters, however many streams and
facts. They lock heads, compute hashes from what they locked, and write the rest.

Streams are claimed in one order everywhere (top app first, then by name), so two decisions that
need the same streams queue up instead of deadlocking; an assertion holds us to it. No lock is
global: the sealer fixes the order of all streams afterwards.
"""

from clearing.store.appending import (
    ANY,
    NEW,
    Remembered,
    StreamMoved,
    append,
    append_all,
    append_once,
)
from clearing.store.binary import Question, Rows, ask
from clearing.store.decisions import (
    TRIES,
    Claimed,
    Stream,
    attempt,
    claim,
    claim_all,
    claim_known,
    decision,
    rank,
)
from clearing.store.following import (
    Recorded,
    in_turn,
    moved_along,
    project,
    projectors,
    takes_many,
)
from clearing.store.hashing import GENESIS, event_hash
from clearing.store.keys import (
    Kept,
    Key,
    KeyReused,
    answer,
    earlier,
    earlier_all,
    led_to,
    remember,
)
from clearing.store.loading import Told, load
from clearing.store.packing import texts

__all__ = [
    "ANY",
    "GENESIS",
    "NEW",
    "TRIES",
    "Claimed",
    "Kept",
    "Key",
    "KeyReused",
    "Question",
    "Recorded",
    "Remembered",
    "Rows",
    "Stream",
    "StreamMoved",
    "Told",
    "answer",
    "append",
    "append_all",
    "append_once",
    "ask",
    "attempt",
    "claim",
    "claim_all",
    "claim_known",
    "decision",
    "earlier",
    "earlier_all",
    "event_hash",
    "in_turn",
    "led_to",
    "load",
    "moved_along",
    "project",
    "projectors",
    "rank",
    "remember",
    "takes_many",
    "texts",
]
