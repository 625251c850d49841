import io
import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from cases.models import Case
from integrations import doors
from integrations.tests.servers import sending, serving
from matching.boxes import Box


@pytest.fixture(autouse=True)
def loopback_is_listed(settings: Any) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]


def upload(client: Client, content: bytes, name: str = "x.jpg", **fields: str) -> Any:
    return client.post("/upload", {"file": SimpleUploadedFile(name, content), **fields})


def webhook(client: Client, body: Any) -> Any:
    return client.post("/webhook", body, content_type="application/json")


def bomb(side: int = 25_000) -> bytes:
    """A valid PNG of side × side grey pixels in a few hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(side // 8 + 1)) for _ in range(side)) + rows.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def test_an_upload_is_answered_with_three_distinct_implants(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    answer = upload(client, film(), client_id="clinic-7")
    found = answer.json()
    assert answer.status_code == 200
    assert len({implant["id"] for implant in found}) == 3
    assert set(found[0]) == {"id", "name", "manufacturer", "type", "image_url", "similarity"}
    similarities = [implant["similarity"] for implant in found]
    assert similarities == sorted(similarities, reverse=True)
    assert client.get(found[0]["image_url"]).status_code == 200
    case = Case.objects.get()
    assert (case.status, case.source) == (Case.Status.PENDING, Case.Source.UPLOAD)


def test_a_reference_film_itself_is_as_similar_as_its_implant_s_two_nearest_references(
    client: Client, catalogue: list[Any]
) -> None:
    reference, other = catalogue[2].references.order_by("pk")
    with reference.file.open("rb") as file:
        found = upload(client, file.read()).json()
    vectors = [np.array(one.embeddings.get().vector) for one in (reference, other)]
    assert found[0]["id"] == catalogue[2].pk
    assert found[0]["similarity"] == pytest.approx((1 + vectors[0] @ vectors[1]) / 2, abs=1e-4)
    assert found[0]["similarity"] < 0.999


def test_the_same_client_and_film_again_is_the_same_case_and_the_same_answer(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    first = upload(client, film(), client_id="load_test_1000")
    again = upload(client, film(), client_id="load_test_1000")
    assert first.json() == again.json()
    assert Case.objects.count() == 1


def test_the_answer_is_about_one_fixture_the_surest(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    upload(client, film(), client_id="clinic-7")
    image = Case.objects.get().images.get()
    for score, first in ((0.6, 0), (0.9, 1)):
        found = image.findings.create(box=Box(60, 100, 40, 90).as_json(), found_score=score)
        for rank, implant in enumerate(catalogue[first:] + catalogue[:first], start=1):
            facts = {"rank": rank, "similarity": 1 - rank / 10, "encoder": "e"}
            found.results.create(implant=implant, **facts)

    again = upload(client, film(), client_id="clinic-7").json()
    assert [one["id"] for one in again] == [one.pk for one in catalogue[1:]]

    # What a person marked is surer than anything that the finder says.
    image.findings.filter(found_score=0.6).update(found_score=None, proposed_by="person")
    again = upload(client, film(), client_id="clinic-7").json()
    assert [one["id"] for one in again] == [one.pk for one in catalogue[:3]]


def test_the_same_client_with_another_film_is_a_new_case(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    upload(client, film(1), client_id="load_test_1000")
    assert upload(client, film(2), client_id="load_test_1000").status_code == 200
    assert Case.objects.count() == 2


def test_the_same_upload_in_parallel_makes_one_case_and_every_request_is_answered(
    transactional_db: None, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    answers: list[Any] = []

    def send() -> None:
        answers.append(upload(Client(), film(), client_id="clinic-7"))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.content for answer in answers}) == 1
    assert Case.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"this is a text", 415),
        (b"", 415),
        (b"%PDF-1.7", 415),
        (b"\x89PNG\r\n\x1a\n", 415),
        (b"x" * (5 * 1024 * 1024 + 1), 413),
        (b"x" * (7 * 1024 * 1024), 413),
    ],
)
def test_what_is_no_film_is_refused_with_a_sentence_and_leaves_no_case(
    client: Client, catalogue: list[Any], content: bytes, status: int
) -> None:
    answer = upload(client, content)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert not Case.objects.exists()


def test_a_truncated_film_and_a_giant_are_unprocessable(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    assert upload(client, film()[:-200]).status_code == 422
    assert upload(client, bomb()).status_code == 422


def test_a_film_just_below_the_limit_is_taken(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    content = film()
    padded = content + b"\0" * (5 * 1024 * 1024 - len(content))
    assert upload(client, padded).status_code == 200


def test_an_upload_without_a_file_is_400(client: Client, db: None) -> None:
    answer = client.post("/upload", {"client_id": "clinic-7"})
    assert answer.status_code == 400
    assert "file" in answer.json()


def test_a_body_of_unannounced_length_is_refused_and_not_taken_for_empty(
    client: Client, db: None
) -> None:
    answer = client.post("/upload", headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code == 411


@pytest.mark.parametrize("door", ["/upload", "/webhook", "/jotform", "/upload/", "/webhook/"])
def test_a_get_on_a_door_is_405(client: Client, db: None, door: str) -> None:
    assert client.get(door).status_code == 405


def test_an_empty_catalogue_is_503_and_the_film_is_kept(
    client: Client, db: None, film: Callable[..., bytes]
) -> None:
    answer = upload(client, film())
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert Case.objects.get().status == Case.Status.FAILED


def test_the_same_film_is_answered_once_the_outage_is_over(
    client: Client, catalogue: list[Any], film: Callable[..., bytes], settings: Any
) -> None:
    usual = settings.RAIOX_ENCODER
    settings.RAIOX_ENCODER = "ViT-B-32/nowhere.pt"
    refused = upload(client, film(), client_id="clinic-7")
    assert refused.status_code == 503
    assert "nowhere" not in refused.content.decode()
    settings.RAIOX_ENCODER = usual
    assert upload(client, film(), client_id="clinic-7").status_code == 200
    assert Case.objects.count() == 1


def test_a_webhook_with_an_image_url_is_answered_with_three_implants(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    with serving(sending(film())) as base:
        body = {
            "image_url": f"{base}/x.jpg",
            "client_id": "test_client_001",
            "metadata": {"client_name": "Dra. Exemplo", "submission_date": "2025-06-10"},
        }
        answer = webhook(client, body)
    assert answer.status_code == 200
    assert len(answer.json()) == 3
    assert Case.objects.get().dentist_name == "Dra. Exemplo"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (sending(b"gone", status=404), 422),
        (sending(b"<!doctype html><p>Log in"), 422),
        (sending(b"a text"), 415),
        (sending(b"x" * (5 * 1024 * 1024 + 1)), 413),
    ],
)
def test_a_webhook_whose_address_gives_no_film_is_refused_with_a_sentence(
    client: Client, catalogue: list[Any], answer: Any, status: int
) -> None:
    with serving(answer) as base:
        refused = webhook(client, {"image_url": base, "client_id": "x", "metadata": {}})
    assert refused.status_code == status
    assert refused.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        "{broken",
        "[]",
        "[" * 100_000,
        '"text"',
        "null",
        "{}",
        '{"image_url": null}',
        '{"image_url": 7, "client_id": {"a": 1}}',
        '{"image_url": "no address"}',
        '{"image_url": "http://127.0.0.1:1/x", "metadata": "text"}',
        '{"image_url": "https://www.jotform.com/\\u0000"}',
        '{"submissionID": null, "answers": []}',
        '{"submissionID": "", "answers": {}}',
        '{"submissionID": {"a": 1}, "answers": {"3": 5}}',
        '{"image_url": "\\ud800", "client_id": "\\ud800"}',
    ],
)
def test_nothing_a_plain_client_sends_is_a_server_error(
    client: Client, catalogue: list[Any], body: str
) -> None:
    answer = webhook(client, body)
    assert 400 <= answer.status_code < 500
    assert answer.json()


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?token=wrong", {}),
        ("?token=", {}),
        ("", {"x-jf-signature": "0" * 64}),
        ("?token=sesame", {"x-jf-signature": "0" * 64}),
    ],
)
def test_a_plain_client_may_leave_the_secret_out_but_not_show_a_wrong_one(
    client: Client, db: None, settings: Any, query: str, headers: dict[str, str]
) -> None:
    settings.RAIOX_WEBHOOK_TOKEN, settings.JF_SECRET = "sesame", "a key of signatures"

    def ask(query: str, headers: dict[str, str]) -> int:
        body = {"image_url": "https://example.org/x.jpg"}
        return client.post(
            f"/webhook{query}", body, content_type="application/json", headers=headers
        ).status_code

    assert ask(query, headers) == 401
    assert ask("", {}) == ask("?token=sesame", {}) == 422


def test_a_film_waits_a_moment_for_its_turn_and_is_then_sent_away(
    client: Client, catalogue: list[Any], film: Callable[..., bytes], monkeypatch: Any
) -> None:
    monkeypatch.setattr(doors, "TURN_WAIT_SECONDS", 1.0)
    with ExitStack() as others:
        while doors._comparing.acquire(timeout=0):
            others.callback(doors._comparing.release)
        answer = upload(client, film())
        assert (answer.status_code, answer["Retry-After"]) == (503, "30")
        assert "imagens" in answer.json()["detail"]
        threading.Timer(0.5, others.pop_all().close).start()
        assert upload(client, film()).status_code == 200


def test_the_json_form_of_a_submission_is_accepted_once(
    client: Client, catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    body = {
        "submissionID": "6200000000000000001",
        "answers": {"7": {"answer": "http://127.0.0.1:9/x.jpg"}},
        "formID": "240000000000001",
    }
    first, again = webhook(client, body), webhook(client, body)
    case = Case.objects.get()
    assert first.json() == again.json() == {"status": "accepted", "case_id": case.pk}
    assert case.jotform_submission_id == "6200000000000000001"
    assert case.images.get().source_url == "http://127.0.0.1:9/x.jpg"


def test_over_the_rate_a_client_is_told_when_to_come_back(
    client: Client, db: None, settings: Any
) -> None:
    settings.RAIOX_WEBHOOK_RATE = "3/min"
    codes = [webhook(client, {}).status_code for _ in range(4)]
    assert codes == [400, 400, 400, 429]
    assert int(webhook(client, {})["Retry-After"]) > 0
    other = client.post("/webhook", {}, content_type="application/json", REMOTE_ADDR="198.51.100.7")
    assert other.status_code == 400


def test_a_forwarded_address_counts_only_behind_a_known_proxy(
    client: Client, db: None, settings: Any
) -> None:
    settings.RAIOX_WEBHOOK_RATE = "1/min"
    codes = [
        client.post(
            "/webhook",
            {},
            content_type="application/json",
            REMOTE_ADDR="198.51.100.8",
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        ).status_code
        for number in range(3)
    ]
    assert codes == [400, 429, 429]


def test_an_upload_larger_than_the_limit_is_refused_before_it_is_read(
    client: Client, db: None
) -> None:
    class Unread(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            raise AssertionError("the body was read")

    answer = client.generic(
        "POST",
        "/upload",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(50 * 1024 * 1024),
        **{"wsgi.input": Unread()},
    )
    assert answer.status_code == 413
