"""Cases that were matched by an earlier version get what newer ones have."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from cases import catchup, intake, tasks
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseImage

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_old(catalogue: list[Any], film: Callable[..., bytes]) -> Callable[..., Case]:
    """Cases as an earlier version left them, awaiting review."""

    def make(seed: int = 1, **facts: Any) -> Case:
        received = intake.receive(
            source=Case.Source.UPLOAD, images=[IncomingImage(content=film(seed))], person=Person()
        ).case
        case = intake.process(case_id=received.pk)
        case.images.get().thumbnail.delete()
        case.images.update(thumbnail="", suggested_boxes=None)
        Case.objects.filter(pk=case.pk).update(band="", **facts)
        return Case.objects.get(pk=case.pk)

    return make


def test_an_older_case_gets_its_band_thumbnail_and_suggested_boxes(
    make_old: Callable[..., Case],
) -> None:
    case = make_old()

    tasks.sweep_cases()

    case.refresh_from_db()
    image = case.images.get()
    assert case.band
    assert default_storage.exists(str(image.thumbnail.name))
    assert isinstance(image.suggested_boxes, list)


def test_nothing_is_left_to_do_afterwards(make_old: Callable[..., Case]) -> None:
    case = make_old()
    assert catchup.catch_up() == 2
    name = case.images.get().thumbnail.name

    assert catchup.catch_up() == 0
    assert case.images.get().thumbnail.name == name


def test_a_few_films_are_prepared_at_a_time_and_the_others_later(
    make_old: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catchup, "FILMS_AT_ONCE", 2)
    for seed in (1, 2, 3):
        make_old(seed)

    catchup.catch_up()

    assert CaseImage.objects.exclude(thumbnail="").count() == 2
    catchup.catch_up()
    assert CaseImage.objects.exclude(thumbnail="").count() == 3


def test_a_film_that_is_gone_is_tried_once(make_old: Callable[..., Case]) -> None:
    image = make_old().images.get()
    default_storage.delete(str(image.file.name))

    catchup.catch_up()

    image.refresh_from_db()
    assert (image.suggested_boxes, str(image.thumbnail)) == ([], "")
    assert catchup.catch_up() == 0


@pytest.mark.parametrize("status", ["approved", "rejected", "archived"])
def test_cases_that_nobody_reviews_any_more_are_left_alone(
    make_old: Callable[..., Case], status: str
) -> None:
    case = make_old(status=status, decided_at=timezone.now())

    assert catchup.catch_up() == 0

    case.refresh_from_db()
    assert (case.band, case.images.get().suggested_boxes) == ("", None)
