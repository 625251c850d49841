"""The warnings of the whole catalogue: measured anew, and in words."""

import logging
from collections.abc import Iterator

import numpy as np

from implants.models import ReferenceImage
from implants.reference_state import doubts_in_words, with_doubts
from implants.storage import STORAGE_ERRORS
from matching import quality, radiograph
from matching.encoder import get_encoder
from matching.models import Embedding
from matching.radiograph import RadiographError

log = logging.getLogger(__name__)

# What a task does in some seconds.
AT_A_TIME = 20


def measure_again() -> Iterator[str]:
    """Look at every indexed reference once more; yields "" for each, or why it could not be."""
    rows = Embedding.objects.of_encoder(get_encoder().id).filter(reference_image__error="")
    for row in rows.select_related("reference_image").order_by("pk").iterator(chunk_size=100):
        yield _measured(row)


def measure_unmeasured(*, limit: int = AT_A_TIME) -> int:
    """Look at up to `limit` indexed references that nobody looked at yet: they are older than
    the warnings. Returns how many could be; one that cannot be read is tried again."""
    rows = (
        Embedding.objects.of_encoder(get_encoder().id)
        .filter(reference_image__error="", reference_image__warnings__isnull=True)
        .select_related("reference_image")
        # By chance, so that films that cannot be read keep no others waiting.
        .order_by("?")[:limit]
    )
    problems = [_measured(row) for row in rows]
    for problem in filter(None, problems):
        log.warning(problem)
    return problems.count("")


def _measured(row: Embedding) -> str:
    try:
        with row.reference_image.file.open("rb") as file:
            film = radiograph.load(file.read())
    except (RadiographError, *STORAGE_ERRORS) as error:
        return f"the film of reference {row.reference_image_id} cannot be read: {error}"
    vector = np.asarray(row.vector, dtype=np.float32)
    quality.check(reference_id=row.reference_image_id, film=film, vector=vector)
    return ""


def in_words() -> list[str]:
    """One line for each reference with warnings."""
    doubtful = with_doubts(ReferenceImage.objects.select_related("implant", "twin__implant"))
    return [_line(reference) for reference in doubtful.order_by("pk")]


def _line(reference: ReferenceImage) -> str:
    words = ", ".join(doubts_in_words(reference.warnings))
    twin = f" ({reference.twin})" if reference.twin else ""
    return f"reference {reference.pk} of {reference.implant}: {words}{twin}"
