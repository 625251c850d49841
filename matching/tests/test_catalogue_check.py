import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from PIL import Image

from implants.models import Implant, ReferenceImage
from matching import catalogue_check, indexing
from matching import encoder as encoder_module
from matching.encoder import get_encoder
from matching.models import DIMENSIONS, Embedding

pytestmark = pytest.mark.django_db

OTHER_ENCODER = "ViT-B-32/openai@0123456789ab/pad-v1"


def add_reference(implant: Implant, content: bytes) -> ReferenceImage:
    reference = ReferenceImage(implant=implant)
    reference.file.save("", ContentFile(content), save=False)
    reference.indexed_by_importer = True  # type: ignore[attr-defined]
    reference.save()
    list(indexing.index_references([reference]))
    return reference


def same_film_in_another_file(reference: ReferenceImage) -> bytes:
    with reference.file.open("rb") as file, Image.open(file) as image:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
    return buffer.getvalue()


def first_reference(implant: Implant) -> ReferenceImage:
    return implant.references.earliest("pk")


def checked() -> list[str]:
    """Run the command: its lines when all is in order, otherwise the problems it found."""
    output = io.StringIO()
    try:
        call_command("check_catalogue", stdout=output)
    except CommandError as error:
        problems = [line.strip() for line in output.getvalue().splitlines() if line[0] == " "]
        assert str(error) == f"{len(problems)} problem(s) found"
        assert "in order" not in output.getvalue()
        return problems
    return output.getvalue().splitlines()


def test_a_catalogue_in_order_is_said_to_be_in_order(catalogue: list[Implant]) -> None:
    assert checked() == [
        f"encoder {get_encoder().id}",
        "Neodent: 1 implants, 2 references",
        "Straumann: 2 implants, 4 references",
        "Zimmer: 1 implants, 2 references",
        "the catalogue is in order",
    ]


def test_an_empty_catalogue_is_a_problem() -> None:
    assert checked() == ["the catalogue is empty"]


def test_an_implant_without_a_reference_cannot_be_found(catalogue: list[Implant]) -> None:
    bare = Implant.objects.create(manufacturer="Straumann", name="Bare", diameter_mm="4.1")
    assert checked() == [f"Straumann Bare 4,1 mm (id {bare.pk}) has no usable reference"]


def test_an_inactive_implant_needs_no_reference(catalogue: list[Implant]) -> None:
    Implant.objects.create(manufacturer="Straumann", name="Bare", is_active=False)
    assert checked()[-1] == "the catalogue is in order"


def test_a_reference_without_a_vector_is_no_usable_one(catalogue: list[Implant]) -> None:
    Embedding.objects.filter(reference_image__implant=catalogue[2]).delete()
    assert checked() == [f"{catalogue[2]} (id {catalogue[2].pk}) has no usable reference"]


def test_a_reference_without_a_vector_beside_others_that_have_one_is_named(
    catalogue: list[Implant],
) -> None:
    reference = first_reference(catalogue[1])
    Embedding.objects.filter(reference_image=reference).update(encoder=OTHER_ENCODER)
    assert checked() == [
        f"reference {reference.pk} of {catalogue[1]} has no vector of this encoder",
        f"1 vectors belong to another encoder: {OTHER_ENCODER}",
    ]
    # A film that cannot be read is named as such, once.
    ReferenceImage.objects.filter(pk=reference.pk).update(error="damaged.")
    Embedding.objects.filter(reference_image=reference).delete()
    assert checked() == [f"reference {reference.pk} of {catalogue[1]} cannot be used: damaged."]


def test_a_reference_that_cannot_be_read_is_named_and_does_not_count(
    catalogue: list[Implant],
) -> None:
    references = list(catalogue[2].references.all())
    ReferenceImage.objects.filter(pk=references[0].pk).update(error="damaged.")
    (problem,) = checked()
    assert problem == f"reference {references[0].pk} of {catalogue[2]} cannot be used: damaged."
    ReferenceImage.objects.filter(pk=references[1].pk).update(error="damaged.")
    assert f"{catalogue[2]} (id {catalogue[2].pk}) has no usable reference" in checked()


def test_vectors_of_another_encoder_are_counted(catalogue: list[Implant]) -> None:
    for row in Embedding.objects.all()[:3]:
        Embedding.objects.create(
            reference_image_id=row.reference_image_id, encoder=OTHER_ENCODER, vector=row.vector
        )
    assert checked() == [f"3 vectors belong to another encoder: {OTHER_ENCODER}"]


