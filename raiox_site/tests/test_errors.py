"""Whatever goes wrong, and wherever: JSON with a sentence, and the correlation id."""

import pytest
from django.test import Client
from django.urls import path

from raiox_site import urls


def crash(request):
    raise RuntimeError("secret detail")


urlpatterns = [path("crash", crash), *urls.urlpatterns]
handler400, handler403, handler404, handler500 = (
    urls.handler400,
    urls.handler403,
    urls.handler404,
    urls.handler500,
)


def check(answer, status):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert list(answer.json()) == ["detail"]
    assert answer.json()["detail"].endswith((".", "!"))
    assert len(answer["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("get", "/nothing/here", 404),
        ("get", "/static/nothing.css", 404),
        ("get", "/cases/x", 404),
        ("get", "/implants/999999", 404),
        ("get", "/implants/999999/picture", 404),
        ("get", "/jotform", 405),
        ("delete", "/implants", 405),
        ("post", "/ping", 405),
        ("post", "/health", 405),
        ("post", "/termos", 405),
        ("post", "/openapi.json", 405),
        ("post", "/docs", 405),
        ("trace", "/implants", 405),
        ("get", "/cases", 401),
        ("post", "/cases/1/approve", 401),
    ],
)
def test_a_refusal_is_put_in_words(client, db, method, address, status):
    answer = getattr(client, method)(address)
    check(answer, status)
    assert status != 405 or answer["Allow"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"image_url": 1e', "application/json", 400),
        (b"\xff\xfe{}", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"NaN", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"<a/>", "application/xml", 415),
        (b"image_url=x", "application/x-www-form-urlencoded", 415),
        (b"x", "nonsense", 415),
        (b"x" * (7 * 1024 * 1024), "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_words(client, db, content, kind, status):
    check(client.post("/webhook", content, content_type=kind), status)


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=\xff"])
def test_a_form_that_cannot_be_read_is_refused_in_words(client, db, boundary):
    answer = client.post("/upload", b"--x", content_type=f"multipart/form-data{boundary}")
    check(answer, 400)


@pytest.mark.parametrize("kind", ["text/html", "application/xml", "image/png"])
def test_a_form_of_answer_that_there_is_not_is_refused_in_words(client, db, kind):
    check(client.get("/implants", headers={"Accept": kind}), 406)


@pytest.mark.parametrize("address", ["/ping", "/healthcheck", "/openapi.json", "/docs"])
def test_what_has_one_form_only_is_given_whatever_is_accepted(client, db, address):
    assert client.get(address, headers={"Accept": "image/png"}).status_code == 200


def test_a_host_that_is_not_ours_is_refused_in_words(client, db):
    check(client.get("/implants", headers={"Host": "evil.example"}), 400)


@pytest.mark.urls(__name__)
def test_a_crash_says_nothing_of_its_cause(db):
    client = Client(raise_request_exception=False)
    answer = client.get("/crash")
    check(answer, 500)
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    ["status=%00", "tooth=%00", "submission=%00", "skip=%00", "created_after=%00", "%00=1"],
)
def test_a_nul_in_a_filter_is_the_sender_s_mistake(client, reader, bearer, query):
    answer = client.get(f"/cases?{query}", headers=bearer(reader))
    assert answer.status_code == 400


@pytest.mark.parametrize("kind", ["search=" + "a+" * 2000, "search=" + "9" * 4000, "search=a%ed"])
def test_a_search_for_too_much_is_no_crash(client, db, kind):
    assert client.get(f"/implants?{kind}").status_code in (200, 400)
