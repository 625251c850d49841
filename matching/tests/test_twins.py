"""Films of two manufacturers that show the same."""

import pytest
from django_q.models import OrmQ

from implants.models import Implant, ReferenceImage
from matching import indexing, quality, recheck, twins
from matching.encoder import get_encoder
from matching.normalisation import normalise
from matching.tests.pictures import phantom
from matching.tests.test_quality import implants, indexed

__all__ = ["implants"]


def test_both_sides_of_a_pair_are_told(implants):
    first = indexed(implants[0])
    copy = indexed(implants[1], times=0.8, kept=60)

    first.refresh_from_db()

    assert (first.warnings, first.twin) == (["twin"], copy)


def test_the_other_side_keeps_its_own_warnings_and_its_first_twin(implants):
    small = indexed(implants[0], times=0.5)
    copy = indexed(implants[1])
    other = Implant.objects.create(manufacturer="Nobel", name="Active")
    third = indexed(other, times=0.9)

    small.refresh_from_db()

    assert (small.warnings, small.twin) == (["too_small", "twin"], copy)
    assert "twin" in third.warnings


def test_with_a_deleted_reference_the_warning_of_its_twin_goes(implants):
    first = indexed(implants[0])
    copy = indexed(implants[1], times=0.9)

    first.delete()

    copy.refresh_from_db()
    assert (copy.warnings, copy.twin) == ([], None)


def test_with_a_deleted_implant_the_warnings_of_the_twins_go(implants):
    indexed(implants[0])
    copy = indexed(implants[1], times=0.9)

    implants[0].delete()

    copy.refresh_from_db()
    assert (copy.warnings, copy.twin) == ([], None)


def test_what_is_like_a_third_film_finds_it_when_the_second_is_deleted(implants):
    first = indexed(implants[0])
    second = indexed(implants[1], times=0.9)
    third = indexed(
        Implant.objects.create(manufacturer="Nobel", name="Active"),
        times=0.8,
    )

    second.delete()
    indexing.index_reference(reference_id=first.pk)

    for one, other in ((first, third), (third, first)):
        one.refresh_from_db()
        assert (one.warnings, one.twin) == (["twin"], other)


def test_the_twin_of_a_film_that_changed_is_let_go(implants):
    first = indexed(implants[0])
    copy = indexed(implants[1], times=0.9)
    image, box = phantom(8).image, phantom(8).fixtures[0].box
    vector = get_encoder().encode([normalise(image, box)])[0]

    quality.check(
        reference_id=first.pk, film=quality.Radiograph(image, ""), vector=vector, boxes=[box]
    )

    for one in (first, copy):
        one.refresh_from_db()
        assert (one.warnings, one.twin) == ([], None)
    assert [row.task["args"] for row in OrmQ.objects.all()] == [(copy.pk,)]


def test_one_that_was_not_measured_yet_stays_so(implants):
    first = indexed(implants[0])
    ReferenceImage.objects.filter(pk=first.pk).update(warnings=None)

    copy = indexed(implants[1], times=0.9)

    first.refresh_from_db()
    assert (first.warnings, first.twin) == (None, copy)


def test_measuring_again_clears_what_is_no_twin_any_more(implants):
    copy = indexed(implants[1])
    ReferenceImage.objects.filter(pk=copy.pk).update(warnings=["twin"])

    assert list(recheck.measure_again()) == [""]

    copy.refresh_from_db()
    assert copy.warnings == []


@pytest.mark.parametrize("gone", [0, 1])
def test_one_that_is_deleted_while_it_is_compared_is_left_alone(implants, gone):
    pair = [indexed(implants[0]), indexed(implants[1], 8)]
    ids = [one.pk for one in pair]
    pair[gone].delete()

    twins.link(reference_id=ids[0], warnings=["too_small"], alike=[ids[1]])

    (left,) = ReferenceImage.objects.all()
    assert left.twin is None
    assert "twin" not in left.warnings
