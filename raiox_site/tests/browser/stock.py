"""A small catalogue and cases, made from phantoms. Each film is rendered and each reference
encoded once per test run."""

from functools import cache
from itertools import count
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.urls import reverse

from cases import intake, review
from cases.films import IncomingImage
from cases.models import Case, CaseImage, Finding, Result
from implants.catalogue import demo_catalogue
from implants.models import Implant, ReferenceImage
from implants.vocabulary import FEATURES
from matching import demo, finder
from matching.boxes import Box
from matching.encoder import get_encoder
from matching.evaluation.phantoms import FIRST_QUERY_SEED
from matching.models import Embedding
from matching.normalisation import normalise
from matching.phantoms import phantom_jpeg
from matching.radiograph import load

ROWS = (0, 3, 7, 11, 15, 20, 26)
_numbers = count(1)


@cache
def picture(row: int, seed: int, difficulty: str = "clean") -> bytes:
    return phantom_jpeg(demo_catalogue()[row], seed=seed, difficulty=difficulty)


@cache
def vector(row: int) -> list[float]:
    film = load(picture(row, 0)).image
    found = finder.propose(film)
    shown = normalise(film, found[0] if found else None)
    encoded: np.ndarray = get_encoder().encode([shown])[0]
    return encoded.tolist()


def fill_catalogue() -> list[Implant]:
    """Seven implants of several makers with an indexed reference each."""
    return [_implant(row) for row in ROWS]


def without_reference(implant: Implant) -> Implant:
    """Another implant, which only a search in the catalogue finds."""
    return Implant.objects.create(
        manufacturer=implant.manufacturer, name="Linha sem radiografia", type=implant.type
    )


def film(number: int, *, difficulty: str = "clinic") -> bytes:
    """A film of the implant `number` that is not among the references."""
    return picture(ROWS[number % len(ROWS)], FIRST_QUERY_SEED + number, difficulty)


def add_case(
    number: int = 0, *, films: int = 1, process: bool = True, found: int = 0, **facts: Any
) -> Case:
    """A case with films of the implant `number`, taken in and matched as any other.

    Whatever the finder sees on them, each has `found` fixtures that it found, side by side;
    with none it is compared as a whole, and a box in its middle is suggested. `facts` are
    columns to set afterwards.
    """
    person = intake.Person(
        dentist_name="Dra. Exemplo",
        dentist_email="dentista@example.com",
        patient_name="Paciente Fictício",
        tooth=36,
        client_id=f"{next(_numbers)}",
    )
    images = [IncomingImage(content=film(number + extra)) for extra in range(films)]
    received = intake.receive(
        source=Case.Source.UPLOAD, images=images, person=person, run_inline=True
    )
    if process:
        intake.process(case_id=received.case.pk)
        for image in received.case.images.all():
            _find(image, found)
    Case.objects.filter(pk=received.case.pk).update(**facts) if facts else None
    return Case.objects.get(pk=received.case.pk)


def add_failed_case() -> Case:
    """A case whose only film is none."""
    received = intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=b"this is no film")],
        person=intake.Person(dentist_name="Dra. Exemplo", client_id=f"{next(_numbers)}"),
        run_inline=True,
    )
    intake.process(case_id=received.case.pk)
    return Case.objects.get(pk=received.case.pk)


def page_of(case: Case) -> str:
    return reverse("admin:cases_case_review", args=[case.pk])


def fact_of(case: Case, feature: str) -> str:
    """What the catalogue says of the first candidate of a case."""
    first = Result.objects.select_related("implant").get(finding__case_image__case=case, rank=1)
    return str(getattr(first.implant, feature))


def facts_of_the_next(case: Case, count: int = 2) -> dict[str, str]:
    """Feature → word of the second candidate where the first is known to have another: seen
    together, they put that one first."""
    ranked = Result.objects.select_related("implant").filter(finding__case_image__case=case)
    first, second = (ranked.get(rank=rank).implant for rank in (1, 2))
    pairs = {name: (getattr(first, name), getattr(second, name)) for name in FEATURES}
    apart = {name: str(new) for name, (old, new) in pairs.items() if old and new and old != new}
    return dict(list(apart.items())[:count])


def mark(case: Case) -> None:
    """As if a reviewer had marked the fixture in the middle of the only film."""
    image = case.images.get()
    person = Finding.ProposedBy.PERSON
    image.findings.update(box=_box(image, 1, 2).as_json(), proposed_by=person)


def _find(image: CaseImage, number: int) -> None:
    first = image.findings.earliest("pk")
    image.findings.exclude(pk=first.pk).delete()
    results = list(first.results.all())
    first.box = first.found_score = None
    if number:
        first.box, first.found_score = _box(image, 1, number + 1).as_json(), 0.95
    first.save()
    for place in range(2, number + 1):
        box = _box(image, place, number + 1).as_json()
        other = Finding(case_image=image, box=box, found_score=1 - place / 10)
        other.vector, other.encoder, other.band = first.vector, first.encoder, first.band
        other.save()
        for result in results:
            result.pk, result.finding = None, other
            result.save()
    image.suggested_boxes = [] if number else [_box(image, 1, 2).as_json()]
    image.save()


def _box(image: CaseImage, place: int, shares: int) -> Box:
    """Upright in the middle of the film's height, at `place` of its width's `shares`."""
    across, down = image.width or 0, image.height or 0
    return Box(across * place / shares, down / 2, across / 6, down / 2, 0)


def approve(case: Case) -> Case:
    """Approve the first candidate of each finding."""
    reviewer, _created = User.objects.get_or_create(username="outra", defaults={"is_staff": True})
    firsts = Result.objects.filter(finding__case_image__case=case, rank=1)
    choices = [
        review.Choice(finding_id=one.finding_id, implant_id=one.implant_id) for one in firsts
    ]
    return review.approve(case_id=case.pk, choices=choices, reviewer=reviewer)


def _implant(row: int) -> Implant:
    implant = demo._implant(demo_catalogue()[row])
    film = load(picture(row, 0))
    reference = ReferenceImage(
        implant=implant,
        width=film.width,
        height=film.height,
        modality=ReferenceImage.Modality.PERIAPICAL,
        provenance=ReferenceImage.Provenance.PHANTOM,
    )
    reference.file.save("", ContentFile(picture(row, 0)), save=False)
    reference.indexed_by_importer = True  # type: ignore[attr-defined]
    reference.save()
    Embedding.objects.create(
        reference_image=reference, encoder=get_encoder().id, vector=vector(row)
    )
    return implant
