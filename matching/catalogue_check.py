"""Is the catalogue fit to be searched?"""

import math
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q

from implants.models import Implant, ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import compared, indexing, radiograph, switching
from matching.boxes import BoxError
from matching.encoder import get_encoder
from matching.models import Embedding

# Cosine distance of a vector to itself in single precision, and of a film encoded again
# (batches of another size sum in another order).
SELF_DISTANCE = 1e-5
SAME_FILM_DISTANCE = 1e-3
# Two films of different brands closer than this are most likely the same film.
NEAR_DUPLICATE = 1e-4


@dataclass
class CatalogueCheck:
    """Counts, and every problem as a sentence. The catalogue is fit when there is none."""

    encoder: str
    by_manufacturer: dict[str, tuple[int, int]]
    problems: list[str] = field(default_factory=list)


def check(*, reencode: int = 64) -> CatalogueCheck:
    """Look for implants that cannot be found and films that stand for two brands.

    `by_manufacturer` maps to (active implants, references). `reencode` films, spread over
    the catalogue, are encoded again: each must lie at distance 0 from its stored vector.
    """
    encoder = get_encoder().id
    result = CatalogueCheck(encoder, _counts())
    if not result.by_manufacturer:
        result.problems.append("the catalogue is empty")
    result.problems += _unreadable()
    result.problems += _without_reference(encoder)
    result.problems += _without_vector(encoder)
    result.problems += _other_encoders(encoder)
    result.problems += _distances(encoder)
    absent = _absent_films()
    result.problems += absent.values()
    result.problems += _stale_vectors(encoder, reencode, besides=absent)
    return result


def _counts() -> dict[str, tuple[int, int]]:
    rows = (
        Implant.objects.active()
        .order_by("manufacturer")
        .values_list("manufacturer")
        .annotate(Count("pk", distinct=True), Count("references"))
    )
    return {manufacturer: (implants, references) for manufacturer, implants, references in rows}


def _unreadable() -> list[str]:
    return [
        f"reference {reference.pk} of {reference.implant} cannot be used: {reference.error}"
        for reference in ReferenceImage.objects.exclude(error="").select_related("implant")
    ]


def _without_reference(encoder: str) -> list[str]:
    return [
        f"{implant} (id {implant.pk}) has no usable reference"
        for implant in Implant.objects.active().filter(~_has_usable(encoder, "pk"))
    ]


def _without_vector(encoder: str) -> list[str]:
    """The others of these implants hide that one is missing."""
    missing = indexing.without_vector(encoder).filter(_has_usable(encoder, "implant"), error="")
    return [
        f"reference {reference.pk} of {reference.implant} has no vector of this encoder"
        for reference in missing.select_related("implant")
    ]


def _has_usable(encoder: str, implant: str) -> Q:
    usable = Embedding.objects.of_encoder(encoder).filter(
        reference_image__implant=OuterRef(implant), reference_image__error=""
    )
    return Q(Exists(usable))


def _other_encoders(encoder: str) -> list[str]:
    """Those of the encoder before a switch are kept on purpose."""
    others = Counter(
        dict(
            Embedding.objects.exclude(encoder__in=[encoder, switching.kept_for_return()])
            .order_by()
            .values_list("encoder")
            .annotate(Count("pk"))
        )
    )
    return [f"{count} vectors belong to another encoder: {name}" for name, count in others.items()]


def _distances(encoder: str) -> list[str]:
    """Each vector's distance to itself must be 0, and to other brands' clearly more.

    Compares all pairs in blocks: meant for catalogues of up to some ten thousand films.
    """
    rows = list(
        Embedding.objects.of_encoder(encoder)
        .select_related("reference_image__implant")
        .order_by("pk")
    )
    if not rows:
        return []
    vectors = np.asarray([row.vector for row in rows], dtype=np.float32)
    problems = [
        f"the vector of reference {row.reference_image_id} is not of length 1"
        for row, norm in zip(rows, np.einsum("ij,ij->i", vectors, vectors), strict=True)
        if abs(1.0 - float(norm)) > SELF_DISTANCE
    ]
    brands = np.asarray([row.reference_image.implant.manufacturer for row in rows])
    for start in range(0, len(rows), 512):
        block = slice(start, start + 512)
        close = 1.0 - vectors[block] @ vectors.T < NEAR_DUPLICATE
        other_brand = brands[block][:, None] != brands[None, :]
        for left, right in zip(*np.nonzero(close & other_brand), strict=True):
            if start + left < right:
                first, second = rows[start + left], rows[right]
                problems.append(
                    f"references {first.reference_image_id} ({first.reference_image.implant}) and "
                    f"{second.reference_image_id} ({second.reference_image.implant}) "
                    "are nearly the same film"
                )
    return problems


def _absent_films() -> dict[int, str]:
    """The problem of each reference whose film the storage does not hold."""
    problems = {}
    for reference in ReferenceImage.objects.filter(error=""):
        film = f"the film of reference {reference.pk} cannot be read"
        try:
            if not reference.file.storage.exists(str(reference.file.name)):
                problems[reference.pk] = f"{film}: {reference.file.name} is not in the storage"
        except STORAGE_ERRORS as error:
            problems[reference.pk] = f"{film}: {error}"
            # The next thousand would each wait for the same answer.
            break
    return problems


def _stale_vectors(encoder: str, sample: int, *, besides: Container[int]) -> list[str]:
    rows = Embedding.objects.of_encoder(encoder).order_by("pk")
    ids = [
        pk
        for pk, reference in rows.values_list("pk", "reference_image")
        if reference not in besides
    ]
    step = max(1, math.ceil(len(ids) / sample)) if sample else 1
    chosen = ids[::step] if sample else []
    sampled = Embedding.objects.filter(pk__in=chosen).select_related("reference_image")
    return [problem for row in sampled if (problem := _stale(row))]


def _stale(row: Embedding) -> str:
    try:
        with row.reference_image.file.open("rb") as file:
            film = radiograph.load(file.read())
        picture = compared.shown(row.reference_image, film)
    except (radiograph.RadiographError, BoxError, *STORAGE_ERRORS) as error:
        return f"the film of reference {row.reference_image_id} cannot be read: {error}"
    distance = 1.0 - float(get_encoder().encode([picture])[0] @ np.asarray(row.vector))
    if distance > SAME_FILM_DISTANCE:
        return f"the vector of reference {row.reference_image_id} is not that of its film"
    return ""
