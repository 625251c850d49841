"""Which case comes next, and what goes along from case to case."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case, Presence
from cases.tests.making_cases import html, make_case, page, queue, set_facts

pytestmark = pytest.mark.django_db

NEXT = "/admin/cases/case/next/"


def test_the_next_case_is_the_urgent_one_and_then_the_oldest(client, reviewer, implants):
    younger, older, urgent = (make_case(implants) for _n in range(3))
    set_facts(older, created_at=timezone.now() - timedelta(hours=3))
    set_facts(urgent, priority=Case.Priority.URGENT)

    visited = []
    for _n in range(3):
        visited.append(client.get(NEXT).url)
        number = int(re.search(r"/case/(\d+)/", visited[-1])[1])
        Case.objects.filter(pk=number).update(status="rejected", decided_at=timezone.now())

    assert visited == [page(urgent), page(older), page(younger)]
    assert client.get(NEXT).url == queue()


def test_cases_that_were_passed_over_come_round_again(client, reviewer, implants):
    cases = [make_case(implants) for _n in range(3)]
    expected = [page(case) for case in (cases[1], cases[2], cases[0], cases[1])]

    at, visited = cases[0], []
    for _n in range(4):
        visited.append(client.get(NEXT, {"after": at.pk}).url)
        at = cases[[page(case) for case in cases].index(visited[-1])]

    assert visited == expected


def test_a_case_that_somebody_else_has_open_comes_last(client, reviewer, implants, colleague):
    taken, free = (make_case(implants) for _n in range(2))
    Presence.objects.create(case=taken, user=colleague)
    assert client.get(NEXT).url == page(free)

    set_facts(free, status="rejected", decided_at=timezone.now())
    assert client.get(NEXT, {"after": free.pk}).url == page(taken)


def test_whoever_asks_second_gets_another_case(client, reviewer, implants, colleague):
    first, second = (make_case(implants) for _n in range(2))
    assert client.get(NEXT).url == page(first)

    client.force_login(colleague)

    assert client.get(NEXT).url == page(second)


def test_somebody_who_left_long_ago_keeps_no_case(client, reviewer, implants, colleague):
    case = make_case(implants)
    make_case(implants)
    seen = timezone.now() - timedelta(minutes=2)
    Presence.objects.create(case=case, user=colleague, seen_at=seen)

    assert client.get(NEXT).url == page(case)
    assert "badge-looking" not in html(client.get(queue()))


def test_the_filters_of_the_queue_go_along_from_case_to_case(client, reviewer, two_makers):
    case, other = two_makers
    set_facts(other, priority=Case.Priority.URGENT)
    asked = {"manufacturer": "Fabricante", "q": "exemplo"}
    content = html(client.get(queue(), {**asked, "status": "pending"}))
    carried = re.search(rf'href="{page(case)}\?queue=([^"]+)"', content)[1]
    assert f'href="{NEXT}?queue={carried}"' in content
    assert f"?after={case.pk}&amp;queue={carried}" in html(
        client.get(f"{page(case)}?queue={carried}")
    )

    assert client.get(f"{NEXT}?queue={carried}").url == f"{page(case)}?queue={carried}"
    response = client.get(f"{NEXT}?after={case.pk}&queue={carried}")

    assert response.url == f"{queue()}?status=pending&manufacturer=Fabricante&q=exemplo"


def test_after_the_last_case_the_queue_says_so(client, reviewer, case):
    response = client.get(NEXT, {"after": case.pk}, follow=True)
    assert response.redirect_chain[-1][0] == queue()
    assert _("No other case is waiting.") in html(response)

    set_facts(case, status="rejected", decided_at=timezone.now())
    content = html(client.get(NEXT, {"after": case.pk}, follow=True))

    assert _("That was the last case: nothing else is waiting.") in content
    assert _("Nothing is waiting") in content


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "²"])
def test_a_number_that_is_no_case_leads_to_the_first_one(client, reviewer, case, after):
    assert client.get(NEXT, {"after": after, "queue": "q=%00&band=purple"}).url.startswith(
        page(case)
    )


def test_a_curator_is_led_to_no_case(client, curator, case):
    client.force_login(curator)

    assert client.get(NEXT).status_code == 403
    assert client.get(reverse("admin:cases_case_live")).status_code == 403
