"""Decided films as references of their implants."""

import io
import threading
from contextlib import closing
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ
from PIL import Image

from cases import changes, crops, proposals, retention, review
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseEvent, Finding, ReferenceProposal, Result
from cases.review import ReviewError, StateConflict, Verdict
from cases.tests.making_cases import finding_of, make_case, mark_fixture
from implants import reference_state
from implants.models import ReferenceImage
from matching.boxes import Box
from matching.matcher import look_up
from matching.radiograph import load

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(implants: list[Any], film: Any, approver: Any) -> Case:
    """Approved with the first implant for a marked fixture; the dentist consented."""
    content = film(size=(240, 320))
    case = make_case(implants, film=content, consent_at=timezone.now())
    case.images.update(width=240, height=320, modality="periapical")
    finding = mark_fixture(case, Box(120, 160, 60, 180, 10))
    verdict = Verdict(finding.pk, "identified", [implants[0].pk])
    return review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver)


@pytest.fixture
def proposal(decided: Case, implants: list[Any], approver: Any) -> ReferenceProposal:
    return propose(decided, implants[0], approver)


def propose(case: Case, implant: Any, by: Any) -> ReferenceProposal:
    return proposals.propose(finding_id=finding_of(case).pk, implant_id=implant.pk, by=by)


def stored() -> list[str]:
    try:
        return default_storage.listdir("referencia")[1]
    except FileNotFoundError:
        return []


def test_an_accepted_fixture_is_a_reference_of_its_implant(
    proposal: ReferenceProposal, implants: list[Any], curator: Any
) -> None:
    reference = proposals.accept(proposal_id=proposal.pk, by=curator)
    proposal.refresh_from_db()
    assert (proposal.status, proposal.decided_by) == ("accepted", curator)
    assert proposal.reference == reference
    assert (reference.implant, reference.verified_by) == (implants[0], curator)
    assert (reference.provenance, reference.modality) == ("case", "periapical")
    assert [entry.task["func"] for entry in OrmQ.objects.all()] == [
        "cases.tasks.test_proposal",
        "matching.tasks.index_reference",
    ]


def test_an_accepted_fixture_is_searched_at_once(
    proposal: ReferenceProposal, implants: list[Any], curator: Any
) -> None:
    reference = proposals.accept(proposal_id=proposal.pk, by=curator)
    (state,) = reference_state.with_state(ReferenceImage.objects.filter(pk=reference.pk))
    assert state.state == "searchable"
    image = proposal.finding.case_image
    with image.file.open("rb") as file:
        film = load(file.read()).image
    (first,) = look_up(film, box=Box.of(proposal.finding.box)).candidates
    assert (first.implant, first.reference) == (implants[0], reference)
    assert first.similarity > 0.99, "reference and query show the same picture"


def test_the_reference_is_the_fixture_alone_upright_and_without_metadata(
    proposal: ReferenceProposal, curator: Any
) -> None:
    reference = proposals.accept(proposal_id=proposal.pk, by=curator)
    content = reference.file.open().read()
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.mode, dict(picture.getexif())) == ("JPEG", "L", {})
        assert picture.size == (89, 209) == (reference.width, reference.height)
    crop = Box.of(reference.crop)
    assert (crop.width, crop.height, crop.angle) == (60, 180, 0)
    case = proposal.finding.case_image.case
    for secret in (case.dentist_name, case.patient_name, f"#{case.pk}"):
        assert secret not in reference.note


def test_a_film_without_a_marked_fixture_is_not_proposed(
    decided: Case, implants: list[Any], approver: Any
) -> None:
    Finding.objects.update(box=None)
    with pytest.raises(ReviewError, match=r"crop|recorte"):
        propose(decided, implants[0], approver)
    assert not ReferenceProposal.objects.exists()


def test_a_whole_film_is_never_taken_over_nor_shown(
    proposal: ReferenceProposal, curator: Any
) -> None:
    Finding.objects.update(box=None)
    proposal.finding.refresh_from_db()
    with pytest.raises(ReviewError):
        proposals.accept(proposal_id=proposal.pk, by=curator)
    with pytest.raises(ReviewError):
        crops.picture(proposal.finding)
    assert (ReferenceImage.objects.count(), stored()) == (0, [])


def test_proposing_is_in_the_history_once(
    proposal: ReferenceProposal, decided: Case, implants: list[Any], approver: Any
) -> None:
    assert propose(decided, implants[0], approver) == proposal
    events = decided.events.filter(what=CaseEvent.What.REFERENCE_PROPOSED)
    assert [event.details for event in events] == [{"implant_id": implants[0].pk}]


def test_without_consent_nothing_is_proposed(
    decided: Case, implants: list[Any], approver: Any
) -> None:
    Case.objects.update(consent_at=None)
    with pytest.raises(ReviewError):
        propose(decided, implants[0], approver)
    assert not ReferenceProposal.objects.exists()


def test_only_what_it_was_identified_as_is_proposed(
    decided: Case, implants: list[Any], approver: Any
) -> None:
    with pytest.raises(ReviewError):
        propose(decided, implants[1], approver)
    with pytest.raises(ReviewError):
        proposals.propose(finding_id=10**9, implant_id=implants[0].pk, by=approver)


