"""Blocks that say everything and carry their movements as columns; checkpoints; snapshots.

A block sealed before this keeps format 1, whose head is checked as it always was; its columns are
made by `manage.py decode_blocks`.
"""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.functions.datetime
from django.db import migrations, models

# Where the stored system identifier is of this server, its fence still means something here.
EPOCH = """
UPDATE clearing_sealstate SET epoch = epoch || '/' ||
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
WHERE epoch <> '';
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

# Columns do not compress, and are read whole: neither try nor slice.
STORAGE = "ALTER TABLE clearing_blockcolumns ALTER COLUMN body SET STORAGE EXTERNAL;"

# Whoever may, has the server's own log told of every change to a table of evidence.
WATCH = """
CREATE FUNCTION surety_tell_of_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    it record;
BEGIN
    FOR it IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
        IF EXISTS (SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
                   WHERE proname = 'surety_refuse_change' AND tgrelid = it.objid) THEN
            RAISE LOG 'surety: % on % by %', it.command_tag, it.object_identity, session_user;
        END IF;
    END LOOP;
END $$;
DO $$ BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        CREATE EVENT TRIGGER surety_evidence_ddl ON ddl_command_end
            EXECUTE FUNCTION surety_tell_of_ddl();
        ALTER EVENT TRIGGER surety_evidence_ddl ENABLE ALWAYS;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("clearing", "0004_append")]

    operations = [
        migrations.RenameField("sealstate", "system_identifier", "epoch"),
        migrations.RunSQL(EPOCH, migrations.RunSQL.noop),
        migrations.AddField(
            "sealstate",
            "heartbeat",
            models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField("block", "format", models.SmallIntegerField(db_default=1)),
        migrations.AddField(
            "block", "previous", models.BinaryField(db_default=b"", max_length=32)
        ),
        migrations.AddField("block", "total", models.BigIntegerField(db_default=0)),
        migrations.AddField(
            "block",
            "dead",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), db_default=[], size=None
            ),
        ),
        migrations.AddField("block", "decoder", models.SmallIntegerField(db_default=0)),
        migrations.AddField("block", "columns", models.BinaryField(db_default=b"", max_length=32)),
        migrations.AddField("block", "keys", models.BinaryField(db_default=b"")),
        migrations.AddField("block", "epoch", models.CharField(db_default="", max_length=40)),
        migrations.CreateModel(
            name="BlockColumns",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "block",
                        "decoder",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("block", models.BigIntegerField()),
                ("decoder", models.SmallIntegerField()),
                ("digest", models.BinaryField(max_length=32)),
                ("body", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("block", models.BigIntegerField(primary_key=True, serialize=False)),
                ("note", models.TextField()),
                ("key", models.CharField(max_length=200)),
                ("issued_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "stream",
                        "projector",
                        "projector_version",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("stream", models.CharField(max_length=100)),
                ("projector", models.CharField(max_length=40)),
                ("projector_version", models.IntegerField()),
                ("version", models.IntegerField()),
                ("state", models.TextField()),
                ("state_hash", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.AddIndex(
            "command",
            django.contrib.postgres.indexes.BrinIndex(
                fields=["sequence"], name="command_led_to", pages_per_range=32
            ),
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        *(
            migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop)
            for table in ("clearing_blockcolumns", "clearing_checkpoint")
        ),
        migrations.RunSQL(WATCH, migrations.RunSQL.noop),
    ]
