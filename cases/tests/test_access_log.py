"""Who saw which case: one line for each person, case, way and hour, which nobody can rewrite."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import access, proposals, review
from cases.access import NotLogged
from cases.models import AuditEvent, Case, CaseAccess, CaseEvent
from cases.records import audit
from cases.review import Choice
from cases.tests.making_cases import (
    act,
    film_url,
    finding_of,
    html,
    make_case,
    mark_fixture,
    page,
    queue,
)

How = CaseAccess.How
pytestmark = pytest.mark.django_db


def logged() -> list[tuple[str, int, str]]:
    rows = CaseAccess.objects.order_by("pk")
    return [(row.actor_label, row.case_id, row.how) for row in rows]


def test_the_page_of_a_case_is_logged_once_an_hour(
    client: Client, reviewer: User, case: Case
) -> None:
    for _time in range(3):
        client.get(page(case))
    assert logged() == [("brenda", case.pk, How.PAGE)]
    line = CaseAccess.objects.get()
    assert line.hour == timezone.now().replace(minute=0, second=0, microsecond=0)
    assert (line.actor, len(line.correlation_id) >= 8) == (reviewer, True)


def test_the_next_hour_and_the_next_person_are_logged_anew(
    client: Client, reviewer: User, colleague: User, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get(page(case))
    later = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(access.timezone, "now", lambda: later)
    access.seen(user=reviewer, case_ids=[case.pk], how=How.PAGE)
    access.seen(user=colleague, case_ids=[case.pk], how=How.PAGE)
    assert [who for who, _case, _how in logged()] == ["brenda", "brenda", "colega"]


def test_a_film_and_the_pieces_of_a_page_are_logged(
    client: Client, reviewer: User, case: Case, implants: list[Any]
) -> None:
    assert client.get(film_url(case)).status_code == 200
    assert logged() == [("brenda", case.pk, How.FILM)]
    client.get(act("candidates", case), {"finding": finding_of(case).pk})
    assert logged()[1:] == [("brenda", case.pk, How.PAGE)]


def test_a_list_logs_what_it_shows_and_nothing_else(
    client: Client, reviewer: User, two_makers: tuple[Case, Case]
) -> None:
    shown, other = two_makers
    client.get(queue(), {"manufacturer": "Outra Marca"})
    (line,) = logged()
    assert line == ("brenda", other.pk, How.LIST)
    client.get(queue(), headers={"X-Raiox-Live": "1"})
    assert {case for _who, case, _how in logged()} == {shown.pk, other.pk}


def test_looking_whether_a_list_changed_shows_no_case_and_logs_none(
    client: Client, reviewer: User, case: Case
) -> None:
    client.get(reverse("admin:cases_case_live"))
    assert logged() == []


def test_the_way_to_the_next_case_ends_in_a_page_that_is_logged(
    client: Client, reviewer: User, case: Case
) -> None:
    client.get(reverse("admin:cases_case_next"), follow=True)
    assert logged() == [("brenda", case.pk, How.PAGE)]


def test_a_decision_that_shows_the_page_again_is_logged(
    client: Client, reviewer: User, case: Case
) -> None:
    client.post(act("priority", case), {"priority": "1"})
    assert logged() == [("brenda", case.pk, How.PAGE)]


def test_the_api_is_logged(
    client: Client, reader: User, approver: User, bearer: Any, case: Case, implants: list[Any]
) -> None:
    client.get("/cases", headers=bearer(reader))
    client.get(f"/cases/{case.pk}", headers=bearer(reader))
    client.get(f"/cases/{case.pk}/films/{case.images.get().pk}", headers=bearer(reader))
    assert logged() == [("leitura", case.pk, How.API), ("leitura", case.pk, How.FILM)]
    client.post(
        f"/cases/{case.pk}/approve",
        {"implant_ids": [implants[0].pk]},
        content_type="application/json",
        headers=bearer(approver),
    )
    assert logged()[2:] == [("brenda", case.pk, How.API)]


def test_a_curator_who_looks_at_a_proposed_fixture_is_logged(
    client: Client, curator: User, approver: User, implants: list[Any], film: Any
) -> None:
    decided = make_case(implants, film=film(), consent_at=timezone.now())
    mark_fixture(decided)
    review.approve(case_id=decided.pk, choices=[Choice(implants[0].pk)], reviewer=approver)
    proposal = proposals.propose(
        finding_id=finding_of(decided).pk, implant_id=implants[0].pk, by=approver
    )
    client.force_login(curator)
    address = reverse("admin:cases_referenceproposal_picture", args=[proposal.pk])
    assert client.get(address).status_code == 200
    assert logged() == [("catalogo", decided.pk, How.FILM)]


def test_what_was_refused_was_not_seen(
    client: Client, curator: User, bearer: Any, case: Case
) -> None:
    client.force_login(curator)
    for address in (page(case), film_url(case), queue()):
        assert client.get(address).status_code in (302, 403)
    assert client.get(f"/cases/{case.pk}", headers=bearer(curator)).status_code == 403
    client.logout()
    client.get(page(case))
    assert client.get("/cases/999999", headers=bearer(curator)).status_code in (403, 404)
    assert logged() == []


def test_a_list_costs_one_statement(
    client: Client, reviewer: User, implants: list[Any], django_assert_num_queries: Any
) -> None:
    ids = [make_case(implants).pk for _number in range(50)]
    with django_assert_num_queries(3) as asked:
        access.seen(user=reviewer, case_ids=ids, how=How.LIST)
    assert sum("INSERT" in query["sql"] for query in asked.captured_queries) == 1
    assert CaseAccess.objects.count() == 50


@pytest.fixture
def broken_log() -> Iterator[None]:
    """PostgreSQL refuses every new line of the access log."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cases_caseaccess ADD CONSTRAINT full_disk CHECK (false)")
    yield


