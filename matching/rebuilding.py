"""The index of the vectors, made anew from vectors that do not lie implant by implant.

An index is built in the order of the rows. Where the references of one implant follow each other,
as a catalogue is loaded, few ways lead from implant to implant (`matching.indexing.scattered`).
"""

from django.db import connection, transaction

from matching.models import Embedding

TABLE = "matching_embedding"


def rebuild(*, memory: str = "") -> int:
    """Write every vector anew in a scattered order, then build the index at once; returns how
    many there are. One transaction: searches wait for it, and after an interruption everything is
    as it was. `memory`, as PostgreSQL writes it, instead of the server's maintenance_work_mem: the
    index (1.3 kB for a vector) is built several times faster in it. Raises DatabaseError."""
    index = next(one for one in Embedding._meta.indexes if one.name == "embedding_half_hnsw")
    columns = ", ".join(f'"{field.column}"' for field in Embedding._meta.concrete_fields)
    with transaction.atomic(), connection.cursor() as cursor:
        # Deferred checks of foreign keys would stand in the way of what follows.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Behind a long dump every search would wait too. References first, as who adds one does.
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("LOCK TABLE implants_referenceimage IN EXCLUSIVE MODE")
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        if memory:
            cursor.execute("SELECT set_config('maintenance_work_mem', %s, true)", [memory])
        cursor.execute("DROP INDEX embedding_half_hnsw")
        for statement in (
            f"CREATE TEMP TABLE scattered ON COMMIT DROP AS SELECT {columns} FROM {TABLE}",  # noqa: S608 # nosec B608
            f"TRUNCATE {TABLE}",
            f"INSERT INTO {TABLE} ({columns}) OVERRIDING SYSTEM VALUE"  # noqa: S608 # nosec B608
            f" SELECT {columns} FROM scattered ORDER BY md5(reference_image_id::text)",
        ):
            cursor.execute(statement)
            written = cursor.rowcount
        with connection.schema_editor() as editor:
            editor.add_index(Embedding, index)
        cursor.execute(f"ANALYZE {TABLE}")
    return written
