"""`/termos` and `/privacidade`: in versions, for everybody, with what LGPD asks them to say."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cases.terms import TERMS_VERSION, TERMS_VERSIONS

PAGES = ("/termos", "/privacidade")


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_the_current_version_is_dated_and_names_the_others(client: Client, address: str) -> None:
    shown = text(client, address)
    assert f"Versão {TERMS_VERSION}, de 22 de novembro de 2026" in shown
    for version in TERMS_VERSIONS:
        assert version == TERMS_VERSION or f'href="{address}/{version}"' in shown
    assert '<html lang="pt-br">' in shown


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("version", TERMS_VERSIONS)
def test_every_version_stays_readable(client: Client, address: str, version: str) -> None:
    shown = text(client, f"{address}/{version}")
    assert f"Versão {version}, de " in shown
    assert ("foi substituída" in shown) == (version != TERMS_VERSION)
    assert client.get(f"{address}/{version}/").status_code == 200


def test_the_first_version_says_what_it_always_said(client: Client) -> None:
    assert "Envie apenas radiografias que você pode compartilhar" in text(client, "/termos/1")
    assert "pelo mesmo canal em que enviou o formulário" in text(client, "/privacidade/1")
    assert "21 de novembro de 2026" in text(client, "/privacidade/1")


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("version", ["0", "3", "9999", "01", "x", "1/2", "-1", "..%2f1", "٢"])
def test_a_version_that_never_was_is_not_found(client: Client, address: str, version: str) -> None:
    assert client.get(f"{address}/{version}").status_code == 404


def test_the_policy_says_what_the_law_asks_for(client: Client, settings: Any) -> None:
    settings.RAIOX_CONTROLLER_NAME = "Clínica Exemplo Ltda. <b>"
    settings.RAIOX_PRIVACY_EMAIL = "privacidade@example.com"
    settings.RAIOX_RETENTION_DAYS = 45
    shown = text(client, "/privacidade")
    assert "Clínica Exemplo Ltda. &lt;b&gt;" in shown
    assert 'href="mailto:privacidade@example.com"' in shown
    assert "45 dias" in shown
    for article in ("art. 5º, II", "art. 7º, V", "art. 11, I", "art. 14", "art. 18", "art. 19"):
        assert article in shown
    for article in ("art. 20", "art. 41", "art. 48", "art. 8º, § 5º"):
        assert article in shown
    for word in ("controlador", "encarregado", "portabilidade", "revogação", "ANPD", "CSRF"):
        assert word in shown


@pytest.mark.parametrize("address", PAGES)
def test_without_a_named_controller_the_text_still_says_whom_to_ask(
    client: Client, settings: Any, address: str
) -> None:
    settings.RAIOX_CONTROLLER_NAME = settings.RAIOX_PRIVACY_EMAIL = ""
    shown = text(client, address)
    assert "formulário" in shown
    assert "mesmo canal" in shown
    assert "mailto:" not in shown


@pytest.mark.parametrize("address", PAGES)
def test_they_need_no_database_and_set_no_cookie(client: Client, address: str) -> None:
    """Without the mark of the database every query would fail."""
    answer = client.get(address)
    assert not answer.cookies
    assert client.post(address).status_code == 405


def test_they_are_linked_to_each_other_and_from_the_login_page(client: Client, db: None) -> None:
    for address in (*PAGES, reverse("admin:login")):
        shown = text(client, address)
        assert {*PAGES} <= set(re.findall(r'href="([^"#]+)"', shown))


def test_every_anchor_of_the_contents_is_there(client: Client) -> None:
    shown = text(client, "/privacidade")
    anchors = re.findall(r'href="#([^"]+)"', shown)
    assert anchors
    assert all(f'id="{one}"' in shown for one in anchors)
