"""What the panel and the API show of a case that waits for consent, and what can be done there."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cases import consent, intake
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case
from cases.terms import TERMS_VERSION
from cases.tests.making_cases import act, html, page, queue, told

Status = Case.Status
pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting() -> Case:
    return intake.receive(
        source=Case.Source.JOTFORM,
        images=[IncomingImage(source_url="https://www.jotform.com/uploads/u/1/2/a.jpg")],
        person=Person("Dra. Exemplo", "dentista@example.com", is_consent_asked=True),
        submission_id="1",
    ).case


def fresh(case: Case) -> Case:
    return Case.objects.get(pk=case.pk)


def test_the_queue_counts_waiting_cases_under_a_filter_of_their_own(
    client: Client, reviewer: Any, waiting: Case
) -> None:
    listed = html(client.get(queue(), {"status": "no_consent"}))
    assert page(waiting) in listed
    assert "(1)" in listed
    assert page(waiting) not in html(client.get(queue(), {"status": "received"}))
    assert page(waiting) in html(client.get(queue(), {"status": "all"}))
    assert page(waiting) not in html(client.get(queue()))


def test_the_dashboard_counts_them(client: Client, reviewer: Any, waiting: Case) -> None:
    link = f"{queue()}?status=no_consent"
    assert f'href="{link}">1</a>' in html(client.get(reverse("admin:index")))
    consent.record(case_id=waiting.pk, by=reviewer)
    assert link not in html(client.get(reverse("admin:index")))


def test_the_page_says_what_is_missing_and_the_button_records_it(
    client: Client, reviewer: Any, waiting: Case
) -> None:
    shown = html(client.get(page(waiting)))
    assert 'id="no-consent"' in shown
    assert act("consent", waiting) in shown
    assert "viewer" not in shown.split('id="content-main"')[1]
    answer = client.post(act("consent", waiting), {"confirmed": "1"}, follow=True)
    assert 'id="no-consent"' not in html(answer)
    assert fresh(waiting).consent_at
    assert f'href="{reverse("terms-version", args=[TERMS_VERSION])}"' in html(answer)


def test_without_the_confirmation_nothing_is_recorded(
    client: Client, reviewer: Any, waiting: Case
) -> None:
    answer = client.post(act("consent", waiting))
    assert told(answer)
    assert fresh(waiting).awaits_consent


def test_a_get_records_nothing(client: Client, reviewer: Any, waiting: Case) -> None:
    client.get(act("consent", waiting), {"confirmed": "1"})
    assert fresh(waiting).awaits_consent


def test_whoever_only_reads_sees_it_and_can_do_nothing(
    client: Client, reader: Any, waiting: Case
) -> None:
    client.force_login(reader)
    shown = html(client.get(page(waiting)))
    assert 'id="no-consent"' in shown
    assert act("consent", waiting) not in shown
    assert client.post(act("consent", waiting), {"confirmed": "1"}).status_code == 403
    assert fresh(waiting).awaits_consent


def test_a_waiting_case_is_rejected_on_its_page_with_the_sentence_that_stands_there(
    client: Client, reviewer: Any, waiting: Case
) -> None:
    shown = html(client.get(page(waiting)))
    reason = shown.split('name="reason"')[1].split(">", 1)[1].split("</textarea>")[0]
    assert reason.strip()
    client.post(act("reject", waiting), {"reason": reason, "revision": waiting.revision})
    case = fresh(waiting)
    assert (case.status, bool(case.decision_reason)) == (Status.REJECTED, True)
    assert client.get(page(waiting)).status_code == 200


def test_the_api_says_that_a_case_waits(
    client: Client, reader: Any, bearer: Any, waiting: Case
) -> None:
    shown = client.get(f"/cases/{waiting.pk}", headers=bearer(reader)).json()
    assert (shown["status"], shown["awaits_consent"]) == ("received", True)
    assert (shown["consent_at"], shown["consent_version"]) == (None, "")
