import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from cases import intake
from cases.models import Case
from integrations.models import JotformDelivery
from integrations.tests.servers import sending, serving

FORM = "240000000000001"
SUBMISSION = "6200000000000000001"


def fields(
    base: str = "https://www.jotform.com", submission: str = SUBMISSION, **changes: str
) -> dict[str, str]:
    """A delivery as Jotform sends it, reduced to the fields that carry something."""
    url = f"{base}/uploads/clinic/{FORM}/{submission}/film.jpg"
    raw = {
        "slug": f"submit/{FORM}",
        "q3_nome": {"first": "Dra.", "last": "Exemplo"},
        "q4_email": "exemplo@example.org",
        "q5_paciente": "Paciente Fict&iacute;cio",
        "q6_dente": "26",
        "temp_upload": {"q7_radiografia": ["film.jpg#jotformfs-x#1"]},
        "radiografia": [url],
    }
    return {
        "action": "",
        "webhookURL": "https://example.org/jotform/sesame",
        "username": "clinic",
        "formID": FORM,
        "type": "WEB",
        "submissionID": submission,
        "rawRequest": json.dumps(raw).replace("/", "\\/"),
        "pretty": "Nome:Dra. Exemplo",
        "ip": "203.0.113.9",
        **changes,
    }


def deliver(client: Client, data: dict[str, Any], path: str = "/jotform", **headers: str) -> Any:
    return client.post(path, data, headers=headers)


def test_a_delivery_becomes_a_case_with_the_persons_and_the_film_address(
    client: Client, db: None
) -> None:
    answer = deliver(client, fields())
    case = Case.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {"status": "accepted", "case_id": case.pk}
    assert case.jotform_submission_id == SUBMISSION
    assert (case.form_id, case.source, case.status) == (FORM, "jotform", "received")
    assert (case.dentist_name, case.dentist_email) == ("Dra. Exemplo", "exemplo@example.org")
    assert (case.patient_name, case.tooth) == ("Paciente Fictício", 26)
    assert case.images.get().source_url.endswith("/film.jpg")
    assert OrmQ.objects.count() == 1


def test_a_urlencoded_delivery_is_read_alike(client: Client, db: None) -> None:
    from urllib.parse import urlencode

    answer = client.post(
        "/jotform/", urlencode(fields()), content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200
    assert Case.objects.get().dentist_email == "exemplo@example.org"


def test_the_film_is_fetched_by_the_worker_and_the_case_put_before_the_reviewer(
    client: Client, catalogue: list[Any], film: Callable[..., bytes], settings: Any
) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
    with serving(sending(film())) as base:
        case_id = deliver(client, fields(base)).json()["case_id"]
        assert intake.process(case_id=case_id).status == Case.Status.PENDING


def test_the_same_delivery_again_makes_no_second_case_and_is_kept(client: Client, db: None) -> None:
    first, again = deliver(client, fields()), deliver(client, fields())
    assert first.json() == again.json()
    assert Case.objects.count() == 1
    assert JotformDelivery.objects.count() == 2
    assert OrmQ.objects.count() == 1


def test_the_same_delivery_in_parallel_makes_one_case(transactional_db: None) -> None:
    answers: list[Any] = []

    def send() -> None:
        answers.append(deliver(Client(), fields()))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 8
    assert Case.objects.count() == 1
    assert OrmQ.objects.count() == 1


def test_a_delivery_with_the_film_itself_is_taken_without_any_address(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    data = {
        "file": SimpleUploadedFile("Paciente.jpg", film()),
        "nome": "Dra. Exemplo",
        "email": "exemplo@example.org",
        "paciente": "Paciente Fictício",
        "dente": "26",
    }
    answer = deliver(client, data)
    case = Case.objects.get()
    assert answer.json() == {"status": "accepted", "case_id": case.pk}
    assert (case.tooth, case.patient_name) == (26, "Paciente Fictício")
    assert "Paciente" not in str(case.images.get().file.name)
    assert intake.process(case_id=case.pk).status == Case.Status.PENDING


def test_without_a_submission_and_without_a_film_it_is_400_and_still_kept(
    client: Client, db: None
) -> None:
    answer = deliver(client, fields(submission=""))
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert JotformDelivery.objects.count() == 1
    assert not Case.objects.exists()


@pytest.mark.parametrize("raw", ["{broken", "[]", "", "null", '"text"', "{}"])
def test_unreadable_answers_leave_a_failed_case_with_the_reason(
    client: Client, db: None, raw: str
) -> None:
    answer = deliver(client, fields(rawRequest=raw))
    case = Case.objects.get()
    assert answer.json() == {"status": "accepted", "case_id": case.pk}
    assert (case.status, bool(case.failure)) == (Case.Status.FAILED, True)


def test_a_readable_delivery_repairs_the_failed_case(client: Client, db: None) -> None:
    deliver(client, fields(rawRequest="{broken"))
    deliver(client, fields())
    assert Case.objects.get().status == Case.Status.RECEIVED


def test_a_preview_is_acknowledged_and_not_processed(client: Client, db: None) -> None:
    raw = json.dumps({"preview": "true", "q3_nome": "x"})
    answer = deliver(client, fields(rawRequest=raw))
    assert answer.status_code == 200
    assert not Case.objects.exists()


def test_a_film_over_the_limit_is_413(client: Client, db: None) -> None:
    data = {"file": SimpleUploadedFile("x.jpg", b"x" * (5 * 1024 * 1024 + 1)), "nome": "x"}
    assert deliver(client, data).status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jotform", 401),
        ("/jotform/wrong", 401),
        ("/jotform?token=wrong", 401),
        ("/jotform/sesame", 200),
        ("/jotform/sesame/", 200),
        ("/jotform?token=sesame", 200),
    ],
)
def test_the_secret_of_the_address_is_demanded_where_one_is_set(
    client: Client, db: None, settings: Any, path: str, status: int
) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = "sesame"
    assert deliver(client, fields(), path).status_code == status
    assert Case.objects.exists() == (status == 200)


