"""The right to be forgotten, its certificate, and who may ask for it."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from cases import certificates, erasure, intake, persons, proposals, retention, review, tasks
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import AuditEvent, Case, Erasure, ReferenceProposal
from cases.tests.making_cases import finding_of, make_case, make_implant, mark_fixture
from implants.models import ReferenceImage

pytestmark = pytest.mark.django_db
EMAIL, OTHER = "zulmira@exemplo.example", "outra@exemplo.example"
Headers = Callable[[Any], dict[str, str]]


def arrive(email: str = EMAIL, patient: str = "Quitéria Fictícia") -> Case:
    return intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=f"{email}{patient}{Case.objects.count()}".encode())],
        person=Person("Dra. Exemplo", email, patient, 26),
    ).case


@pytest.fixture
def refusing() -> Iterator[Callable[[], None]]:
    """The storage deletes nothing, until this is called."""

    def refuse(name: str) -> None:
        raise PermissionError("the bucket says no")

    patch = pytest.MonkeyPatch()
    default_storage.get_valid_name("the storage is made when it is first used")
    patch.setattr(default_storage._wrapped, "delete", refuse)
    yield patch.undo
    patch.undo()


def test_a_dentist_goes_with_every_case_and_nobody_else(approver: Any) -> None:
    first, second, other = arrive(), arrive(), arrive(OTHER)
    row = erasure.erase_dentist(email=f"  {EMAIL.upper()}", by=approver)
    assert row.case_ids == [first.pk, second.pk]
    assert row.completed_at
    assert row.counts["films"] == 2
    other.refresh_from_db()
    assert (other.status, other.dentist_email) == ("received", OTHER)


@pytest.mark.parametrize(
    "name", ["Quitéria Fictícia", "QUITERIA FICTICIA", "  quitéria   fictícia "]
)
def test_a_patient_is_found_however_the_name_is_written(approver: Any, name: str) -> None:
    mine, other = arrive(), arrive(patient="Quitéria Fictícia Neta")
    row = erasure.erase_patient(name=name, by=approver)
    assert row.case_ids == [mine.pk]
    other.refresh_from_db()
    assert other.patient_name


def test_a_patient_of_one_dentist_stays_with_the_other(approver: Any) -> None:
    mine, others = arrive(), arrive(OTHER)
    row = erasure.erase_patient(name="quiteria ficticia", email=EMAIL, by=approver)
    assert row.case_ids == [mine.pk]
    others.refresh_from_db()
    assert others.patient_name


@pytest.mark.parametrize("asked", [{"email": ""}, {"email": "   "}, {"email": "nobody@x.example"}])
def test_nobody_is_erased_by_an_address_that_says_nothing(
    approver: Any, asked: dict[str, str]
) -> None:
    arrive()
    arrive(email="")
    assert erasure.erase_dentist(by=approver, **asked).case_ids == []
    assert erasure.erase_patient(name="  ", by=approver).case_ids == []
    assert not Case.objects.filter(status=Case.Status.ARCHIVED).exists()


def test_after_the_key_was_changed_a_dentist_is_found_and_grouped_again(
    settings: Any, approver: Any
) -> None:
    case = arrive()
    settings.CLIENT_HASH_KEY = "another key"
    assert list(persons.cases_of_dentist(EMAIL)) == [case]
    call_command("rehash_clients")
    case.refresh_from_db()
    assert case.client_hash == Person(dentist_email=EMAIL).hash
    assert erasure.erase_dentist(email=EMAIL, by=approver).case_ids == [case.pk]


def test_the_certificate_names_nobody(approver: Any) -> None:
    arrive()
    row = erasure.erase_dentist(email=EMAIL, by=approver)
    said = str(Erasure.objects.filter(pk=row.pk).values())
    audited = str(AuditEvent.objects.filter(what="erased").values())
    assert "zulmira" not in said + audited
    assert "Quit" not in said + audited
    assert AuditEvent.objects.get(what="erased").target == f"cases.erasure {row.pk}"
    assert (row.actor, row.actor_label) == (approver, "brenda")


def test_the_code_of_a_certificate_proves_what_it_says(approver: Any, settings: Any) -> None:
    arrive()
    row = erasure.erase_dentist(email=EMAIL, by=approver)
    code = certificates.code(row)
    assert certificates.is_code_of(row, code.lower().replace("-", " "))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert certificates.is_code_of(row, code)
    settings.SECRET_KEY_FALLBACKS = []
    assert not certificates.is_code_of(row, code)


@pytest.mark.parametrize("field", ["case_ids", "counts", "actor_label", "basis"])
def test_a_certificate_that_was_changed_has_another_code(approver: Any, field: str) -> None:
    arrive()
    row = erasure.erase_dentist(email=EMAIL, by=approver)
    code = certificates.code(row)
    changed = {"case_ids": [1], "counts": {}, "actor_label": "somebody", "basis": "patient"}
    setattr(row, field, changed[field])
    assert not certificates.is_code_of(row, code)


def test_a_storage_that_fails_leaves_the_certificate_open_until_the_night(
    approver: Any, refusing: Callable[[], None]
) -> None:
    case = arrive()
    row = erasure.erase_dentist(email=EMAIL, by=approver)
    case.refresh_from_db()
    assert (case.status, case.dentist_email) == ("archived", ""), "what the database holds goes"
    assert row.completed_at is None
    assert certificates.code(row) == ""
    assert OrmQ.objects.filter(payload__isnull=False).exists()
    name = str(case.images.get().file.name)
    refusing()
    tasks.finish_erasures()
    row.refresh_from_db()
    assert row.completed_at
    assert row.counts["films"] == 1
    assert not default_storage.exists(name)


def test_a_film_that_is_refused_keeps_no_other_film(
    approver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = arrive()
    extra = first.images.create()
    extra.file.save("", ContentFile(b"second"))
    refused, delete = str(first.images.first().file.name), default_storage._wrapped.delete

    def some(name: str) -> None:
        if name == refused:
            raise PermissionError
        delete(name)

    monkeypatch.setattr(default_storage._wrapped, "delete", some)
    erasure.erase_case(case_id=first.pk, by=approver)
    assert not default_storage.exists(str(extra.file.name))
    assert default_storage.exists(refused)


@pytest.fixture
def taken_over(film: Callable[..., bytes], approver: Any, curator: Any) -> ReferenceImage:
    implant = make_implant("Linha Um")
    case = make_case([implant], film=film(size=(240, 320)), consent_at=timezone.now())
    verdict = review.Verdict(mark_fixture(case).pk, "identified", [implant.pk])
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver)
    proposal = proposals.propose(finding_id=finding_of(case).pk, implant_id=implant.pk, by=approver)
    return proposals.accept(proposal_id=proposal.pk, by=curator)


def test_a_reference_made_of_the_film_goes_when_a_person_asks(
    taken_over: ReferenceImage, approver: Any
) -> None:
    case = Case.objects.get()
    row = erasure.erase_case(case_id=case.pk, by=approver)
    assert row.counts["references"] == 1
    assert not ReferenceImage.objects.exists()
    assert not ReferenceProposal.objects.exists()
    assert not default_storage.exists(str(taken_over.file.name))


def test_a_reference_whose_picture_cannot_be_deleted_is_not_searched_meanwhile(
    taken_over: ReferenceImage, approver: Any, refusing: Callable[[], None]
) -> None:
    row = erasure.erase_case(case_id=Case.objects.get().pk, by=approver)
    taken_over.refresh_from_db()
    assert not taken_over.is_active
    assert row.completed_at is None
    refusing()
    assert erasure.go_on(certificate=row)
    assert not ReferenceImage.objects.exists()
    assert not default_storage.exists(str(taken_over.file.name))


def test_over_the_api(client: Client, approver: Any, reader: Any, bearer: Headers) -> None:
    case = arrive()

    def post(body: Any, user: Any = approver) -> Any:
        return client.post(
            "/privacy/erasure", body, content_type="application/json", headers=bearer(user)
        )

    assert post({"email": EMAIL}, reader).status_code == 403
    assert client.post("/privacy/erasure", {"email": EMAIL}).status_code == 401
    both = {"case_id": case.pk, "email": EMAIL}
    for body in ({}, both, {"email": ""}, {"case_id": 0}, {"patient": " "}, [], {"email": [1]}):
        assert post(body).status_code == 400, body
    assert post({"case_id": 99999}).status_code == 404
    assert not Erasure.objects.exists(), "nothing was begun"
    erased = post({"patient": "QUITERIA ficticia", "email": EMAIL}).json()
    assert (erased["cases"], erased["complete"]) == (1, True)
    address = f"/privacy/erasures/{erased['erasure']}"
    assert client.get(address).status_code == 401
    assert client.get(address, headers=bearer(reader)).status_code == 403
    shown = client.get(address, headers=bearer(approver)).json()
    assert (shown["basis"], shown["cases"], shown["complete"]) == ("patient", [case.pk], True)
    assert str(shown["erased"]["films"]) == "1"
    assert shown["code"]
    assert client.get("/privacy/erasures/999", headers=bearer(approver)).status_code == 404


def test_in_the_panel_it_is_looked_at_before_it_is_done(client: Client, approver: Any) -> None:
    case = arrive()
    client.force_login(approver)
    page = "/admin/cases/erasure/erase/"
    assert client.get(f"{page}?case={case.pk}").status_code == 200
    asked = {"email": "", "patient": "quiteria ficticia", "case": ""}
    shown = client.post(page, asked)
    assert f"#{case.pk}" in shown.content.decode()
    assert Case.objects.get().patient_name, "nothing is erased yet"
    done = client.post(page, {**asked, "confirm": "1", "numbers": str(case.pk)}, follow=True)
    row = Erasure.objects.get()
    assert done.redirect_chain[-1][0].endswith(f"/admin/cases/erasure/{row.pk}/change/")
    assert certificates.code(row) in done.content.decode()
    assert Case.objects.get().patient_name == ""


def test_in_the_panel_other_cases_than_those_that_were_shown_do_not_go(
    client: Client, approver: Any
) -> None:
    case = arrive()
    later = arrive()
    client.force_login(approver)
    asked = {"email": EMAIL, "patient": "", "case": "", "confirm": "1", "numbers": str(case.pk)}
    shown = client.post("/admin/cases/erasure/erase/", asked)
    assert f"#{later.pk}" in shown.content.decode()
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("asked", [{}, {"case": "x"}, {"case": "1", "email": EMAIL}, {"case": "0"}])
def test_in_the_panel_an_unclear_request_is_not_understood(
    client: Client, approver: Any, asked: dict[str, str]
) -> None:
    client.force_login(approver)
    answer = client.post("/admin/cases/erasure/erase/", {**asked, "confirm": "1"})
    assert answer.status_code == 200
    assert "errornote" in answer.content.decode()
    assert not Erasure.objects.exists()


def test_in_the_panel_only_approvers_erase_and_see_certificates(
    client: Client, reader: Any, curator: Any
) -> None:
    for user in (reader, curator):
        client.force_login(user)
        for path in ("erase/", "", "1/change/"):
            assert client.get(f"/admin/cases/erasure/{path}").status_code in (302, 403), path
        assert client.post("/admin/cases/erasure/erase/", {"case": "1"}).status_code == 403


def test_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    case = arrive()
    call_command("erase_person", email=EMAIL, dry_run=True)
    assert f"#{case.pk}" in capsys.readouterr().out
    assert Case.objects.get().dentist_email
    with pytest.raises(CommandError, match="Give"):
        call_command("erase_person", email=EMAIL, case=case.pk)
    with pytest.raises(CommandError, match="no case"):
        call_command("erase_person", case=case.pk + 1, yes=True)
    call_command("erase_person", case=case.pk, yes=True)
    assert "complete, code" in capsys.readouterr().out
    assert Case.objects.get().dentist_email == ""


def test_the_command_fails_while_something_is_left(refusing: Callable[[], None]) -> None:
    arrive()
    with pytest.raises(CommandError, match="nightly"):
        call_command("erase_person", email=EMAIL, yes=True)
    refusing()


@pytest.mark.django_db(transaction=True)
def test_a_decision_that_is_being_made_ends_before_the_case_is_erased(approver: Any) -> None:
    implant = make_implant("Linha Um")
    case = make_case([implant], dentist_email=EMAIL)
    rows: list[Erasure] = []

    def erase() -> None:
        rows.append(erasure.erase_dentist(email=EMAIL))
        connection.close()

    thread = threading.Thread(target=erase)
    verdict = review.Verdict(finding_of(case).pk, "identified", [implant.pk])
    with transaction.atomic():
        review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver, note="Dra. Exemplo")
        thread.start()
        thread.join(timeout=1.0)
        assert thread.is_alive(), "it waits for the decision"
    thread.join(timeout=30)
    case.refresh_from_db()
    assert rows[0].completed_at
    assert (case.status, case.outcome, case.note) == ("archived", "identified", "")
    assert case.approved_results.count() == 1


def test_a_purge_after_a_request_changes_nothing_more(approver: Any) -> None:
    case = arrive()
    erasure.erase_case(case_id=case.pk, by=approver)
    assert retention.purge(at=timezone.now() + timedelta(days=200)).erased == 0
    assert Erasure.objects.count() == 1
