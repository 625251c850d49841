"""Deliveries that were stored and nothing more: their request was killed, or came too fast."""

import hashlib
import hmac
import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError, connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from cases import erasure, retention
from cases.models import Case
from integrations import tasks
from integrations.jotform.incoming import inbox, readings, submissions
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields
from integrations.models import JotformDelivery, JotformSubmission

FIRST = SimulatedSubmission("6200000000000000001", submitted_ms=1_790_000_000_000)
EDITED = replace(
    FIRST, answers={**FIRST.answers, "q6_dente": "37"}, submitted_ms=FIRST.submitted_ms + 60_000
)
JSON = {
    "submissionID": "77",
    "formID": "1",
    "answers": {
        "4": {"name": "email", "answer": "exemplo@example.org"},
        "7": {"answer": "https://www.jotform.com/uploads/u/1/77/film.png"},
    },
}


class Killed(BaseException):
    """A process that ends with no chance to clean up."""


def post(submission: SimulatedSubmission, path: str = "/jotform", **changes: Any) -> Any:
    client = Client(raise_request_exception=False)
    return client.post(path, {**dict(webhook_fields(submission)), **changes})


def post_json(body: dict[str, Any], path: str = "/webhook", **headers: str) -> Any:
    client = Client(raise_request_exception=False)
    return client.post(path, body, content_type="application/json", headers=headers)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Requests whose process is killed after the delivery was stored."""

    def kill(*args: Any, **options: Any) -> None:
        raise Killed

    def send(sending: Any, *args: Any, **options: Any) -> None:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(inbox, "take_in", kill)
            sending(*args, **options)

    return send


def age(minutes: float = 2) -> None:
    JotformDelivery.objects.update(received_at=timezone.now() - timedelta(minutes=minutes))


def sweep() -> None:
    tasks.take_in_due_submissions()


def test_a_delivery_whose_request_was_killed_is_taken_in_by_the_next_sweep(
    db: None, killed: Any
) -> None:
    killed(post, FIRST)
    assert not Case.objects.exists()
    age()
    sweep()
    case = Case.objects.get()
    assert (case.tooth, case.dentist_email) == (26, "dentista@example.com")
    assert case.images.get().source_url.endswith("/radiografia.png")
    assert JotformDelivery.objects.get().case == case
    assert OrmQ.objects.count() == 1

    sweep()
    assert (Case.objects.count(), OrmQ.objects.count()) == (1, 1)


def test_a_delivery_that_failed_with_an_error_is_taken_in_alike(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(submissions, "believe", lambda submission: {}["missing"])
        assert post(FIRST).status_code == 500
    age()
    sweep()
    assert Case.objects.get().tooth == 26


def test_the_json_form_is_taken_in_alike(db: None, killed: Any) -> None:
    killed(post_json, JSON)
    age()
    sweep()
    case = Case.objects.get()
    assert (case.jotform_submission_id, case.dentist_email) == ("77", "exemplo@example.org")
    assert case.images.get().source_url.endswith("/film.png")


def test_with_a_key_the_case_is_held_and_jotform_asked(
    db: None, killed: Any, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = "k" * 32
    killed(post, FIRST)
    age()
    sweep()
    assert Case.objects.get().is_held
    assert JotformSubmission.objects.get().asked == 1


@pytest.mark.parametrize(
    ("minutes", "cases"), [(0, 0), (25 * 60, 1)], ids=["under way", "after a day without a worker"]
)
def test_a_delivery_is_taken_in_once_its_request_is_over(
    db: None, killed: Any, minutes: int, cases: int
) -> None:
    killed(post, FIRST)
    age(minutes)
    sweep()
    assert Case.objects.count() == cases
    assert JotformDelivery.objects.get().fields


def test_a_later_edit_that_was_kept_is_taken_in_after_an_older_delivery(
    db: None, killed: Any
) -> None:
    post(FIRST)
    killed(post, EDITED)
    post(FIRST)
    age()
    sweep()
    assert Case.objects.get().tooth == 37


def test_who_is_erased_does_not_come_back_with_a_delivery_that_was_left_behind(
    db: None, killed: Any
) -> None:
    killed(post, FIRST)
    assert erasure.erase_dentist(email="Dentista@example.com").case_ids == []
    age()
    sweep()
    assert Case.objects.get().status == Case.Status.ARCHIVED, "known, so that no poll brings it"
    assert Case.objects.get().dentist_email == ""
    assert JotformDelivery.objects.get().fields == {}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"rawRequest": json.dumps({"preview": "true"})}, id="a preview"),
        pytest.param({"formID": "2"}, id="a form that is not on the list"),
        pytest.param({"submissionID": ""}, id="no submission"),
        pytest.param({"submissionID": "9" * 33}, id="a submission that cannot be one"),
    ],
)
def test_what_the_door_would_not_take_in_is_forgotten(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    def kill(*args: Any) -> None:
        raise Killed

    settings.JOTFORM_FORM_IDS = [FIRST.form_id]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(inbox, "forget", kill)
        post(FIRST, **changes)
    age()
    sweep()
    assert JotformDelivery.objects.get().fields == {}
    assert not Case.objects.exists()


def test_a_delivery_is_not_taken_in_over_a_later_one(db: None, killed: Any) -> None:
    killed(post, replace(FIRST, says_when=False))
    post(replace(EDITED, says_when=False))
    age()
    sweep()
    case = Case.objects.get()
    assert case.tooth == 37
    assert set(JotformDelivery.objects.values_list("case", flat=True)) == {case.pk}


def test_a_delivery_of_an_erased_case_is_forgotten(db: None, killed: Any) -> None:
    post(FIRST)
    retention.erase(case_id=Case.objects.get().pk)
    killed(post, FIRST)
    age()
    sweep()
    delivery = JotformDelivery.objects.get()
    assert (delivery.fields, delivery.case) == ({}, Case.objects.get())


def test_one_that_fails_does_not_keep_the_others_waiting(
    db: None, killed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("71", "72", "73"):
        killed(post, replace(FIRST, submission_id=number))
    age()
    real = inbox.deliver

    def failing(delivery: JotformDelivery, submission: Any) -> Case:
        if submission.submission_id in ("71", "72"):
            raise DataError(submission.submission_id)
        return real(delivery, submission)

    with monkeypatch.context() as patch, pytest.raises(DataError):
        patch.setattr(inbox, "deliver", failing)
        sweep()
    assert list(Case.objects.values_list("jotform_submission_id", flat=True)) == ["73"]
    sweep()
    assert Case.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_make_one_case_of_each(killed: Any) -> None:
    for number in range(70, 80):
        killed(post, replace(FIRST, submission_id=str(number)))
    age()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            inbox.take_in_left_behind()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (Case.objects.count(), OrmQ.objects.count()) == (10, 10)
    assert not JotformDelivery.objects.filter(case=None).exists()


def test_a_delivery_that_proves_itself_is_not_lost_over_the_rate(db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_RATE, settings.RAIOX_WEBHOOK_TOKEN = "2/min", "sesame-7391"
    numbers = [str(7000 + number) for number in range(5)]
    answers = [post(replace(FIRST, submission_id=one), "/jotform/sesame-7391") for one in numbers]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
    assert all(int(answer["Retry-After"]) > 0 for answer in answers[2:])
    assert (Case.objects.count(), JotformDelivery.objects.count()) == (2, 5)
    age()
    sweep()
    known = Case.objects.values_list("jotform_submission_id", flat=True)
    assert sorted(str(one) for one in known) == numbers


def test_the_json_form_that_proves_itself_is_not_lost_either(db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_RATE, settings.RAIOX_WEBHOOK_TOKEN = "1/min", "sesame-7392"
    codes = [
        post_json({**JSON, "submissionID": number}, "/webhook?token=sesame-7392").status_code
        for number in ("77", "78")
    ]
    age()
    sweep()
    assert codes == [200, 429]
    assert Case.objects.count() == 2


def test_a_signature_proves_enough(db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_RATE, settings.JF_SECRET = "1/min", "sesame-7393"
    body = json.dumps(JSON)
    signature = hmac.new(b"sesame-7393", body.encode(), hashlib.sha256).hexdigest()
    codes = [
        post_json(json.loads(body), **{"x-jf-signature": one}).status_code
        for one in (signature, "0" * 64, signature)
    ]
    assert codes == [200, 429, 429]
    assert JotformDelivery.objects.count() == 2


@pytest.mark.parametrize(
    ("token", "path", "changes"),
    [
        pytest.param("", "/jotform", {}, id="no secret is configured"),
        pytest.param("sesame-7394", "/jotform", {}, id="it shows none"),
        pytest.param("sesame-7394", "/jotform/other", {}, id="it shows another one"),
        pytest.param(
            "sesame-7394",
            "/jotform/sesame-7394",
            {"submissionID": "", "file": SimpleUploadedFile("x.jpg", b"x")},
            id="no case would come of it",
        ),
    ],
)
def test_over_the_rate_nothing_is_stored_where(
    db: None, settings: Any, token: str, path: str, changes: dict[str, Any]
) -> None:
    settings.RAIOX_WEBHOOK_RATE, settings.RAIOX_WEBHOOK_TOKEN = "1/min", token
    address = {"REMOTE_ADDR": "198.51.100.44"}
    Client().post("/jotform", {}, **address)
    answer = Client().post(path, {**dict(webhook_fields(FIRST)), **changes}, **address)
    assert answer.status_code == 429
    assert not JotformDelivery.objects.exclude(submission_id="").exists()


BROKEN = {
    "Redis is down": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://:s3cr3t@127.0.0.1:1/0",
    },
    "the cache table is missing": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "no_such_table",
    },
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cache", BROKEN.values(), ids=BROKEN)
def test_a_broken_cache_changes_no_limit(settings: Any, cache: dict[str, str]) -> None:
    settings.RAIOX_WEBHOOK_RATE, settings.CACHES = "2/day", {"default": cache}
    assert [post(FIRST).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.django_db(transaction=True)
def test_a_count_that_cannot_be_kept_turns_no_delivery_away(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RAIOX_WEBHOOK_RATE = "1/day"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE integrations_requestcount RENAME TO gone")
    try:
        assert [post(FIRST).status_code for _ in range(3)] == [200, 200, 200]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO integrations_requestcount")
    assert Case.objects.count() == 1
    assert "requests are not counted" in caplog.text


def test_a_form_number_that_can_be_none_is_refused_before_a_case_is_made(
    db: None, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = "k" * 32
    assert post(FIRST, formID="9" * 65).status_code == 400
    assert not Case.objects.exists()
    assert JotformDelivery.objects.get().fields == {}
    assert not readings.ask_due()
