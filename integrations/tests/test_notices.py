"""Staff is told of what needs them: once, together, and without a word about the patient."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from cases import leftovers
from cases.models import Case, CaseEvent
from cases.signals import case_matched
from integrations import notify, tasks
from integrations.models import StaffNotice
from integrations.tests.channels import PUBLIC, RECIPIENTS

pytestmark = pytest.mark.django_db(transaction=True)

Kind = StaffNotice.Kind
PERSONAL = {
    "jotform_submission_id": "6312345678901234567",
    "form_id": "250000000000001",
    "dentist_name": "Dra. Exemplo",
    "dentist_email": "dentista@consultorio.example",
    "patient_name": "Paciente Fictício",
    "note": "Uma nota ao dentista",
    "decision_reason": "Um motivo",
    "failure": "Uma falha",
}


def matched(case=None, **facts):
    """A case that comes before the reviewer, as `cases` announces it."""
    case = case or Case.objects.create(
        source=Case.Source.JOTFORM, status=Case.Status.PENDING, **facts
    )
    with transaction.atomic():
        case_matched.send(sender=Case, case=case)
    return case


def texts():
    return [message.body for message in mail.outbox]


def run():
    tasks.send_notices()
    return texts()


def later(seconds):
    """Let time pass for everything that is in the outbox."""
    for notice in StaffNotice.objects.all():
        notice.next_try_at -= timedelta(seconds=seconds)
        notice.sent_at = notice.sent_at and notice.sent_at - timedelta(seconds=seconds)
        notice.save()
        created = notice.created_at - timedelta(seconds=seconds)
        StaffNotice.objects.filter(pk=notice.pk).update(created_at=created)


def page(case):
    return f"{PUBLIC}/admin/cases/case/{case.pk}/review/"


QUEUE = f"{PUBLIC}/admin/cases/case/"


def test_a_new_case_is_told_at_once_with_a_link_to_its_page(by_mail):
    case = matched()
    assert [entry.task["func"] for entry in OrmQ.objects.all()] == [notify.NOTICES_TASK]
    run()
    (message,) = mail.outbox
    assert message.to == RECIPIENTS
    assert message.body.endswith(page(case))
    assert "1" in message.subject
    assert "\n" not in message.subject


def test_fifty_cases_at_once_are_two_messages(by_mail, telegram):
    first = matched()
    run()
    for _ in range(49):
        matched()
        run()
    assert texts() == [telegram.messages[0]["text"]]
    assert texts()[0].endswith(page(first))

    later(60)
    for _ in range(3):
        run()
    assert len(texts()) == len(telegram.messages) == 2
    assert "49" in texts()[1].split()
    assert texts()[1].endswith(QUEUE)


def test_what_came_before_the_first_message_is_told_in_it(by_mail):
    for _ in range(3):
        matched()
    (text,) = run()
    assert "3" in text.split()


def test_a_run_that_is_repeated_sends_nothing_again(by_mail):
    matched()
    run()
    later(1000)
    assert len(run()) == 1


def test_nothing_personal_is_in_any_message(by_mail, telegram):
    case = matched(pk=900_001, tooth=36, client_hash="c0ffee" * 8, **PERSONAL)
    for kind in (Kind.ANSWER_GIVEN_UP, Kind.CHANGED_AFTER_DECISION, Kind.JOTFORM_REFUSES):
        notify.alert(kind=kind, case=case if kind != Kind.JOTFORM_REFUSES else None)
    run()
    (message,) = mail.outbox
    told = f"{message.subject} {message.body} {telegram.messages[0]['text']}"
    assert told.count(page(case)) == 6
    for value in [*PERSONAL.values(), *PERSONAL["patient_name"].split(), "36", "c0ffee"]:
        assert value.casefold() not in told.replace(page(case), "").casefold()


def test_a_case_that_was_decided_meanwhile_is_not_told(by_mail):
    decided, waiting = matched(), matched()
    Case.objects.filter(pk=decided.pk).update(
        status=Case.Status.REJECTED, decided_at=timezone.now()
    )
    (text,) = run()
    assert text.endswith(page(waiting))
    assert not StaffNotice.objects.filter(case=decided).exists()


def test_when_nothing_remains_to_tell_nothing_is_sent(by_mail):
    case = matched()
    Case.objects.filter(pk=case.pk).update(status=Case.Status.ARCHIVED)
    assert run() == []


def test_a_case_that_is_matched_again_right_now_is_told_when_it_is_back(by_mail):
    case = matched()
    Case.objects.filter(pk=case.pk).update(status=Case.Status.RECEIVED)
    assert run() == []
    Case.objects.filter(pk=case.pk).update(status=Case.Status.PENDING)
    matched(case)
    assert len(run()) == 1
    later(1000)
    assert len(run()) == 1


def test_a_late_film_is_no_second_new_case(by_mail):
    case = matched()
    run()
    later(1000)
    matched(case)
    assert len(run()) == 1


def test_a_reopened_case_is_told_again(by_mail):
    case = matched()
    run()
    later(1000)
    case.record(CaseEvent.What.REOPENED)
    matched(case)
    assert len(run()) == 2


def test_an_alert_does_not_wait_and_takes_the_new_cases_along(by_mail):
    matched()
    run()
    alarming, new = matched(), matched()
    notify.alert(kind=Kind.ANSWER_GIVEN_UP, case=alarming)
    text = run()[1]
    assert "2" in text.split()
    assert text.count(page(alarming)) == 1
    assert str(alarming.pk) in text.split()
    assert page(new) not in text
    assert not StaffNotice.objects.filter(sent_at=None).exists()


def test_what_was_reported_twice_is_one_sentence(by_mail):
    case = Case.objects.create(source=Case.Source.JOTFORM, status=Case.Status.PENDING)
    for _ in range(3):
        notify.alert(kind=Kind.CHANGED_AFTER_DECISION, case=case)
    (text,) = run()
    assert text.count(page(case)) == 1


def test_many_alerts_stay_one_readable_message(by_mail, telegram):
    for number in range(200):
        case = Case.objects.create(
            pk=900_000 + number, source=Case.Source.JOTFORM, status=Case.Status.PENDING
        )
        notify.alert(kind=Kind.ANSWER_GIVEN_UP, case=case)
        notify.alert(kind=Kind.CHANGED_AFTER_DECISION, case=case)
    (text,) = run()
    assert telegram.messages[0]["text"] == text
    assert text.count("/review/") == 10
    assert text.split().count("195") == 2


def test_that_the_key_is_refused_is_told_once_an_hour(by_mail):
    for _ in range(5):
        notify.alert(kind=Kind.JOTFORM_REFUSES)
        run()
    assert len(texts()) == 1
    later(3601)
    notify.alert(kind=Kind.JOTFORM_REFUSES)
    assert len(run()) == 2


def test_a_rollback_leaves_nothing(by_mail, telegram):
    case = Case.objects.create(source=Case.Source.UPLOAD, status=Case.Status.PENDING)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        case_matched.send(sender=Case, case=case)
        notify.alert(kind=Kind.ANSWER_GIVEN_UP, case=case)
        assert StaffNotice.objects.count() == 4
        raise ZeroDivisionError
    assert not StaffNotice.objects.exists()
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize(
    "lacking",
    [{"EMAIL_URL": ""}, {"RAIOX_NOTIFY_EMAILS": []}],
    ids=["no mail server", "no recipient"],
)
def test_without_a_whole_channel_nothing_is_kept(by_mail, settings, lacking):
    for name, value in lacking.items():
        setattr(settings, name, value)
    matched()
    notify.alert(kind=Kind.JOTFORM_REFUSES)
    assert not StaffNotice.objects.exists()
    assert not OrmQ.objects.exists()
    assert run() == []


def test_without_a_public_address_the_path_is_told(by_mail, settings):
    settings.RAIOX_PUBLIC_URL = ""
    case = matched()
    (text,) = run()
    assert text.endswith(f"\n/admin/cases/case/{case.pk}/review/")


def test_old_notices_are_dropped(by_mail, settings):
    matched()
    run()
    later(settings.RAIOX_RETENTION_DAYS * 86_400 + 60)
    kept = matched()
    leftovers.purge(leftovers.limits())
    assert [notice.case_id for notice in StaffNotice.objects.all()] == [kept.pk]


def test_every_minute_the_clock_sends_what_a_lost_task_left(by_mail):
    from raiox_site import schedules

    schedules.register()
    schedule = Schedule.objects.get(func=notify.NOTICES_TASK)
    assert schedule.minutes == 1
