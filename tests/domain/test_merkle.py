"""Trees, proofs and headers, by themselves."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain.evidence import header, merkle
from clearing.domain.evidence.header import GENESIS, Header


def leaves(count: int) -> list[bytes]:
    return [merkle.fact_leaf(number, bytes([number % 256]) * 32) for number in range(count)]


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def by_the_book(found: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not found:
        return hashlib.sha256(b"").digest()
    if len(found) == 1:
        return found[0]
    split = 1
    while split * 2 < len(found):
        split *= 2
    return node(by_the_book(found[:split]), by_the_book(found[split:]))


def test_a_root_over_seven_leaves_drawn_by_hand():
    them = leaves(7)
    first = node(node(them[0], them[1]), node(them[2], them[3]))

    assert merkle.root(them) == node(first, node(node(them[4], them[5]), them[6]))


@given(st.integers(0, 130))
def test_roots_are_those_of_rfc_6962(count):
    assert merkle.root(leaves(count)) == by_the_book(leaves(count))


@given(st.integers(1, 70), st.data())
def test_a_path_leads_from_its_leaf_to_the_root_and_from_no_other(count, data):
    index = data.draw(st.integers(0, count - 1))
    them, wrong = leaves(count), data.draw(st.integers(0, count - 1))
    siblings = merkle.path(them, index)

    assert merkle.root_by(them[index], index=index, size=count, siblings=siblings) == merkle.root(
        them
    )
    if wrong != index:
        reached = merkle.root_by(them[wrong], index=index, size=count, siblings=siblings)
        assert reached != merkle.root(them)
        reached = merkle.root_by(them[index], index=wrong, size=count, siblings=siblings)
        assert reached != merkle.root(them)


def test_a_path_that_is_too_long_or_too_short_leads_nowhere():
    them = leaves(6)
    siblings = merkle.path(them, 2)

    for bad in (siblings[:-1], [*siblings, bytes(32)], []):
        assert merkle.root_by(them[2], index=2, size=6, siblings=bad) != merkle.root(them)


@given(st.integers(1, 70), st.data())
def test_a_longer_log_is_shown_to_begin_with_a_shorter_one(count, data):
    old = data.draw(st.integers(1, count))
    them = leaves(count)
    proof = merkle.consistency(them, old)
    roots = {"old_root": merkle.root(them[:old]), "new_root": merkle.root(them)}

    assert merkle.consistent(proof, old=old, new=count, **roots)
    other = [*them[: old - 1], bytes(32)]
    roots["old_root"] = merkle.root(other)
    assert not merkle.consistent(proof, old=old, new=count, **roots)


def a_header(**but) -> Header:
    usual = {
        "format": 2,
        "number": 3,
        "first": 11,
        "last": 20,
        "count": 7,
        "root": bytes([1]) * 32,
        "previous": bytes([2]) * 32,
        "total": 16,
        "dead": ((9, 10), (13, 14), (17, 17)),
        "epoch": "7/1",
        "sealed_at": "2026-01-01T00:00:00.000000Z",
    }
    return Header(**(usual | but))


CHANGES = {
    "format": 3,
    "number": 4,
    "first": 12,
    "last": 21,
    "count": 8,
    "root": bytes(32),
    "previous": bytes(32),
    "total": 17,
    "dead": ((13, 15),),
    "decoder": 9,
    "columns": bytes(32),
    "keys": bytes(32),
    "epoch": "7/2",
    "sealed_at": "2026-01-01T00:00:00.000001Z",
}


@pytest.mark.parametrize("name", Header.__slots__)
def test_a_head_covers_every_field_of_the_header(name):
    assert a_header(**{name: CHANGES[name]}).head() != a_header().head()


def test_a_header_is_read_back_from_its_text():
    assert header.parsed(a_header().text()) == a_header()


def test_a_head_of_the_first_format_is_what_it_always_was():
    it = a_header(format=1, previous=GENESIS)
    numbers = b"".join(value.to_bytes(8, "big") for value in (3, 11, 20, 7))

    assert it.head() == hashlib.sha256(GENESIS + numbers + it.root).digest()


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(0, 20))
def test_numbers_have_no_gaps(sequences, after):
    """A fact's number is how many facts there are up to it, dead sequences left out."""
    kept = sorted(after + each for each in sequences)
    it = a_header(
        first=kept[0],
        last=kept[-1],
        count=len(kept),
        total=100 + len(kept),
        dead=header.runs_between(after, kept),
    )

    assert [header.number_in(it, each) for each in kept] == list(range(101, 101 + len(kept)))
