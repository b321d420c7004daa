"""What was given away holds the house to its history: cut, rewritten, or put back to an older state."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from clearing import models, selectors, store
from clearing.domain.cause import Cause
from clearing.domain.evidence import __main__ as offline
from clearing.services import checkpoints, replays, sealing, verification
from clearing.services.checkpoints import (
    CheckpointKeyExists,
    CheckpointKeyMissing,
    CheckpointNotValid,
    NothingSealed,
)
from tests.histories import a_history
from tests.tampering import as_owner, count_from_one, rolled_back


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """A history in three blocks, never committed."""
    with django_db_blocker.unblock(), rolled_back():
        count_from_one()
        a_history()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("clearing.sealer.LARGEST_BLOCK", 40)
            sealing.catch_up()
        yield


@pytest.fixture(autouse=True)
def undone(told, django_db_blocker, settings, tmp_path):
    settings.SURETY_CHECKPOINT_KEY = tmp_path / "keys" / "checkpoint"
    with django_db_blocker.unblock(), rolled_back():
        yield


@pytest.fixture
def key():
    return checkpoints.make_key("surety.test/log")


def exported(*, facts: bool) -> str:
    return checkpoints.export(checkpoints.issue(), facts=facts)


def against(text: str, key) -> list[str]:
    kept = checkpoints.opened(text, key)
    found = verification.verify(kept=kept)
    return [str(it) for it in found if it.check == "checkpoint from outside"]


def cut_back(cursor, to_block: int) -> int:
    """As a restore of an older backup leaves the database; the last sequence that is there."""
    last = models.Block.objects.get(number=to_block).last
    head = bytes(models.Block.objects.get(number=to_block).head)
    cursor.execute("DELETE FROM clearing_event WHERE sequence > %s", [last])
    cursor.execute("DELETE FROM clearing_command WHERE sequence > %s", [last])
    cursor.execute("DELETE FROM clearing_blockcolumns WHERE block > %s", [to_block])
    cursor.execute("DELETE FROM clearing_block WHERE number > %s", [to_block])
    cursor.execute("DELETE FROM clearing_checkpoint")
    cursor.execute(
        "UPDATE clearing_sealstate SET last = %s, block = %s, head = %s", [last, to_block, head]
    )
    cursor.execute(
        "UPDATE clearing_stream AS it SET version = last.version, head = last.hash FROM ("
        " SELECT DISTINCT ON (stream) stream, version, hash FROM clearing_event"
        " ORDER BY stream, version DESC) AS last WHERE last.stream = it.name"
    )
    cursor.execute(
        "DELETE FROM clearing_stream WHERE name NOT IN (SELECT stream FROM clearing_event)"
    )
    return last


def reseal(cursor) -> None:
    """Every block again, from whatever facts are there now."""
    cursor.execute("DELETE FROM clearing_blockcolumns")
    cursor.execute("DELETE FROM clearing_block")
    cursor.execute("DELETE FROM clearing_checkpoint")
    cursor.execute(
        "UPDATE clearing_sealstate SET last = 0, block = 0, head = %s, fence_position = 0",
        [store.GENESIS],
    )


def test_the_log_that_was_signed_is_still_there(key):
    assert against(exported(facts=True), key) == []
    assert against(checkpoints.issue().note, key) == []


def test_it_still_is_when_more_was_sealed_since(key, monkeypatch):
    monkeypatch.setattr("clearing.sealer.LARGEST_BLOCK", 40)
    with as_owner() as cursor:
        reseal(cursor)
    sealing.seal()
    text = exported(facts=True)
    sealing.catch_up()

    assert models.Block.objects.count() > 1
    assert against(text, key) == []


@pytest.mark.parametrize("facts", [False, True], ids=["headers", "facts"])
def test_a_database_put_back_to_an_older_state_lacks_exactly_the_facts_since(key, facts):
    """It verifies in itself: only what is kept outside knows better."""
    text, signed = exported(facts=facts), selectors.sealed_up_to()
    with as_owner() as cursor:
        last = cut_back(cursor, 2)
    replays.rebuild()

    found = against(text, key)

    assert f"facts past sequence {last} are missing, {signed - last} of them" in found[0]
    assert f"missing: {last + 1}-" in "".join(found)
    assert f"-{signed}" in found[-1]


def test_facts_recorded_after_the_restore_do_not_hide_what_is_missing(key):
    """Sequences are handed out again, so some stand there as others than were signed."""
    text = exported(facts=True)
    with as_owner() as cursor:
        last = cut_back(cursor, 2)
        again(cursor, last + 1)
    sealing.catch_up()

    found = "\n".join(against(text, key))

    assert f"changed since it was signed: {last + 1}" in found
    assert f"missing: {last + 2}-" in found


def again(cursor, sequence: int) -> None:
    cursor.execute(
        """
        INSERT INTO clearing_event (sequence, stream, version, name, effective_at, recorded_at,
                                    actor, correlation_id, cause, payload, hash)
        SELECT %s, 'run-other', 1, 'clearing.instrument-halted.v1', effective_at, recorded_at,
               actor, correlation_id, NULL, '{"reason":"","symbol":"NONE"}', sha256('other')
        FROM clearing_event WHERE sequence = 1
        """,
        [sequence],
    )


def test_a_history_rewritten_with_all_its_chains_and_blocks_is_noticed(key):
    """Everything in the database agrees; the signature is somebody else's to give."""
    text = exported(facts=True)
    with as_owner() as cursor:
        row = models.Event.objects.get(stream="asset-ETH")
        digest = store.event_hash(
            previous=store.GENESIS,
            stream=row.stream,
            version=row.version,
            name=row.name,
            effective_at=row.effective_at,
            recorded_at=row.recorded_at,
            cause=Cause(actor="system:nobody", correlation_id=row.correlation_id),
            payload=row.payload,
        )
        cursor.execute(
            "UPDATE clearing_event SET actor = 'system:nobody', hash = %s WHERE sequence = %s",
            [digest, row.sequence],
        )
        cursor.execute("UPDATE clearing_stream SET head = %s WHERE name = %s", [digest, row.stream])
        reseal(cursor)
    sealing.catch_up()

    assert verification.verify() == []
    found = "\n".join(against(text, key))

    assert "history was written again" in found
    assert f"changed since it was signed: {row.sequence}. " in found


