from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import migrations, models
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from raiox_site import expanding


def found(*operations: Any, **attributes: Any) -> list[str]:
    """What is said about a migration of an app with one model of three columns."""
    first = migrations.Migration("0001", "lab")
    first.operations = [
        migrations.CreateModel(
            "Film",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("note", models.CharField(max_length=80, null=True)),
                ("tooth", models.CharField(max_length=8)),
            ],
        )
    ]
    migration = migrations.Migration("0002", "lab")
    migration.operations = list(operations)
    for name, value in attributes.items():
        setattr(migration, name, value)
    return list(expanding.of_migration(migration, first.mutate_state(ProjectState())))


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("film", "seen", models.BooleanField(null=True)),
        migrations.AddField("film", "seen", models.BooleanField(db_default=False)),
        migrations.AddIndex("film", models.Index(fields=["tooth"], name="by_tooth")),
        migrations.AlterField("film", "tooth", models.CharField(max_length=9)),
        migrations.AlterField("film", "tooth", models.CharField(max_length=8, null=True)),
        migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))]),
    ],
)
def test_what_only_adds_is_let_through(operation: Any) -> None:
    assert found(operation) == []


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (migrations.RemoveField("film", "note"), "removes a column"),
        (migrations.RenameField("film", "note", "remark"), "renames a column"),
        (migrations.DeleteModel("film"), "removes a table"),
        (migrations.RenameModel("film", "image"), "renames a table"),
        (migrations.AddField("film", "seen", models.BooleanField(default=False)), "asks for"),
        (migrations.AlterField("film", "note", models.CharField(max_length=80)), "NULL"),
        (migrations.AlterField("film", "tooth", models.CharField(max_length=2)), "shortens"),
        (migrations.AlterField("film", "tooth", models.IntegerField()), "changes the type"),
        (
            migrations.AlterField("film", "tooth", models.CharField(max_length=8, unique=True)),
            "refuses",
        ),
        (migrations.RunSQL("SELECT 1"), "SQL that nobody has judged"),
        (
            migrations.SeparateDatabaseAndState([migrations.RemoveField("film", "note")]),
            "removes a column",
        ),
    ],
)
def test_what_old_code_trips_over_is_named(operation: Any, reason: str) -> None:
    (line,) = found(operation)

    assert line.startswith("lab.0002: ")
    assert reason in line


def test_a_table_made_in_the_same_migration_may_be_changed_at_will() -> None:
    made = migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))])
    column = migrations.AddField("other", "must", models.IntegerField(default=1))

    assert found(made, column) == []


def test_a_migration_may_promise_to_be_harmless() -> None:
    assert found(migrations.RunSQL("SELECT 1"), old_code_lives_with_it=True) == []


@pytest.mark.django_db
def test_only_migrations_that_are_still_to_come_are_judged(capsys: Any) -> None:
    call_command("check_migrations")
    assert "can live with" in capsys.readouterr().out

    MigrationRecorder.Migration.objects.filter(app="cases", name__gte="0005").delete()
    with pytest.raises(CommandError, match="0005_append_only_records"):
        call_command("check_migrations")

    call_command("check_migrations", contract=True)
    assert "cases.0005_append_only_records" in capsys.readouterr().out


@pytest.mark.django_db
def test_a_new_database_has_no_code_before() -> None:
    MigrationRecorder.Migration.objects.all().delete()

    call_command("check_migrations")
