"""What the list of cases can be asked for, and what it refuses to be asked."""

from datetime import UTC, datetime

import pytest

from cases.models import Case
from cases.tests.making_cases import make_case, set_facts

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(client, reader, bearer):
    headers = bearer(reader)

    def get(query):
        return client.get(f"/cases?{query}", headers=headers)

    return get


@pytest.fixture
def cases():
    """One of another kind in every respect, among two that are alike."""
    made = [make_case([]) for _number in range(3)]
    set_facts(
        made[1],
        status=Case.Status.REJECTED,
        source=Case.Source.JOTFORM,
        priority=Case.Priority.URGENT,
        band="low",
        outcome="unreadable",
        tooth=55,
        jotform_submission_id="6200000000000000001",
        created_at=datetime(2031, 5, 4, 13, 30, tzinfo=UTC),
        decided_at=datetime(2031, 5, 5, 13, 30, tzinfo=UTC),
    )
    return made


@pytest.mark.parametrize(
    "query",
    [
        "status=rejected",
        "source=jotform",
        "priority=1",
        "band=low",
        "outcome=unreadable",
        "tooth=55",
        "submission=6200000000000000001",
        "jotform_submission_id=6200000000000000001",
        "created_after=2031-05-04",
        "created_after=2031-05-04T13:30:00Z",
        "created_after=2031-05-04T10:30:00-03:00",
        "created_after=2031-05-04T10:30",
        "decided_after=2031-05-05",
        "decided_before=2031-05-06",
        "decided_after=0001-01-01T00:00:00%2B23:59",
        "decided_before=9999-12-31T23:59:59-23:59",
        "status=rejected&tooth=55&skip=0&limit=1",
    ],
)
def test_a_filter_finds_the_one(ask, cases, query):
    answer = ask(query)
    assert [found["id"] for found in answer.json()] == [cases[1].pk]
    assert answer["X-Total-Count"] == "1"


@pytest.mark.parametrize(
    "query",
    [
        "created_before=2031-05-04",
        "created_before=2031-05-04T13:30:00Z",
        "status=pending",
        "tooth=36",
    ],
)
def test_a_filter_leaves_the_one_out(ask, cases, query):
    assert {found["id"] for found in ask(query).json()} == {cases[0].pk, cases[2].pk}


def test_cases_that_wait_for_their_consent_are_told_from_the_others(ask, cases):
    set_facts(cases[0], status=Case.Status.RECEIVED, awaits_consent=True)
    assert [found["id"] for found in ask("awaits_consent=true").json()] == [cases[0].pk]
    assert len(ask("awaits_consent=false").json()) == 2


@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "status=",
        "status=pending&status=rejected",
        "Status=pending",
        "statu=pending",
        "source=fax",
        "priority=2",
        "priority=urgent",
        "band=HIGH",
        "tooth=19",
        "tooth=36.0",
        "tooth=99999999999999999999999",
        "tooth=٣٦",
        "awaits_consent=yes",
        "awaits_consent=1",
        "submission=a b",
        "submission=" + "9" * 33,
        "created_after=yesterday",
        "created_after=2031-13-01",
        "created_after=2031-02-30",
        "created_after=20310504",
        "created_after=2031-05-04T25:00",
        "created_after=04/05/2031",
        "skip=-1",
        "limit=ten",
        "page=2",
        "format=xml",
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(ask, cases, query):
    answer = ask(query)
    assert answer.status_code == 400
    (said,) = answer.json()[query.split("=")[0]]
    assert said.strip().endswith((".", "!"))
