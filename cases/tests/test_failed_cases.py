"""What the panel offers for a case that could not be processed."""

import pytest

from cases import intake
from cases.models import Case, CaseEvent
from cases.tests.making_cases import act, html, make_case, page, queue, status_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def case():
    case = make_case([], status=Case.Status.RECEIVED)
    intake.fail(case_id=case.pk, reason="O filme está danificado.")
    return case


def test_a_failed_case_can_be_rejected_and_not_approved(client, reviewer, case):
    content = html(client.get(page(case)))
    assert act("reject", case) in content
    assert act("approve", case) not in content

    assert client.post(act("reject", case), {"reason": ""}).status_code == 200
    assert status_of(case) == Case.Status.FAILED

    client.post(act("reject", case), {"reason": "Envie outro filme."})
    assert status_of(case) == Case.Status.REJECTED


def test_a_reader_cannot_reject_a_failed_case(client, reader, case):
    client.force_login(reader)

    assert act("reject", case) not in html(client.get(page(case)))
    assert client.post(act("reject", case), {"reason": "x"}).status_code == 403


def test_the_reason_of_a_failure_is_told_once(client, reviewer, case):
    case.images.update(width=None, height=None, error="O filme está danificado.")

    assert html(client.get(page(case))).count("O filme está danificado.") == 1


@pytest.mark.parametrize("query", [{"status": "failed"}, {"status": "all"}, {"q": "exemplo"}])
def test_lists_with_failed_cases_tell_why(client, reviewer, case, query):
    assert "O filme está danificado." in html(client.get(queue(), query))
    assert "failure" not in client.get(queue()).context["cl"].list_display


def test_a_failed_case_shows_its_reason_and_can_be_tried_again(client, reviewer, case):
    assert "O filme está danificado." in html(client.get(page(case)))
    assert act("retry", case) in html(client.get(page(case)))

    response = client.post(act("retry", case))

    assert response.url == page(case)
    assert status_of(case) == Case.Status.RECEIVED
    assert case.events.last().what == CaseEvent.What.RETRIED
    assert 'http-equiv="refresh"' in html(client.get(page(case)))