def test_a_fact_slipped_into_a_hole_and_resealed_is_named(key):
    with as_owner() as cursor:
        cursor.execute("DELETE FROM clearing_event WHERE stream = 'asset-ETH' RETURNING sequence")
        ((hole,),) = cursor.fetchall()
        reseal(cursor)
    sealing.seal()
    with as_owner() as cursor:  # the hole is final once the fence says so; here nobody writes
        cursor.execute("UPDATE clearing_sealstate SET fence_transaction = 0")
    sealing.catch_up()
    text = exported(facts=False)
    with as_owner() as cursor:
        again(cursor, hole)
        reseal(cursor)
    sealing.catch_up()

    assert f"were not there when it was signed: {hole}" in "\n".join(against(text, key))


def test_somebody_elses_signature_is_refused(key):
    text = exported(facts=False)
    other = checkpoints.checkpoint.new_key("surety.test/log").public()

    with pytest.raises(CheckpointNotValid, match="not signed by"):
        checkpoints.opened(text, other)


def test_a_checkpoint_is_issued_once_for_a_block(key):
    assert checkpoints.issue() == checkpoints.issue()
    assert models.Checkpoint.objects.count() == 1


def test_without_a_key_or_a_block_there_is_nothing_to_issue(tmp_path):
    with pytest.raises(CheckpointKeyMissing):
        checkpoints.issue()
    assert checkpoints.issue_if_possible() is None
    checkpoints.make_key("test")
    with as_owner() as cursor:
        reseal(cursor)

    with pytest.raises(NothingSealed):
        checkpoints.issue()


def test_a_key_is_readable_by_its_owner_alone_and_never_replaced(key):
    assert checkpoints.key_file().stat().st_mode & 0o777 == 0o600

    with pytest.raises(CheckpointKeyExists):
        checkpoints.make_key("another")
    assert checkpoints.signing_key().public() == key == checkpoints.known_key()


