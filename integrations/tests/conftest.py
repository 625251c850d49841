"""A Jotform, a Telegram and a case on this machine, for the tests about answers and notices."""

from collections.abc import Iterator
from typing import Any

import pytest

from cases.models import Case, CaseImage, Finding, Result
from integrations.jotform import client
from integrations.jotform.simulation.standin import API_KEY, JotformStandIn, SimulatedSubmission
from integrations.models import JotformSubmission, ResultReturn
from integrations.tests.answering import FILM, SUBMISSION, approve, make_implant
from integrations.tests.channels import CHAT, PUBLIC, RECIPIENTS, TOKEN, TelegramStandIn
from matching.radiograph import digest


@pytest.fixture
def jotform(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[JotformStandIn]:
    monkeypatch.setattr(client, "TIMEOUT", (1.0, 0.5))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        settings.JOTFORM_API_KEY = API_KEY
        settings.JOTFORM_FIELDS = {"answer": "10"}
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        submission = SimulatedSubmission(SUBMISSION, upload_base=standin.base)
        standin.add(submission, **{"radiografia.png": FILM})
        yield standin


@pytest.fixture
def case(jotform: JotformStandIn) -> Case:
    """A case that awaits review, with one candidate, and says what Jotform shows."""
    case = Case.objects.create(
        jotform_submission_id=SUBMISSION,
        form_id="250000000000001",
        source=Case.Source.JOTFORM,
        status=Case.Status.PENDING,
        dentist_name="Dra. Exemplo",
        dentist_email="dentista@example.com",
        patient_name="Paciente Fictício",
        tooth=26,
    )
    JotformSubmission.objects.create(
        submission_id=SUBMISSION,
        form_id=case.form_id,
        case=case,
        version=jotform.version(SUBMISSION),
    )
    shown = jotform.store.current(SUBMISSION).upload_urls("q7_radiografia")
    image = CaseImage.objects.create(case=case, source_url=shown[0], sha256=digest(FILM))
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


@pytest.fixture
def by_mail(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    settings.RAIOX_NOTIFY_EMAILS = RECIPIENTS
    settings.RAIOX_PUBLIC_URL = PUBLIC


@pytest.fixture
def telegram(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[TelegramStandIn]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings.RAIOX_PUBLIC_URL = PUBLIC
    settings.RAIOX_TELEGRAM_TOKEN, settings.RAIOX_TELEGRAM_CHAT = TOKEN, CHAT
    with TelegramStandIn() as standin:
        settings.RAIOX_TELEGRAM_BASE = standin.base
        yield standin
