"""The first page, the help, and what is shown when something goes wrong."""

import pytest
from playwright.sync_api import expect

from cases.models import Case
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.desk import Desk

HELP = {"brenda": "/admin/help/reviewers/", "catalogo": "/admin/help/catalogue/"}


@pytest.fixture
def week(catalogue: list[object]) -> list[Case]:
    """A desk at work: two decided, one urgent, one failed."""
    decided = [stock.approve(stock.add_case(number)) for number in range(2)]
    urgent = stock.add_case(2, priority=Case.Priority.URGENT)
    return [*decided, urgent, stock.add_failed_case()]


def test_the_first_page_shows_what_waits_and_leads_to_it(desk: Desk, week: list[Case]) -> None:
    page = desk.open("/admin/")

    expect(page.locator(".dash-next-number strong")).to_have_text("1")
    expect(page.locator(".dash-next .badge-urgent")).to_be_visible()
    desk.check(page, "dashboard")
    with page.expect_navigation():
        page.locator(".dash-actions .dash-button").click()
    assert f"/{week[2].pk}/review/" in page.url


def test_the_numbers_behind_a_plot_can_be_read(desk: Desk, week: list[Case]) -> None:
    page = desk.open("/admin/")
    plot = page.locator("figure.plot").last

    assert plot.locator("svg desc").text_content()
    plot.locator("summary").click()

    table = plot.locator("table")
    expect(table).to_be_visible()
    assert table.locator("tbody tr").count() > 0
    desk.check(page, "dashboard-numbers")


@pytest.mark.parametrize("user", ["catalogo", "leitura"])
def test_the_first_page_of_somebody_who_does_not_decide(
    desktop: Desk, week: list[Case], user: str
) -> None:
    page = desktop.open("/admin/", user=user)

    expect(page.locator("main h1").first).to_be_visible()
    desktop.check(page, f"dashboard-{user}")


def test_the_first_page_before_anything_happened(desk: Desk) -> None:
    page = desk.open("/admin/")

    expect(page.locator(".dash-next")).to_be_visible()
    desk.check(page, "dashboard-empty")


@pytest.mark.parametrize("user", ["brenda", "catalogo"])
def test_the_help_is_reached_from_every_page(desk: Desk, user: str) -> None:
    page = desk.open("/admin/", user=user)

    with page.expect_navigation():
        page.locator("header a[href*='/help/']").first.click()
    assert "/admin/help/" in page.url
    page.goto(HELP[user])

    expect(page.locator("html")).to_have_attribute("lang", "pt-br")
    assert page.locator("main h2").count() >= 3
    desk.check(page, f"help-{user}")


@pytest.mark.parametrize(
    ("user", "path", "status"),
    [
        ("brenda", "/admin/cases/case/999999/review/", 404),
        ("brenda", "/admin/no-such-page/", 404),
        ("catalogo", "/admin/cases/case/", 403),
    ],
)
def test_what_is_not_there_or_not_allowed_has_a_page_that_says_so(
    desktop: Desk, user: str, path: str, status: int
) -> None:
    desktop.watch.allow(f"status of {status}")
    page = desktop.open(user=user)

    response = page.goto(path)

    assert response is not None and response.status == status
    expect(page.locator("h1")).to_be_visible()
    desktop.check(page, f"error-{status}")
    with page.expect_navigation():
        page.locator("a[href='/admin/']").first.click()
    assert page.url.rstrip("/").endswith("/admin")


@pytest.mark.parametrize("path", ["/privacidade", "/termos"])
def test_the_public_pages(desk: Desk, path: str) -> None:
    page = desk.open(path, user="")

    expect(page.locator("h1")).to_be_visible()
    desk.check(page, path.strip("/"))