def test_the_commands_sign_export_and_hold_against(tmp_path, capsys):
    file, said = tmp_path / "kept", io.StringIO()
    call_command("checkpoint", "--make-key", "surety.test/log", stdout=said)
    public = said.getvalue().strip()

    call_command("checkpoint", "--export", str(file), "--facts", stdout=said)
    call_command("verify", "--against", str(file), "--key", public, stdout=said)

    assert "checkpoint from outside:" in said.getvalue()
    assert offline.main(["archive", str(file), "--key", public]) == 0
    with as_owner() as cursor:
        cut_back(cursor, 2)
    with pytest.raises(CommandError, match="findings"):
        call_command("verify", "--against", str(file), "--key", public, stdout=said)
    assert "missing: " in said.getvalue()


def test_a_proof_of_one_fact_is_checked_without_the_house(key, tmp_path, capsys):
    checkpoints.issue()
    for sequence in (1, 7, selectors.sealed_up_to()):
        proof = selectors.inclusion_proof(sequence)
        file = tmp_path / "proof"
        file.write_text(json.dumps(proof))

        assert offline.main(["proof", str(file), "--key", key.text()]) == 0
        for name, value in {
            "sequence": sequence + 1,
            "hash": "00" * 32,
            "index": proof["index"] + 1,
            "path": proof["path"][1:],
            "block_path": [*proof["block_path"], "00" * 32],
            "block": proof["block"].replace('"total":', '"total":1'),
            "checkpoint": None,
        }.items():
            file.write_text(json.dumps({**proof, name: value}))
            assert offline.main(["proof", str(file), "--key", key.text()]) == 1, name


def test_numbers_have_no_gaps_over_all_blocks():
    sequences = list(
        models.Event.objects.filter(sequence__lte=selectors.sealed_up_to())
        .order_by("sequence")
        .values_list("sequence", flat=True)
    )

    assert [selectors.number_of(it) for it in sequences] == list(range(1, len(sequences) + 1))


def test_a_restore_starts_a_new_epoch():
    """The server's identifier and timeline are in each block; here they were others before."""
    with as_owner() as cursor:
        reseal(cursor)
        cursor.execute("UPDATE clearing_sealstate SET epoch = 'another/1'")
    sealing.seal()
    models.SealState.objects.update(epoch="another/1")
    ours = models.Block.objects.get().epoch
    with as_owner() as cursor:
        again(cursor, selectors.sealed_up_to() + 1)
    sealing.seal()

    assert [it.epoch for it in selectors.epochs()] == [ours]
    assert ours != "another/1"
    with connection.cursor() as cursor:
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        assert ours == f"{cursor.fetchone()[0]}/1"


def test_blocks_of_the_first_format_still_verify_and_are_decoded(key):
    """As a database looks whose blocks were sealed before this."""
    from clearing.domain.evidence.header import Header
    from clearing.services import decoding

    text = exported(facts=False)
    with as_owner() as cursor:
        previous = store.GENESIS
        for it in list(selectors.sealed_blocks(0, 2)):
            names = ("number", "first", "last", "count", "root")
            head = Header(
                format=1, previous=previous, **{name: getattr(it.header, name) for name in names}
            ).head()
            previous = head
            cursor.execute(
                "UPDATE clearing_block SET format = 1, previous = '', total = 0, dead = '{}',"
                " decoder = 0, columns = '', keys = '', epoch = '', head = %s WHERE number = %s",
                [head, it.header.number],
            )
        cursor.execute("DELETE FROM clearing_blockcolumns")
        cursor.execute("DELETE FROM clearing_block WHERE number > 2")
        cursor.execute("DELETE FROM clearing_checkpoint")
        cursor.execute(
            "UPDATE clearing_sealstate SET block = 2, head = %s,"
            " last = (SELECT last FROM clearing_block WHERE number = 2)",
            [previous],
        )
    sealing.catch_up()  # in format 2, behind the two of format 1
    assert verification.verify() == []

    before = selectors.balances()
    assert decoding.decode_blocks() == (2, [])
    assert decoding.decode_blocks() == (0, [])

    assert selectors.balances() == before
    assert verification.verify() == []
    assert against(exported(facts=True), key) == []
    assert against(text, key) != []
    assert selectors.number_of(5) == 5
    proof = selectors.inclusion_proof(3)
    assert (
        list(checkpoints.archive.faults(checkpoints.archive.parsed(exported(facts=False)), key))
        == []
    )
    from clearing.domain.evidence import inclusion

    assert list(inclusion.faults(proof, key)) == []
