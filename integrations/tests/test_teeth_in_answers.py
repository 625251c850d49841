"""The tooth that the dentist reads, where the case was decided on its page."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cases.models import Case, Finding
from cases.tests.making_cases import form_of
from integrations.jotform.incoming import readings
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import ResultReturn
from integrations.tests.answering import SUBMISSION, Status, make_implant, send, take_in_edits

pytestmark = pytest.mark.django_db(transaction=True)


def decide(client: Client, case: Case, reviewer: Any, *chosen: int, **typed: str) -> None:
    """Open the page, tick and type, and send its form."""
    client.force_login(reviewer)
    finding = Finding.objects.get()
    fields = form_of(client.get(reverse("admin:cases_case_review", args=[case.pk])))
    ticked = [f"{finding.pk}:{pk}" for pk in chosen]
    typed = {name.replace("_", f"-{finding.pk}"): value for name, value in typed.items()}
    url = reverse("admin:cases_case_decide", args=[case.pk])
    client.post(url, {**fields, **typed, "choice": ticked})


@pytest.fixture
def proposed(case: Case) -> int:
    return int(Finding.objects.get().results.get().implant_id)


def correct(jotform: JotformStandIn, tooth: str) -> None:
    jotform.edit(SUBMISSION, answers={"6": tooth})
    readings.ask(submission_id=SUBMISSION)
    take_in_edits()


def test_the_senders_corrected_tooth_reaches_the_dentist(
    jotform: JotformStandIn, client: Client, case: Case, approver: Any, proposed: int
) -> None:
    decide(client, case, approver, proposed)
    answer = ResultReturn.objects.get()
    send(answer)
    assert " 26;" in jotform.shown(SUBMISSION, "10")

    correct(jotform, "37")

    assert send(answer).status == Status.SENT
    assert " 37;" in jotform.shown(SUBMISSION, "10")
    assert "26" not in jotform.shown(SUBMISSION, "10")


def test_the_reviewers_tooth_stays_when_the_sender_corrects_hers(
    jotform: JotformStandIn, client: Client, case: Case, approver: Any, proposed: int
) -> None:
    decide(client, case, approver, proposed, tooth_="46")
    answer = ResultReturn.objects.get()
    send(answer)

    correct(jotform, "37")
    send(answer)

    assert " 46;" in jotform.shown(SUBMISSION, "10")


def test_alternatives_for_one_fixture_have_the_senders_tooth(
    jotform: JotformStandIn, client: Client, case: Case, approver: Any, proposed: int
) -> None:
    decide(client, case, approver, proposed, make_implant("Straumann", "BLX").pk)

    send(ResultReturn.objects.get())

    lines = jotform.shown(SUBMISSION, "10").split("\n")
    assert [" 26;" in line for line in lines] == [True, True]
