"""Whether an open list learns that it is out of date."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.models import Case, Presence
from cases.tests.making_cases import html, make_case, queue

pytestmark = pytest.mark.django_db


def ask(client, *, etag="", **query):
    headers = {"If-None-Match": f'"{etag}"'} if etag else {}
    return client.get(reverse("admin:cases_case_live"), query, headers=headers)


def fingerprint(client, **query):
    return ask(client, **query).json()["fingerprint"]


def test_the_page_and_the_question_agree_until_something_happens(client, reviewer, implants, case):
    content = html(client.get(queue()))
    known = re.search(r'data-fingerprint="(\w+)"', content)[1]
    assert 'data-waiting="1"' in content
    assert "<title>(1) " in content

    answer = ask(client, etag=known)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == f'"{known}"'

    make_case(implants)
    answer = ask(client, etag=known, latest=case.pk, count=1)
    assert answer.status_code == 200
    assert answer.json()["waiting"] == 2
    assert answer.json()["news"].startswith("1 ")


def decide(case, _colleague):
    Case.objects.filter(pk=case.pk).update(status="rejected", decided_at=timezone.now())


def make_urgent(case, _colleague):
    Case.objects.filter(pk=case.pk).update(priority=1)


def look(case, colleague):
    Presence.objects.create(case=case, user=colleague)


def leave(case, colleague):
    look(case, colleague)
    Presence.objects.update(seen_at=timezone.now() - timedelta(minutes=1))


@pytest.mark.parametrize(("act", "is_seen"), [(decide, 1), (make_urgent, 1), (look, 1), (leave, 0)])
def test_what_the_list_shows_changes_its_fingerprint(client, reader, case, approver, act, is_seen):
    client.force_login(reader)
    before = fingerprint(client)

    act(case, approver)

    assert (fingerprint(client) != before) == bool(is_seen)


def test_a_filtered_list_is_told_only_of_its_own_news(client, reviewer, implants, case):
    query = {"band": "low", "q": "exemplo", "status": "pending"}
    Case.objects.update(band="low")
    known = {"latest": case.pk, "count": 1}

    make_case(implants, band="high")
    assert ask(client, **query, **known).json()["news"] == ""

    make_case(implants, band="low")
    told = ask(client, **query, **known).json()
    assert told["news"].startswith("1 ")
    assert (told["count"], told["waiting"]) == (2, 3)


def test_a_case_that_came_while_another_was_decided_is_news(client, reviewer, implants, case):
    decide(case, None)
    make_case(implants)

    assert ask(client, latest=case.pk, count=1).json()["news"].startswith("1 ")
    assert ask(client, latest=case.pk + 1, count=1).json()["news"] == ""


def test_an_old_case_that_comes_back_is_news(client, reviewer, case):
    assert ask(client, latest=case.pk, count=0).json()["news"].startswith("1 ")


@pytest.mark.parametrize("query", [{"latest": "x", "count": "9" * 40}, {"p": "99"}, {"p": "x"}])
def test_nonsense_is_answered_all_the_same(client, reviewer, case, query):
    assert ask(client, **query).json()["count"] == 1


def test_what_the_list_would_refuse_is_refused(client, reviewer):
    assert ask(client, tooth="abc").status_code == 400
    assert ask(client, decided_by__password="x").status_code == 400


def test_it_is_asked_with_few_queries(client, reviewer, implants, django_assert_max_num_queries):
    for _number in range(30):
        make_case(implants)

    with django_assert_max_num_queries(11):
        assert ask(client, latest=0, count=0).json()["count"] == 30


def test_it_takes_a_login(client, case):
    assert ask(client).status_code == 302


def test_a_list_that_fetches_itself_leaves_the_messages_to_be_read(client, reviewer, case):
    client.get(reverse("admin:cases_case_next"), {"after": case.pk})

    assert "messagelist" not in html(client.get(queue(), headers={"X-Raiox-Live": "1"}))
    assert "messagelist" in html(client.get(queue()))
