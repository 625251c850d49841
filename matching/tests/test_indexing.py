import importlib
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.db import connection, transaction
from django_q.models import OrmQ
from PIL import Image

from implants.models import Implant, ReferenceImage
from matching import compared, finder, radiograph
from matching.boxes import Box
from matching.encoder import get_encoder
from matching.indexing import StorageUnavailable, index_reference, index_references
from matching.models import Embedding
from matching.normalisation import normalise

pytestmark = pytest.mark.django_db


class FailingStorage(FileSystemStorage):
    """A local folder that can stop answering, and where something can happen meanwhile."""

    is_down: ClassVar[bool] = False
    meanwhile: ClassVar[Callable[[], None] | None] = None

    def _open(self, name: str, mode: str = "rb") -> File:
        if FailingStorage.is_down:
            raise ConnectionError("the bucket does not answer")
        if FailingStorage.meanwhile:
            happens, FailingStorage.meanwhile = FailingStorage.meanwhile, None
            happens()
        return super()._open(name, mode)


@pytest.fixture
def storage(private_media: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(FailingStorage, "is_down", False)
    monkeypatch.setattr(FailingStorage, "meanwhile", None)
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": f"{__name__}.FailingStorage",
            "OPTIONS": {"location": private_media},
        },
    }
    return FailingStorage


def new_reference(content: bytes, **values: Any) -> ReferenceImage:
    implant, _ = Implant.objects.get_or_create(manufacturer="Straumann", name="BLX")
    reference = ReferenceImage(implant=implant, **values)
    reference.file.save("", ContentFile(content), save=False)
    return reference


def saved(content: bytes) -> ReferenceImage:
    reference = new_reference(content)
    reference.save()
    return reference


def run_queue() -> int:
    """Run what is queued, as a worker would, and tell how many tasks there were."""
    queued = list(OrmQ.objects.all())
    for row in queued:
        task = row.task
        module, _dot, name = task["func"].rpartition(".")
        getattr(importlib.import_module(module), name)(*task["args"], **task["kwargs"])
        row.delete()
    return len(queued)


def test_a_saved_reference_queues_one_task_that_gives_it_a_vector_and_a_small_picture(
    film: Callable[..., bytes],
) -> None:
    reference = saved(film(seed=1))
    (row,) = OrmQ.objects.all()
    assert row.task["args"] == (reference.pk,)
    assert run_queue() == 1
    (embedding,) = Embedding.objects.all()
    assert (embedding.reference_image, embedding.view) == (reference, "original")
    assert embedding.encoder == get_encoder().id
    expected = get_encoder().encode([normalise(radiograph.load(film(seed=1)).image, None)])[0]
    assert np.abs(np.asarray(embedding.vector) - expected).max() < 1e-6
    reference.refresh_from_db()
    assert reference.error == ""
    with reference.thumbnail.open("rb") as small:
        assert radiograph.load(small.read()).image.size == (120, 200)


