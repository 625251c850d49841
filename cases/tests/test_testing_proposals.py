"""What is proposed as a reference is tested before a curator may accept it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import proposals, review, tasks
from cases.models import AuditEvent, ReferenceProposal
from cases.proposals import Despite, MakesWorse
from cases.review import Choice
from cases.tests.making_cases import html, make_case, mark_fixture, told
from implants.models import Implant, ReferenceImage
from matching.encoder import get_encoder
from matching.models import Embedding

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal(implants: list[Implant], film: Any, approver: Any) -> ReferenceProposal:
    case = make_case(implants, film=film(), consent_at=timezone.now())
    case.images.update(width=120, height=200)
    finding = mark_fixture(case)
    review.approve(case_id=case.pk, choices=[Choice(implants[0].pk)], reviewer=approver)
    return proposals.propose(finding_id=finding.pk, implant_id=implants[0].pk, by=approver)


@pytest.fixture
def poor(proposal: ReferenceProposal, implants: list[Implant]) -> ReferenceProposal:
    """Tested with the encoder in use: two decisions would come out worse with it."""
    moved = {"pk": 1, "implant": implants[1].pk, "before": 1, "after": 2, "first": implants[0].pk}
    proposal.effect = {
        "encoder": get_encoder().id,
        "decisions": 40,
        "references": 9,
        "better": 3,
        "worse": 2,
        "moved": [{"kind": "decision", **moved}, {"kind": "reference", **moved}],
        "tested_at": timezone.now().isoformat(),
    }
    proposal.save()
    return proposal


def effect(proposal: ReferenceProposal) -> Any:
    return ReferenceProposal.objects.get(pk=proposal.pk).effect


def url(name: str, proposal: ReferenceProposal) -> str:
    return reverse(f"admin:cases_referenceproposal_{name}", args=[proposal.pk])


def test_the_task_tests_it_once(proposal: ReferenceProposal) -> None:
    tasks.test_proposal(proposal.pk)
    first = effect(proposal)
    assert first["tested_at"]
    tasks.test_proposal(proposal.pk)
    assert effect(proposal) == first
    tasks.test_proposal(10**9)


def test_without_its_film_nothing_is_tested(proposal: ReferenceProposal) -> None:
    proposal.finding.case_image.file.delete()
    tasks.test_proposal(proposal.pk)
    assert effect(proposal) is None


def test_what_was_not_tested_yet_is_tested_before_it_is_accepted(
    proposal: ReferenceProposal, curator: Any
) -> None:
    proposals.accept(proposal_id=proposal.pk, by=curator)
    assert effect(proposal)["tested_at"]


def test_what_makes_earlier_decisions_worse_is_not_accepted_without_a_word(
    poor: ReferenceProposal, curator: Any
) -> None:
    for said in (None, Despite(2, "  "), Despite(1, "Porque sim")):
        with pytest.raises(MakesWorse):
            proposals.accept(proposal_id=poor.pk, by=curator, despite=said)
    with pytest.raises(proposals.ReviewError):
        proposals.accept(proposal_id=poor.pk, by=curator, despite=Despite(2, "x" * 301))
    assert not ReferenceImage.objects.exists()


def test_it_is_accepted_with_a_reason_which_is_kept(poor: ReferenceProposal, curator: Any) -> None:
    proposals.accept(proposal_id=poor.pk, by=curator, despite=Despite(2, " Única com coroa "))
    assert effect(poor)["despite"] == "Única com coroa"
    event = AuditEvent.objects.get(what="reference_despite_test")
    assert (event.actor, event.details["worse"]) == (curator, 2)
    assert "coroa" not in str(event.details)


@pytest.mark.parametrize("change", ["encoder", "reference"])
def test_a_test_that_does_not_hold_any_more_is_made_anew(
    poor: ReferenceProposal, curator: Any, catalogue: list[Any], change: str
) -> None:
    Embedding.objects.update(created_at=timezone.now() - timedelta(days=1))
    if change == "encoder":
        poor.effect["encoder"] = "raiox-fixture/another@abc/fixture-v1"
        poor.save()
    else:
        Embedding.objects.filter(pk=Embedding.objects.first().pk).update(created_at=timezone.now())
    before = effect(poor)["tested_at"]
    proposals.accept(proposal_id=poor.pk, by=curator)
    assert effect(poor)["tested_at"] > before


def test_the_curator_reads_what_would_come_out_worse(
    client: Client, poor: ReferenceProposal, implants: list[Implant], curator: Any
) -> None:
    client.force_login(curator)
    page = html(client.get(url("change", poor)))
    assert str(implants[1]) in page
    assert 'name="despite"' in page and 'name="worse" value="2"' in page
    answer = client.post(url("accept", poor))
    assert answer.url == url("change", poor) and told(answer)
    client.post(url("accept", poor), {"worse": "2", "despite": "1", "why": "Única com coroa"})
    assert ReferenceImage.objects.get().verified_by == curator
    assert "Única com coroa" in html(client.get(url("change", poor)))


def test_a_harmless_one_is_accepted_by_the_button_alone(
    client: Client, proposal: ReferenceProposal, curator: Any
) -> None:
    client.force_login(curator)
    assert 'name="despite"' not in html(client.get(url("change", proposal)))
    client.post(url("accept", proposal))
    assert ReferenceImage.objects.exists()
    assert 'name="despite"' not in html(client.get(url("change", proposal)))
