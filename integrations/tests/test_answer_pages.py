"""The pages about answers and deliveries."""

from typing import Any

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from cases import retention
from cases.models import Case
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import JotformDelivery, ResultReturn
from integrations.tests.answering import SUBMISSION, Status, approve, queued, reopen, send

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_list_shows_answers_and_nothing_can_be_edited(
    jotform: JotformStandIn, answer: ResultReturn, reader: Any, client: Any
) -> None:
    client.force_login(reader)

    page = client.get(
        reverse("admin:integrations_resultreturn_changelist"), {"status__exact": "queued"}
    )

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

    ResultReturn.objects.update(status=Status.WITHDRAWN)
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


def test_the_case_page_shows_the_answers_of_the_last_decision_and_folds_the_earlier_ones(
    jotform: JotformStandIn,
    answer: ResultReturn,
    case: Case,
    approver: Any,
    client: Any,
    settings: Any,
) -> None:
    settings.JOTFORM_COPY_URL = "https://copies.example.com/"
    send(answer)
    reopen(case)
    approve(case, approver)
    client.force_login(approver)

    page = client.get(reverse("admin:cases_case_review", args=[case.pk])).content.decode()
    shown, _, folded = page.partition('class="answer"')[2].partition("<details")

    channels = [str(ResultReturn.Channel(one).label) for one in ("jotform", "copy")]
    positions = [shown.casefold().index(f"{one.casefold()}:") for one in channels]
    assert positions == sorted(positions)
    assert "answer-queued" in shown and "answer-sent" not in shown
    assert "answer-sent" in folded.partition("</details>")[0]


def test_a_withdrawn_answer_offers_no_button(
    jotform: JotformStandIn, answer: ResultReturn, case: Case, approver: Any, client: Any
) -> None:
    url = reverse("admin:integrations_resultreturn_send_again", args=[answer.pk])
    page = reverse("admin:cases_case_review", args=[case.pk])
    client.force_login(approver)
    assert url in client.get(page).content.decode()

    ResultReturn.objects.update(status=Status.WITHDRAWN)

    assert url not in client.get(page).content.decode()
    response = client.post(url, follow=True)
    assert [message.level_tag for message in response.context["messages"]] == ["warning"]
    assert ResultReturn.objects.get().status == Status.WITHDRAWN


@pytest.mark.parametrize(
    "model", ["jotformdelivery", "jotformsubmission", "jotformpoll", "staffnotice"]
)
def test_the_machinery_is_shown_to_superusers_only(
    client: Any, approver: Any, make_user: Any, model: str
) -> None:
    page = reverse(f"admin:integrations_{model}_changelist")
    client.force_login(approver)
    assert client.get(page).status_code == 403
    client.force_login(make_user(username="operador", is_superuser=True))
    assert client.get(page).status_code == 200
    assert client.get(reverse(f"admin:integrations_{model}_add")).status_code == 403
