"""What proves the log, for whoever does not want to take our word: blocks, checkpoints, proofs."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clearing import selectors
from clearing.api.door import Door, checked, scope_of
from clearing.api.fields import Moment
from clearing.api.pages import SequencePage, page, paged
from clearing.domain.amounts import LARGEST
from clearing.domain.errors import NotFound

HASH = "a3f1" * 16
NOTE = (
    "surety.example/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nlast 1043\nfacts 1040\n"
    f"head {HASH}\nepoch 7301/1\nat 2026-01-01T01:00:00.000000Z\n\n"
    "\u2014 surety.example/log bm90IGEgcmVhbCBzaWduYXR1cmU=\n"
)
HEADER = '{"columns":"...","count":40,"dead":[[1002,1004]],"decoder":1,"epoch":"7301/1",...}'
BLOCK = {
    "number": 3,
    "first": 1001,
    "last": 1043,
    "count": 40,
    "total": 1040,
    "merkle_root": HASH,
    "head": HASH,
    "epoch": "7301/1",
    "sealed_at": "2026-01-01T01:00:00.000000Z",
}


class BlockShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    first = serializers.IntegerField(help_text="Sequence of its first fact.")
    last = serializers.IntegerField(help_text="Sequence of its last fact.")
    count = serializers.IntegerField(help_text="How many facts it seals.")
    total = serializers.IntegerField(help_text="How many facts there are up to its last.")
    merkle_root = serializers.CharField(help_text="Root over (sequence, hash), in hex; RFC 6962.")
    head = serializers.CharField(
        help_text="Hash of its header, which names the head before, in hex."
    )
    epoch = serializers.CharField(
        allow_blank=True, help_text="Server and timeline; another one after a restore or a move."
    )
    sealed_at = Moment()


class CheckpointShape(serializers.Serializer[Any]):
    block = serializers.IntegerField(help_text="The last block it covers.")
    issued_at = Moment()
    key = serializers.CharField(help_text="The public key, `name+id+key` as C2SP spells it.")
    note = serializers.CharField(
        help_text="The C2SP signed note. Keep it: it holds us to this history."
    )


class ProofShape(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    number = serializers.IntegerField(help_text="Its place among all facts, without gaps.")
    hash = serializers.CharField(
        help_text="Of the fact, which covers its stream before it, in hex."
    )
    index = serializers.IntegerField(help_text="Its place in its block, from 0.")
    path = serializers.ListField(
        child=serializers.CharField(), help_text="Siblings up to the block's root, in hex."
    )
    block = serializers.CharField(help_text="The block's header, as it is hashed: JSON.")
    block_path = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Siblings up to the checkpoint's root; null until one covers the block.",
    )
    checkpoint = serializers.CharField(allow_null=True, help_text="The signed note.")


class Blocks(Door):
    """GET the chain of sealed blocks."""

    @extend_schema(
        operation_id="list_blocks",
        tags=["evidence"],
        summary="Sealed blocks, newest first",
        description="Every fact stands in one block for good. Blocks hold hashes and counts, nothing"
        " about anybody, so everybody who has a key may see them. `cursor` is a block's number.",
        parameters=[SequencePage],
        responses={200: paged(BlockShape)},
        examples=[
            OpenApiExample(
                "A page",
                {"items": [BLOCK], "has_more": True, "next_cursor": "3"},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        query = checked(SequencePage, request.query_params)
        before, limit = query.get("cursor", LARGEST + 1), query["limit"]
        found = selectors.newest_blocks(before=before, limit=limit + 1)
        return Response(
            page(found, limit=limit, place=lambda it: str(it.header.number), show=_block)
        )


def _block(it: selectors.Sealed) -> Any:
    names = ("number", "first", "last", "count", "total", "epoch")
    fields = {name: getattr(it.header, name) for name in names}
    hashes = {"merkle_root": it.header.root.hex(), "head": it.head.hex()}
    return BlockShape({**fields, **hashes, "sealed_at": it.sealed_at}).data


class LatestCheckpoint(Door):
    """GET the newest signed statement of the whole log."""

    @extend_schema(
        operation_id="get_latest_checkpoint",
        tags=["evidence"],
        summary="The latest checkpoint",
        description="Signed about once a minute while facts come. Whoever keeps one can show later"
        " that the log was cut, written again or put back to an older state: `manage.py verify"
        " --against FILE`, or without the house `python -m clearing.domain.evidence`.",
        responses={200: CheckpointShape},
        examples=[
            OpenApiExample(
                "A checkpoint",
                {
                    "block": 3,
                    "issued_at": "2026-01-01T01:00:00.000000Z",
                    "key": "surety.example/log+0a1b2c3d+AQ==",
                    "note": NOTE,
                },
                response_only=True,
            )
        ],
    )
    def get(self, _request: Request) -> Response:
        found = selectors.latest_checkpoint()
        if found is None:
            raise NotFound(field="checkpoint")
        return Response(CheckpointShape(found).data)


class EventProof(Door):
    """GET the proof that an own fact stands in the log."""

    @extend_schema(
        operation_id="get_event_proof",
        tags=["evidence"],
        summary="Proof that a fact stands in the log",
        description="From the fact's hash to its block's root, and from the block's head to the root"
        " the latest checkpoint signs: two audit paths of RFC 6962. Save the answer and check it with"
        " `python -m clearing.domain.evidence proof FILE --key KEY`. Until the fact is sealed the"
        " answer is `not-sealed`.",
        responses={200: ProofShape},
        examples=[
            OpenApiExample(
                "A proof",
                {
                    "sequence": 1043,
                    "number": 1040,
                    "hash": HASH,
                    "index": 39,
                    "path": [HASH],
                    "block": HEADER,
                    "block_path": [HASH],
                    "checkpoint": NOTE,
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, sequence: str) -> Response:
        place = int(sequence) if re.fullmatch("[0-9]{1,18}", sequence) else 0
        if not selectors.owned([selectors.recorded(place)], scope=scope_of(request)):
            raise NotFound(field="sequence", sequence=place)
        found = selectors.inclusion_proof(place)
        return Response(ProofShape({**found, "number": selectors.number_of(place)}).data)
