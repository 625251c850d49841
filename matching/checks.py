"""System checks of the vector search."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connections

from matching.encoder import configured_name

# 0.8.2 mends leaks in parallel HNSW builds (CVE-2026-3172), 0.8.3 and 0.8.4 lost index entries.
MINIMUM_PGVECTOR = (0, 8, 4)


@register(Tags.database)
def pgvector_is_recent(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for alias in databases or []:
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
                row = cursor.fetchone()
        except DatabaseError:
            continue
        if row and tuple(int(part) for part in row[0].split(".")[:3]) < MINIMUM_PGVECTOR:
            messages.append(
                Error(
                    f"pgvector {row[0]} is too old.",
                    hint="Upgrade to 0.8.4 or newer: older versions can lose index entries.",
                    id="matching.E001",
                )
            )
    return messages


@register(deploy=True)
def encoder_has_skill(**kwargs: Any) -> list[CheckMessage]:
    # What was switched to since is in the database, which need not be there yet.
    if not configured_name().endswith("/random"):
        return []
    return [
        Warning(
            "RAIOX_ENCODER has random weights: candidates are no better than chance.",
            hint="Set RAIOX_ENCODER=raiox-fixture/bundled, ViT-B-32/openai or a checkpoint.",
            id="matching.W001",
        )
    ]
