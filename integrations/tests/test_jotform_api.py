"""Jotform's REST API as its documentation and its users tell it: our client at the stand-in.

The ids of the cases are the wording of what is known.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from integrations.jotform import limits
from integrations.jotform.client import JotformClient, JotformError, KeyRefused, NotThere
from integrations.jotform.simulation.standin import API_KEY, Fault, JotformStandIn
from integrations.tests.answering import SUBMISSION

UNKNOWN = "6300000000000000404"


@pytest.fixture
def api(jotform: JotformStandIn) -> JotformClient:
    return JotformClient(jotform.base, API_KEY)


def refused(call: Callable[[], object]) -> JotformError:
    with pytest.raises(JotformError) as caught:
        call()
    assert API_KEY not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="Hosts: https://api.jotform.com, eu-api, hipaa-api"),
        pytest.param("/v1", id="/v1/ prefix optional (official Python/PHP use .../v1/...)"),
        pytest.param("/API", id="Enterprise https://<sub>.jotform.com/API/..."),
        pytest.param("/", id="a base that ends with a slash"),
    ],
)
def test_every_base_is_spoken_to(jotform: JotformStandIn, path: str) -> None:
    jotform.is_enterprise = path == "/API"
    api = JotformClient(jotform.base + path, f" {API_KEY}\n")

    assert api.read_submission(SUBMISSION)["id"] == SUBMISSION
    assert api.user()["username"] == "clinica_exemplo"


def test_an_enterprise_host_without_its_prefix_is_no_permanent_failure(
    jotform: JotformStandIn, api: JotformClient
) -> None:
    jotform.is_enterprise = True

    assert not refused(lambda: api.read_submission(SUBMISSION)).permanent


def test_the_key_travels_in_the_header_alone(jotform: JotformStandIn, api: JotformClient) -> None:
    api.user()
    api.read_submission(SUBMISSION)
    api.edit_submission(SUBMISSION, {"10": "x"}, transport="query")

    for request in jotform.requests:
        assert request.headers["apikey"] == API_KEY
        assert API_KEY not in request.target
        assert API_KEY.encode() not in request.body


def test_the_number_of_calls_left_is_known_after_each_call(
    jotform: JotformStandIn, api: JotformClient
) -> None:
    assert api.limit_left is None
    jotform.limit_left = 939

    api.user()

    assert api.limit_left == 938


REFUSALS = [
    pytest.param(
        Fault.ENVELOPE, {"code": 500}, False, id="Failures can be HTTP 200 with responseCode != 2xx"
    ),
    pytest.param(Fault.STATUS, {"code": 400}, True, id="400 bad param"),
    pytest.param(Fault.ENVELOPE, {"code": 400}, True, id="responseCode sometimes quoted"),
    pytest.param(Fault.STATUS, {"code": 403}, False, id="403"),
    pytest.param(Fault.STATUS, {"code": 404}, True, id="404"),
    pytest.param(Fault.HTML, {"code": 404}, False, id="404 without /API: a web page"),
    pytest.param(Fault.OVER_QUOTA, {}, False, id="Form Over Quota"),
    pytest.param(Fault.STATUS, {"code": 429}, False, id="429"),
    pytest.param(
        Fault.STATUS,
        {"code": 503, "message": "rate limits etc exceeded"},
        False,
        id='503 "rate limits etc exceeded"',
    ),
    pytest.param(Fault.HTML, {"code": 503}, False, id="HTML bodies possible: guard json()"),
    pytest.param(Fault.HTML, {"code": 200}, False, id="HTML body at 200"),
    pytest.param(Fault.BROKEN_JSON, {}, False, id="half an envelope"),
    pytest.param(Fault.RESET, {}, False, id="connection reset"),
    pytest.param(Fault.REDIRECT, {}, False, id="redirect"),
]


@pytest.mark.parametrize(("fault", "details", "is_permanent"), REFUSALS)
def test_a_failure_passes_or_is_permanent(
    jotform: JotformStandIn,
    api: JotformClient,
    fault: Fault,
    details: dict[str, Any],
    is_permanent: bool,
) -> None:
    jotform.misbehave(fault, **{"message": f"No {API_KEY}", **details})

    error = refused(lambda: api.read_submission(SUBMISSION))

    assert error.permanent == is_permanent
    assert error.retry_at is None
    assert len(jotform.requests) == 1


UNAUTHORISED = [
    pytest.param("unknown id", NotThere, id="401: unknown id"),
    pytest.param("bad key", KeyRefused, id="401: bad key"),
    pytest.param("no answer from /user", JotformError, id="401 is not “key revoked” by itself"),
]


@pytest.mark.parametrize("is_edit", [False, True], ids=["reading", "writing"])
@pytest.mark.parametrize(("cause", "kind"), UNAUTHORISED)
def test_a_401_is_looked_into(
    jotform: JotformStandIn, cause: str, kind: type[JotformError], is_edit: bool
) -> None:
    api = JotformClient(jotform.base, "another-key" if cause == "bad key" else API_KEY)
    submission_id = SUBMISSION if cause == "bad key" else UNKNOWN
    if cause == "no answer from /user":
        jotform.misbehave(Fault.HTML, path="/user", code=502)

    error = refused(
        lambda: (
            api.edit_submission(submission_id, {"10": "x"})
            if is_edit
            else api.read_submission(submission_id)
        )
    )

    assert type(error) is kind
    assert error.permanent == (kind is NotThere)
    assert jotform.requests[-1].path == "/user"


def test_a_foreign_form_is_not_there(api: JotformClient) -> None:
    assert isinstance(refused(lambda: api.form_questions("259999999999999")), NotThere)
    assert isinstance(refused(lambda: api.submissions("259999999999999", filter={})), NotThere)


def test_a_read_only_key_writing_is_told_from_a_bad_one(
    jotform: JotformStandIn, api: JotformClient
) -> None:
    jotform.is_read_only = True

    error = refused(lambda: api.edit_submission(SUBMISSION, {"10": "x"}))

    assert type(error) is JotformError
    assert not error.permanent
    assert "Full Access" in str(error)


def test_a_wrong_key_is_refused_by_user_itself(jotform: JotformStandIn) -> None:
    error = refused(JotformClient(jotform.base, "another-key").user)

    assert isinstance(error, KeyRefused)
    assert len(jotform.requests) == 1


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        pytest.param(Fault.DAILY_LIMIT, {}, id="429"),
        pytest.param(Fault.DAILY_LIMIT_AT_200, {}, id="200+403 API-Limit exceeded"),
        pytest.param(Fault.DAILY_LIMIT, {"message": "Too many"}, id="limit-left is 0"),
    ],
)
def test_the_daily_limit_resets_at_midnight_eastern(
    jotform: JotformStandIn, api: JotformClient, fault: Fault, details: dict[str, str]
) -> None:
    jotform.misbehave(fault, **details)

    error = refused(api.user)

    assert (error.permanent, api.limit_left) == (False, 0)
    assert error.retry_at is not None
    assert error.retry_at.astimezone(ZoneInfo("America/New_York")).hour == 0
    assert timedelta() < error.retry_at - timezone.now() < timedelta(hours=26)


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        ("2026-11-21T04:59:00+00:00", "2026-11-21T05:00:00+00:00"),
        ("2026-11-21T05:01:00+00:00", "2026-11-22T05:00:00+00:00"),
        ("2026-07-01T03:59:00+00:00", "2026-07-01T04:00:00+00:00"),
        ("2026-10-31T12:00:00+00:00", "2026-11-01T04:00:00+00:00"),
        ("2026-11-01T12:00:00+00:00", "2026-11-02T05:00:00+00:00"),
    ],
)
def test_the_reset_follows_the_clocks_of_the_east_coast(now: str, reset: str) -> None:
    late = limits.next_reset(at=datetime.fromisoformat(now)) - datetime.fromisoformat(reset)

    assert timedelta() < late < timedelta(minutes=15)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("120", 120, id="seconds"),
        pytest.param("999999999", 24 * 3600, id="never more than a day"),
        pytest.param("Wed, 21 Oct 2099 07:28:00 GMT", 24 * 3600, id="a date far ahead"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", 0, id="a date in the past"),
    ],
)
def test_a_time_that_jotform_names_is_believed(
    jotform: JotformStandIn, api: JotformClient, header: str, seconds: int
) -> None:
    jotform.misbehave(Fault.STATUS, code=429, message="Too many", retry_after=header)

    error = refused(api.user)

    assert error.retry_at is not None
    ahead = (error.retry_at - timezone.now()).total_seconds()
    assert seconds - 10 < ahead <= seconds


@pytest.mark.parametrize("header", ["soon", "-1", "²", "1e9", ""])
def test_a_time_that_cannot_be_read_is_none(
    jotform: JotformStandIn, api: JotformClient, header: str
) -> None:
    jotform.misbehave(Fault.STATUS, code=429, retry_after=header.encode().decode("latin-1"))

    assert refused(api.user).retry_at is None