def test_what_cannot_be_logged_is_not_shown(
    client: Client, reviewer: User, bearer: Any, broken_log: None, case: Case
) -> None:
    for address in (page(case), film_url(case), queue()):
        answer = client.get(address)
        assert answer.status_code == 503
        assert "Paciente" not in html(answer)
    for address in ("/cases", f"/cases/{case.pk}"):
        answer = client.get(address, headers=bearer(reviewer))
        assert (answer.status_code, "detail" in answer.json()) == (503, True)
    with pytest.raises(NotLogged):
        access.seen(user=reviewer, case_ids=[case.pk], how=How.PAGE)


def test_an_empty_list_needs_no_log(client: Client, reviewer: User, broken_log: None) -> None:
    assert client.get(queue()).status_code == 200


# Records outlast accounts, and whoever has the application's database account


@pytest.fixture
def records(client: Client, reviewer: User, case: Case, implants: list[Any]) -> Case:
    """The reviewer saw the case, decided it, and did something else of consequence."""
    client.get(page(case))
    review.approve(case_id=case.pk, choices=[Choice(implants[0].pk)], reviewer=reviewer, note="")
    audit("exported", actor=reviewer, cases=1)
    return case


def test_an_account_that_is_deleted_leaves_its_name_on_what_it_did(
    client: Client, records: Case, reviewer: User, admin_user: User
) -> None:
    reviewer.delete()

    decided = records.events.get(what=CaseEvent.What.APPROVED)
    seen = CaseAccess.objects.get()
    noted = AuditEvent.objects.get(what="exported")
    for row in (decided, seen, noted):
        assert (row.actor, row.actor_label) == (None, "brenda")
    assert Case.objects.get(pk=records.pk).status == Case.Status.APPROVED
    client.force_login(admin_user)
    assert "brenda" in html(client.get(page(records)))
    assert "brenda" in html(client.get(reverse("admin:cases_caseaccess_changelist")))
    assert "brenda" in html(client.get(reverse("admin:cases_auditevent_changelist")))


def test_a_new_account_of_the_same_name_is_not_taken_for_the_old_one(
    client: Client, records: Case, reviewer: User, make_user: Any
) -> None:
    reviewer.delete()
    make_user("approver", username="brenda")
    assert CaseAccess.objects.get().actor is None


@pytest.mark.parametrize("table", ["cases_caseevent", "cases_caseaccess", "cases_auditevent"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET actor_label = 'alguém'",
        "UPDATE {} SET actor_id = NULL, actor_label = ''",
        "UPDATE {} SET created_at = now() + interval '1 day'",
        "DELETE FROM {}",
    ],
)
def test_the_database_refuses_to_rewrite_records(records: Case, table: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement.format(table))


def test_another_account_cannot_be_put_in_the_place_of_the_one_that_did_it(
    records: Case, colleague: User
) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        CaseAccess.objects.update(actor=colleague)


# The lists for superusers


def list_of(name: str) -> str:
    return reverse(f"admin:cases_{name}_changelist")


@pytest.mark.parametrize("name", ["caseaccess", "auditevent"])
def test_only_superusers_see_the_lists_and_nobody_changes_them(
    client: Client, records: Case, admin_user: User, make_user: Any, name: str
) -> None:
    everything = make_user("reader", "approver", "curator", username="tudo")
    client.force_login(everything)
    assert client.get(list_of(name)).status_code == 403
    assert list_of(name) not in html(client.get(reverse("admin:index")))
    client.force_login(admin_user)
    assert client.get(list_of(name)).status_code == 200
    pk = (CaseAccess if name == "caseaccess" else AuditEvent).objects.latest("pk").pk
    assert client.get(reverse(f"admin:cases_{name}_add")).status_code == 403
    assert client.post(reverse(f"admin:cases_{name}_delete", args=[pk])).status_code == 403
    change = reverse(f"admin:cases_{name}_change", args=[pk])
    assert client.post(change, {"actor_label": "x"}).status_code == 403


def test_the_access_list_is_narrowed_by_case_person_and_date_and_names_no_patient(
    client: Client, records: Case, admin_user: User, colleague: User, implants: list[Any]
) -> None:
    other = make_case(implants)
    access.seen(user=colleague, case_ids=[other.pk], how=How.API)
    client.force_login(admin_user)

    def rows(**query: str) -> set[str]:
        shown = html(client.get(list_of("caseaccess"), query))
        assert "Paciente" not in shown
        assert "Exemplo" not in shown
        return {who for who in ("brenda", "colega") if f">{who}<" in shown}

    assert rows() == {"brenda", "colega"}
    assert rows(q=f"#{other.pk}") == {"colega"}
    assert rows(q="BRENDA") == {"brenda"}
    assert rows(case__id__exact=str(records.pk)) == {"brenda"}
    assert rows(created_at__gte="2100-01-01 00:00:00+00:00") == set()
    assert rows(q="#99999999999999999999 x") == set()
