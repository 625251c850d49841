from typing import Any

import pytest
from django.test import Client


def test_ping_answers_pong(client: Client) -> None:
    answer = client.get("/ping")
    assert (answer.status_code, answer.content) == (200, b"pong")


@pytest.mark.django_db(transaction=True)
def test_healthcheck_has_the_shape_that_monitors_read(client: Client) -> None:
    answer = client.get("/healthcheck")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert set(answer.json()) == {"status", "version"}


def test_a_request_during_a_database_outage_is_503_and_says_when_to_come_back(
    client: Client, db: None, outage: None
) -> None:
    answer = client.get("/implants")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["/termos", "/privacidade"])
def test_the_legal_pages_are_open_and_in_portuguese(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert 'lang="pt-br"' in answer.content.decode()


def test_the_api_description_names_every_open_door(client: Client, db: None) -> None:
    schema = client.get("/openapi.json").json()
    for path in ("/jotform", "/webhook", "/upload", "/implants", "/cases", "/auth/token"):
        assert any(path == known.rstrip("/") for known in schema["paths"])
    assert client.get("/docs").status_code == 200


def test_the_root_leads_to_the_panel(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


def test_a_correlation_id_is_taken_over_when_it_is_harmless(client: Client) -> None:
    assert (
        client.get("/ping", headers={"X-Request-ID": "abcdef-123"})["X-Request-ID"] == "abcdef-123"
    )
    forged = client.get("/ping", headers={"X-Request-ID": "x y<script>"})["X-Request-ID"]
    assert len(forged) == 32


def test_roles_have_exactly_their_permissions(db: None) -> None:
    from django.contrib.auth.models import Group

    from raiox_site.roles import PERMISSIONS

    for role, names in PERMISSIONS.items():
        held = {
            f"{permission.content_type.app_label}.{permission.codename}"
            for permission in Group.objects.get(name=role).permissions.all()
        }
        assert held == set(names)


def test_an_unknown_address_is_404_as_json_outside_the_panel(client: Client, db: None) -> None:
    answer = client.get("/nothing/here")
    assert answer.status_code == 404
    assert answer.json()["detail"]


def test_a_file_over_the_limit_is_no_server_error_in_the_panel(
    client: Client, curator: Any
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    client.force_login(curator)
    large = SimpleUploadedFile("x.jpg", b"x" * (5 * 1024 * 1024 + 1))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(curator)
    strict.cookies["csrftoken"] = "a" * 32
    for sender in (client, strict):
        answer = sender.post("/admin/implants/implant/add/", {"references-0-file": large})
        assert answer.status_code == 413
        assert "5 MB" in answer.content.decode()
        large.seek(0)
