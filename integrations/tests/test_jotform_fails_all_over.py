"""Jotform fails in each documented way while approvals go on."""

import threading
from contextlib import closing
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cases import review
from cases.models import Case, CaseEvent
from integrations import tasks
from integrations.jotform.outgoing import outbox
from integrations.jotform.simulation.standin import Fault, JotformStandIn, SimulatedSubmission
from integrations.models import JotformSubmission, ResultReturn
from integrations.tests.answering import Status, take_in_edits

pytestmark = pytest.mark.django_db(transaction=True)

# REFUSE is left out: with a good key it says that the submission does not exist.
WAYS: list[tuple[Fault, dict[str, Any]]] = [
    (Fault.ENVELOPE, {"code": 500}),
    (Fault.STATUS, {"code": 500}),
    (Fault.STATUS, {"code": 503, "message": "rate limits etc exceeded"}),
    (Fault.STATUS, {"code": 429, "retry_after": "1"}),
    (Fault.DAILY_LIMIT, {}),
    (Fault.DAILY_LIMIT_AT_200, {}),
    (Fault.OVER_QUOTA, {}),
    (Fault.BROKEN_JSON, {}),
    (Fault.HTML, {"code": 503}),
    (Fault.RESET, {}),
    (Fault.REDIRECT, {}),
    (Fault.RESET_AFTER_APPLYING, {"method": "POST"}),
    (Fault.APPLIED_IN_PART, {"method": "POST"}),
    (Fault.SHOWN_LATE, {"method": "POST"}),
]
ROUNDS = 60


def make_case(number: int, jotform: JotformStandIn) -> Case:
    submission_id = f"63{number:017d}"
    case = Case.objects.create(
        jotform_submission_id=submission_id,
        source=Case.Source.JOTFORM,
        status=Case.Status.PENDING,
    )
    jotform.add(SimulatedSubmission(submission_id, answers={}, uploads={}))
    JotformSubmission.objects.create(
        submission_id=submission_id, case=case, version=jotform.version(submission_id)
    )
    return case


def send_in_threads(ids: list[int]) -> None:
    """Each answer twice and at once, as two workers would."""

    def work(order: list[int]) -> None:
        with closing(connection):
            for return_id in order:
                tasks.send_return(return_id)

    threads = [threading.Thread(target=work, args=(order,)) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def applied(jotform: JotformStandIn, case: Case) -> list[str]:
    """The texts that edits of this case's submission brought."""
    path = f"/submission/{case.jotform_submission_id}"
    return [one.form.get("submission[10]", "") for one in jotform.edits() if one.path == path]


def test_no_answer_is_lost_none_is_sent_twice_and_no_task_is_stuck(
    jotform: JotformStandIn, approver: Any, settings: Any
) -> None:
    settings.JOTFORM_FIELDS = {"answer": "10", "answer_status": "12"}
    cases = [make_case(number, jotform) for number in range(len(WAYS))]
    for case, (fault, details) in zip(cases, WAYS, strict=True):
        submission_id = str(case.jotform_submission_id)
        # Twice: at the first call, and later in the exchange.
        for after in (0, 2) if "method" not in details else (0,):
            path = f"/submission/{submission_id}"
            jotform.misbehave(fault, path=path, after=after, **details)
    for case in cases:
        review.reject(case_id=case.pk, reason=f"Motivo {case.pk}.", reviewer=approver)
        send_in_threads(list(ResultReturn.objects.unsent().values_list("pk", flat=True)))
    rounds = 0
    while ResultReturn.objects.exclude(status=Status.SENT).exists() and rounds < ROUNDS:
        rounds += 1
        take_in_edits()
        ResultReturn.objects.unsent().update(next_try_at=timezone.now())
        outbox.send_due()
        send_in_threads(list(ResultReturn.objects.unsent().values_list("pk", flat=True)))

    assert set(ResultReturn.objects.values_list("status", flat=True)) == {Status.SENT}
    assert jotform.faults == [], "each failed as it was meant to"
    for case, (fault, _details) in zip(cases, WAYS, strict=True):
        submission_id = str(case.jotform_submission_id)
        assert jotform.shown(submission_id, "10") == f"Motivo {case.pk}."
        assert jotform.shown(submission_id, "12") != ""
        events = case.events.filter(what=CaseEvent.What.ANSWER_SENT)
        assert events.count() == 1
        assert set(applied(jotform, case)) == {f"Motivo {case.pk}."}
        if fault in (Fault.RESET_AFTER_APPLYING, Fault.SHOWN_LATE):
            assert len(applied(jotform, case)) == 1, "what is there is not written again"
    before = len(jotform.requests)
    send_in_threads(list(ResultReturn.objects.values_list("pk", flat=True)))
    assert len(jotform.requests) == before
