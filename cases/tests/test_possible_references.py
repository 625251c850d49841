"""The reviewers' list of fixtures that could become references, and proposing many at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import proposals, review
from cases.models import Case, CaseAccess, Finding, HardNegative, ReferenceProposal, Result
from cases.possible_references import possible, propose_all
from cases.review import Choice
from cases.tests.making_cases import finding_of, html, make_case, mark_fixture, told
from implants.models import Implant, ReferenceImage

URL = "admin:cases_referenceproposal_possible"
pytestmark = pytest.mark.django_db


@pytest.fixture
def make(implants: list[Implant], film: Any, approver: Any) -> Callable[..., Result]:
    """The approved result of a marked fixture of a case with consent."""

    def make(implant: Implant, seed: int = 0) -> Result:
        case = make_case(implants, film=film(seed), consent_at=timezone.now())
        case.images.update(width=120, height=200)
        mark_fixture(case)
        review.approve(case_id=case.pk, choices=[Choice(implant.pk)], reviewer=approver)
        return Result.objects.get(finding=finding_of(case), approved=True)

    return make


def test_implants_with_the_fewest_references_come_first(
    make: Callable[..., Result], implants: list[Implant]
) -> None:
    ReferenceImage.objects.create(implant=implants[0], file="x", sha256="x")
    ReferenceImage.objects.create(implant=implants[1], file="y", sha256="y", is_active=False)
    rich, first, second = make(implants[0]), make(implants[1], 1), make(implants[1], 2)
    assert [(one, one.held) for one in possible()] == [(second, 0), (first, 0), (rich, 1)]


@pytest.mark.parametrize(
    "change",
    [
        lambda: Case.objects.update(consent_at=None),
        lambda: Case.objects.update(status="archived"),
        lambda: Finding.objects.update(box=None),
        lambda: Case.objects.get().images.update(file=""),
        lambda: Result.objects.update(approved=True, approved_at=timezone.now()),
    ],
    ids=["no consent", "erased", "whole film", "film gone", "one of several"],
)
def test_what_could_not_be_proposed_is_not_listed(
    make: Callable[..., Result], implants: list[Implant], change: Callable[[], Any]
) -> None:
    make(implants[0])
    change()
    assert not possible()


def test_several_are_proposed_at_once_and_leave_the_list(
    make: Callable[..., Result], implants: list[Implant], approver: Any
) -> None:
    made = [make(implants[0], 1).pk, make(implants[1], 2).pk]
    done = propose_all(result_ids=[*made, 10**9], by=approver)
    assert (done.number, done.refusals) == (2, [])
    assert ReferenceProposal.objects.filter(status="proposed").count() == 2
    assert not possible()
    assert propose_all(result_ids=made, by=approver).number == 0


def test_an_approver_ticks_and_proposes_and_the_look_is_logged(
    client: Client, make: Callable[..., Result], implants: list[Implant], approver: Any
) -> None:
    result = make(implants[0])
    client.force_login(approver)
    page = html(client.get(reverse(URL)))
    assert f'name="result" value="{result.pk}"' in page
    assert CaseAccess.objects.get().how == CaseAccess.How.LIST
    answer = client.post(reverse(URL), {"result": [result.pk, "x", "-1"]}, follow=True)
    assert ReferenceProposal.objects.get().finding == result.finding
    assert f'value="{result.pk}"' not in html(answer)
    assert told(client.post(reverse(URL)))


def test_curators_and_readers_do_not_see_cases_there(
    client: Client, curator: Any, reader: Any
) -> None:
    for user in (curator, reader):
        client.force_login(user)
        assert client.get(reverse(URL)).status_code == 403


def test_curators_see_what_is_taken_for_what(
    client: Client, curator: Any, approver: Any, implants: list[Implant]
) -> None:
    url = reverse("admin:cases_referenceproposal_confused")
    client.force_login(curator)
    assert str(implants[0]) not in html(client.get(url))
    HardNegative.objects.create(approved=implants[0], rejected=implants[1])
    page = html(client.get(url))
    assert str(implants[0]) in page and str(implants[1]) in page
    client.force_login(approver)
    assert client.get(url).status_code == 403


def test_what_a_curator_declined_is_not_offered_again(
    make: Callable[..., Result], implants: list[Implant], approver: Any, curator: Any
) -> None:
    result = make(implants[0])
    made = proposals.propose(finding_id=result.finding_id, implant_id=implants[0].pk, by=approver)
    proposals.decline(proposal_id=made.pk, by=curator)
    assert not possible()
