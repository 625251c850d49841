"""With an API key Jotform is the truth: every delivery only says "look"."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from cases import intake, retention, review
from cases.models import Case, CaseEvent, Finding, Result
from cases.review import Choice
from integrations.jotform.client import JotformClient, JotformError, NotThere
from integrations.jotform.files import fetch_film
from integrations.jotform.incoming import readings
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields
from integrations.jotform.simulation.standin import Fault, JotformStandIn
from integrations.models import JotformDelivery, JotformSubmission, ResultReturn
from matching.locks import work_lock
from matching.radiograph import digest

SUBMISSION = "6200000000000000001"


@pytest.fixture
def jotform(settings: Any) -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        settings.JOTFORM_API_KEY = standin.api_key
        settings.JOTFORM_FIELDS = {"answer": "10"}
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        yield standin


@pytest.fixture
def submission(jotform: JotformStandIn, film: Callable[..., bytes]) -> SimulatedSubmission:
    submission = SimulatedSubmission(SUBMISSION, upload_base=jotform.base)
    jotform.add(submission, **{"radiografia.png": film(kind="PNG")})
    return submission


def deliver(submission: SimulatedSubmission, **changes: str) -> Case:
    fields = {**dict(webhook_fields(submission)), **changes}
    answer = Client().post("/jotform", fields)
    assert answer.status_code == 200
    return Case.objects.get(pk=answer.json()["case_id"])


def read(submission_id: str = SUBMISSION) -> Case:
    """What the task does."""
    row = JotformSubmission.objects.get(submission_id=submission_id)
    readings.read(row_id=row.pk)
    return Case.objects.get(jotform_submission_id=submission_id)


def process(case: Case) -> Case:
    return intake.process(case_id=case.pk)


def approve(case: Case, approver: Any) -> Case:
    implant = Result.objects.filter(finding__case_image__case=case)[0].implant_id
    return review.approve(case_id=case.pk, choices=[Choice(implant)], reviewer=approver)


def make_due() -> None:
    JotformSubmission.objects.update(next_try_at=timezone.now())


def queued() -> int:
    return OrmQ.objects.count()


def test_a_delivery_holds_its_case_until_jotform_confirmed_it(
    catalogue: list[Any], submission: SimulatedSubmission
) -> None:
    case = deliver(submission)
    assert case.is_held
    assert process(case).status == Case.Status.RECEIVED

    assert not read().is_held
    case = process(case)
    assert (case.status, case.tooth) == (Case.Status.PENDING, 26)
    assert case.images.get().source_url in submission.upload_urls("q7_radiografia")


def test_the_answers_of_jotform_count_and_not_those_of_the_delivery(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    jotform.edit(SUBMISSION, answers={"6": "37"})
    deliver(submission)
    case = read()
    assert case.tooth == 37
    assert [event.what for event in case.events.all()] == ["received"]


def test_a_delivery_for_a_submission_that_jotform_does_not_know_is_not_processed(
    db: None, jotform: JotformStandIn
) -> None:
    deliver(SimulatedSubmission("666", upload_base=jotform.base))
    for _attempt in range(NotThere.PATIENCE):
        case = read("666")
    assert (case.status, bool(case.failure)) == (Case.Status.FAILED, True)
    assert case.is_held


def test_a_submission_that_the_api_does_not_show_yet_is_waited_for(
    catalogue: list[Any], jotform: JotformStandIn, film: Callable[..., bytes]
) -> None:
    submission = SimulatedSubmission("667", upload_base=jotform.base)
    deliver(submission)
    assert read("667").is_held
    jotform.add(submission, **{"radiografia.png": film(kind="PNG")})
    assert process(read("667")).status == Case.Status.PENDING


def test_a_delivery_that_names_another_form_than_jotform_is_not_trusted(
    db: None, submission: SimulatedSubmission
) -> None:
    deliver(submission, formID="999")
    case = read()
    assert (case.status, case.is_held) == (Case.Status.FAILED, True)
    assert case.images.count() in (0, 1)


def test_a_forged_form_number_does_no_harm_to_a_case_that_is_confirmed(
    catalogue: list[Any], submission: SimulatedSubmission
) -> None:
    deliver(submission)
    before = process(read())
    deliver(submission, formID="999")
    after = read()
    assert (after.status, after.form_id) == (before.status, before.form_id)
    deliver(submission)
    assert read().status == Case.Status.PENDING


def test_a_form_that_is_not_on_the_list_is_not_trusted_whatever_the_delivery_says(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission, settings: Any
) -> None:
    deliver(submission)
    settings.JOTFORM_FORM_IDS = ["111"]
    assert read().status == Case.Status.FAILED


def test_a_deleted_submission_is_a_failed_case_that_says_so(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    jotform.delete(SUBMISSION)
    assert read().status == Case.Status.FAILED


def test_a_failed_case_is_asked_for_again_when_a_person_tries_it_again(
    catalogue: list[Any], jotform: JotformStandIn, submission: SimulatedSubmission, approver: Any
) -> None:
    jotform.misbehave(Fault.STATUS, path="/submission", code=404, message="gone")
    case = deliver(submission)
    assert read().status == Case.Status.FAILED
    review.retry(case_id=case.pk, by=approver)
    assert readings.ask_due() == 0
    assert process(read()).status == Case.Status.PENDING


@pytest.mark.parametrize(
    "fault",
    [Fault.STATUS, Fault.HTML, Fault.BROKEN_JSON, Fault.RESET, Fault.REDIRECT],
    ids=lambda fault: fault.value,
)
def test_while_jotform_does_not_answer_the_case_waits_says_why_and_goes_on_later(
    catalogue: list[Any], jotform: JotformStandIn, submission: SimulatedSubmission, fault: Fault
) -> None:
    jotform.misbehave(fault, path="/submission")
    deliver(submission)
    case = read()
    row = JotformSubmission.objects.get()
    assert (case.status, case.is_held, bool(case.failure)) == (Case.Status.RECEIVED, True, True)
    assert row.next_try_at > timezone.now()
    make_due()
    assert readings.ask_due() == 1
    case = process(read())
    assert (case.status, case.failure) == (Case.Status.PENDING, "")


def test_a_refused_key_keeps_every_case_waiting(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    jotform.api_key = "another key"
    deliver(submission)
    assert read().is_held
    assert Case.objects.held().count() == 1
    assert JotformSubmission.objects.get().next_try_at > timezone.now()


def test_in_the_end_a_person_sees_a_case_that_jotform_never_confirmed(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    JotformSubmission.objects.update(attempts=readings.MAX_ATTEMPTS - 1)
    jotform.misbehave(Fault.STATUS, path="/submission")
    assert read().status == Case.Status.FAILED


def test_the_same_delivery_again_changes_nothing(
    catalogue: list[Any], submission: SimulatedSubmission
) -> None:
    deliver(submission)
    before = process(read())
    deliver(submission)
    after = read()
    assert (after.updated_at, after.revision) == (before.updated_at, before.revision)
    assert (Case.objects.count(), JotformDelivery.objects.count()) == (1, 2)
    assert Finding.objects.count() == 1


def test_an_edit_is_followed_also_by_a_delivery_that_is_older_than_it(
    catalogue: list[Any], jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    process(read())
    jotform.edit(SUBMISSION, answers={"6": "37"})
    deliver(submission)
    case = read()
    assert (case.tooth, case.status) == (37, Case.Status.PENDING)
    assert case.events.get(what=CaseEvent.What.UPDATED).details["fields"] == ["tooth"]


def test_an_edited_film_is_matched(
    catalogue: list[Any],
    jotform: JotformStandIn,
    submission: SimulatedSubmission,
    film: Callable[..., bytes],
) -> None:
    deliver(submission)
    process(read())
    jotform.edit(SUBMISSION, uploads={"7": {"outra.png": film(seed=5, kind="PNG")}})
    deliver(submission)
    assert read().status == Case.Status.RECEIVED
    case = process(Case.objects.get())
    assert case.status == Case.Status.PENDING
    assert case.images.get().source_url.endswith("/outra.png")


def test_a_film_replaced_by_another_one_of_the_same_name_is_noticed(
    catalogue: list[Any],
    jotform: JotformStandIn,
    submission: SimulatedSubmission,
    film: Callable[..., bytes],
) -> None:
    deliver(submission)
    before = process(read()).images.get()
    jotform.edit(SUBMISSION, uploads={"7": {"radiografia.png": film(seed=5, kind="PNG")}})
    deliver(submission)
    assert read().status == Case.Status.RECEIVED
    after = process(Case.objects.get()).images.get()
    assert after.source_url == before.source_url
    assert after.sha256 != before.sha256


@pytest.mark.django_db(transaction=True)
def test_a_film_replaced_while_the_old_one_is_being_fetched_is_the_one_that_is_matched(
    catalogue: list[Any],
    jotform: JotformStandIn,
    submission: SimulatedSubmission,
    film: Callable[..., bytes],
) -> None:
    deliver(submission)
    case = read()

    def overtaken(url: str) -> bytes:
        content = fetch_film(url)
        if content == film(kind="PNG"):
            jotform.edit(SUBMISSION, uploads={"7": {"radiografia.png": film(seed=5)}})
            deliver(submission)
            read()
            connection.close()
        return content

    intake.process(case_id=case.pk, fetch=overtaken)
    process(case)
    assert Case.objects.get().images.get().sha256 == digest(film(seed=5))


@pytest.mark.parametrize("is_readable", [True, False])
def test_an_edit_takes_a_decision_back_for_an_unread_film_only_if_that_can_be_read_now(
    catalogue: list[Any],
    jotform: JotformStandIn,
    film: Callable[..., bytes],
    approver: Any,
    is_readable: bool,
) -> None:
    both = {"q7_radiografia": ["radiografia.png", "outra.png"]}
    submission = SimulatedSubmission(SUBMISSION, upload_base=jotform.base, uploads=both)
    jotform.add(submission, **{"radiografia.png": film(), "outra.png": b"no image"})
    deliver(submission)
    approve(process(read()), approver)
    if is_readable:
        jotform.edit(SUBMISSION, uploads={"7": {"radiografia.png": film(), "outra.png": film(5)}})
    else:
        jotform.edit(SUBMISSION, answers={"6": "37"})
    deliver(submission)
    assert read().status == ("received" if is_readable else "approved")


def test_our_own_answer_does_not_come_back_as_an_edit(
    catalogue: list[Any], jotform: JotformStandIn, submission: SimulatedSubmission, approver: Any
) -> None:
    from integrations.jotform.outgoing import returns

    deliver(submission)
    case = approve(process(read()), approver)
    returns.send(return_id=ResultReturn.objects.get().pk)

    deliver(jotform.store.current(SUBMISSION))
    after = read()
    assert (after.status, after.revision) == (Case.Status.APPROVED, case.revision)
    assert ResultReturn.objects.get().status == ResultReturn.Status.SENT
    assert len(jotform.edits()) == 1
    requests = len(jotform.requests)
    deliver(jotform.store.current(SUBMISSION))
    read()
    assert len(jotform.requests) == requests + 1, "only the submission is read again"


def test_a_decided_case_whose_film_is_replaced_gets_a_new_answer(
    catalogue: list[Any],
    jotform: JotformStandIn,
    submission: SimulatedSubmission,
    film: Callable[..., bytes],
    approver: Any,
) -> None:
    from integrations.jotform.outgoing import returns

    deliver(submission)
    approve(process(read()), approver)
    returns.send(return_id=ResultReturn.objects.get().pk)
    jotform.edit(SUBMISSION, uploads={"7": {"outra.png": film(seed=5, kind="PNG")}})
    deliver(submission)
    case = process(read())
    assert case.status == Case.Status.PENDING
    approve(case, approver)
    newest = ResultReturn.objects.order_by("revision").last()
    returns.send(return_id=newest.pk)
    assert list(ResultReturn.objects.values_list("status", flat=True)) == ["sent", "sent"]


def test_an_erased_case_stays_erased_after_an_edit(
    catalogue: list[Any], jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    case = process(read())
    retention.erase(case_id=case.pk)
    jotform.edit(SUBMISSION, answers={"5": {"first": "Outro", "last": "Nome"}})
    deliver(submission)
    after = read()
    assert (after.status, after.patient_name) == (Case.Status.ARCHIVED, "")
    assert not JotformDelivery.objects.exclude(fields={}).exists()


def test_what_is_asked_while_a_reading_runs_is_read_again(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    row = JotformSubmission.objects.get()
    read_submission = readings.JotformClient.read_submission

    def edited_after_reading(self: Any, submission_id: str) -> dict[str, Any]:
        content = read_submission(self, submission_id)
        if jotform.version(SUBMISSION) == row_version:
            jotform.edit(SUBMISSION, answers={"6": "37"})
            readings.ask(submission_id=SUBMISSION)
        return content

    row_version = jotform.version(SUBMISSION)
    before = queued()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings.JotformClient, "read_submission", edited_after_reading)
        readings.read(row_id=row.pk)
    assert Case.objects.get().tooth == 26
    assert queued() >= before + 2
    assert read().tooth == 37


def test_one_reading_at_a_time(
    transactional_db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    row = JotformSubmission.objects.get()

    def read_beside() -> None:
        readings.read(row_id=row.pk)
        connection.close()

    with work_lock(readings.WORK_LOCK, row.pk):
        thread = threading.Thread(target=read_beside)
        thread.start()
        thread.join(10)
    assert Case.objects.get().is_held
    readings.read(row_id=row.pk)
    assert not Case.objects.get().is_held


def test_a_reading_whose_worker_was_killed_is_taken_up_again(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    OrmQ.objects.all().delete()
    row = JotformSubmission.objects.get()
    readings._claim(row.pk)
    assert readings.ask_due() == 1
    assert not read().is_held


def test_a_case_whose_question_to_jotform_was_lost_is_asked_for(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    deliver(submission)
    JotformSubmission.objects.all().delete()
    OrmQ.objects.all().delete()
    readings.ask_due()
    assert queued() == 1
    assert not read().is_held


def test_a_key_that_is_taken_away_lets_the_held_cases_go(
    catalogue: list[Any], submission: SimulatedSubmission, settings: Any
) -> None:
    deliver(submission)
    settings.JOTFORM_API_KEY = ""
    assert process(read()).status == Case.Status.PENDING


def test_a_reading_that_comes_too_early_waits_for_its_time(
    db: None, jotform: JotformStandIn, submission: SimulatedSubmission
) -> None:
    jotform.misbehave(Fault.DAILY_LIMIT, path="/submission", times=5)
    deliver(submission)
    read()
    row = JotformSubmission.objects.get()
    assert row.next_try_at > timezone.now() + timedelta(minutes=1)
    assert row.attempts == 0
    assert readings.ask_due() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("permanent", [True, False], ids=["given up", "put off"])
def test_what_jotform_said_is_not_kept_when_the_case_was_erased_meanwhile(
    submission: SimulatedSubmission, monkeypatch: pytest.MonkeyPatch, permanent: bool
) -> None:
    case = deliver(submission)

    def erased_meanwhile(self: JotformClient, submission_id: str) -> dict[str, Any]:
        retention.erase(case_id=case.pk)
        raise JotformError("Paciente Fictício is no submission", permanent=permanent)

    monkeypatch.setattr(JotformClient, "read_submission", erased_meanwhile)
    read()
    assert JotformSubmission.objects.get().last_error == ""