def test_what_was_identified_as_one_of_several_implants_is_no_reference(
    decided: Case, implants: list[Any], approver: Any
) -> None:
    Result.objects.update(approved=True, approved_at=timezone.now())
    with pytest.raises(ReviewError, match=r"several|vários"):
        propose(decided, implants[0], approver)
    assert not ReferenceProposal.objects.exists()


def test_an_undecided_or_erased_case_or_one_without_film_is_not_proposed(
    decided: Case, implants: list[Any], approver: Any
) -> None:
    for change in ({"status": "pending"}, {"status": "archived"}):
        Case.objects.update(**change)
        with pytest.raises(StateConflict):
            propose(decided, implants[0], approver)
    Case.objects.update(status="approved")
    decided.images.update(file="")
    with pytest.raises(ReviewError):
        propose(decided, implants[0], approver)


def test_a_declined_fixture_is_no_reference_and_not_proposed_again(
    proposal: ReferenceProposal, decided: Case, implants: list[Any], approver: Any, curator: Any
) -> None:
    proposals.decline(proposal_id=proposal.pk, by=curator)
    with pytest.raises(StateConflict):
        proposals.accept(proposal_id=proposal.pk, by=curator)
    with pytest.raises(StateConflict):
        propose(decided, implants[0], approver)
    assert (ReferenceImage.objects.count(), stored()) == (0, [])


def test_a_picture_that_is_a_reference_already_is_refused(
    proposal: ReferenceProposal, implants: list[Any], curator: Any
) -> None:
    twin = ReferenceImage(implant=implants[2])
    twin.file.save("", ContentFile(crops.picture(proposal.finding)))
    with pytest.raises(ReviewError, match="Linha Três"):
        proposals.accept(proposal_id=proposal.pk, by=curator)
    proposal.refresh_from_db()
    assert (proposal.status, len(stored())) == ("proposed", 1)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"consent_at": None}, ReviewError),
        ({"status": "pending"}, StateConflict),
        ({"status": "archived"}, StateConflict),
    ],
)
def test_what_does_not_stand_any_more_is_not_accepted_and_leaves_nothing_behind(
    proposal: ReferenceProposal, curator: Any, change: dict[str, Any], error: type[Exception]
) -> None:
    Case.objects.update(**change)
    with pytest.raises(error):
        proposals.accept(proposal_id=proposal.pk, by=curator)
    assert (ReferenceImage.objects.count(), stored()) == (0, [])


def test_a_film_that_is_gone_or_damaged_is_told(
    proposal: ReferenceProposal, decided: Case, curator: Any
) -> None:
    image = decided.images.get()
    image.file.storage.delete(image.file.name)
    with pytest.raises(ReviewError):
        proposals.accept(proposal_id=proposal.pk, by=curator)
    image.file.save("", ContentFile(b"\xff\xd8\xff\xe0 no film"))
    with pytest.raises(ReviewError):
        proposals.accept(proposal_id=proposal.pk, by=curator)


@pytest.mark.django_db(transaction=True)
def test_of_two_curators_at_once_one_wins_and_the_other_is_told(
    proposal: ReferenceProposal, curator: Any, make_user: Any
) -> None:
    other = make_user("curator", username="outra")
    barrier, outcomes = threading.Barrier(2), []

    def accept(user: Any) -> None:
        with closing(connection):
            barrier.wait(10)
            try:
                proposals.accept(proposal_id=proposal.pk, by=user)
                outcomes.append("won")
            except ReviewError:
                outcomes.append("told")

    threads = [threading.Thread(target=accept, args=[user]) for user in (curator, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["told", "won"]
    assert ReferenceImage.objects.count() == len(stored()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "its time is over"])
def test_a_reference_goes_with_its_case_only_where_a_person_asks(
    proposal: ReferenceProposal, decided: Case, curator: Any, approver: Any, asked: bool
) -> None:
    proposals.accept(proposal_id=proposal.pk, by=curator)
    retention.erase(case_id=decided.pk)
    assert ReferenceImage.objects.count() == len(stored()) == 1
    if asked:
        retention.erase(case_id=decided.pk, by=approver)
        assert (ReferenceImage.objects.count(), stored()) == (0, [])


def test_what_was_only_proposed_goes_with_the_film(
    proposal: ReferenceProposal, decided: Case
) -> None:
    retention.erase(case_id=decided.pk)
    assert not ReferenceProposal.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["undone", "reopened", "consent withdrawn"])
def test_a_reference_goes_with_the_decision_and_the_consent_behind_it(
    proposal: ReferenceProposal,
    decided: Case,
    curator: Any,
    approver: Any,
    settings: Any,
    film: Any,
    how: str,
) -> None:
    settings.RAIOX_UNDO_SECONDS = 20
    proposals.accept(proposal_id=proposal.pk, by=curator)
    if how == "undone":
        review.undo(case_id=decided.pk, by=approver)
    elif how == "reopened":
        gone = [decided.images.get().pk]
        other = [IncomingImage(content=film(5))]
        changes.revise(case_id=decided.pk, person=None, images=other, replaced=gone)
    else:
        changes.revise(case_id=decided.pk, person=Person("Dra. Exemplo"), images=[])
    assert (ReferenceProposal.objects.count(), ReferenceImage.objects.count()) == (0, 0)
    assert stored() == []
