"""Which migrations the code before could not live with.

While a release goes out, and after it is taken back, the code before works on the new tables. So
a release may only add; what is no longer used goes away one release later.
"""

from collections.abc import Iterator, Sequence

from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# A migration that says so itself has been thought about: `old_code_lives_with_it = True`.
PROMISE = "old_code_lives_with_it"
REMOVING = {
    operations.RemoveField: "removes a column",
    operations.DeleteModel: "removes a table",
    operations.RenameField: "renames a column",
    operations.RenameModel: "renames a table",
    operations.AlterModelTable: "renames a table",
    operations.AddConstraint: "refuses what the code before may write",
    operations.AlterUniqueTogether: "refuses what the code before may write",
    operations.RunSQL: "runs SQL that nobody has judged",
    operations.RunPython: "runs code that nobody has judged",
}


def problems(executor: MigrationExecutor) -> list[str]:
    """One line for each operation, not yet applied, that the code before cannot live with.

    A database without any migration has no code before.
    """
    if not executor.loader.applied_migrations:
        return []
    targets = executor.loader.graph.leaf_nodes()
    state = executor._create_project_state(with_applied_migrations=True)  # type: ignore[attr-defined]
    found: list[str] = []
    for migration, _backwards in executor.migration_plan(targets):
        found += of_migration(migration, state)
        state = migration.mutate_state(state, preserve=False)
    return found


def of_migration(migration: Migration, before: ProjectState) -> Iterator[str]:
    """What of one migration the code cannot live with that knows the models as in `before`."""
    if getattr(migration, PROMISE, False):
        return
    made: set[str] = set()
    for operation in _flat(migration.operations):
        if isinstance(operation, operations.CreateModel):
            made.add(operation.name_lower)
        elif _model_of(operation) in made:
            continue
        elif reason := _reason(operation, migration.app_label, before):
            yield f"{migration}: {operation.describe()}: {reason}"


def _flat(given: Sequence[Operation]) -> Iterator[Operation]:
    for operation in given:
        if isinstance(operation, operations.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
        else:
            yield operation


def _model_of(operation: Operation) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None) or ""
    return str(name).lower()


def _reason(operation: Operation, app: str, before: ProjectState) -> str:
    if isinstance(operation, operations.AddField):
        return _reason_of_column(operation.field)
    if isinstance(operation, operations.AlterField):
        model = before.models[app, operation.model_name_lower]
        return _reason_of_change(model.fields[operation.name], operation.field)
    return next((why for kind, why in REMOVING.items() if isinstance(operation, kind)), "")


def _reason_of_column(field: models.Field) -> str:
    is_filled = field.null or field.has_db_default() or field.many_to_many
    return "" if is_filled else "asks for a value that the code before does not write"


def _reason_of_change(old: models.Field, new: models.Field) -> str:
    if old.null and not new.null:
        return "no longer takes NULL, which the code before may write"
    if old.get_internal_type() != new.get_internal_type():
        return "changes the type of a column"
    if new.unique and not old.unique:
        return "refuses what the code before may write"
    lengths = (old.max_length or 0, new.max_length or 0)
    return "shortens a column" if 0 < lengths[1] < lengths[0] else ""
