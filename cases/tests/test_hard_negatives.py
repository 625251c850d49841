"""A rejected first candidate is kept beside what was approved, for as long as that stands."""

import io
import json
from typing import Any
from zipfile import ZipFile

import pytest
from django.utils import timezone

from cases import changes, erasure, export, films, hard_negatives, proposals, retention, review
from cases.models import Case, Finding, HardNegative, Result
from cases.review import Choice, Verdict
from cases.tests.making_cases import finding_of, make_case, mark_fixture
from implants.models import Implant, ReferenceImage

TRAINED = "raiox-fixture/bundled@abc/fixture-v1"
pytestmark = pytest.mark.django_db


@pytest.fixture
def case(implants: list[Implant], film: Any) -> Case:
    made = make_case(implants, film=film(size=(240, 320)), consent_at=timezone.now())
    made.images.update(width=240, height=320)
    mark_fixture(made)
    Result.objects.update(encoder=TRAINED)
    return made


def approve(case: Case, by: Any, *implants: Implant) -> None:
    choices = [Choice(implant.pk) for implant in implants]
    review.approve(case_id=case.pk, choices=choices, reviewer=by)


def test_a_rejected_first_candidate_is_kept_beside_the_approved_implant(
    case: Case, implants: list[Implant], approver: Any
) -> None:
    compared = ReferenceImage.objects.create(implant=implants[0], file="x", sha256="x")
    Result.objects.filter(rank=1).update(reference_image=compared)
    approve(case, approver, implants[1])
    pair = HardNegative.objects.get()
    assert (pair.approved, pair.rejected) == (implants[1], implants[0])
    assert (pair.finding, pair.rejected_reference) == (finding_of(case), compared)
    assert (pair.encoder, pair.reference) == (TRAINED, None)
    assert pair.similarity == Result.objects.get(rank=1).similarity


def test_an_implant_that_was_no_candidate_is_kept_too(
    case: Case, implants: list[Implant], approver: Any
) -> None:
    other = Implant.objects.create(manufacturer="Outra Marca", name="Linha Rara")
    approve(case, approver, other)
    assert HardNegative.objects.get().approved == other


@pytest.mark.parametrize("chosen", [(0,), (0, 1)], ids=["alone", "with another"])
def test_a_first_candidate_that_was_approved_teaches_nothing(
    case: Case, implants: list[Implant], approver: Any, chosen: tuple[int, ...]
) -> None:
    approve(case, approver, *(implants[place] for place in chosen))
    assert not HardNegative.objects.exists()


def test_an_encoder_without_training_teaches_nothing(
    case: Case, implants: list[Implant], approver: Any
) -> None:
    Result.objects.update(encoder="ViT-B-32/random@abc/fixture-v1")
    approve(case, approver, implants[1])
    assert not HardNegative.objects.exists()


@pytest.mark.parametrize("outcome", ["not_in_catalogue", "unreadable"])
def test_what_was_not_identified_teaches_nothing(case: Case, approver: Any, outcome: str) -> None:
    verdict = Verdict(finding_of(case).pk, outcome, reason="texto")
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver)
    assert not HardNegative.objects.exists()


def test_an_undone_decision_takes_its_pair_back(
    case: Case, implants: list[Implant], approver: Any, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 20
    approve(case, approver, implants[1])
    review.undo(case_id=case.pk, by=approver)
    assert not HardNegative.objects.exists()
    approve(case, approver, implants[2])
    assert HardNegative.objects.get().approved == implants[2], "corrected"


def test_a_case_that_is_opened_again_takes_its_pair_back(
    case: Case, implants: list[Implant], approver: Any, film: Any
) -> None:
    approve(case, approver, implants[1])
    more = [films.IncomingImage(content=film(5))]
    changes.revise(case_id=case.pk, person=None, images=more)
    assert not HardNegative.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "its time is over"])
def test_an_erased_case_leaves_the_pair_without_what_leads_back(
    case: Case, implants: list[Implant], approver: Any, curator: Any, asked: bool
) -> None:
    approve(case, approver, implants[1])
    finding = finding_of(case)
    proposal = proposals.propose(finding_id=finding.pk, implant_id=implants[1].pk, by=approver)
    reference = proposals.accept(proposal_id=proposal.pk, by=curator)
    assert HardNegative.objects.get().reference == reference
    if asked:
        erasure.erase_case(case_id=case.pk, by=approver)
    else:
        retention.erase(case_id=case.pk)
    pair = HardNegative.objects.get()
    assert (pair.finding, pair.approved, pair.rejected) == (None, implants[1], implants[0])
    assert pair.reference == (None if asked else reference)
    assert Finding.objects.exists()


def test_the_copy_for_the_person_tells_of_it(
    case: Case, implants: list[Implant], approver: Any
) -> None:
    approve(case, approver, implants[1])
    out = io.BytesIO()
    export.export(asked=export.Asked(case_id=case.pk), out=out, by=approver)
    with ZipFile(out) as archive:
        (told,) = json.loads(archive.read("data.json"))["cases"]
    (pair,) = told["films"][0]["fixtures"][0]["rejected_first"]
    assert pair["implant"] == str(implants[0])


def test_pairs_are_counted_the_most_frequent_first(implants: list[Implant], approver: Any) -> None:
    for chosen in (1, 2, 2):
        made = make_case(implants)
        Result.objects.update(encoder=TRAINED)
        approve(made, approver, implants[chosen])
    counted = [(one.approved, one.rejected, one.times) for one in hard_negatives.confused()]
    assert counted == [(implants[2], implants[0], 2), (implants[1], implants[0], 1)]
    assert not list(hard_negatives.confused(encoder="another"))
