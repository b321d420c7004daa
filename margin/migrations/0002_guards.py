"""Results and parameter sets are evidence: only ever added to."""

from django.db import migrations

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
    dependencies = [("margin", "0001_initial"), ("clearing", "0003_guards")]
    operations = [
        migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop)
        for table in ("margin_requirement", "margin_parameterbody")
    ]
