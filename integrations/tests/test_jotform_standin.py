"""The stand-in is as strict as Jotform is known to be: what our tests prove rests on it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from integrations.jotform.simulation.standin import (
    API_KEY,
    JotformStandIn,
    SimulatedSubmission,
)
from integrations.tests.answering import SUBMISSION

KEY = {"APIKEY": API_KEY}


def get(jotform: JotformStandIn, path: str, **how: Any) -> requests.Response:
    how.setdefault("headers", KEY)
    return requests.get(jotform.base + path, timeout=5, **how)


def post(jotform: JotformStandIn, **how: Any) -> requests.Response:
    headers = {**KEY, **how.pop("headers", {})}
    return requests.post(
        f"{jotform.base}/submission/{SUBMISSION}", headers=headers, timeout=5, **how
    )


def content(jotform: JotformStandIn) -> dict[str, Any]:
    shown: dict[str, Any] = get(jotform, f"/submission/{SUBMISSION}").json()["content"]
    return shown


@pytest.mark.parametrize("header", ["APIKEY", "apiKey", "apikey"])
def test_the_header_is_case_insensitive(jotform: JotformStandIn, header: str) -> None:
    assert get(jotform, "/user", headers={header: API_KEY}).status_code == 200


def test_the_key_may_come_in_the_query(jotform: JotformStandIn) -> None:
    assert get(jotform, "/user", headers={}, params={"apiKey": API_KEY}).status_code == 200
    assert get(jotform, "/user", headers={}, params={"apikey": API_KEY}).status_code == 401


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/user", "Invalid API key"),
        ("/form/250000000000001/questions", "You're not authorized to use (/form-id-questions) "),
        (f"/submission/{SUBMISSION}", "You're not authorized to use (/submission-id) "),
    ],
)
def test_a_bad_key_gets_401_and_an_empty_content(
    jotform: JotformStandIn, path: str, message: str
) -> None:
    answer = get(jotform, path, headers={"APIKEY": "another"})

    assert answer.status_code == 401
    body = answer.json()
    assert (body["responseCode"], body["message"], body["content"]) == (401, message, "")


def test_unknown_foreign_and_read_only_look_all_alike(jotform: JotformStandIn) -> None:
    bad_key = get(jotform, f"/submission/{SUBMISSION}", headers={"APIKEY": "another"}).json()
    unknown = get(jotform, "/submission/6300000000000000404").json()
    jotform.is_read_only = True
    read_only = post(jotform, data={"submission[10]": "x"}).json()

    assert bad_key["message"] == unknown["message"] == read_only["message"]


def test_the_envelope(jotform: JotformStandIn) -> None:
    envelope = get(jotform, "/user").json()
    listed = get(jotform, "/user/submissions").json()

    assert set(envelope) == {
        "responseCode",
        "message",
        "content",
        "duration",
        "info",
        "limit-left",
    }
    assert set(listed) == {*envelope, "resultSet"}
    assert listed["limit-left"] == envelope["limit-left"] - 1


def test_what_was_not_answered_has_no_answer_and_an_empty_upload_an_empty_list(
    jotform: JotformStandIn,
) -> None:
    jotform.add(SimulatedSubmission(SUBMISSION, answers={"q4_email": ""}, uploads={}))

    answers = content(jotform)["answers"]

    assert "answer" not in answers["4"] and "answer" not in answers["6"]
    assert answers["7"]["answer"] == []


def test_a_signature_is_a_url(jotform: JotformStandIn) -> None:
    jotform.add(
        SimulatedSubmission(SUBMISSION, answers={"q9_assinatura": "data:image/png;base64,"})
    )

    assert content(jotform)["answers"]["9"]["answer"].endswith(f"{SUBMISSION}_signature_9.png")


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        (None, "2026-11-21 10:00:00"),
        (timezone(timedelta(hours=14)), "2026-11-22 05:00:00"),
        (timezone(timedelta(hours=-11)), "2026-11-21 04:00:00"),
    ],
)
def test_times_have_no_offset_and_are_of_some_zone(
    jotform: JotformStandIn, zone: timezone | None, shown: str
) -> None:
    jotform.clock.zone = zone or jotform.clock.zone
    jotform.clock.now = lambda: datetime(2026, 11, 21, 15, tzinfo=UTC)
    jotform.forget(SUBMISSION)
    jotform.add(SimulatedSubmission(SUBMISSION))

    assert (content(jotform)["created_at"], content(jotform)["updated_at"]) == (shown, None)


def test_each_edit_has_a_time_of_its_own(jotform: JotformStandIn) -> None:
    seen = [content(jotform)["created_at"]]
    for number in range(3):
        post(jotform, data={"submission[10]": str(number)})
        seen.append(content(jotform)["updated_at"])
    jotform.edit(SUBMISSION, answers={"6": "36"})
    jotform.delete(SUBMISSION)
    seen.append(content(jotform)["updated_at"])

    assert len(set(seen)) == 5
    assert seen == sorted(seen)
    assert content(jotform)["status"] == "DELETED"


EDITS = [
    pytest.param({"data": {"submission[3_first]": "Dr."}}, "Dr.", id="submission[{qid}_{sub}]=v"),
    pytest.param({"data": {"submission[3][first]": "Dr."}}, "Dr.", id="submission[{qid}][{sub}]=v"),
    pytest.param({"files": {"submission[3][first]": (None, "Dr.")}}, "Dr.", id="multipart"),
    pytest.param({"params": {"submission[3][first]": "Dr."}}, "Dr.", id="query string"),
    pytest.param({"json": {"submission": {"3": {"first": "Dr."}}}}, "Dra.", id="JSON body"),
    pytest.param({"data": {"3_first": "Dr."}}, "Dra.", id="without brackets"),
    pytest.param({"data": {"submission[98]": "Dr."}}, "Dra.", id="Unknown qids silently dropped"),
    pytest.param(
        {"data": "submission[3][first]=Dr.", "headers": {"Content-Type": "text/plain"}},
        "Dra.",
        id="another content type",
    ),
]


@pytest.mark.parametrize(("how", "first"), EDITS)
def test_only_bracketed_known_keys_do_something_and_all_are_answered_alike(
    jotform: JotformStandIn, how: dict[str, Any], first: str
) -> None:
    answer = post(jotform, **how)

    assert answer.status_code == answer.json()["responseCode"] == 200
    assert set(answer.json()["content"]) == {"submissionID", "URL"}
    assert jotform.shown(SUBMISSION, "3") == {"first": first, "last": "Exemplo"}
    assert (content(jotform)["updated_at"] is None) == (first == "Dra.")


@pytest.mark.parametrize("key", ["submission[11][0]", "submission[11][]"])
def test_a_list_is_written_part_by_part_and_replaces_the_old_one(
    jotform: JotformStandIn, key: str
) -> None:
    for values in (["a", "b"], ["c"]):
        post(jotform, data=[(key, value) for value in values])

    assert jotform.shown(SUBMISSION, "11") == ["c"]


def test_percent_encoded_keys_can_get_lost_in_a_body(jotform: JotformStandIn) -> None:
    jotform.percent_encoded_keys_are_lost = True
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert post(jotform, data=urlencode({"submission[10]": "a"}), headers=form).status_code == 200
    assert jotform.shown(SUBMISSION, "10") == ""
    post(jotform, data="submission[10]=b", headers=form)
    assert jotform.shown(SUBMISSION, "10") == "b"
    post(jotform, params={"submission[10]": "c"})
    assert jotform.shown(SUBMISSION, "10") == "c"


@pytest.mark.parametrize("query", ["filter=[1]", "filter={", 'filter={"nome:gt":"a"}', "limit=x"])
def test_a_list_that_cannot_be_asked_for_is_a_bad_parameter(
    jotform: JotformStandIn, query: str
) -> None:
    assert get(jotform, f"/user/submissions?{query}").status_code == 400


def test_lists_have_twenty_entries_unless_asked_and_never_more_than_a_thousand(
    jotform: JotformStandIn,
) -> None:
    for number in range(25):
        jotform.add(SimulatedSubmission(f"65{number:017d}"))

    assert len(get(jotform, "/user/submissions").json()["content"]) == 20
    asked = get(jotform, "/user/submissions", params={"limit": 5000, "offset": 3}).json()
    assert asked["resultSet"] == {"offset": 3, "limit": 1000, "count": 23}


def test_a_submission_that_was_never_edited_is_in_no_list_of_edits(
    jotform: JotformStandIn,
) -> None:
    since = {"filter": json.dumps({"updated_at:gt": "2000-01-01 00:00:00"})}

    assert get(jotform, "/user/submissions", params=since).json()["content"] == []


def test_when_the_limit_is_used_up_every_call_is_refused(jotform: JotformStandIn) -> None:
    jotform.limit_left = 1

    assert get(jotform, "/user").status_code == 200
    refused = get(jotform, "/user")
    assert (refused.status_code, refused.json()["limit-left"]) == (429, 0)
