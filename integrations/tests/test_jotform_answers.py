"""Answers go back to Jotform exactly once, whatever goes wrong. Real HTTP, real PostgreSQL."""

import html
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from cases import retention, review
from cases.models import Case, CaseEvent, CaseImage, Finding, Result
from implants.models import Implant
from integrations import tasks
from integrations.jotform import client, returns
from integrations.jotform.client import JotformClient, JotformError
from integrations.jotform.standin import API_KEY, Fault, JotformStandIn, SimulatedSubmission
from integrations.models import JotformDelivery, ResultReturn
from matching.locks import work_lock

pytestmark = pytest.mark.django_db(transaction=True)

SUBMISSION = "6312345678901234567"
TEXT = "Neodent, Helix GM, Cone Morse, 4 × 11,5 mm"
Status = ResultReturn.Status
What = CaseEvent.What


@pytest.fixture
def jotform(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[JotformStandIn]:
    monkeypatch.setattr(client, "TIMEOUT", (1.0, 0.5))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        settings.JOTFORM_API_KEY = API_KEY
        settings.JOTFORM_FIELDS = {"answer": "10"}
        standin.add(SimulatedSubmission(submission_id=SUBMISSION))
        yield standin


@pytest.fixture
def case() -> Case:
    """A case from Jotform that awaits review, with one candidate."""
    case = Case.objects.create(
        jotform_submission_id=SUBMISSION,
        form_id="250000000000001",
        source=Case.Source.JOTFORM,
        status=Case.Status.PENDING,
    )
    image = CaseImage.objects.create(case=case)
    Result.objects.create(
        finding=Finding.objects.create(case_image=image),
        implant=make_implant("Neodent", "Helix GM"),
        rank=1,
        similarity=0.8734,
        encoder="test",
    )
    return case


def make_implant(manufacturer: str, name: str) -> Implant:
    return Implant.objects.create(
        manufacturer=manufacturer,
        name=name,
        type="Cone Morse",
        diameter_mm="4.00",
        length_mm="11.5",
    )


@pytest.fixture
def answer(case: Case, approver: Any) -> ResultReturn:
    """The outbox row of the approved case."""
    choice = review.Choice(Implant.objects.get(name="Helix GM").pk)
    review.approve(case_id=case.pk, choices=[choice], reviewer=approver)
    return ResultReturn.objects.get(case=case)


def send(answer: ResultReturn) -> ResultReturn:
    tasks.send_return(answer.pk)
    answer.refresh_from_db()
    return answer


def when_its_time_has_come(answer: ResultReturn) -> ResultReturn:
    ResultReturn.objects.filter(pk=answer.pk).update(next_try_at=timezone.now())
    return send(answer)


def history(case: Case) -> list[str]:
    return [one for one in case.events.values_list("what", flat=True) if one.startswith("answer")]


def queued() -> list[int]:
    """The answers that the task queue holds."""
    entries = [entry.task for entry in OrmQ.objects.order_by("pk")]
    return [entry["args"][0] for entry in entries if entry["func"] == returns.RETURN_TASK]


def test_an_approved_case_is_answered_once_and_read_back(
    jotform: JotformStandIn, answer: ResultReturn, case: Case
) -> None:
    assert queued() == [answer.pk]
    assert answer.status == Status.QUEUED

    for _ in range(3):
        send(answer)

    assert answer.status == Status.SENT
    assert answer.sent_at is not None
    assert (answer.attempts, answer.last_error) == (1, "")
    assert jotform.shown(SUBMISSION, "10") == TEXT
    assert [one.method for one in jotform.requests] == ["POST", "GET"]
    assert history(case) == [What.ANSWER_QUEUED, What.ANSWER_SENT]


def test_the_edit_has_the_documented_wire_format(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    send(answer)

    edit = jotform.edits()[0]
    assert edit.path == f"/submission/{SUBMISSION}"
    assert edit.headers["content-type"] == "application/x-www-form-urlencoded"
    assert edit.headers["apikey"] == API_KEY
    assert edit.form == {"submission[10]": TEXT}
    assert edit.query == {}


def test_a_rejected_case_is_answered_with_the_reason(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "resultado", "answer_manufacturer": "fabricante"}
    review.reject(
        case_id=case.pk, reason="Imagem <cortada> & escura.\nEnvie outra.", reviewer=approver
    )

    answer = send(ResultReturn.objects.get(case=case))

    assert answer.status == Status.SENT
    assert jotform.shown(SUBMISSION, "10") == "Imagem <cortada> & escura.\nEnvie outra."
    assert jotform.shown(SUBMISSION, "11") == ""


@pytest.mark.parametrize(
    "rewrite",
    [
        html.escape,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "<br />"),
        lambda text: f" {' '.join(text.split())}\n",
    ],
)
def test_what_a_field_does_to_a_text_is_not_taken_for_a_loss(
    jotform: JotformStandIn, case: Case, approver: Any, rewrite: Callable[[str], str]
) -> None:
    jotform.rewrite = rewrite
    review.reject(case_id=case.pk, reason='"Escura" & cortada.\nEnvie outra.', reviewer=approver)

    assert send(ResultReturn.objects.get(case=case)).status == Status.SENT


def test_a_shortened_answer_is_not_sent(jotform: JotformStandIn, answer: ResultReturn) -> None:
    jotform.rewrite = lambda text: text[:20]

    assert send(answer).status == Status.WAITING


def test_several_implants_and_separate_fields(
    jotform: JotformStandIn, case: Case, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {
        "answer": "10",
        "answer_manufacturer": "fabricante",
        "answer_similarity": "q12_situacao",
    }
    other = make_implant("Straumann", "BLX")
    choices = [review.Choice(Implant.objects.get(name="Helix GM").pk), review.Choice(other.pk)]
    review.approve(case_id=case.pk, choices=choices, reviewer=approver)

    answer = send(ResultReturn.objects.get(case=case))

    assert answer.status == Status.SENT
    lines = jotform.shown(SUBMISSION, "10").split("\n")
    assert lines == [TEXT, TEXT.replace("Neodent, Helix GM", "Straumann, BLX")]
    assert jotform.shown(SUBMISSION, "11") == "Neodent; Straumann"
    assert jotform.shown(SUBMISSION, "12") == "0,873; –"


def test_nobody_is_answered_who_did_not_come_by_jotform(
    jotform: JotformStandIn, case: Case, approver: Any
) -> None:
    Case.objects.filter(pk=case.pk).update(jotform_submission_id=None)

    review.reject(case_id=case.pk, reason="Escura.", reviewer=approver)

    assert not ResultReturn.objects.exists()
    assert queued() == []
    assert history(case) == []


def test_a_decision_that_is_rolled_back_leaves_no_answer(
    jotform: JotformStandIn, case: Case, approver: Any
) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        review.reject(case_id=case.pk, reason="Escura.", reviewer=approver)
        assert queued() != []
        raise RuntimeError

    assert not ResultReturn.objects.exists()
    assert queued() == []


def test_queueing_twice_makes_one_answer(jotform: JotformStandIn, answer: ResultReturn) -> None:
    again = returns.queue_return(case=answer.case)

    assert again == answer
    assert queued() == [answer.pk]


def test_a_number_that_jotform_drops_in_silence_is_not_sent(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "99"}

    send(answer)

    assert len(jotform.edits()) == 1
    assert answer.status == Status.WAITING
    assert answer.sent_at is None
    assert "99" in answer.last_error

    settings.JOTFORM_FIELDS = {"answer": "10"}
    assert when_its_time_has_come(answer).status == Status.SENT


def test_one_dropped_field_of_several_is_noticed(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "10", "answer_line": "98"}

    send(answer)

    assert answer.status == Status.WAITING
    assert "98" in answer.last_error


def test_a_field_name_that_the_form_does_not_have_is_said_before_writing(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "inexistente"}

    send(answer)

    assert answer.status == Status.WAITING
    assert "inexistente" in answer.last_error
    assert jotform.edits() == []


PASSING = [
    (Fault.REFUSE, {}),
    (Fault.ENVELOPE, {"code": 500}),
    (Fault.ENVELOPE, {"code": 401}),
    (Fault.ENVELOPE, {"code": 403, "message": "API-Limit exceeded"}),
    (Fault.ENVELOPE, {"code": 400, "message": "Form Over Quota"}),
    (Fault.STATUS, {"code": 429, "message": "Too many requests"}),
    (Fault.STATUS, {"code": 503, "message": "rate limits etc exceeded"}),
    (Fault.STATUS, {"code": 500}),
    (Fault.SLOW, {}),
    (Fault.BROKEN_JSON, {}),
    (Fault.HTML, {"code": 200}),
    (Fault.HTML, {"code": 404}),
    (Fault.HTML, {"code": 502}),
    (Fault.RESET, {}),
    (Fault.REDIRECT, {}),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("fault", "details"), PASSING)
def test_a_passing_failure_waits_with_backoff_and_succeeds_later(
    jotform: JotformStandIn, answer: ResultReturn, fault: Fault, details: Any, method: str
) -> None:
    jotform.misbehave(fault, method=method, **details)

    before = timezone.now()
    send(answer)

    assert answer.status == Status.WAITING
    assert answer.attempts == 1
    assert answer.last_error and API_KEY not in answer.last_error
    assert timedelta(seconds=59) < answer.next_try_at - before < timedelta(seconds=90)
    # The first attempt writes at once: only its reading back can then fail.
    assert jotform.shown(SUBMISSION, "10") == (TEXT if method == "GET" else "")
    asked = len(jotform.requests)
    assert send(answer).attempts == 1, "not before its time"
    assert len(jotform.requests) == asked

    when_its_time_has_come(answer)

    assert (answer.status, answer.attempts, answer.last_error) == (Status.SENT, 2, "")
    assert jotform.shown(SUBMISSION, "10") == TEXT
    assert len(jotform.edits()) == (1 if method == "GET" else 2)
    assert history(answer.case) == [What.ANSWER_QUEUED, What.ANSWER_SENT]


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.ENVELOPE, 400), (Fault.STATUS, 400), (Fault.STATUS, 404)]
)
def test_a_permanent_failure_is_given_up_at_once(
    jotform: JotformStandIn, answer: ResultReturn, fault: Fault, code: int
) -> None:
    jotform.misbehave(fault, method="POST", code=code, message=f"Bad parameter {API_KEY}")

    send(answer)

    assert answer.status == Status.GIVEN_UP
    assert str(code) in answer.last_error
    assert API_KEY not in answer.last_error
    assert history(answer.case) == [What.ANSWER_QUEUED, What.ANSWER_FAILED]
    returns.send_due()
    assert when_its_time_has_come(answer).status == Status.GIVEN_UP
    assert len(jotform.edits()) == 1


