"""Columns for blocks that have none of this code's decoder."""

from __future__ import annotations

import hashlib

from django.db import connection, transaction

from clearing import codec, sealer
from clearing.services.findings import UNREADABLE, rows


def decode_blocks() -> tuple[int, list[int]]:
    """Make them, block by block; return how many, and the numbers of those that cannot be read."""
    made, unreadable = 0, []
    for number, first, last in rows(_WITHOUT, [codec.DECODER]):
        facts = rows(_FACTS, [first, last])
        try:
            body = sealer.columns_of(first, facts)
        except UNREADABLE:
            unreadable.append(number)
            continue
        with transaction.atomic(), connection.cursor() as cursor:
            digest = hashlib.sha256(body).digest()
            cursor.execute(_KEEP, [number, codec.DECODER, digest, body])
            made += cursor.rowcount
    return made, unreadable


_WITHOUT = """
    SELECT number, first, last FROM clearing_block WHERE NOT EXISTS (
        SELECT FROM clearing_blockcolumns WHERE block = number AND decoder = %s
    ) ORDER BY number
"""
_FACTS = """
    SELECT sequence, name, payload FROM clearing_event
    WHERE sequence >= %s AND sequence <= %s ORDER BY sequence
"""
_KEEP = """
    INSERT INTO clearing_blockcolumns AS it (block, decoder, digest, body) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
