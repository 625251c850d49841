"""Fixtures are marked on a film, and compared again in place."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cases.models import Case, CaseImage, Finding
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import decide, film_of
from raiox_site.tests.browser.desk import Desk
from raiox_site.tests.browser.pointing import Pointer


@pytest.fixture
def case(catalogue: list[Any]) -> Case:
    return stock.add_case(0)


def mark(page: Page, pointer: Pointer, start: Any, end: Any) -> float:
    """Draw from platform to apex and keep the box; seconds until the new candidates are there."""
    if pointer.section.get_attribute("data-mode") != "mark":
        pointer.tool("mark")
    pointer.draw(start, end)
    began = time.monotonic()
    with page.expect_response(re.compile("/mark/")) as answer:
        pointer.tool("accept")
    assert answer.value.ok
    expect(page.locator("[data-marking-state]")).not_to_be_empty()
    return time.monotonic() - began


def test_a_marked_fixture_is_compared_again_without_a_reload(
    desk: Desk, case: Case, tell: Callable[[str], None]
) -> None:
    whole = Finding.objects.get(case_image__case=case)
    before = list(whole.results.order_by("rank").values_list("similarity", flat=True))
    page = desk.open(stock.page_of(case))
    page.evaluate("window.stays = true")
    pointer = film_of(page)

    seconds = mark(page, pointer, (0.5, 0.3), (0.5, 0.8))
    tell(f"From the box to its new candidates ({desk.name}): {seconds:.2f} s")

    finding = Finding.objects.get(case_image__case=case)
    assert finding.pk == whole.pk
    assert finding.box is not None and abs(finding.box["angle"]) < 3
    after = list(finding.results.order_by("rank").values_list("similarity", flat=True))
    assert after != before
    expect(page.locator(f"[data-box][data-finding='{finding.pk}']")).to_have_count(1)
    expect(page.locator("[data-candidate='1']").first).to_be_visible()
    assert page.evaluate("window.stays") is True
    desk.check(page, "marked")


def test_two_fixtures_of_one_film_have_a_decision_each(
    desk: Desk, case: Case, reasons: None
) -> None:
    page = desk.open(stock.page_of(case))
    pointer = film_of(page)

    mark(page, pointer, (0.3, 0.3), (0.3, 0.8))
    mark(page, pointer, (0.7, 0.8), (0.7, 0.3))

    first, second = Finding.objects.filter(case_image__case=case).order_by("pk")
    assert abs(abs(second.box["angle"]) - 180) < 3
    expect(page.locator("[data-tab]")).to_have_count(2)
    page.locator(f"[data-tab='{first.pk}']").click()
    page.locator(f"#fixture-{first.pk} [data-candidate='1'] [name=choice]").check()
    page.locator(f"[data-tab='{second.pk}']").click()
    page.locator(f"#fixture-{second.pk} [type=radio][value=unreadable]").check()
    desk.check(page, "two-fixtures")
    decide(page, page.locator("[data-decide]").click)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.outcome, second.outcome) == ("identified", "unreadable")
    case.refresh_from_db()
    assert case.status == Case.Status.APPROVED


def test_the_suggested_box_is_used_with_one_key(desktop: Desk, case: Case) -> None:
    image = CaseImage.objects.get(case=case)
    page = desktop.open(stock.page_of(case))
    film_of(page)

    with page.expect_response(re.compile("/mark/")):
        page.keyboard.press("b")

    expect(page.locator("[data-marking-state]")).not_to_be_empty()
    box = Finding.objects.get(case_image=image).box
    assert box == pytest.approx(image.suggested_boxes[0], abs=0.1)


def test_the_suggested_box_is_used_by_its_button_and_removed_again(desk: Desk, case: Case) -> None:
    page = desk.open(stock.page_of(case))
    film_of(page)

    with page.expect_response(re.compile("/mark/")):
        page.locator("[data-suggest]").click()
    finding = Finding.objects.get(case_image__case=case)
    unmark = page.locator(f"[data-unmark='{finding.pk}']")
    expect(unmark).to_be_visible()
    with page.expect_response(re.compile("/unmark/")):
        unmark.click()

    expect(unmark).to_have_count(0)
    assert Finding.objects.get(case_image__case=case).box is None


def test_a_box_is_moved_and_turned_with_keys(desktop: Desk, case: Case) -> None:
    page = desktop.open(stock.page_of(case))
    pointer = film_of(page)
    mark(page, pointer, (0.5, 0.3), (0.5, 0.8))
    before = Finding.objects.get(case_image__case=case).box

    page.locator("svg [data-box-key]").first.focus()
    for key in ("Shift+ArrowRight", "]", "]", "]", "+"):
        page.keyboard.press(key)
    with page.expect_response(re.compile("/mark/")):
        page.keyboard.press("Enter")
    expect(page.locator("[data-marking-state]")).not_to_be_empty()

    after = Finding.objects.get(case_image__case=case).box
    assert after["x"] > before["x"]
    assert after["angle"] == pytest.approx(before["angle"] + 3, abs=0.5)
    assert after["height"] > before["height"]


def test_candidates_are_ranked_by_what_is_seen(
    desk: Desk, case: Case, catalogue: list[Any]
) -> None:
    page = desk.open(stock.page_of(case))
    fixture = page.locator("[data-fixture]").first
    first = fixture.locator("[data-candidate='1']").get_attribute("data-name")
    fixture.locator("[data-seen] > summary").click()

    for feature, word in stock.facts_of_the_next(case).items():
        with page.expect_response(re.compile("/candidates/")):
            fixture.locator(f"select[name$='-{feature}']").select_option(word)

    expect(fixture.locator("[data-seen-count]")).to_have_text(re.compile(r"\d"))
    expect(fixture.locator("[data-candidate='1']")).not_to_have_attribute("data-name", first or "")
    desk.check(page, "seen")
    with page.expect_response(re.compile("/candidates/")):
        fixture.locator("[data-seen-clear]").click()
    expect(fixture.locator("[data-candidate='1']")).to_have_attribute("data-name", first or "")
