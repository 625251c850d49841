"""History, accesses and audit are append-only in the database itself."""

from django.db import migrations

TABLES = ("cases_caseevent", "cases_caseaccess", "cases_auditevent")

# An account that is deleted empties `actor_id`, and nothing else. Rows whose time is over are
# deleted by a session that says so (`SET LOCAL raiox.retention = 'on'`).
FUNCTION = """
CREATE OR REPLACE FUNCTION raiox_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('raiox.retention', true) = 'on' THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.actor_id IS NULL
       AND to_jsonb(NEW) - 'actor_id' = to_jsonb(OLD) - 'actor_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
"""
TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION raiox_append_only()
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0004_consent_access_and_erasure")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION IF EXISTS raiox_append_only()"),
        *(
            migrations.RunSQL(
                TRIGGER.format(table=table),
                f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}",
            )
            for table in TABLES
        ),
    ]
