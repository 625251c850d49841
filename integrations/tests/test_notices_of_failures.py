"""A case that could not be processed is told to staff, once for each failure."""

import threading
from contextlib import closing
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.db.models import F
from django.utils import timezone

from cases import changes, intake, records, retention, review
from cases.intake import Person
from cases.models import Case, CaseEvent
from integrations import notify, tasks
from integrations.models import StaffNotice
from integrations.notices import failures
from integrations.tests.channels import (
    PUBLIC,
    new_case,
)

pytestmark = pytest.mark.django_db(transaction=True)

Kind = StaffNotice.Kind
FAILED_QUEUE = f"{PUBLIC}/admin/cases/case/?status=failed"


def failed_case(case=None):
    """A case whose films could not be read, as `cases` leaves it."""
    case = case or Case.objects.create(source=Case.Source.UPLOAD)
    assert intake.fail(case_id=case.pk, reason="Uma falha de Paciente Fictício")
    return case


def run():
    tasks.send_notices()
    return [message.body for message in mail.outbox]


def later(**time):
    """Let time pass for everything that happened."""
    StaffNotice.objects.update(
        created_at=F("created_at") - timedelta(**time),
        next_try_at=F("next_try_at") - timedelta(**time),
        sent_at=F("sent_at") - timedelta(**time),
    )
    with records.unlocked():
        CaseEvent.objects.update(created_at=F("created_at") - timedelta(**time))
    Case.objects.update(updated_at=F("updated_at") - timedelta(**time))


def page(case):
    return f"{PUBLIC}/admin/cases/case/{case.pk}/review/"


def test_a_failed_case_is_told_once_by_every_channel(by_mail, telegram):
    case = failed_case()
    for _ in range(3):
        run()
        later(minutes=10)
    (message,) = mail.outbox
    assert message.body.endswith(page(case))
    assert "1" in message.subject
    assert telegram.messages[0]["text"] == message.body
    assert len(telegram.messages) == 1


def test_nothing_of_the_case_is_told_but_its_number(by_mail):
    case = failed_case()
    assert "falha de" not in run()[0].replace(page(case), "")
    assert "Fictício" not in mail.outbox[0].subject


def test_a_request_that_fails_at_the_door_is_told_too(by_mail):
    received = intake.receive(source=Case.Source.JOTFORM, images=(), person=Person())
    assert run()[0].endswith(page(received.case))


def test_fifty_failures_are_two_messages_and_lead_to_the_failed_cases(by_mail):
    failed_case()
    run()
    for _ in range(49):
        failed_case()
        run()
    assert len(mail.outbox) == 1
    later(minutes=1)
    text = run()[1]
    assert "49" in text.split()
    assert text.endswith(FAILED_QUEUE)


def test_new_and_failed_cases_are_one_message(by_mail):
    new, failed = new_case(), failed_case()
    (text,) = run()
    assert text.index(page(new)) < text.index(page(failed))


def test_a_case_that_fails_again_is_told_again(by_mail, approver):
    case = failed_case()
    run()
    later(minutes=10)
    review.retry(case_id=case.pk, by=approver)
    run()
    assert len(mail.outbox) == 1
    failed_case(case)
    assert len(run()) == 2
    assert len(run()) == 2


def test_a_correction_by_the_sender_is_no_second_failure(by_mail):
    case = failed_case()
    run()
    later(minutes=10)
    changes.revise(case_id=case.pk, person=Person(patient_name="Paciente Fictício"), images=())
    assert Case.objects.get(pk=case.pk).updated_at > timezone.now() - timedelta(minutes=5)
    assert len(run()) == 1


@pytest.mark.parametrize("onward", ["retried", "rejected", "archived"])
def test_what_is_no_longer_failed_is_not_counted(by_mail, settings, approver, onward):
    failed_case()
    run()
    gone, still = failed_case(), failed_case()
    run()
    if onward == "retried":
        review.retry(case_id=gone.pk, by=approver)
    elif onward == "rejected":
        review.reject(case_id=gone.pk, reason="Sem imagem.", reviewer=approver)
    else:
        retention.erase(case_id=gone.pk)
    later(minutes=10)
    assert run()[1].endswith(page(still))
    assert not StaffNotice.objects.filter(sent_at=None).exists()


def test_what_failed_long_ago_is_not_told_when_a_channel_is_set_up(by_mail):
    failed_case()
    later(days=2)
    recent = failed_case()
    assert run()[0].endswith(page(recent))


def test_what_failed_while_no_channel_was_set_up_is_told_when_one_is(settings, request):
    case = failed_case()
    run()
    assert not StaffNotice.objects.exists()
    request.getfixturevalue("by_mail")
    assert run()[0].endswith(page(case))


def test_two_runs_at_once_write_one_notice(by_mail, telegram):
    failed_case()
    failed_case()
    runs = [threading.Thread(target=_run_alone) for _ in range(4)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join(20)
    assert StaffNotice.objects.filter(kind=Kind.FAILED_CASE).count() == 4
    assert not failures.untold().exists()


@pytest.mark.parametrize("status", [Case.Status.FAILED, Case.Status.ARCHIVED])
@pytest.mark.parametrize("attempts", [0, 3, notify.MAX_ATTEMPTS])
def test_a_new_case_that_ended_otherwise_leaves_no_notice_behind(by_mail, status, attempts):
    case = new_case()
    StaffNotice.objects.update(attempts=attempts)
    Case.objects.filter(pk=case.pk).update(status=status, failure="x", updated_at=timezone.now())
    run()
    assert not StaffNotice.objects.filter(sent_at=None).exists()
    told = list(StaffNotice.objects.values_list("kind", flat=True))
    assert told == ([Kind.FAILED_CASE] if status == Case.Status.FAILED else [])


def test_an_answer_that_waits_for_a_day_is_told_with_its_case(by_mail):
    cases = [failed_case() for _ in range(7)]
    Case.objects.update(status=Case.Status.PENDING)
    for case in cases:
        notify.alert(kind=Kind.ANSWER_LATE, case=case)
    (text,) = run()
    assert [page(case) in text for case in cases] == [True] * 5 + [False] * 2
    assert str(cases[0].pk) in text.splitlines()[0].replace(".", "").split()
    assert "2" in text.splitlines()[-2].split()


def _run_alone():
    with closing(connection):
        tasks.send_notices()
