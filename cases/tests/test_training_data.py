"""What decisions give to training, evaluation and calibration."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from cases import proposals, retention, review, training_data
from cases.models import Case, Finding, ReferenceProposal, Result
from cases.review import Choice, Verdict
from cases.tests.making_cases import finding_of, make_case, mark_fixture
from cases.training_data import FilmGone, decided, labelled_count, labelled_crops
from implants.models import Implant, ReferenceImage
from matching.boxes import Box

TRAINED = "raiox-fixture/bundled@abc/fixture-v1"
BOX = Box(120, 160, 60, 180, 10)
pytestmark = pytest.mark.django_db


@pytest.fixture
def make(implants: list[Implant], film: Any, approver: Any) -> Callable[..., Case]:
    """An approved case with consent and one marked fixture."""

    def make(*chosen: Implant, seed: int = 0, **facts: Any) -> Case:
        said = {"consent_at": timezone.now(), "client_hash": "c", **facts}
        case = make_case(implants, film=film(seed, size=(240, 320)))
        Case.objects.filter(pk=case.pk).update(**said)
        case.images.update(width=240, height=320)
        mark_fixture(case, BOX)
        Result.objects.update(encoder=TRAINED)
        choices = [Choice(implant.pk) for implant in chosen or implants[:1]]
        return review.approve(case_id=case.pk, choices=choices, reviewer=approver)

    return make


def test_an_approved_fixture_is_a_labelled_film(
    make: Callable[..., Case], implants: list[Implant]
) -> None:
    Implant.objects.filter(pk=implants[0].pk).update(connection="morse", apex="flat")
    make()
    (one,) = labelled_crops()
    assert (one.manufacturer, one.line, one.connection) == ("Fabricante", "Linha Um", "morse")
    assert one.label == "Fabricante Linha Um 4.3 × 10 mm"
    assert one.box == BOX
    assert (one.read().size, one.read().mode) == ((240, 320), "L"), "the whole film"
    assert one.facts is not None and one.facts.apex == "flat"
    assert labelled_count() == 1


def test_films_of_one_patient_of_one_dentist_are_one_group_and_nobody_is_named(
    make: Callable[..., Case],
) -> None:
    make(seed=1)
    make(seed=2, patient_name="PACIENTE  ficticio")
    make(seed=3, client_hash="d")
    make(seed=4, patient_name="")
    make(seed=5, patient_name="")
    groups = [one.group for one in labelled_crops()]
    assert groups[0] == groups[1]
    assert len(set(groups)) == 4
    assert not any("paciente" in group.casefold() for group in groups)


@pytest.mark.parametrize(
    "change",
    [
        lambda: Case.objects.update(consent_at=None),
        lambda: Case.objects.update(status="pending"),
        lambda: Finding.objects.update(box=None),
        lambda: Case.objects.get().images.update(file=""),
        lambda: Result.objects.update(approved=True, approved_at=timezone.now()),
    ],
    ids=["no consent", "not approved", "whole film", "film gone", "one of several"],
)
def test_what_is_not_certain_or_not_allowed_is_left_out(
    make: Callable[..., Case], change: Callable[[], Any]
) -> None:
    make()
    change()
    assert (list(labelled_crops()), labelled_count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_what_became_a_reference_is_given_once_and_after_its_case(
    make: Callable[..., Case], implants: list[Implant], approver: Any, curator: Any
) -> None:
    case = make()
    proposal = proposals.propose(
        finding_id=finding_of(case).pk, implant_id=implants[0].pk, by=approver
    )
    reference = proposals.accept(proposal_id=proposal.pk, by=curator)
    (one,) = labelled_crops()
    assert one.name == f"fixture {finding_of(case).pk}"
    retention.erase(case_id=case.pk)
    (one,) = labelled_crops()
    assert (one.name, one.line) == (f"reference {reference.pk}", "Linha Um")
    assert one.box == Box.of(reference.crop)
    assert one.read().size == (reference.width, reference.height)
    ReferenceProposal.objects.all().delete()
    (one,) = labelled_crops()
    assert one.group == f"reference {reference.pk}"
    ReferenceImage.objects.update(is_active=False)
    assert labelled_count() == 0


def test_a_film_that_cannot_be_read_says_so(make: Callable[..., Case]) -> None:
    image = make().images.get()
    (one,) = labelled_crops()
    image.file.storage.delete(image.file.name)
    with pytest.raises(FilmGone):
        one.read()


def test_a_decision_says_how_the_comparison_did(
    make: Callable[..., Case], implants: list[Implant]
) -> None:
    make(implants[1])
    (one,) = decided()
    assert [pk for pk, _score in one.ranking] == [implant.pk for implant in implants]
    assert one.similarity == pytest.approx(0.9861) and one.gap == pytest.approx(0.001)
    assert (one.rank, one.was_first_right, one.is_absent) == (2, False, False)
    assert (one.encoder, one.has_box) == (TRAINED, True)
    assert (list(decided(encoder=TRAINED)), list(decided(encoder="another"))) == ([one], [])


def test_an_implant_that_was_no_candidate_has_no_place(make: Callable[..., Case]) -> None:
    other = Implant.objects.create(manufacturer="Outra Marca", name="Linha Rara")
    make(other)
    (one,) = decided()
    assert (one.rank, len(one.ranking), one.approved) == (None, 3, {other.pk})


@pytest.mark.parametrize(("outcome", "number"), [("not_in_catalogue", 1), ("unreadable", 0)])
def test_what_is_not_in_the_catalogue_is_absent_and_what_cannot_be_read_says_nothing(
    implants: list[Implant], approver: Any, outcome: str, number: int
) -> None:
    case = make_case(implants)
    Result.objects.update(encoder=TRAINED)
    verdict = Verdict(finding_of(case).pk, outcome, reason="texto")
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver)
    assert [one.is_absent for one in decided()] == [True] * number


def test_the_decision_of_an_erased_case_still_counts(make: Callable[..., Case]) -> None:
    case = make()
    retention.erase(case_id=case.pk)
    (one,) = decided()
    assert (one.was_first_right, one.has_box) == (True, False)


def test_what_is_not_decided_or_was_compared_by_chance_does_not_count(
    make: Callable[..., Case], implants: list[Implant]
) -> None:
    make()
    Result.objects.update(encoder="ViT-B-32/random@abc/fixture-v1")
    make_case(implants)
    assert list(decided()) == []


def test_everything_is_read_in_portions(
    make: Callable[..., Case], monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(training_data, "ROWS_AT_ONCE", 1)
    for seed in range(3):
        make(seed=seed)
    with django_assert_num_queries(1):
        assert len(list(decided())) == 3
    with django_assert_num_queries(2):
        assert len(list(labelled_crops())) == 3
