from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from cases.models import Case
from integrations.models import ResultReturn


@pytest.mark.parametrize(
    ("before", "after", "tasks"),
    [("given_up", "queued", 1), ("not_configured", "queued", 1), ("sent", "sent", 0)],
)
def test_callback_sends_an_answer_that_is_still_owed_and_no_other(
    client: Client,
    approver: Any,
    bearer: Callable[..., dict[str, str]],
    before: str,
    after: str,
    tasks: int,
) -> None:
    case = Case.objects.create(
        source=Case.Source.JOTFORM,
        jotform_submission_id="6200000000000000001",
        status=Case.Status.REJECTED,
        decided_at=timezone.now(),
        decision_reason="blurred",
    )
    answer = ResultReturn.objects.create(
        case=case, status=before, attempts=5, sent_at=timezone.now() if before == "sent" else None
    )
    reply = client.post(f"/cases/{case.pk}/callback", headers=bearer(approver))
    answer.refresh_from_db()
    assert reply.status_code == 200
    assert (answer.status, OrmQ.objects.count()) == (after, tasks)


def test_callback_sends_a_copy_that_is_owed_and_not_the_answer_that_is_out(
    client: Client, approver: Any, bearer: Callable[..., dict[str, str]], settings: Any
) -> None:
    settings.JOTFORM_COPY_URL = "https://copies.example.com/"
    case = Case.objects.create(
        source=Case.Source.JOTFORM,
        jotform_submission_id="6200000000000000001",
        status=Case.Status.REJECTED,
        decided_at=timezone.now(),
        decision_reason="blurred",
        revision=2,
    )
    rows = [("jotform", 1, "withdrawn"), ("jotform", 2, "sent"), ("copy", 2, "given_up")]
    for channel, revision, status in rows:
        ResultReturn.objects.create(
            case=case, channel=channel, revision=revision, status=status, sent_at=timezone.now()
        )

    reply = client.post(f"/cases/{case.pk}/callback", headers=bearer(approver))

    assert reply.status_code == 200
    statuses = ResultReturn.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["withdrawn", "sent", "queued"]
    assert OrmQ.objects.count() == 1