def test_an_unreachable_jotform_is_waited_for(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_API_BASE = "http://127.0.0.1:9"

    assert send(answer).status == Status.WAITING


def test_the_key_is_never_sent_on_by_a_redirect(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.misbehave(Fault.REDIRECT)

    send(answer)

    assert [one.path for one in jotform.requests] == [f"/submission/{SUBMISSION}"]


@pytest.mark.parametrize("key", ["a-wrong-key", "a-wrong-key→", "a-wrong-key\nwith a line"])
def test_a_wrong_key_waits_and_is_not_shown(
    jotform: JotformStandIn,
    answer: ResultReturn,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    key: str,
) -> None:
    settings.JOTFORM_API_KEY = key

    send(answer)

    assert answer.status == Status.WAITING
    assert "wrong-key" not in answer.last_error + caplog.text


def test_backoff_grows_and_twelve_failures_are_the_end(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    pauses = []
    for _ in range(returns.MAX_ATTEMPTS):
        jotform.misbehave(Fault.RESET)
        when_its_time_has_come(answer)
        pauses.append(answer.next_try_at - timezone.now())

    assert answer.attempts == returns.MAX_ATTEMPTS
    assert answer.status == Status.GIVEN_UP
    assert pauses[:10] == sorted(pauses[:10])
    assert timedelta(hours=5.9) < pauses[10] < timedelta(hours=7.6)
    assert history(answer.case) == [What.ANSWER_QUEUED, What.ANSWER_FAILED]


def test_an_edit_whose_answer_was_lost_is_not_made_twice(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    jotform.misbehave(Fault.RESET_AFTER_APPLYING, method="POST")

    assert send(answer).status == Status.WAITING
    assert when_its_time_has_come(answer).status == Status.SENT

    assert len(jotform.edits()) == 1
    assert jotform.shown(SUBMISSION, "10") == TEXT


def test_a_worker_that_dies_after_the_edit_makes_no_second_one(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    edit = JotformClient.edit_submission

    def edit_and_die(self: JotformClient, submission_id: str, fields: Any) -> None:
        edit(self, submission_id, fields)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(JotformClient, "edit_submission", edit_and_die)
        with pytest.raises(Killed):
            send(answer)
    answer.refresh_from_db()
    assert (answer.status, answer.attempts) == (Status.QUEUED, 1)
    OrmQ.objects.all().delete()

    assert returns.send_due() == 1, "found at once, although its task is gone"
    assert queued() == [answer.pk]
    send(answer)

    assert (answer.status, answer.attempts) == (Status.SENT, 2)
    assert len(jotform.edits()) == 1


def test_an_answer_that_kills_its_worker_each_time_is_given_up(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    ResultReturn.objects.update(attempts=returns.MAX_ATTEMPTS)

    assert send(answer).status == Status.GIVEN_UP
    assert jotform.requests == []


def test_two_workers_at_once_make_one_edit(
    jotform: JotformStandIn, answer: ResultReturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = JotformClient.edit_submission

    def edit_slowly(self: JotformClient, submission_id: str, fields: Any) -> None:
        time.sleep(0.3)
        edit(self, submission_id, fields)

    monkeypatch.setattr(JotformClient, "edit_submission", edit_slowly)

    def work() -> None:
        with closing(connection):
            start.wait()
            tasks.send_return(answer.pk)

    start = threading.Barrier(3)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    answer.refresh_from_db()
    assert (answer.status, answer.attempts) == (Status.SENT, 1)
    assert len(jotform.edits()) == 1


@pytest.mark.parametrize(
    ("key", "fields", "named"),
    [
        ("", {"answer": "10"}, "JOTFORM_API_KEY"),
        (API_KEY, {}, "JOTFORM_FIELDS"),
        (API_KEY, {"answer_line": "10"}, "JOTFORM_FIELDS"),
    ],
)
def test_without_configuration_it_waits_and_goes_out_once_configured(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any, key: str, fields: Any, named: str
) -> None:
    settings.JOTFORM_API_KEY, settings.JOTFORM_FIELDS = key, fields

    send(answer)

    assert (answer.status, answer.attempts) == (Status.NOT_CONFIGURED, 0)
    assert named in answer.last_error
    assert jotform.requests == []

    settings.JOTFORM_API_KEY, settings.JOTFORM_FIELDS = API_KEY, {"answer": "10"}
    OrmQ.objects.all().delete()
    tasks.send_due_returns()
    assert queued() == [], "a minute has not passed"
    ResultReturn.objects.update(next_try_at=timezone.now())
    tasks.send_due_returns()
    assert queued() == [answer.pk]
    assert send(answer).status == Status.SENT


def test_the_schedule_looks_for_the_configuration_without_filling_the_queue(
    jotform: JotformStandIn, answer: ResultReturn, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = ""
    OrmQ.objects.all().delete()
    ResultReturn.objects.update(next_try_at=timezone.now())

    tasks.send_due_returns()

    answer.refresh_from_db()
    assert answer.status == Status.NOT_CONFIGURED
    assert answer.next_try_at > timezone.now() + timedelta(seconds=50)
    assert queued() == []


def test_the_schedule_queues_an_answer_once_while_it_waits_for_a_worker(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    assert returns.send_due() == 0, "its task is in the queue since the decision"
    OrmQ.objects.all().delete()
    ResultReturn.objects.update(next_try_at=timezone.now())

    assert [returns.send_due() for _ in range(3)] == [1, 0, 0]

    assert queued() == [answer.pk]
    assert jotform.requests == [], "the schedule itself sends nothing"


def test_the_schedule_leaves_an_answer_alone_that_is_being_sent(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    ResultReturn.objects.update(next_try_at=timezone.now())
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(connection), work_lock(returns.WORK_LOCK, answer.pk):
            held.set()
            done.wait(10)

    worker = threading.Thread(target=hold)
    worker.start()
    held.wait(10)
    try:
        assert returns.send_due() == 0
    finally:
        done.set()
        worker.join()
    assert returns.send_due() == 1


def test_a_worker_that_starts_looks_for_answers_left_behind(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    from django_q.signals import post_spawn

    OrmQ.objects.all().delete()
    ResultReturn.objects.update(next_try_at=timezone.now(), attempts=1)

    post_spawn.send(sender="django_q", proc_name="worker")

    assert queued() == [answer.pk]


def test_send_again_forgives_the_attempts_and_queues(
    jotform: JotformStandIn, answer: ResultReturn, approver: Any
) -> None:
    jotform.misbehave(Fault.STATUS, code=404, message="gone")
    assert send(answer).status == Status.GIVEN_UP
    OrmQ.objects.all().delete()

    returns.send_again(return_id=answer.pk, by=approver)

    answer.refresh_from_db()
    assert (answer.status, answer.attempts, answer.last_error) == (Status.QUEUED, 0, "")
    assert queued() == [answer.pk]
    assert send(answer).status == Status.SENT
    assert history(answer.case) == [
        What.ANSWER_QUEUED,
        What.ANSWER_FAILED,
        What.ANSWER_QUEUED,
        What.ANSWER_SENT,
    ]
    assert answer.case.events.filter(what=What.ANSWER_QUEUED).latest("pk").actor == approver


def test_send_again_is_refused_once_sent(
    jotform: JotformStandIn, answer: ResultReturn, approver: Any
) -> None:
    send(answer)
    OrmQ.objects.all().delete()

    with pytest.raises(returns.AlreadySent):
        returns.send_again(return_id=answer.pk, by=approver)

    assert queued() == []
    assert send(answer).status == Status.SENT


def test_a_failing_run_does_not_undo_send_again(
    jotform: JotformStandIn, answer: ResultReturn, approver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_meanwhile(self: JotformClient, submission_id: str) -> dict[str, Any]:
        returns.send_again(return_id=answer.pk, by=approver)
        raise JotformError("gone", permanent=True)

    with monkeypatch.context() as patch:
        patch.setattr(JotformClient, "read_submission", fail_meanwhile)
        send(answer)

    assert (answer.status, answer.attempts) == (Status.QUEUED, 0)
    assert send(answer).status == Status.SENT


def test_a_case_that_was_erased_is_no_longer_answered(
    jotform: JotformStandIn, answer: ResultReturn
) -> None:
    retention.erase(case_id=answer.case_id)

    assert send(answer).status == Status.GIVEN_UP
    assert answer.last_error
    assert jotform.requests == []


def test_an_answer_that_is_gone_is_no_error(jotform: JotformStandIn) -> None:
    tasks.send_return(123456)


def test_erasing_a_case_deletes_its_deliveries_and_no_others(case: Case) -> None:
    mine = JotformDelivery.objects.create(case=case, submission_id=SUBMISSION)
    repeated = JotformDelivery.objects.create(submission_id=SUBMISSION)
    foreign = JotformDelivery.objects.create(submission_id="1")

    case.save()
    assert JotformDelivery.objects.count() == 3
    retention.erase(case_id=case.pk)

    left = list(JotformDelivery.objects.all())
    assert left == [foreign], (mine, repeated)


def test_erasing_a_case_without_submission_keeps_unknown_deliveries(case: Case) -> None:
    Case.objects.update(jotform_submission_id=None)
    JotformDelivery.objects.create(submission_id="")

    retention.erase(case_id=case.pk)

    assert JotformDelivery.objects.count() == 1


@pytest.mark.parametrize("submission_id", ["", "..", "1/2", "1?apiKey=2", "a" * 65])
def test_a_submission_number_cannot_lead_elsewhere(
    jotform: JotformStandIn, submission_id: str
) -> None:
    with pytest.raises(JotformError) as refused:
        JotformClient(jotform.base, API_KEY).read_submission(submission_id)

    assert refused.value.permanent
    assert jotform.requests == []


def test_parts_of_an_answer_are_written_with_their_own_brackets(jotform: JotformStandIn) -> None:
    api = JotformClient(f"{jotform.base}/", f" {API_KEY}\n")

    api.edit_submission(SUBMISSION, {"3_first": "Dr.", "new": "0"})

    assert jotform.edits()[0].form == {"submission[3][first]": "Dr.", "submission[new]": "0"}
    assert jotform.shown(SUBMISSION, "3") == {"first": "Dr.", "last": "Exemplo"}


def test_the_list_shows_answers_and_nothing_can_be_edited(
    jotform: JotformStandIn, answer: ResultReturn, reader: Any, client: Any
) -> None:
    client.force_login(reader)

    page = client.get(reverse("admin:integrations_resultreturn_changelist"), {"status": "queued"})

    assert page.status_code == 200
    assert reverse("admin:cases_case_review", args=[answer.case_id]) in page.content.decode()
    assert client.get(reverse("admin:integrations_resultreturn_add")).status_code == 403
    delete = reverse("admin:integrations_resultreturn_delete", args=[answer.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    change = reverse("admin:integrations_resultreturn_change", args=[answer.pk])
    assert client.post(change, {"status": "sent"}).status_code == 403
    assert ResultReturn.objects.get().status == Status.QUEUED


def test_the_button_sends_again_and_leads_back_to_the_case(
    jotform: JotformStandIn, answer: ResultReturn, approver: Any, client: Any
) -> None:
    ResultReturn.objects.update(status=Status.GIVEN_UP, attempts=5)
    client.force_login(approver)
    url = reverse("admin:integrations_resultreturn_send_again", args=[answer.pk])

    assert client.get(url).status_code == 302
    response = client.post(url)

    assert response.status_code == 302
    assert response.url == reverse("admin:cases_case_review", args=[answer.case_id])
    answer.refresh_from_db()
    assert (answer.status, answer.attempts) == (Status.QUEUED, 0)

    send(answer)
    page = client.post(url, follow=True)
    assert [message.level_tag for message in page.context["messages"]][-1] == "warning"


def test_only_approvers_may_send_again(
    jotform: JotformStandIn, answer: ResultReturn, reader: Any, client: Any
) -> None:
    url = reverse("admin:integrations_resultreturn_send_again", args=[answer.pk])
    OrmQ.objects.all().delete()

    assert client.post(url).status_code == 302, "to the login"
    client.force_login(reader)
    assert client.post(url).status_code == 403
    assert queued() == []


def test_deliveries_are_for_superusers_only(
    make_user: Any, approver: Any, client: Any, case: Case
) -> None:
    JotformDelivery.objects.create(case=case, fields={"nome": "Dra. Exemplo"})
    url = reverse("admin:integrations_jotformdelivery_changelist")

    client.force_login(approver)
    assert client.get(url).status_code == 403
    client.force_login(make_user(username="root", is_superuser=True))
    assert client.get(url).status_code == 200
    assert client.get(reverse("admin:integrations_jotformdelivery_add")).status_code == 403
