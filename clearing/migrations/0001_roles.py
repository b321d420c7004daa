"""The application's own role, before any table exists: what it may do is decided table by table."""

from django.db import migrations

ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'surety_app') THEN
        CREATE ROLE surety_app NOLOGIN;
    END IF;
    EXECUTE format('GRANT surety_app TO %I', current_user);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'The role % may not create the role surety_app', current_user
        USING HINT = 'As a superuser: CREATE ROLE surety_app NOLOGIN; GRANT surety_app TO it;';
END $$;
GRANT USAGE ON SCHEMA public TO surety_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO surety_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO surety_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO surety_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO surety_app;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunSQL(ROLE, migrations.RunSQL.noop)]
