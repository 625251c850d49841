"""The curators' page for proposed references, and the list of reasons for dentists."""

from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management.sql import emit_post_migrate_signal
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import crops, proposals, reasons, review
from cases.models import Case, Finding, ReferenceProposal, RejectionReason
from cases.tests.making_cases import html, make_case, mark_fixture
from implants.models import ReferenceImage

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal(implants: list[Any], film: Any, approver: Any) -> ReferenceProposal:
    case = make_case(implants, film=film(), consent_at=timezone.now())
    case.images.update(width=120, height=200)
    finding = mark_fixture(case)
    choices = [review.Choice(implants[0].pk)]
    review.approve(case_id=case.pk, choices=choices, reviewer=approver)
    return proposals.propose(finding_id=finding.pk, implant_id=implants[0].pk, by=approver)


def url(name: str, proposal: ReferenceProposal) -> str:
    return reverse(f"admin:cases_referenceproposal_{name}", args=[proposal.pk])


LIST = "admin:cases_referenceproposal_changelist"


def test_a_curator_sees_the_fixture_beside_the_references_and_no_person(
    client: Client, curator: Any, proposal: ReferenceProposal, film: Any
) -> None:
    held = ReferenceImage(implant=proposal.implant)
    held.file.save("", ContentFile(film(3)))
    client.force_login(curator)
    page = html(client.get(url("change", proposal)))
    assert url("picture", proposal) in page
    assert reverse("admin:implants_referenceimage_file", args=[held.pk]) in page
    case = Case.objects.get()
    for secret in (case.dentist_name, case.patient_name, f"/case/{case.pk}/"):
        assert secret not in page
    assert str(proposal.implant) in html(client.get(reverse(LIST)))


def test_the_picture_is_the_one_that_would_become_the_reference(
    client: Client, curator: Any, proposal: ReferenceProposal
) -> None:
    client.force_login(curator)
    answer = client.get(url("picture", proposal))
    assert answer["Content-Type"] == "image/jpeg"
    assert "private" in answer["Cache-Control"]
    assert answer.content == crops.picture(proposal.finding)


def test_a_curator_accepts(client: Client, curator: Any, proposal: ReferenceProposal) -> None:
    client.force_login(curator)
    assert client.post(url("accept", proposal)).url == reverse(LIST)
    assert ReferenceImage.objects.get().verified_by == curator
    answer = client.post(url("accept", proposal), follow=True)
    assert answer.redirect_chain[-1][0] == url("change", proposal)
    assert ReferenceImage.objects.count() == 1


def test_a_curator_declines(client: Client, curator: Any, proposal: ReferenceProposal) -> None:
    client.force_login(curator)
    client.post(url("decline", proposal))
    proposal.refresh_from_db()
    assert proposal.status == ReferenceProposal.Status.DECLINED
    assert url("accept", proposal) not in html(client.get(url("change", proposal)))


def test_a_get_changes_nothing(client: Client, curator: Any, proposal: ReferenceProposal) -> None:
    client.force_login(curator)
    for name in ("accept", "decline"):
        assert client.get(url(name, proposal)).url == url("change", proposal)
    proposal.refresh_from_db()
    assert proposal.status == ReferenceProposal.Status.PROPOSED


@pytest.mark.parametrize("name", ["change", "picture", "accept", "decline"])
def test_only_curators_may(
    client: Client, approver: Any, reader: Any, proposal: ReferenceProposal, name: str
) -> None:
    ask = client.post if name in ("accept", "decline") else client.get
    for user in (approver, reader):
        client.force_login(user)
        assert ask(url(name, proposal)).status_code == 403
    client.logout()
    assert ask(url(name, proposal)).status_code == 302
    assert not ReferenceImage.objects.exists()


def test_a_film_that_is_gone_is_said_and_has_no_picture(
    client: Client, curator: Any, proposal: ReferenceProposal
) -> None:
    proposal.finding.case_image.file.delete()
    client.force_login(curator)
    assert client.get(url("picture", proposal)).status_code == 404
    assert url("picture", proposal) not in html(client.get(url("change", proposal)))
    assert client.get(url("change", proposal).replace(str(proposal.pk), "0")).status_code == 404


def test_a_new_installation_has_reasons_of_both_kinds_which_staff_edits(
    client: Client, approver: Any
) -> None:
    assert set(RejectionReason.objects.values_list("outcome", flat=True)) == {
        "not_in_catalogue",
        "unreadable",
    }
    client.force_login(approver)
    body = {"outcome": "unreadable", "label": "Outra", "text": "Outro texto.", "position": 5}
    answer = client.post(reverse("admin:cases_rejectionreason_add"), {**body, "is_active": "on"})
    assert answer.status_code == 302
    assert RejectionReason.objects.get(label="Outra").text == "Outro texto."


def test_a_reader_does_not_edit_reasons(client: Client, reader: Any) -> None:
    client.force_login(reader)
    assert client.get(reverse("admin:cases_rejectionreason_changelist")).status_code == 403


def test_what_staff_made_of_the_reasons_is_left_alone() -> None:
    kept = RejectionReason.objects.order_by("pk")[0]
    RejectionReason.objects.exclude(pk=kept.pk).delete()
    reasons.ensure()
    assert RejectionReason.objects.get() == kept


@pytest.mark.parametrize("named", [{}, {"apps": apps}], ids=["after a flush", "after a migration"])
def test_where_all_reasons_are_gone_the_first_ones_are_written_again(named: Any) -> None:
    RejectionReason.objects.all().delete()
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default", **named)
    assert RejectionReason.objects.count() == len(reasons.INITIAL_REASONS)


def test_the_first_reasons_fit_their_columns() -> None:
    for reason in RejectionReason.objects.all():
        reason.full_clean()


def test_a_whole_film_that_was_proposed_before_can_only_be_declined(
    client: Client, curator: Any, proposal: ReferenceProposal
) -> None:
    Finding.objects.update(box=None)
    client.force_login(curator)
    shown = html(client.get(url("change", proposal)))
    assert url("picture", proposal) not in shown
    assert "proposal-accept" in shown and " disabled" in shown
    assert client.get(url("picture", proposal)).status_code == 404
    assert client.post(url("accept", proposal)).url == url("change", proposal)
    assert ReferenceImage.objects.count() == 0
    client.post(url("decline", proposal))
    proposal.refresh_from_db()
    assert proposal.status == ReferenceProposal.Status.DECLINED
