"""What must hold, held by the database: evidence is only ever added to, facts balance, and a writer
owns a transaction id before it takes a sequence (which the sealer's proof needs)."""

from django.db import migrations

EVIDENCE = ("clearing_event", "clearing_command", "clearing_block", "clearing_pricebody")

REFUSE = """
CREATE FUNCTION surety_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION surety_take_transaction_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_current_xact_id();
    RETURN NULL;
END $$;
CREATE TRIGGER transaction_id_first BEFORE INSERT ON clearing_event
    FOR EACH STATEMENT EXECUTE FUNCTION surety_take_transaction_id();
ALTER TABLE clearing_event ENABLE ALWAYS TRIGGER transaction_id_first;

-- The order of the log is the database's to give: no explicit sequence, no skipping ahead.
REVOKE INSERT ON clearing_event FROM surety_app;
GRANT INSERT (stream, version, name, effective_at, recorded_at, actor, correlation_id, cause,
              payload, hash) ON clearing_event TO surety_app;
REVOKE ALL ON SEQUENCE clearing_event_sequence_seq FROM surety_app;

CREATE FUNCTION surety_facts_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
BEGIN
    SELECT sequence, asset, sum(amount) AS total INTO bad FROM added
    GROUP BY sequence, asset HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of fact % do not balance: % is off by %',
            bad.sequence, bad.asset, bad.total USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER facts_balance AFTER INSERT ON clearing_entry
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION surety_facts_balance();
ALTER TABLE clearing_entry ENABLE ALWAYS TRIGGER facts_balance;

INSERT INTO clearing_sealstate
    (id, last, block, head, fence_position, fence_transaction, system_identifier)
VALUES (1, 0, 0, decode(repeat('00', 32), 'hex'), 0, 0, '');
"""

GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION surety_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION surety_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER never_truncated;
REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM surety_app;
"""


class Migration(migrations.Migration):
    dependencies = [("clearing", "0002_tables")]
    operations = [
        migrations.RunSQL(REFUSE, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop)
            for table in EVIDENCE
        ),
    ]
