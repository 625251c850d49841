"""A reviewer says that a film was taken at an angle."""

from typing import Any

import pytest

from cases import findings, tilted
from cases.models import Case, CaseImage, Finding, Result
from cases.tests.making_cases import act, finding_of, html, make_case, matched_case, page
from cases.verdicts import ReviewError, StateConflict
from matching import calibration
from matching.boxes import Box
from matching.calibration import Limits, Measured

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(implants: list[Any]) -> Case:
    """A case whose first candidate stands far before the second."""
    case = make_case(implants, band="high")
    CaseImage.objects.update(doubts=[])
    Finding.objects.update(band="high")
    for rank, similarity in enumerate((0.98, 0.7, 0.6), start=1):
        Result.objects.filter(rank=rank).update(similarity=similarity, encoder="e/trained@1/f")
    return case


def bands(case: Case) -> tuple[str, str]:
    return Case.objects.get(pk=case.pk).band, finding_of(case).band


def test_a_tilted_film_lowers_the_bands_and_can_be_taken_back(
    client: Any, reviewer: Any, case: Case
) -> None:
    image = case.images.get()

    content = html(client.post(act("tilt", case), {"tilted": image.pk, "note": "Observação."}))
    assert bands(case) == ("medium", "medium")
    assert CaseImage.objects.get().doubts == ["tilted"]
    assert 'name="upright"' in content and "Observação." in content

    content = html(client.post(act("tilt", case), {"upright": image.pk}))
    assert bands(case) == ("high", "high")
    assert 'name="tilted"' in content


def test_where_limits_were_measured_they_make_the_bands_before_and_after(case: Case) -> None:
    encoder = Result.objects.get(rank=1).encoder
    calibration.save(Measured(encoder, Limits(medium=0.25)))
    Case.objects.update(band="medium")
    Finding.objects.update(band="medium")
    for is_tilted, told in ((True, "low"), (False, "medium")):
        tilted.say(case_id=case.pk, image_id=case.images.get().pk, is_tilted=is_tilted)
        assert bands(case) == (told, told)


def test_what_was_measured_stays_beside_the_reviewer_s_word(
    client: Any, reviewer: Any, case: Case
) -> None:
    CaseImage.objects.update(doubts=["too_small"])
    tilted.say(case_id=case.pk, image_id=case.images.get().pk, is_tilted=True)
    tilted.say(case_id=case.pk, image_id=case.images.get().pk, is_tilted=True)
    assert CaseImage.objects.get().doubts == ["too_small", "tilted"]


def test_a_mark_that_is_drawn_later_is_compared_on_a_tilted_film_too(
    catalogue: list[Any], film: Any, approver: Any
) -> None:
    case = matched_case(film())
    image = case.images.get()
    tilted.say(case_id=case.pk, image_id=image.pk, is_tilted=True)
    findings.mark(case_id=case.pk, image_id=image.pk, box=Box(60, 100, 50, 120), by=approver)
    assert "tilted" in (CaseImage.objects.get().doubts or [])


def test_a_film_of_another_case_and_a_decided_case_are_refused(case: Case) -> None:
    with pytest.raises(ReviewError):
        tilted.say(case_id=case.pk, image_id=0, is_tilted=True)
    Case.objects.update(status=Case.Status.REJECTED, decided_at=case.created_at)
    with pytest.raises(StateConflict):
        tilted.say(case_id=case.pk, image_id=case.images.get().pk, is_tilted=True)
    assert bands(case) == ("high", "high")


def test_a_reader_sees_that_it_was_said_and_cannot_say_it(
    client: Any, reader: Any, case: Case
) -> None:
    CaseImage.objects.update(doubts=["tilted"])
    client.force_login(reader)
    content = html(client.get(page(case)))
    assert 'class="film-doubts"' in content and 'name="upright"' not in content
