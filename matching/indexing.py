"""Giving reference radiographs their vectors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import CharField, QuerySet
from django.db.models.functions import MD5, Cast
from PIL import Image

from implants.models import ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import compared, quality, radiograph
from matching.boxes import Box, BoxError
from matching.encoder import BATCH, ClipEncoder, Vector, get_encoder
from matching.models import Embedding
from matching.queue import INDEX_TASK, enqueue
from matching.radiograph import DecoderBusy, Radiograph, RadiographError

# The view of a reference that the search compares: the film as it was taken, one vector, the mean
# over what the encoder looks at (see `ClipEncoder`).
ORIGINAL = "original"


class StorageUnavailable(RuntimeError):
    pass


@dataclass(frozen=True)
class Indexed:
    """What became of one reference: `error` is empty when its vector is stored.

    `may_recover`: the storage did not answer or no decoder was free, which says nothing about
    the film. The reference is left as it was.
    """

    reference: ReferenceImage
    error: str = ""
    may_recover: bool = False


@dataclass(frozen=True)
class Read:
    """A reference, its film, the boxes around fixtures, and what is compared, normalised."""

    reference: ReferenceImage
    film: Radiograph
    boxes: list[Box]
    picture: Image.Image


def without_vector(encoder: str) -> QuerySet[ReferenceImage]:
    """References that have no vector of `encoder` yet, or could not be read when last tried."""
    usable = Embedding.objects.of_encoder(encoder).filter(reference_image__error="")
    return ReferenceImage.objects.exclude(pk__in=usable.values("reference_image_id"))


def scattered() -> MD5:
    """An order in which references of one implant do not follow each other.

    Written one after the other, they are first linked to each other, and few ways lead from
    implant to implant: of 100,000 clustered vectors (20 for each implant) the index then found 86 %
    of the first three implants, and 99 % of them when they were written in this order.
    """
    return MD5(Cast("pk", CharField()))


def index_reference(*, reference_id: int) -> Indexed | None:
    """Store the vector of one reference; safe to run twice. None when the row is gone, or
    was changed meanwhile: the change has queued a task of its own.

    Raises StorageUnavailable when it should be tried again later.
    """
    reference = ReferenceImage.objects.filter(pk=reference_id).first()
    if reference is None:
        return None
    outcome = next(index_references([reference]), None)
    if outcome is not None and outcome.may_recover:
        raise StorageUnavailable(outcome.error)
    return outcome


def index_references(
    references: Iterable[ReferenceImage], *, encoder: ClipEncoder | None = None
) -> Iterator[Indexed]:
    """Store vectors of many references, encoding in batches; yields each outcome. `encoder` may
    be another one than the process's: then only vectors are written, beside those in use.

    A file that cannot be read marks its reference with the reason and is not searched.
    """
    batch: list[Read] = []
    for reference in references:
        try:
            batch.append(_read(reference))
        except DecoderBusy as error:
            yield Indexed(reference, _reason(error), may_recover=True)
            continue
        except (RadiographError, BoxError, FileNotFoundError) as error:
            reason = _reason(error)
            ReferenceImage.objects.filter(pk=reference.pk).update(error=reason)
            yield Indexed(reference, reason)
            continue
        except STORAGE_ERRORS as error:
            yield Indexed(reference, _reason(error), may_recover=True)
            continue
        if len(batch) == BATCH:
            yield from _store(batch, encoder or get_encoder())
            batch = []
    if batch:
        yield from _store(batch, encoder or get_encoder())


def reindex(*, reference_id: int) -> None:
    """Forget the vectors of a reference that shows something else by now, and queue it: until
    it has been indexed it is not searched, rather than found by what it showed before."""
    with transaction.atomic():
        Embedding.objects.filter(reference_image_id=reference_id).delete()
        enqueue(INDEX_TASK, reference_id)


def _reason(error: Exception) -> str:
    return str(error)[:255] or type(error).__name__


def _read(reference: ReferenceImage) -> Read:
    with reference.file.open("rb") as file:
        film = radiograph.load(file.read())
    boxes = compared.boxes_on(reference, film)
    return Read(reference, film, boxes, compared.picture(reference, film, boxes))


def _store(batch: list[Read], encoder: ClipEncoder) -> Iterator[Indexed]:
    vectors = encoder.encode([one.picture for one in batch])
    with transaction.atomic():
        current = _unchanged([one.reference for one in batch])
        done = [
            (one, vector)
            for one, vector in zip(batch, vectors, strict=True)
            if one.reference.pk in current
        ]
        Embedding.objects.bulk_create(
            [
                Embedding(
                    reference_image=one.reference,
                    encoder=encoder.id,
                    view=ORIGINAL,
                    vector=vector.tolist(),
                )
                for one, vector in done
            ],
            update_conflicts=True,
            unique_fields=["reference_image", "encoder", "view"],
            update_fields=["vector"],
        )
    for one, vector in done:
        _complete(one, vector if encoder is get_encoder() else None)
        yield Indexed(one.reference)


def _unchanged(references: list[ReferenceImage]) -> set[int]:
    """Ids of the references, locked, that show what they did when they were read: the others
    were cropped anew or deleted meanwhile, and a task of their own is queued."""
    rows = ReferenceImage.objects.select_for_update().in_bulk([one.pk for one in references])
    return {
        one.pk
        for one in references
        if one.pk in rows and compared.what_it_shows(rows[one.pk]) == compared.what_it_shows(one)
    }


def _complete(one: Read, vector: Vector | None) -> None:
    """Twins are looked for among the vectors in use: without one of them there is nothing to
    measure."""
    reference, film = one.reference, one.film
    if not reference.thumbnail:
        reference.thumbnail.save("", ContentFile(film.thumbnail()), save=False)
    ReferenceImage.objects.filter(pk=reference.pk).update(
        error="", thumbnail=reference.thumbnail.name, width=film.width, height=film.height
    )
    if vector is not None:
        quality.check(reference_id=reference.pk, film=film, vector=vector, boxes=one.boxes)