def test_a_catalogue_of_another_encoder_only_can_find_nothing(catalogue: list[Implant]) -> None:
    Embedding.objects.update(encoder=OTHER_ENCODER)
    problems = checked()
    assert f"8 vectors belong to another encoder: {OTHER_ENCODER}" in problems
    assert sum("has no usable reference" in problem for problem in problems) == 4
    assert len(problems) == 5


def test_one_film_under_two_brands_is_found_although_the_files_differ(
    catalogue: list[Implant],
) -> None:
    original = first_reference(catalogue[0])
    copy = add_reference(catalogue[3], same_film_in_another_file(original))
    assert copy.sha256 != original.sha256
    assert checked() == [
        f"references {original.pk} ({catalogue[0]}) and {copy.pk} ({catalogue[3]}) "
        "are nearly the same film"
    ]


def test_near_films_of_one_brand_are_no_problem(catalogue: list[Implant]) -> None:
    assert catalogue[0].manufacturer == catalogue[1].manufacturer
    add_reference(catalogue[1], same_film_in_another_file(first_reference(catalogue[0])))
    assert checked()[-1] == "the catalogue is in order"


def test_a_vector_that_is_not_that_of_its_film_is_found(catalogue: list[Implant]) -> None:
    reference = first_reference(catalogue[1])
    turned = np.random.default_rng(3).normal(size=DIMENSIONS)
    Embedding.objects.filter(reference_image=reference).update(
        vector=(turned / np.linalg.norm(turned)).tolist()
    )
    assert checked() == [f"the vector of reference {reference.pk} is not that of its film"]


def test_a_film_that_was_replaced_in_the_storage_is_found(
    catalogue: list[Implant], film: Callable[..., bytes]
) -> None:
    reference = first_reference(catalogue[1])
    Path(reference.file.path).write_bytes(film(seed=55, size=(200, 210)))
    assert checked() == [f"the vector of reference {reference.pk} is not that of its film"]


def test_a_vector_of_another_length_is_found(catalogue: list[Implant]) -> None:
    row = Embedding.objects.get(reference_image=first_reference(catalogue[1]))
    row.vector = (np.asarray(row.vector) * 1.01).tolist()
    row.save()
    problems = checked()
    assert f"the vector of reference {row.reference_image_id} is not of length 1" in problems


@pytest.mark.parametrize("content", [None, b"damaged"], ids=["gone", "damaged"])
def test_a_film_that_is_gone_or_damaged_is_found(
    catalogue: list[Implant], content: bytes | None
) -> None:
    reference = first_reference(catalogue[1])
    path = Path(reference.file.path)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    (problem,) = checked()
    assert problem.startswith(f"the film of reference {reference.pk} cannot be read: ")


@pytest.mark.parametrize("reencode", [0, 64])
def test_every_film_that_is_gone_is_found_whatever_the_sample(
    catalogue: list[Implant], reencode: int
) -> None:
    gone = [first_reference(implant) for implant in catalogue[:3]]
    for reference in gone:
        Path(reference.file.path).unlink()
    assert catalogue_check.check(reencode=reencode).problems == [
        f"the film of reference {reference.pk} cannot be read: "
        f"{reference.file.name} is not in the storage"
        for reference in gone
    ]


def test_a_storage_that_does_not_answer_is_asked_once(
    catalogue: list[Implant], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(_storage: FileSystemStorage, name: str) -> bool:
        asked.append(name)
        raise ConnectionError("no answer")

    monkeypatch.setattr(FileSystemStorage, "exists", refuse)
    assert catalogue_check.check(reencode=0).problems == [
        f"the film of reference {ReferenceImage.objects.earliest('pk').pk} "
        "cannot be read: no answer"
    ]
    assert len(asked) == 1


def test_only_a_sample_is_encoded_again_spread_over_the_catalogue(
    catalogue: list[Implant],
) -> None:
    for reference in ReferenceImage.objects.all():
        Path(reference.file.path).write_bytes(b"damaged")
    assert len(catalogue_check.check(reencode=4).problems) == 4
    assert catalogue_check.check(reencode=0).problems == []
    assert len(catalogue_check.check().problems) == 8


def test_a_sample_is_never_larger_than_asked(catalogue: list[Implant]) -> None:
    for reference in ReferenceImage.objects.all():
        Path(reference.file.path).write_bytes(b"damaged")
    for asked, taken in {3: 3, 5: 4, 7: 4, 9: 8}.items():
        assert len(catalogue_check.check(reencode=asked).problems) == taken


def test_an_encoder_that_cannot_be_loaded_is_an_error_in_one_sentence(
    catalogue: list[Implant], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_module, "_encoder", get_encoder())
    settings.RAIOX_ENCODER = "ViT-B-32/absent.pt"
    with pytest.raises(CommandError, match=r"absent\.pt"):
        call_command("check_catalogue")
