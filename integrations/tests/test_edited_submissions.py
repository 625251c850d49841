"""Without an API key the delivery that was submitted last is believed."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from cases import intake, review
from cases.models import Case, CaseEvent, Result
from cases.review import Choice
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields
from integrations.models import JotformDelivery, StaffNotice

FIRST = SimulatedSubmission("6200000000000000001", submitted_ms=1_790_000_000_000)
OTHER_TOOTH = replace(
    FIRST, answers={**FIRST.answers, "q6_dente": "37"}, submitted_ms=FIRST.submitted_ms + 60_000
)
OTHER_FILM = replace(
    FIRST, uploads={"q7_radiografia": ["outra.png"]}, submitted_ms=FIRST.submitted_ms + 60_000
)


def deliver(submission: SimulatedSubmission, **changes: str) -> Case:
    answer = Client().post("/jotform", {**dict(webhook_fields(submission)), **changes})
    assert answer.status_code == 200
    return Case.objects.get(pk=answer.json()["case_id"])


@pytest.fixture
def process(film: Callable[..., bytes]) -> Callable[[Case], Case]:
    return lambda case: intake.process(case_id=case.pk, fetch=lambda url: film())


def test_the_same_answers_again_are_nothing_new(
    catalogue: list[Any], process: Callable[[Case], Case]
) -> None:
    before = process(deliver(FIRST))
    tasks = OrmQ.objects.count()
    after = deliver(replace(FIRST, submitted_ms=FIRST.submitted_ms + 5))
    assert (after.updated_at, after.status) == (before.updated_at, Case.Status.PENDING)
    assert OrmQ.objects.count() == tasks
    assert JotformDelivery.objects.count() == 2


def test_edited_answers_update_the_case_and_are_in_its_history(
    catalogue: list[Any], process: Callable[[Case], Case]
) -> None:
    process(deliver(FIRST))
    case = deliver(OTHER_TOOTH)
    assert (case.tooth, case.status) == (37, Case.Status.PENDING)
    assert case.events.get(what=CaseEvent.What.UPDATED).details["fields"] == ["tooth"]


def test_a_delivery_that_was_overtaken_by_an_edit_changes_nothing(
    catalogue: list[Any], process: Callable[[Case], Case]
) -> None:
    process(deliver(OTHER_TOOTH))
    assert deliver(FIRST).tooth == 37
    assert not CaseEvent.objects.filter(what=CaseEvent.What.UPDATED).exists()


def test_deliveries_that_do_not_say_when_they_were_submitted_count_in_the_order_of_their_arrival(
    db: None,
) -> None:
    deliver(replace(FIRST, says_when=False))
    assert deliver(replace(OTHER_TOOTH, says_when=False)).tooth == 37
    assert deliver(replace(FIRST, says_when=False)).tooth == 26


def test_a_new_film_is_matched_in_place_of_the_old_one(
    catalogue: list[Any], process: Callable[[Case], Case]
) -> None:
    process(deliver(FIRST))
    case = deliver(OTHER_FILM)
    assert case.status == Case.Status.RECEIVED
    case = process(case)
    assert case.status == Case.Status.PENDING
    assert case.images.get().source_url.endswith("/outra.png")


def test_a_repeated_delivery_that_names_no_file_takes_no_film_away(
    catalogue: list[Any], process: Callable[[Case], Case]
) -> None:
    process(deliver(FIRST))
    case = deliver(replace(FIRST, uploads={}))
    assert (case.status, case.images.count()) == (Case.Status.PENDING, 1)


def test_a_repeated_delivery_that_cannot_be_read_changes_nothing(
    catalogue: list[Any], process: Callable[[Case], Case]
) -> None:
    before = process(deliver(FIRST))
    after = deliver(FIRST, rawRequest="{broken")
    assert (after.updated_at, after.tooth) == (before.updated_at, 26)


@pytest.mark.parametrize(
    ("edited", "status"),
    [(OTHER_TOOTH, Case.Status.APPROVED), (OTHER_FILM, Case.Status.RECEIVED)],
    ids=["other answers leave the decision", "another film takes it back"],
)
def test_an_already_decided_case_is_reopened_only_if_the_files_changed_and_staff_is_told(
    catalogue: list[Any],
    process: Callable[[Case], Case],
    approver: Any,
    settings: Any,
    edited: SimulatedSubmission,
    status: str,
) -> None:
    settings.RAIOX_TELEGRAM_TOKEN, settings.RAIOX_TELEGRAM_CHAT = "1:abc", "7"
    case = process(deliver(FIRST))
    implant = Result.objects.all()[0].implant_id
    review.approve(case_id=case.pk, choices=[Choice(implant)], reviewer=approver)
    assert deliver(edited).status == status
    told = StaffNotice.objects.filter(kind=StaffNotice.Kind.CHANGED_AFTER_DECISION)
    assert told.get().case_id == case.pk


def test_the_json_form_of_a_submission_is_followed_alike(
    client: Client, catalogue: list[Any], process: Callable[[Case], Case], settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"tooth": "6"}

    def post(tooth: str) -> Case:
        body = {
            "submissionID": "77",
            "formID": "1",
            "answers": {
                "6": {"answer": tooth},
                "7": {"answer": "https://www.jotform.com/uploads/u/1/77/film.png"},
            },
        }
        answer = client.post("/webhook", body, content_type="application/json")
        return Case.objects.get(pk=answer.json()["case_id"])

    process(post("26"))
    case = post("37")
    assert (case.tooth, case.status) == (37, Case.Status.PENDING)


@pytest.mark.django_db(transaction=True)
def test_first_deliveries_and_edits_at_once_make_one_case_with_the_last_answers() -> None:
    edits = [
        replace(
            FIRST,
            answers={**FIRST.answers, "q6_dente": str(tooth)},
            submitted_ms=FIRST.submitted_ms + tooth,
        )
        for tooth in (11, 12, 13, 14, 15, 16, 17, 18)
    ]

    def send(submission: SimulatedSubmission) -> None:
        deliver(submission)
        connection.close()

    threads = [threading.Thread(target=send, args=(one,)) for one in reversed(edits)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Case.objects.get().tooth == 18
    assert JotformDelivery.objects.exclude(case=None).count() == 8
