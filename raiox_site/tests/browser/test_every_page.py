"""The rules of accessibility on every page that a link leads to."""

from collections.abc import Iterator
from urllib.parse import urldefrag, urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Page

from cases.models import Case
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.desk import Desk

# Answers that are files, and the way out.
NOT_PAGES = ("film", "file", "export", "logout", "jsi18n", "schema", "static", "thumbnail")


def kind(url: str) -> str:
    """The name of the view behind an address, and which of its filters are set; one page of
    each kind is enough. Empty for what is no page."""
    parts = urlsplit(url)
    try:
        name = resolve(parts.path).view_name or parts.path
    except Resolver404:
        return ""
    if not parts.path.startswith("/admin/") or any(word in name for word in NOT_PAGES):
        return ""
    return name


def links(page: Page, base: str) -> list[str]:
    found = page.eval_on_selector_all("a[href]", "all => all.map((one) => one.href)")
    return [urldefrag(url).url for url in found if url.startswith(base)]


def walk(page: Page, base: str, start: str) -> Iterator[str]:
    """Open one page of every kind that can be reached; yields the kind of each, when open."""
    due, known = [base + start], set()
    while due:
        url = due.pop(0)
        name = kind(url)
        if not name or name in known:
            continue
        known.add(name)
        response = page.goto(url)
        assert response is not None and response.ok, f"{url} answers {response and response.status}"
        reached = kind(page.url)
        due += links(page, base)
        # What leads on to another page, such as the next case, counts as that page.
        if reached == name or reached not in known:
            known.add(reached)
            yield reached


@pytest.fixture
def cases(catalogue: list[object]) -> list[Case]:
    """One that awaits review, and one whose answer is on its way to Jotform."""
    waiting = stock.add_case(0)
    decided = stock.add_case(1, source="jotform", jotform_submission_id="6100000000000000001")
    return [waiting, stock.approve(decided)]


def check_every_page(desk: Desk, user: str) -> list[str]:
    """One page of every kind that `user` can reach; returns the names of their views."""
    page = desk.open(user=user)
    problems, seen = [], []
    for name in walk(page, desk.base, "/admin/"):
        seen.append(name)
        try:
            desk.check(page, f"page-{user}-{name.replace(':', '-')}")
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n\n".join(problems)
    return seen


@pytest.mark.parametrize("user", ["brenda", "catalogo"])
def test_every_page_that_somebody_reaches_is_accessible(
    desk: Desk, cases: list[Case], user: str
) -> None:
    assert "admin:implants_implant_changelist" in check_every_page(desk, user)


def test_every_page_of_the_operator_is_accessible(desktop: Desk, cases: list[Case]) -> None:
    seen = check_every_page(desktop, "chefe")

    assert {"admin:auth_user_change", "admin:cases_case_review", "admin:index"} <= set(seen)
