"""What each call of our client brings. The ids of the cases are the wording of what is known."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.jotform import client
from integrations.jotform.client import JotformClient, JotformError
from integrations.jotform.simulation.standin import API_KEY, JotformStandIn, SimulatedSubmission
from integrations.tests.answering import SUBMISSION

FORM = SimulatedSubmission.form_id


@pytest.fixture
def api(jotform: JotformStandIn) -> JotformClient:
    return JotformClient(jotform.base, API_KEY)


def refused(call: Callable[[], object]) -> JotformError:
    with pytest.raises(JotformError) as caught:
        call()
    assert API_KEY not in str(caught.value)
    return caught.value


EDITS = [
    pytest.param({"10": "texto"}, {"10": "texto"}, id="submission[{qid}]=v"),
    pytest.param(
        {"3_first": "Dr."},
        {"3": {"first": "Dr.", "last": "Exemplo"}},
        id="submission[{qid}][{sub}]=v",
    ),
    pytest.param({"99": "x", "10": "y"}, {"99": "", "10": "y"}, id="Unknown qids silently dropped"),
    pytest.param(
        {"11": "x"},
        {"4": "dentista@example.com", "11": "x"},
        id="Partial: fields not sent keep their value",
    ),
    pytest.param({"6": ""}, {"6": ""}, id="A blank value clears"),
]


@pytest.mark.parametrize("transport", ["form", "multipart", "query"])
@pytest.mark.parametrize(("fields", "shown"), EDITS)
def test_an_edit(
    jotform: JotformStandIn,
    api: JotformClient,
    fields: dict[str, str],
    shown: dict[str, Any],
    transport: str,
) -> None:
    api.edit_submission(SUBMISSION, fields, transport=transport)

    assert {number: jotform.shown(SUBMISSION, number) for number in shown} == shown


@pytest.mark.parametrize("transport", ["form", "multipart", "query"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("new", "0", id="submission[new] 1 unread / 0 read"),
        pytest.param("flag", "1", id="submission[flag] 1/0"),
    ],
)
def test_a_mark(
    jotform: JotformStandIn, api: JotformClient, name: str, value: str, transport: str
) -> None:
    api.edit_submission(SUBMISSION, {}, marks={name: value}, transport=transport)

    assert jotform.mark(SUBMISSION, name) == value
    assert api.read_submission(SUBMISSION)[name] == value


@pytest.mark.parametrize(
    ("transport", "content_type"),
    [
        ("form", "application/x-www-form-urlencoded"),
        ("multipart", "multipart/form-data"),
        ("query", ""),
    ],
)
def test_each_transport_is_what_it_says(
    jotform: JotformStandIn, api: JotformClient, transport: str, content_type: str
) -> None:
    api.edit_submission(SUBMISSION, {"10": "ação"}, transport=transport)

    edit = jotform.edits()[0]
    assert edit.headers.get("content-type", "").partition(";")[0] == content_type
    key = "submission[10]"
    assert (edit.query if transport == "query" else edit.form)[key] == "ação"
    assert b"%5b" not in edit.body.lower(), "percent-encoded keys are said to be mis-mapped"


def test_submissions_are_listed_as_they_were_asked_for(
    jotform: JotformStandIn, api: JotformClient
) -> None:
    jotform.forget(SUBMISSION)
    start = datetime(2026, 11, 21, 12, tzinfo=ZoneInfo("America/New_York"))
    for hour in range(5):
        jotform.clock.now = lambda hour=hour: start + timedelta(hours=hour)
        jotform.add(SimulatedSubmission(f"640000000000000000{hour}"))
    jotform.edit("6400000000000000001", answers={"6": "36"})

    def ids(form_id: str = "", **how: Any) -> list[str]:
        return [one["id"][-1] for one in api.submissions(form_id, **how)]

    assert ids(form_id=FORM, filter={"created_at:gt": "2026-11-21 14:00:00"}, limit=2) == ["4", "3"]
    since = {"created_at:gte": "2026-11-21 14:00:00"}
    assert ids(filter=since, offset=2, limit=2) == ["2"]
    assert ids(filter={"updated_at:gt": "2026-11-21 15:59:59"}) == ["1"]
    assert ids(filter={"updated_at:gt": "2026-11-21 16:00:00"}) == []


def test_what_is_listed_is_what_is_read(api: JotformClient) -> None:
    assert api.submissions(FORM, filter={}) == [api.read_submission(SUBMISSION)]


def test_the_questions_of_a_form(api: JotformClient) -> None:
    question = api.form_questions(FORM)["10"]

    assert (question["name"], question["type"]) == ("resultado", "control_textarea")
    assert isinstance(question["order"], str)


@pytest.mark.parametrize("number", ["", "..", "1/2", "1?apiKey=2", "a" * 65])
def test_a_number_cannot_lead_elsewhere(
    jotform: JotformStandIn, api: JotformClient, number: str
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: api.read_submission(number),
        lambda: api.edit_submission(number, {"10": "x"}),
        lambda: api.form_questions(number),
    ]
    if number:
        calls.append(lambda: api.submissions(number, filter={}))

    assert all(refused(call).permanent for call in calls)
    assert jotform.requests == []


def test_a_body_without_an_end_is_not_read_for_ever(
    jotform: JotformStandIn, api: JotformClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", 100)

    assert not refused(lambda: api.read_submission(SUBMISSION)).permanent
