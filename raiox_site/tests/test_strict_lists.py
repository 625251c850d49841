"""The lists of the panel, asked for by every column and in ways that they do not offer."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.test import Client
from django.urls import get_resolver, reverse

from cases.models import Case
from implants.models import Implant
from raiox_site.strict_lists import StrictAdmin

ATTACKS = (
    ("regex", "((("),
    ("iregex", "*"),
    ("startswith", "a"),
    ("gt", "nan"),
    ("in", "1,x"),
    ("range", "1"),
    ("contains", "{"),
    ("year", "99999999"),
    ("date__year", "99999999"),
    ("length__gt", "1"),
    ("exact", "1e400"),
    ("nonsense", "1"),
)
# What no filter of a list offers, but links of our other pages ask for.
LINKED = {"status__in"}
pytestmark = pytest.mark.django_db


def pages() -> list[Any]:
    # Loading the addresses is what fills the site.
    assert get_resolver().url_patterns
    return sorted(admin.site._registry.items(), key=lambda one: one[0]._meta.label)


def address(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def superuser(client: Client, make_user: Any) -> Client:
    client.force_login(make_user(username="chefe", is_superuser=True))
    return client


def attacks(model: type[models.Model]) -> Iterator[dict[str, str]]:
    for field in model._meta.get_fields():
        for lookup, value in ATTACKS:
            yield {f"{field.name}{LOOKUP_SEP}{lookup}": value}
        if field.is_relation and field.related_model:
            for further in field.related_model._meta.get_fields():  # type: ignore[union-attr]
                yield {f"{field.name}__{further.name}__startswith": "a"}
    for name in ("pk", "state", "film_id", "picks", "no_column"):
        yield {f"{name}__regex": "((("}


@pytest.mark.parametrize("model", [model for model, _page in pages()], ids=lambda one: one.__name__)
def test_no_list_is_filtered_by_what_it_does_not_offer(superuser: Client, model: Any) -> None:
    plain = superuser.get(address(model))
    assert plain.status_code == 200
    filters = plain.context["cl"].filter_specs
    offered = {name for one in filters for name in one.expected_parameters()} | LINKED
    for query in attacks(model):
        answer = superuser.get(address(model), query)
        if offered.isdisjoint(query):
            assert answer.get("Location") == f"{address(model)}?e=1", query
        else:
            assert answer.status_code in (200, 302), query


def test_every_page_of_the_panel_has_a_strict_list() -> None:
    assert not [model for model, page in pages() if not isinstance(page, StrictAdmin)]


def test_what_a_list_offers_still_works(superuser: Client) -> None:
    """Each link that the lists themselves show."""
    Implant.objects.create(manufacturer="Fabricante", name="Linha")
    for model, _page in pages():
        answer = superuser.get(address(model))
        changelist = answer.context["cl"]
        for spec in changelist.filter_specs:
            for choice in spec.choices(changelist):
                link = address(model) + choice["query_string"]
                assert superuser.get(link).status_code == 200, link


@pytest.mark.parametrize(
    "link",
    [
        "cases/caseaccess/?case__id__exact=1",
        "implants/referenceimage/?implant__id__exact=1",
        "implants/referenceimage/?warning=any&state=waiting",
        "implants/implant/?references=unfound&is_active__exact=1&q=a&o=1&p=1",
        "integrations/resultreturn/?status__in=queued,waiting",
        "cases/referenceproposal/?status__exact=proposed",
    ],
)
def test_links_from_our_other_pages_still_work(superuser: Client, link: str) -> None:
    assert superuser.get(f"/admin/{link}").status_code == 200


def test_no_column_can_be_read_letter_by_letter(client: Client, approver: Any) -> None:
    Case.objects.create(source=Case.Source.UPLOAD, patient_name="Paciente Fictício")
    client.force_login(approver)
    for letter in "PX":
        answer = client.get("/admin/cases/case/", {"patient_name__startswith": letter})
        assert answer["Location"] == "/admin/cases/case/?e=1"


@pytest.mark.parametrize(
    "query",
    [
        "cases/caseaccess/?created_at__gte=99999999&created_at__lt=x",
        "cases/case/?q=" + "9" * 5000,
        "implants/implant/?is_active__exact=((( ",
        "auth/user/?groups__id__exact=x",
    ],
)
def test_a_value_that_a_filter_cannot_take_leads_back_to_the_list(
    superuser: Client, query: str
) -> None:
    path = f"/admin/{query}"
    assert superuser.get(path)["Location"] == f"{path.partition('?')[0]}?e=1"
    assert superuser.get(f"{path}&e=1").status_code == 400


def test_the_refusal_itself_is_an_ordinary_list(superuser: Client) -> None:
    assert superuser.get("/admin/cases/case/?e=1").status_code == 200


@pytest.mark.parametrize("path", ["cases/case/live/", "implants/implant/export/"])
def test_what_is_made_of_a_list_is_as_strict(superuser: Client, path: str) -> None:
    answer = superuser.get(f"/admin/{path}", {"name__regex": "(((", "patient_name__regex": "((("})
    assert answer.status_code in (302, 400)


def test_the_address_of_a_case_with_thousands_of_digits_is_not_found(superuser: Client) -> None:
    assert superuser.get(f"/admin/cases/case/{'9' * 5000}/change/").status_code == 404