def test_a_rollback_leaves_neither_reference_nor_task(film: Callable[..., bytes]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        saved(film(seed=1))
        # Written at once, not on commit: a crash between the two could lose it.
        assert OrmQ.objects.count() == 1
        raise ZeroDivisionError
    assert not ReferenceImage.objects.exists()
    assert not OrmQ.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nobody_sees_the_task_before_the_reference(film: Callable[..., bytes]) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> None:
        seen.append((ReferenceImage.objects.count(), OrmQ.objects.count()))
        connection.close()

    def look_from_another_connection() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with transaction.atomic():
        saved(film(seed=1))
        look_from_another_connection()
    look_from_another_connection()
    assert seen == [(0, 0), (1, 1)]


def test_saving_a_reference_that_has_its_vector_queues_nothing(
    film: Callable[..., bytes],
) -> None:
    reference = saved(film(seed=1))
    run_queue()
    reference.note = "checked"
    reference.save()
    assert not OrmQ.objects.exists()


def test_an_importer_that_indexes_itself_queues_nothing(film: Callable[..., bytes]) -> None:
    reference = new_reference(film(seed=1))
    reference.indexed_by_importer = True  # type: ignore[attr-defined]
    reference.save()
    assert not OrmQ.objects.exists()


def test_running_the_task_twice_makes_one_vector(film: Callable[..., bytes]) -> None:
    reference = saved(film(seed=1))
    for _ in range(2):
        outcome = index_reference(reference_id=reference.pk)
        assert outcome is not None
        assert outcome.error == ""
    assert Embedding.objects.count() == 1
    reference.refresh_from_db()
    folder = Path(reference.thumbnail.path).parent
    assert [path.name for path in folder.iterdir()] == [Path(reference.thumbnail.path).name]


def test_running_the_task_again_mends_a_wrong_vector(film: Callable[..., bytes]) -> None:
    reference = saved(film(seed=1))
    index_reference(reference_id=reference.pk)
    right = Embedding.objects.get().vector
    Embedding.objects.update(vector=[1.0] * 512)
    index_reference(reference_id=reference.pk)
    assert np.allclose(Embedding.objects.get().vector, right, atol=1e-6)


def test_a_reference_that_was_deleted_meanwhile_is_no_error() -> None:
    assert index_reference(reference_id=10**9) is None
    assert not Embedding.objects.exists()


@pytest.mark.parametrize("content", [b"not a film", b"\xff\xd8\xff\xe0\0\x10JFIF"])
def test_a_file_that_cannot_be_read_marks_its_reference_with_the_reason(content: bytes) -> None:
    reference = saved(content)
    assert run_queue() == 1
    reference.refresh_from_db()
    assert reference.error.endswith(".")
    assert not reference.thumbnail
    assert not Embedding.objects.exists()


def test_a_file_that_is_gone_marks_its_reference(film: Callable[..., bytes]) -> None:
    reference = saved(film(seed=1))
    reference.file.storage.delete(str(reference.file.name))
    run_queue()
    reference.refresh_from_db()
    assert 0 < len(reference.error) <= 255


def test_the_mark_goes_when_the_film_can_be_read_again(film: Callable[..., bytes]) -> None:
    reference = saved(film(seed=1))
    path = Path(reference.file.path)
    path.write_bytes(b"damaged")
    run_queue()
    path.write_bytes(film(seed=1))
    call_command("reembed", quiet=True, stdout=io.StringIO())
    reference.refresh_from_db()
    assert reference.error == ""
    assert Embedding.objects.count() == 1


def test_one_damaged_film_does_not_stop_the_others(film: Callable[..., bytes]) -> None:
    references = [saved(film(seed=n, size=(90 + n, 120))) for n in range(10)]
    Path(references[4].file.path).write_bytes(b"damaged")
    outcomes = list(index_references(references))
    assert len(outcomes) == 10
    assert [o.reference for o in outcomes if o.error] == [references[4]]
    assert set(Embedding.objects.values_list("reference_image", flat=True)) == {
        reference.pk for reference in references if reference != references[4]
    }


def test_every_vector_of_a_batch_belongs_to_its_own_film(film: Callable[..., bytes]) -> None:
    references = [saved(film(seed=n, size=(90 + 9 * n, 120))) for n in range(9)]
    list(index_references(references))
    for reference in references:
        own = get_encoder().encode([normalise(picture_of(reference), None)])[0]
        assert np.abs(np.asarray(reference.embeddings.get().vector) - own).max() < 1e-5


def test_a_storage_that_does_not_answer_says_nothing_about_the_film(
    storage: Any, film: Callable[..., bytes]
) -> None:
    reference = saved(film(seed=1))
    storage.is_down = True
    # The queue tries a task that raised again later.
    with pytest.raises(StorageUnavailable, match="does not answer"):
        index_reference(reference_id=reference.pk)
    reference.refresh_from_db()
    assert reference.error == ""
    storage.is_down = False
    index_reference(reference_id=reference.pk)
    assert Embedding.objects.count() == 1


def box_of(_reference: ReferenceImage | None) -> dict[str, float]:
    return Box(60, 100, 40, 100, 10).as_json()


def vector_of(reference: ReferenceImage) -> Any:
    return np.asarray(Embedding.objects.get(reference_image=reference).vector)


def picture_of(reference: ReferenceImage) -> Any:
    with reference.file.open("rb") as file:
        return radiograph.load(file.read()).image


def expected(film: Image.Image, box: Box | None) -> Any:
    return pytest.approx(get_encoder().encode([normalise(film, box)])[0], abs=1e-4)


def test_a_reference_with_a_crop_is_embedded_from_its_crop(film: Callable[..., bytes]) -> None:
    reference = new_reference(film(1))
    reference.crop = box_of(reference)
    reference.save()
    index_reference(reference_id=reference.pk)
    assert vector_of(reference) == expected(picture_of(reference), Box.of(reference.crop))


def test_without_a_crop_the_best_box_of_the_finder_is_embedded(
    film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    best, next_best = Box(60, 100, 40, 90, 180), Box(30, 60, 30, 60)
    found = [finder.Found(best, 0.9), finder.Found(next_best, 0.6)]
    monkeypatch.setattr(finder, "_find", lambda image: found)
    # A box has an angle of its own: the rotation is for films without any.
    reference = new_reference(film(1), rotation_deg=90)
    reference.save()
    index_reference(reference_id=reference.pk)
    assert vector_of(reference) == expected(picture_of(reference), best)
    assert "several_fixtures" in ReferenceImage.objects.get().warnings


def test_without_any_box_the_film_is_turned_clockwise_by_its_rotation(
    film: Callable[..., bytes],
) -> None:
    reference = new_reference(film(1), rotation_deg=90)
    reference.save()
    index_reference(reference_id=reference.pk)
    turned = picture_of(reference).transpose(Image.Transpose.ROTATE_270)
    assert vector_of(reference) == expected(turned, None)


def test_what_is_shown_is_what_was_embedded(film: Callable[..., bytes]) -> None:
    for number, values in enumerate(({}, {"rotation_deg": 30}, {"crop": box_of(None)})):
        reference = new_reference(film(number), **values)
        reference.save()
        index_reference(reference_id=reference.pk)
        shown = compared.shown(reference, radiograph.Radiograph(picture_of(reference), ""))
        assert vector_of(reference) == pytest.approx(get_encoder().encode([shown])[0], abs=1e-4)


def test_the_size_of_the_film_is_stored(film: Callable[..., bytes]) -> None:
    reference = saved(film(1))
    index_reference(reference_id=reference.pk)
    reference.refresh_from_db()
    assert (reference.width, reference.height) == (120, 200)


@pytest.mark.parametrize("change", [{"crop": Box(60, 100, 40, 100).as_json()}, {"rotation_deg": 8}])
def test_a_reference_that_shows_something_else_loses_its_vectors_and_gets_new_ones(
    film: Callable[..., bytes], change: dict[str, Any]
) -> None:
    reference = saved(film(1))
    index_reference(reference_id=reference.pk)
    before = vector_of(reference)
    Embedding.objects.create(reference_image=reference, encoder="old", vector=before.tolist())
    OrmQ.objects.all().delete()
    for name, value in change.items():
        setattr(reference, name, value)
    reference.save(update_fields=list(change))
    assert not Embedding.objects.exists()
    assert OrmQ.objects.count() == 1
    index_reference(reference_id=reference.pk)
    assert not np.allclose(vector_of(reference), before, atol=1e-3)


def test_saving_a_reference_that_shows_the_same_keeps_its_vector(
    film: Callable[..., bytes],
) -> None:
    reference = saved(film(1))
    index_reference(reference_id=reference.pk)
    OrmQ.objects.all().delete()
    stored = ReferenceImage.objects.get()
    stored.note = "another note"
    stored.save()
    assert Embedding.objects.count() == 1
    assert not OrmQ.objects.exists()


def test_a_reference_cropped_while_it_is_indexed_keeps_no_vector_of_the_old_picture(
    film: Callable[..., bytes], storage: Any
) -> None:
    reference = saved(film(1))

    def crop_it() -> None:
        other = ReferenceImage.objects.get()
        other.crop = box_of(other)
        other.save()

    storage.meanwhile = crop_it
    assert index_reference(reference_id=reference.pk) is None
    assert not Embedding.objects.exists()
    index_reference(reference_id=reference.pk)
    assert Embedding.objects.count() == 1


def test_a_crop_that_does_not_lie_on_the_film_marks_the_reference(
    film: Callable[..., bytes],
) -> None:
    reference = new_reference(film(1), crop=Box(900, 100, 40, 100).as_json())
    reference.save()
    outcome = index_reference(reference_id=reference.pk)
    assert outcome is not None and outcome.error
    assert ReferenceImage.objects.get().error == outcome.error
    assert not Embedding.objects.exists()
