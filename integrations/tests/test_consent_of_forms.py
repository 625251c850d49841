"""A Jotform form that asks for consent: with and without an API key, refused, given, edited."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from cases import consent, intake, review
from cases.export import Asked, NothingHeld, export
from cases.models import Case, CaseAccess, CaseEvent
from integrations.jotform.incoming import readings
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import JotformDelivery, JotformSubmission, ResultReturn

SUBMISSION = "6200000000000000001"
QUESTION = "q10_consentimento"
PLAIN = SimulatedSubmission(SUBMISSION, submitted_ms=1_790_000_000_000)
Status = Case.Status
pytestmark = pytest.mark.django_db


def answering(said: Any, later: int = 0, of: SimulatedSubmission = PLAIN) -> SimulatedSubmission:
    return replace(of, answers={**of.answers, QUESTION: said}, submitted_ms=of.submitted_ms + later)


def deliver(submission: SimulatedSubmission, **files: Any) -> Case:
    answer = Client().post("/jotform", {**dict(webhook_fields(submission)), **files})
    assert answer.status_code == 200
    return Case.objects.get(pk=answer.json()["case_id"])


@pytest.mark.parametrize("said", ["", "Não", []])
def test_a_consent_that_is_not_given_makes_the_case_wait(said: Any) -> None:
    case = deliver(answering(said))
    assert case.is_waiting_for_consent
    assert not OrmQ.objects.exists()


def test_a_box_that_the_webhook_left_out_is_known_by_the_mapping(settings: Any) -> None:
    settings.JOTFORM_FIELDS = {"consent": "10"}
    assert deliver(PLAIN).is_waiting_for_consent


def test_a_form_that_does_not_ask_is_processed() -> None:
    case = deliver(PLAIN)
    assert (case.awaits_consent, OrmQ.objects.count()) == (False, 1)


def test_an_edit_that_gives_the_consent_releases_the_case_at_once() -> None:
    deliver(answering("Não"))
    case = deliver(answering("Sim", later=60_000))
    assert (case.awaits_consent, bool(case.consent_at)) == (False, True)
    assert OrmQ.objects.count() == 1


def test_an_edit_that_leaves_the_box_out_takes_the_consent_back() -> None:
    deliver(answering("Sim"))
    assert deliver(replace(PLAIN, submitted_ms=PLAIN.submitted_ms + 1)).is_waiting_for_consent


def test_an_old_delivery_that_comes_late_gives_no_consent() -> None:
    deliver(answering("Não", later=60_000))
    assert deliver(answering("Sim")).is_waiting_for_consent


def test_a_repeated_delivery_neither_releases_nor_says_it_again() -> None:
    for _time in range(3):
        case = deliver(answering("Não"))
    assert case.is_waiting_for_consent
    assert case.events.filter(what=CaseEvent.What.CONSENT_MISSING).count() == 1


def test_a_film_that_comes_along_is_kept(film: Callable[..., bytes]) -> None:
    bare = replace(answering("Não"), uploads={})
    case = deliver(bare, file=SimpleUploadedFile("raio-x.jpg", film()))
    assert case.is_waiting_for_consent
    assert case.images.get().file.read() == film()


def test_a_plain_upload_to_the_same_door_has_no_form_and_needs_none(
    film: Callable[..., bytes], settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"consent": "10"}
    answer = Client().post(
        "/jotform",
        {"nome": "Dra. Exemplo", "file": SimpleUploadedFile("raio-x.jpg", film())},
    )
    assert not Case.objects.get(pk=answer.json()["case_id"]).awaits_consent


def test_a_rejection_for_the_lack_of_it_is_taken_back_when_the_consent_comes(
    approver: Any,
) -> None:
    case = deliver(answering("Não"))
    review.reject(case_id=case.pk, reason="Falta o consentimento", reviewer=approver)
    assert ResultReturn.objects.get().status != ResultReturn.Status.WITHDRAWN

    case = deliver(answering("Sim", later=60_000))

    assert (case.status, case.awaits_consent) == (Status.RECEIVED, False)
    assert ResultReturn.objects.get().status == ResultReturn.Status.WITHDRAWN


# With an API key


@pytest.fixture
def jotform(settings: Any) -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        settings.JOTFORM_API_KEY = standin.api_key
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        yield standin


@pytest.fixture
def submitted(
    jotform: JotformStandIn, film: Callable[..., bytes]
) -> Callable[[Any], SimulatedSubmission]:
    def submit(said: Any) -> SimulatedSubmission:
        submission = answering(said, of=replace(PLAIN, upload_base=jotform.base))
        jotform.add(submission, **{"radiografia.png": film(kind="PNG")})
        return submission

    return submit


def read() -> Case:
    readings.read(row_id=JotformSubmission.objects.get(submission_id=SUBMISSION).pk)
    return Case.objects.get(jotform_submission_id=SUBMISSION)


def edit(jotform: JotformStandIn, said: Any) -> Case:
    jotform.edit(SUBMISSION, answers={"10": said})
    readings.ask(submission_id=SUBMISSION)
    return read()


def films_fetched(jotform: JotformStandIn) -> int:
    return sum("/uploads/" in call.path for call in jotform.requests)


def test_what_jotform_shows_counts_and_not_what_the_delivery_claims(
    submitted: Callable[[Any], SimulatedSubmission], jotform: JotformStandIn
) -> None:
    submission = submitted("Não")
    deliver(answering("Sim", of=submission))
    case = read()
    assert case.is_waiting_for_consent
    assert [event.what for event in case.events.all()][-1] == CaseEvent.What.CONSENT_MISSING


def test_a_box_that_the_delivery_left_out_is_seen_at_jotform(
    submitted: Callable[[Any], SimulatedSubmission],
) -> None:
    submission = submitted("")
    bare = {name: said for name, said in submission.answers.items() if name != QUESTION}
    assert not deliver(replace(submission, answers=bare)).awaits_consent
    assert read().is_waiting_for_consent


def test_while_it_waits_no_film_is_fetched_and_with_the_consent_it_goes_on(
    submitted: Callable[[Any], SimulatedSubmission],
    jotform: JotformStandIn,
    catalogue: list[Any],
) -> None:
    deliver(submitted("Não"))
    case = intake.process(case_id=read().pk)
    jotform.edit(SUBMISSION, answers={"6": "37"})
    readings.ask(submission_id=SUBMISSION)
    assert (read().tooth, films_fetched(jotform)) == (37, 0)

    case = edit(jotform, "Sim")

    change = case.events.filter(what=CaseEvent.What.UPDATED).last()
    assert change is not None
    assert change.details == {"fields": ["consent_at"], "films_added": 0, "films_removed": 0}
    assert intake.process(case_id=case.pk).status == Status.PENDING


def test_a_consent_that_is_taken_back_stops_the_looking_for_replaced_films(
    submitted: Callable[[Any], SimulatedSubmission],
    jotform: JotformStandIn,
    catalogue: list[Any],
    film: Callable[..., bytes],
) -> None:
    deliver(submitted("Sim"))
    assert intake.process(case_id=read().pk).status == Status.PENDING
    fetched = films_fetched(jotform)

    assert edit(jotform, "Não").is_waiting_for_consent
    assert films_fetched(jotform) == fetched


def test_a_consent_that_staff_recorded_outlasts_what_the_form_still_does_not_say(
    submitted: Callable[[Any], SimulatedSubmission], jotform: JotformStandIn, approver: Any
) -> None:
    deliver(submitted(""))
    consent.record(case_id=read().pk, by=approver)
    readings.ask(submission_id=SUBMISSION)
    assert not read().awaits_consent


@pytest.mark.parametrize("kind", ["control_head", "control_text", "control_button"])
def test_a_heading_about_consent_asks_for_none(kind: str) -> None:
    from integrations.jotform.incoming.api_submission import parse_api

    content = {"id": "1", "answers": {"3": {"name": "consentimento", "type": kind}}}
    assert parse_api(content, field_map={}).consent is None


def test_one_refusal_outweighs_what_was_agreed_to_beside_it() -> None:
    both = replace(
        PLAIN, answers={**PLAIN.answers, "q10_consentimento": "Sim", "q11_consentimentoUso": "Não"}
    )
    assert deliver(both).is_waiting_for_consent


def test_reading_a_delivery_in_the_panel_is_seeing_its_case(
    client: Client, admin_user: Any
) -> None:
    case = deliver(PLAIN)
    client.force_login(admin_user)
    delivery = case.deliveries.get()
    client.get(reverse("admin:integrations_jotformdelivery_changelist"))
    assert not CaseAccess.objects.exists()
    address = reverse("admin:integrations_jotformdelivery_change", args=[delivery.pk])
    assert client.get(address).status_code == 200
    assert (CaseAccess.objects.get().case, CaseAccess.objects.get().actor) == (case, admin_user)


def test_the_copy_for_a_person_holds_what_came_from_the_form() -> None:
    case = deliver(PLAIN)
    left = JotformDelivery.objects.create(
        submission_id="6200000000000000002", fields=dict(webhook_fields(PLAIN))
    )
    out = io.BytesIO()
    export(asked=Asked(email="dentista@example.com"), out=out, by=None)
    data = json.loads(ZipFile(out).read("data.json"))
    (told,) = data["cases"]
    assert told["id"] == case.pk
    assert "Paciente" in told["deliveries"][0]["fields"]["rawRequest"]
    assert [one["submission_id"] for one in told["jotform"]] == [SUBMISSION]
    assert [one["id"] for one in data["deliveries_without_case"]] == [left.pk]


@pytest.mark.parametrize("patient", ["\u0301", " \u200b "])
def test_a_name_of_nothing_finds_no_delivery(patient: str) -> None:
    JotformDelivery.objects.create(submission_id="1", fields=dict(webhook_fields(PLAIN)))
    for email in ("", "dentista@example.com"):
        with pytest.raises(NothingHeld):
            export(asked=Asked(patient=patient, email=email), out=io.BytesIO(), by=None)
