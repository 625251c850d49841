"""Giving reference radiographs their vectors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.db.models import QuerySet

from implants.models import ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import radiograph
from matching.encoder import BATCH, get_encoder
from matching.models import Embedding
from matching.radiograph import Radiograph, RadiographError

ORIGINAL = "original"


class StorageUnavailable(RuntimeError):
    pass


@dataclass(frozen=True)
class Indexed:
    """What became of one reference: `error` is empty when its vector is stored.

    `may_recover`: the storage did not answer, which says nothing about the film. The
    reference is left as it was.
    """

    reference: ReferenceImage
    error: str = ""
    may_recover: bool = False


def without_vector(encoder: str) -> QuerySet[ReferenceImage]:
    """References that have no vector of `encoder` yet, or could not be read when last tried."""
    usable = Embedding.objects.of_encoder(encoder).filter(reference_image__error="")
    return ReferenceImage.objects.exclude(pk__in=usable.values("reference_image_id"))


def index_reference(*, reference_id: int) -> Indexed | None:
    """Store the vector of one reference; safe to run twice. None when the row is gone.

    Raises StorageUnavailable when it should be tried again later.
    """
    reference = ReferenceImage.objects.filter(pk=reference_id).first()
    if reference is None:
        return None
    outcome = next(index_references([reference]))
    if outcome.may_recover:
        raise StorageUnavailable(outcome.error)
    return outcome


def index_references(references: Iterable[ReferenceImage]) -> Iterator[Indexed]:
    """Store vectors of many references, encoding in batches; yields each outcome.

    A file that cannot be read marks its reference with the reason and is not searched.
    """
    batch: list[tuple[ReferenceImage, Radiograph]] = []
    for reference in references:
        try:
            film = _read(reference)
        except (RadiographError, FileNotFoundError) as error:
            reason = _reason(error)
            ReferenceImage.objects.filter(pk=reference.pk).update(error=reason)
            yield Indexed(reference, reason)
            continue
        except STORAGE_ERRORS as error:
            yield Indexed(reference, _reason(error), may_recover=True)
            continue
        batch.append((reference, film))
        if len(batch) == BATCH:
            yield from _store(batch)
            batch = []
    if batch:
        yield from _store(batch)


def _reason(error: Exception) -> str:
    return str(error)[:255] or type(error).__name__


def _read(reference: ReferenceImage) -> Radiograph:
    with reference.file.open("rb") as file:
        return radiograph.load(file.read())


def _store(batch: list[tuple[ReferenceImage, Radiograph]]) -> Iterator[Indexed]:
    encoder = get_encoder()
    vectors = encoder.encode([film.image for _, film in batch])
    Embedding.objects.bulk_create(
        [
            Embedding(
                reference_image=reference, encoder=encoder.id, view=ORIGINAL, vector=vector.tolist()
            )
            for (reference, _), vector in zip(batch, vectors, strict=True)
        ],
        update_conflicts=True,
        unique_fields=["reference_image", "encoder", "view"],
        update_fields=["vector"],
    )
    for reference, film in batch:
        _complete(reference, film)
        yield Indexed(reference)


def _complete(reference: ReferenceImage, film: Radiograph) -> None:
    if not reference.thumbnail:
        reference.thumbnail.save("", ContentFile(film.thumbnail()), save=False)
    ReferenceImage.objects.filter(pk=reference.pk).update(
        error="", thumbnail=reference.thumbnail.name
    )