def test_a_signature_is_verified_where_it_is_sent_and_proves_enough(
    client: Client, db: None, settings: Any
) -> None:
    settings.JF_SECRET = settings.RAIOX_WEBHOOK_TOKEN = "sesame"
    body = b"formID=1&submissionID=2&rawRequest=%7B%7D"
    right = hmac.new(b"sesame", body, hashlib.sha256).hexdigest()
    codes = [
        client.post(
            path,
            body,
            content_type="application/x-www-form-urlencoded",
            headers={"x-jf-signature": signature},
        ).status_code
        for path, signature in [
            ("/jotform", right),
            ("/jotform", "0" * 64),
            ("/jotform/sesame", "0" * 64),
        ]
    ]
    assert codes == [200, 401, 401]


def test_forms_that_are_not_on_the_list_are_refused(
    client: Client, db: None, settings: Any
) -> None:
    settings.JOTFORM_FORM_IDS = ["1"]
    assert deliver(client, fields()).status_code == 403
    assert not Case.objects.exists()


def test_the_kept_delivery_holds_no_secret(client: Client, db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = "sesame"
    deliver(client, fields(), "/jotform/sesame")
    assert "sesame" not in json.dumps(JotformDelivery.objects.get().fields)


def test_the_kept_delivery_goes_with_the_case(client: Client, db: None) -> None:
    from cases import retention

    deliver(client, fields())
    retention.erase(case_id=Case.objects.get().pk)
    assert not JotformDelivery.objects.exists()


def test_nothing_personal_is_kept_of_what_nobody_works_with(
    client: Client, db: None, settings: Any
) -> None:
    from cases import erasure

    preview = json.dumps({"preview": "true", "q4_email": "exemplo@example.org"})
    deliver(client, fields(rawRequest=preview))
    deliver(client, fields(submission=""))
    deliver(client, fields())
    erasure.erase_dentist(email="exemplo@example.org")
    deliver(client, fields())
    kept = json.dumps(list(JotformDelivery.objects.values_list("fields", flat=True)))
    assert "exemplo" not in kept
    assert "Paciente" not in kept


def test_old_deliveries_are_purged(client: Client, db: None) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from cases import tasks

    deliver(client, fields())
    tasks.purge_leftovers()
    assert JotformDelivery.objects.count() == 1
    JotformDelivery.objects.update(received_at=timezone.now() - timedelta(days=91))
    tasks.purge_leftovers()
    assert not JotformDelivery.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"submissionID": "9" * 400},
        {"submissionID": "\x00"},
        {"formID": "x" * 10_000},
        {"rawRequest": json.dumps({"q6_dente": {"a": [1]}, "temp_upload": 7, "q4_email": [None]})},
        {"rawRequest": json.dumps({"q3_nome": "\x00\ud800", "q5_paciente": "x" * 9_000})},
        {"rawRequest": "[" * 100_000},
        {"pretty": "\x00"},
    ],
)
def test_nothing_that_is_delivered_is_a_server_error(
    client: Client, db: None, changes: dict[str, str]
) -> None:
    assert deliver(client, fields(**changes)).status_code < 500


def test_a_body_that_is_no_form_is_refused(client: Client, db: None) -> None:
    assert client.post("/jotform", {}, content_type="application/json").status_code == 415
    broken = client.post("/jotform", b"--x", content_type="multipart/form-data; boundary=y")
    assert broken.status_code == 400
