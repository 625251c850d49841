"""The queue, as reviewers use it."""

import re

import pytest
from playwright.sync_api import Page, expect

from cases.models import Case, Presence
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.desk import Desk

QUEUE = "/admin/cases/case/"
ROWS = "#result_list tbody tr"


@pytest.fixture
def cases(catalogue: list[object]) -> list[Case]:
    """Three that await review, the last of them urgent."""
    return [
        stock.add_case(0, tooth=36),
        stock.add_case(1, tooth=11, jotform_submission_id="6100000000000000001"),
        stock.add_case(2, tooth=24, priority=Case.Priority.URGENT, dentist_name="Dr. Modelo"),
    ]


def numbers(page: Page) -> list[int]:
    """The cases that the list shows, from the first to the last."""
    shown = page.locator(f"{ROWS} .case-number").all_inner_texts()
    return [int(re.findall(r"#(\d+)", text)[0]) for text in shown]


def search(page: Page, text: str) -> None:
    page.fill("#searchbar", text)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def more_filters(page: Page) -> None:
    """Open them where they are folded."""
    summary = page.locator(".more-filters > summary")
    if summary.is_visible():
        summary.click()


def test_the_queue_shows_the_urgent_case_first_then_the_oldest(
    desk: Desk, cases: list[Case]
) -> None:
    page = desk.open(QUEUE)

    expect(page.locator(ROWS)).to_have_count(3)
    assert numbers(page) == [cases[2].pk, cases[0].pk, cases[1].pk]
    thumbnails = page.locator(f"{ROWS} img")
    expect(thumbnails).to_have_count(3)
    page.wait_for_function(
        "() => [...document.querySelectorAll('#result_list img')].every((one) => one.naturalWidth)"
    )
    desk.check(page, "queue")

    with page.expect_navigation():
        page.locator(f"{ROWS} a").first.click()
    expect(page).to_have_url(re.compile(rf"/{cases[2].pk}/review/"))


def test_a_search_finds_a_submission_a_tooth_and_a_dentist(desk: Desk, cases: list[Case]) -> None:
    page = desk.open(QUEUE)

    for text, found in [("6100000000000000001", 1), ("dente 24", 2), ("36", 0), ("modelo", 2)]:
        search(page, text)
        assert numbers(page) == [cases[found].pk], text
    desk.check(page, "queue-search")


def test_filters_narrow_the_queue_and_are_cleared_again(desk: Desk, cases: list[Case]) -> None:
    stock.approve(cases[0])
    page = desk.open(QUEUE)
    assert len(numbers(page)) == 2

    with page.expect_navigation():
        page.locator("#changelist-filter a[href*='status=approved']").click()
    assert numbers(page) == [cases[0].pk]
    with page.expect_navigation():
        page.locator("#changelist-filter a[href*='status=pending']").click()

    more_filters(page)
    source = page.locator("#changelist-filter a[href*='source=jotform']")
    expect(source).to_be_visible()
    desk.check(page, "queue-filters")
    with page.expect_navigation():
        source.click()
    expect(page.locator(".empty-list")).to_be_visible()
    desk.check(page, "queue-nothing-fits")
    with page.expect_navigation():
        page.locator(".empty-list a").first.click()
    assert len(numbers(page)) == 2


def test_the_queue_of_one_manufacturer(desk: Desk, cases: list[Case]) -> None:
    page = desk.open(QUEUE)
    more_filters(page)
    options = page.locator("#manufacturer-filter option")
    maker = cases[0].images.get().findings.get().results.get(rank=1).implant.manufacturer

    expect(options.filter(has_text=maker)).to_have_count(1)
    page.select_option("#manufacturer-filter", maker)
    with page.expect_navigation():
        page.locator("#changelist-filter form button").click()

    assert cases[0].pk in numbers(page)
    expect(page.locator("#manufacturer-filter")).to_have_value(maker)


def test_a_new_case_appears_without_a_reload(desk: Desk, cases: list[Case]) -> None:
    page = desk.open(QUEUE)
    page.evaluate("window.stays = true")
    assert len(numbers(page)) == 3

    case = stock.add_case(3)

    expect(page.locator(ROWS)).to_have_count(4, timeout=15_000)
    assert case.pk in numbers(page)
    assert page.evaluate("window.stays") is True
    expect(page.locator("[data-news]")).not_to_be_empty()
    assert page.title().startswith("(4)")


def test_the_queue_says_who_looks_at_a_case(desk: Desk, cases: list[Case]) -> None:
    Presence.objects.create(case=cases[0], user=desk.user("ana"))

    page = desk.open(QUEUE)

    row = page.locator(ROWS).filter(has_text=f"#{cases[0].pk}")
    expect(row).to_contain_text("ana")
    desk.check(page, "queue-somebody-looks")


def test_a_queue_whose_session_has_ended_says_so(desktop: Desk, cases: list[Case]) -> None:
    page = desktop.open(QUEUE)
    expect(page.locator("[data-logged-out]")).to_be_hidden()

    page.context.clear_cookies()

    expect(page.locator("[data-logged-out]")).to_be_visible(timeout=15_000)
    expect(page.locator("[data-logged-out] a")).to_have_attribute("href", re.compile("login"))
    desktop.check(page, "queue-session-ended")


def test_an_empty_queue_says_so(desk: Desk, catalogue: list[object]) -> None:
    page = desk.open(QUEUE)

    expect(page.locator(ROWS)).to_have_count(0)
    expect(page.locator(".empty-list h2")).to_be_visible()
    desk.check(page, "queue-empty")


def test_a_failed_case_is_listed_with_its_reason_and_tried_again(
    desk: Desk, catalogue: list[object]
) -> None:
    case = stock.add_failed_case()
    page = desk.open(f"{QUEUE}?status=failed")
    expect(page.locator(ROWS)).to_contain_text(case.failure)
    desk.check(page, "queue-failed")

    with page.expect_navigation():
        page.locator(f"{ROWS} button").click()

    case.refresh_from_db()
    assert case.status == Case.Status.RECEIVED
