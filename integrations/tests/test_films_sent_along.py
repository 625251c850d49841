"""Deliveries that bring the film itself, for a submission that is known already."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cases import intake, retention, review
from cases.models import Case, Result
from cases.review import Choice
from integrations.jotform.incoming import readings
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import JotformDelivery, JotformSubmission, StaffNotice

SUBMISSION = "6200000000000000001"
WORDS = {
    "nome": "Dra. Exemplo",
    "email": "exemplo@example.org",
    "paciente": "Paciente Fictício",
    "dente": "26",
}


@pytest.fixture
def send(film: Callable[..., bytes]) -> Callable[..., Case]:
    def post(seed: int, **fields: str) -> Case:
        file = SimpleUploadedFile("a.jpg", film(seed=seed))
        answer = Client().post("/jotform", {"submissionID": SUBMISSION, **fields, "file": file})
        assert answer.status_code == 200
        return Case.objects.get(pk=answer.json()["case_id"])

    return post


def people(case: Case) -> tuple[Any, ...]:
    return case.dentist_name, case.dentist_email, case.patient_name, case.tooth


def test_a_second_film_is_added_to_the_known_case(
    catalogue: list[Any], send: Callable[..., Case]
) -> None:
    first = intake.process(case_id=send(0, **WORDS).pk)
    case = send(1, **WORDS)
    assert (case, case.status) == (first, Case.Status.RECEIVED)
    case = intake.process(case_id=case.pk)
    assert (case.status, case.images.count()) == (Case.Status.PENDING, 2)
    assert people(case) == ("Dra. Exemplo", "exemplo@example.org", "Paciente Fictício", 26)


def test_the_same_film_again_is_nothing_new(
    catalogue: list[Any], send: Callable[..., Case]
) -> None:
    intake.process(case_id=send(0, **WORDS).pk)
    case = send(0, **WORDS)
    assert (case.status, case.images.count()) == (Case.Status.PENDING, 1)


@pytest.mark.parametrize("raw", [{}, {"rawRequest": "{broken"}, {"rawRequest": "{}"}])
def test_a_film_that_comes_without_answers_leaves_people_as_they_are(
    catalogue: list[Any], send: Callable[..., Case], raw: dict[str, str]
) -> None:
    send(0, **WORDS)
    case = send(1, **raw)
    assert people(case) == ("Dra. Exemplo", "exemplo@example.org", "Paciente Fictício", 26)
    assert case.client_hash
    assert case.images.count() == 2


def test_a_film_that_comes_with_answers_changes_what_they_say(
    catalogue: list[Any], send: Callable[..., Case]
) -> None:
    send(0, **WORDS)
    case = send(1, **dict(webhook_fields(SimulatedSubmission(SUBMISSION))))
    assert case.dentist_email == "dentista@example.com"
    assert case.images.count() == 2


def test_a_film_for_a_case_that_failed_for_want_of_one_repairs_it(
    catalogue: list[Any], send: Callable[..., Case]
) -> None:
    Client().post("/jotform", {"submissionID": SUBMISSION, **WORDS})
    assert Case.objects.get().status == Case.Status.FAILED
    assert send(0, **WORDS).status == Case.Status.RECEIVED


def test_a_film_for_a_decided_case_reopens_it_and_staff_is_told(
    catalogue: list[Any], send: Callable[..., Case], approver: Any, staff_is_told: None
) -> None:
    case = intake.process(case_id=send(0, **WORDS).pk)
    implant = Result.objects.all()[0].implant_id
    review.approve(case_id=case.pk, choices=[Choice(implant)], reviewer=approver)
    assert send(1, **WORDS).status == Case.Status.RECEIVED
    told = StaffNotice.objects.filter(kind=StaffNotice.Kind.CHANGED_AFTER_DECISION)
    assert told.get().case == case


@pytest.mark.parametrize("key", ["", "k" * 32], ids=["without a key", "with a key"])
def test_a_film_for_an_erased_case_is_not_kept(
    catalogue: list[Any], send: Callable[..., Case], settings: Any, key: str
) -> None:
    settings.JOTFORM_API_KEY = key
    retention.erase(case_id=send(0, **WORDS).pk)
    case = send(1, **WORDS)
    assert (case.status, case.images.count()) == (Case.Status.ARCHIVED, 1)
    assert not any(people(case)[:3])
    assert not JotformDelivery.objects.exclude(fields={}).exists()
    months = default_storage.listdir("uploads")[0]
    assert [default_storage.listdir(f"uploads/{month}")[1] for month in months] == [[]]


@pytest.fixture
def jotform(settings: Any) -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        settings.JOTFORM_API_KEY = standin.api_key
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        standin.add(SimulatedSubmission(SUBMISSION, upload_base=standin.base))
        yield standin


def read() -> Case:
    readings.read(row_id=JotformSubmission.objects.get().pk)
    return Case.objects.get()


def test_with_a_key_a_film_is_added_and_the_people_are_those_of_jotform(
    catalogue: list[Any], jotform: JotformStandIn, send: Callable[..., Case]
) -> None:
    send(0)
    before = read()
    case = send(1, **WORDS)
    assert people(case) == people(before)
    assert not case.is_held
    assert case.images.filter(source_url="").count() == 2
    assert people(read()) == people(before)


def test_with_a_key_a_case_that_is_held_gets_its_second_film_and_keeps_waiting(
    catalogue: list[Any], jotform: JotformStandIn, send: Callable[..., Case]
) -> None:
    send(0)
    for _ in range(2):
        case = send(1)
    assert case.is_held
    assert case.images.count() == 2
    case = read()
    assert not case.is_held
    assert case.images.filter(source_url="").count() == 2
