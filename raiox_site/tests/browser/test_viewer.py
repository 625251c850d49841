"""The film of a case: looked into, and beside the references."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cases.models import Case
from implants.models import ReferenceImage
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import film_of, opened
from raiox_site.tests.browser.desk import Desk
from raiox_site.tests.browser.pointing import Pointer


@pytest.fixture
def case(catalogue: list[Any]) -> Case:
    return stock.add_case(0)


def looking_at(desk: Desk, case: Case, **options: Any) -> tuple[Page, Pointer]:
    page = opened(desk, case, **options)
    return page, film_of(page)


def test_a_film_is_zoomed_turned_and_made_brighter(desk: Desk, case: Case) -> None:
    page, pointer = looking_at(desk, case)
    start = pointer.view

    pointer.tool("zoom-in")
    assert pointer.view["scale"] > start["scale"]
    pointer.tool("rotate-right")
    assert pointer.view["turn"] % 360 == 90
    pointer.tool("invert")
    assert pointer.view["invert"] is True
    pointer.tool("levels")
    pointer.section.locator("[data-level=brightness]").fill("150")
    assert pointer.view["brightness"] == 1.5
    pointer.draw((0.4, 0.4), (0.6, 0.6))
    assert pointer.view["contrast"] != start["contrast"]
    desk.check(page, "viewer-levels")

    pointer.tool("reset")
    assert pointer.view == start


def test_a_film_is_zoomed_with_wheel_and_fingers_and_moved(desk: Desk, case: Case) -> None:
    _page, pointer = looking_at(desk, case)
    start = pointer.view

    if desk.is_phone:
        pointer.pinch(3)
    else:
        pointer.wheel((0.5, 0.5), -400)
    closer = pointer.view
    assert closer["scale"] > start["scale"]

    pointer.draw((0.5, 0.5), (0.55, 0.55))
    assert (pointer.view["x"], pointer.view["y"]) != (closer["x"], closer["y"])
    assert pointer.view["scale"] == closer["scale"]


def test_a_film_is_looked_into_with_keys_loupe_and_full_screen(desktop: Desk, case: Case) -> None:
    page, pointer = looking_at(desktop, case)
    start = pointer.view
    pointer.stage.focus()

    page.keyboard.press("+")
    assert pointer.view["scale"] > start["scale"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("0")
    assert pointer.view["scale"] == start["scale"]
    page.keyboard.press("i")
    assert pointer.view["invert"] is True
    page.keyboard.press("z")
    expect(pointer.section.locator("[data-tool=loupe]")).to_have_attribute("aria-pressed", "true")
    page.mouse.move(*pointer.at((0.5, 0.4)))
    desktop.picture(page, "viewer-loupe", full=False)
    page.keyboard.press("z")
    pointer.tool("fullscreen")
    expect(pointer.section.locator("[data-tool=fullscreen]")).to_have_attribute(
        "aria-pressed", "true"
    )
    desktop.picture(page, "viewer-full-screen", full=False)


def test_a_candidate_is_laid_beside_the_film_and_over_it(desk: Desk, case: Case) -> None:
    page, pointer = looking_at(desk, case)
    page.locator("[data-candidate='2'] [data-show]").click()

    reference = page.locator("[data-viewer][data-reference]")
    expect(reference).to_have_attribute("data-picture", "ready")
    name = page.locator("[data-candidate='2']").get_attribute("data-name")
    expect(page.locator("[data-compare-name]")).to_have_text(name or "")
    beside = Pointer(page, reference)
    before = beside.view["scale"]
    pointer.tool("zoom-in")
    assert beside.view["scale"] > before
    desk.check(page, "compare-side")

    page.locator("[data-mode=overlay]").click()
    expect(page.locator("img.viewer-over")).to_be_visible()
    page.locator("[data-opacity]").fill("70")
    desk.check(page, "compare-overlay")
    page.locator("[data-compare-tool=close]").click()
    expect(reference).to_be_hidden()


def test_a_reference_whose_size_nobody_wrote_down_is_laid_at_the_same_scale(
    desktop: Desk, case: Case
) -> None:
    page, _pointer = looking_at(desktop, case)
    page.locator("[data-candidate='1'] [data-show]").click()
    reference = page.locator("[data-viewer][data-reference]")
    expect(reference).to_have_attribute("data-picture", "ready")
    known = Pointer(page, reference).view["scale"]

    ReferenceImage.objects.update(width=None, height=None)
    page, _pointer = looking_at(desktop, case)
    page.locator("[data-candidate='1'] [data-show]").click()
    reference = page.locator("[data-viewer][data-reference]")
    expect(reference).to_have_attribute("data-picture", "ready")

    assert Pointer(page, reference).view["scale"] == pytest.approx(known)


def test_film_and_reference_alternate_and_stop(desktop: Desk, case: Case) -> None:
    page, _pointer = looking_at(desktop, case, reduced_motion="no-preference")
    page.locator("[data-candidate='1'] [data-show]").click()
    run = page.locator("[data-compare-tool=run]")

    page.locator("[data-mode=blink]").click()

    expect(run).to_be_visible()
    stop = run.inner_text()
    run.click()
    expect(run).not_to_have_text(stop)


def test_what_tells_the_first_candidates_apart_is_said_in_words(desk: Desk, case: Case) -> None:
    page, _pointer = looking_at(desk, case)
    differences = page.locator("table.differences")

    differences.scroll_into_view_if_needed()

    assert differences.locator("thead th").count() == 4
    assert differences.locator("tbody tr").count() >= 1
