"""What is written down of a database when it is dumped, and compared after it was restored."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Count

from cases.models import CaseImage
from implants.models import ReferenceImage
from matching.matcher import CANDIDATES, nearest_implants
from matching.models import Embedding
from raiox_site.backup.stores import ERRORS, PIECE, digest

# Nobody misses what they hold: whoever was logged in logs in again, and who was counted or
# locked out starts anew.
WITHOUT_ROWS = (
    "raiox_cache",
    "raiox_film_cache",
    "django_session",
    "axes_accessattempt",
    "axes_accessattemptexpiration",
    "axes_accessfailurelog",
    "axes_accesslog",
    "integrations_requestcount",
)
SEARCHES = 3
NEIGHBOURS = 10
TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY c.relname
"""


def row_counts() -> dict[str, int]:
    """Rows of every table whose rows are dumped. For one moment only in a transaction that
    sees one."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        names = [name for (name,) in cursor.fetchall() if name not in WITHOUT_ROWS]
        return {name: _count(cursor, name) for name in names}


def _count(cursor: Any, name: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608 # nosec B608 # a quoted name
    return int(cursor.fetchone()[0])


def vectors() -> dict[str, int]:
    """Number of reference vectors by encoder."""
    counted = Embedding.objects.order_by().values_list("encoder").annotate(Count("pk"))
    return dict(sorted(counted))


def bad_vectors() -> int:
    """Vectors that cannot be compared: of another dimension, or without a finite length."""
    norms = "vector_dims(vector), vector_norm(vector)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {norms} FROM matching_embedding")  # noqa: S608 # nosec B608 # no value in it
        width = Embedding._meta.get_field("vector").dimensions  # type: ignore[union-attr]
        return sum(
            dimensions != width or not math.isfinite(norm) or norm <= 0
            for dimensions, norm in cursor
        )


def extension() -> str:
    """Version of pgvector, empty where it is missing."""
    return _first("SELECT extversion FROM pg_extension WHERE extname = 'vector'")


def index_is_usable() -> bool:
    """Whether the vectors have an index that can be searched: of this release, or of the one that
    made the dump."""
    statement = """
        SELECT 1 FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
        WHERE i.indrelid = to_regclass('matching_embedding') AND a.amname = 'hnsw' AND i.indisvalid
    """
    return bool(_first(statement))


def server_number() -> int:
    return int(_first("SHOW server_version_num"))


def _first(statement: str, *values: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def searches() -> list[dict[str, Any]]:
    """Some vectors of the catalogue, spread over it, with what a search by each answers."""
    counted = vectors()
    if not counted:
        return []
    encoder = max(counted, key=lambda name: counted[name])
    rows = Embedding.objects.of_encoder(encoder).searchable().order_by("pk")
    number = rows.count()
    places = sorted({number * place // SEARCHES for place in range(SEARCHES)}) if number else []
    asked = [[float(one) for one in cast(Any, rows[place].vector)] for place in places]
    return [{"encoder": encoder, "vector": vector, **answer(vector, encoder)} for vector in asked]


def answer(vector: Sequence[float], encoder: str) -> dict[str, Any]:
    """`best`: what people are shown, [implant, similarity]; `nearest`: references compared one
    by one, without the index, [reference, distance]."""
    best = nearest_implants(vector, encoder=encoder, limit=CANDIDATES)
    exact = Embedding.objects.nearest(vector, encoder=encoder, limit=NEIGHBOURS, is_exact=True)
    return {
        "best": [[one.implant.pk, one.similarity] for one in best],
        "nearest": [
            [pk, float(distance)]
            for pk, distance in exact.values_list("reference_image_id", "distance")  # type: ignore[misc]
        ],
    }


def pictures() -> list[dict[str, str]]:
    """The newest reference and the newest film that can be read, each with its digest."""
    return [picture for names in _newest() if (picture := _first_readable(names))]


def _newest() -> Iterator[Sequence[str]]:
    references = ReferenceImage.objects.exclude(file="").order_by("-pk")
    yield list(references.values_list("file", flat=True)[:5])
    yield list(CaseImage.objects.shown().order_by("-pk").values_list("file", flat=True)[:5])


def _first_readable(names: Sequence[str]) -> dict[str, str] | None:
    for name in names:
        try:
            return {"name": name, "sha256": stored_digest(name)}
        except ERRORS:
            continue
    return None


def stored_digest(name: str) -> str:
    """SHA-256 of a stored file. Raises what the storage does."""
    with default_storage.open(name, "rb") as file:
        return digest(iter(lambda: file.read(PIECE), b""))
