"""Fixtures that the program found: decided quickly, removed, and never approved by accident."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cases.models import Case, CaseImage, Finding
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import film_of, opened, wait_until_awake
from raiox_site.tests.browser.desk import Desk

pytestmark = pytest.mark.usefixtures("reasons")


def refused(page: Page) -> None:
    expect(page.locator("[data-selection]")).to_have_class(re.compile("is-refusal"))


def findings(case: Case) -> list[Finding]:
    return list(Finding.objects.filter(case_image__case=case).order_by("pk"))


def outcomes(case: Case) -> list[str]:
    return [finding.outcome for finding in findings(case)]


def test_one_found_fixture_is_approved_with_two_keys(desktop: Desk, catalogue: list[Any]) -> None:
    case = stock.add_case(0, found=1)
    page = opened(desktop, case)

    page.keyboard.press("1")
    with page.expect_navigation():
        page.keyboard.press("a")

    assert outcomes(case) == ["identified"]


def test_what_was_not_examined_is_said_before_the_rest_is_sent(
    desk: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0, found=2)
    CaseImage.objects.update(doubts=["too_small"])
    page = opened(desk, case)
    film_of(page)
    desk.check(page, "found-fixtures")

    page.keyboard.press("1")
    page.keyboard.press("a")
    refused(page)
    left = page.locator("[data-bar]").get_attribute("data-text-not-examined") or ""
    expect(page.locator("[data-selection]")).to_contain_text(left)
    wait_until_awake(page)
    with page.expect_navigation():
        page.keyboard.press("a")

    assert outcomes(case) == ["identified", ""]
    page.goto(stock.page_of(case))
    desk.check(page, "found-fixture-not-examined")


def test_a_false_one_is_removed_with_one_key(desktop: Desk, catalogue: list[Any]) -> None:
    case = stock.add_case(0, found=3)
    first, _second, third = findings(case)
    page = opened(desktop, case)
    film_of(page)

    page.keyboard.press("f")
    with page.expect_response(re.compile("/unmark/")):
        page.keyboard.press("d")

    expect(page.locator("[data-tab]")).to_have_count(2)
    assert findings(case) == [first, third]
    expect(page.locator("svg [data-box-key].box-found")).to_have_count(2)


def test_the_last_false_one_leaves_the_whole_film_and_says_so(
    desk: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0, found=1)
    page = opened(desk, case)
    film_of(page)

    with page.expect_response(re.compile("/unmark/")):
        page.locator("[data-unmark]").click()

    expect(page.locator("[data-unmark]")).to_have_count(0)
    assert findings(case)[0].box is None
    page.reload()
    expect(page.locator(".nothing-found")).to_be_visible()
    desk.check(page, "nothing-found")


def test_two_keys_do_not_approve_what_is_probably_not_in_the_catalogue(
    desk: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0, found=1)
    Finding.objects.update(is_unknown=True, band="low")
    page = opened(desk, case)
    film_of(page)
    expect(page.locator(".unknown-implant")).to_be_visible()
    desk.check(page, "unknown-implant")

    page.keyboard.press("1")
    page.keyboard.press("a")
    refused(page)
    assert outcomes(case) == [""]
    wait_until_awake(page)
    with page.expect_navigation():
        page.keyboard.press("a")

    assert outcomes(case) == ["identified"]


def test_that_it_is_not_in_the_catalogue_takes_two_keys(
    desktop: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0, found=1)
    Finding.objects.update(is_unknown=True, band="low")
    page = opened(desktop, case)

    page.keyboard.press("x")
    with page.expect_navigation():
        page.keyboard.press("a")

    assert outcomes(case) == ["not_in_catalogue"]


def test_of_many_fixtures_the_later_ones_get_their_candidates_when_they_come_to_the_front(
    desktop: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0, found=6)
    page = opened(desktop, case)
    last = page.locator("[data-fixture]").last
    expect(last.locator("[data-brief]")).to_have_count(1)

    with page.expect_response(re.compile("/candidates/")):
        page.keyboard.press("p")

    expect(last.locator("[data-brief]")).to_have_count(0)
    expect(last.locator("[data-candidate='4']")).to_be_visible()
