"""The way on from the page of a case, and the filters of the queue that go along with it."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.models import Case, Finding
from cases.tests.making_cases import act, choice, html, make_case, page

pytestmark = pytest.mark.django_db
CARRY = "?queue=band%3Dlow"


def next_of(case):
    return f"{reverse('admin:cases_case_next')}?after={case.pk}"


@pytest.mark.parametrize(
    "facts",
    [
        {"status": Case.Status.PENDING},
        {"status": Case.Status.RECEIVED},
        {"status": Case.Status.FAILED, "failure": "Uma falha"},
        {"status": Case.Status.REJECTED, "decided_at": timezone.now()},
        {"status": Case.Status.ARCHIVED},
    ],
)
@pytest.mark.parametrize("has_fixture", [True, False])
def test_every_case_leads_on_to_the_next_one(client, reviewer, implants, facts, has_fixture):
    case = make_case(implants, **facts)
    if not has_fixture:
        Finding.objects.all().delete()

    content = html(client.get(page(case)))

    assert len(re.findall(rf'href="{re.escape(next_of(case))}"[^>]* data-key="n"', content)) == 1


def test_a_reader_is_led_on_too(client, reader, case):
    client.force_login(reader)

    assert next_of(case) in html(client.get(page(case)))


@pytest.mark.parametrize("name", ["decide", "reject", "priority", "note", "mark", "undo"])
def test_a_session_that_ended_keeps_the_filters_of_the_queue(client, reviewer, case, name):
    client.logout()
    login = client.post(act(name, case) + CARRY, {"queue": "band=low"})
    client.force_login(reviewer)

    response = client.get(parse_qs(urlsplit(login.url).query)["next"][0])

    assert response.url == page(case) + CARRY


def test_everything_on_the_page_is_sent_to_an_address_with_the_filters(client, reviewer, case):
    content = html(client.get(page(case) + CARRY)).partition("<main")[2]

    for name in ("decide", "priority", "note", "review", "mark"):
        addresses = re.findall(rf'action="({act(name, case)}[^"]*)"', content)
        assert addresses, name
        assert set(addresses) == {act(name, case) + CARRY}


@pytest.mark.parametrize("status", ["failed", "approved"])
def test_what_is_done_to_a_closed_case_keeps_the_filters_too(client, reviewer, implants, status):
    case = make_case(implants, status=status, failure="x", decided_at=timezone.now())
    name = "retry" if status == "failed" else "undo"
    content = html(client.get(page(case) + CARRY))
    assert f'action="{act("retry" if status == "failed" else "note", case)}{CARRY}"' in content

    assert client.post(act(name, case) + CARRY).url == page(case) + CARRY


def test_whoever_decides_second_keeps_the_filters(client, reviewer, implants, case, colleague):
    client.force_login(colleague)
    client.post(act("decide", case), {"choice": choice(case, implants[0])})
    client.force_login(reviewer)

    response = client.post(
        act("decide", case), {"choice": choice(case, implants[0]), "queue": "band=low"}
    )

    assert response.url == page(case) + CARRY


def test_the_case_named_after_a_decision_is_opened_with_the_filters(
    client, reviewer, implants, case
):
    response = client.post(
        act("decide", case), {"choice": choice(case, implants[0]), "queue": "band=low"}
    )

    told = " ".join(str(message) for message in response.wsgi_request._messages)
    assert f'href="{page(case)}{CARRY}"' in told
