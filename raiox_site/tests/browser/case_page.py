"""The page of a case, opened and filled in."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from cases.models import Case
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.desk import Desk
from raiox_site.tests.browser.pointing import Pointer


def opened(desk: Desk, case: Case, **options: Any) -> Page:
    """The page of a case that has candidates, once it can be decided by a key."""
    page = desk.open(stock.page_of(case), **options)
    expect(page.locator("[data-candidate='1']").first).to_be_visible()
    if options.get("java_script_enabled", True):
        wait_until_awake(page)
    return page


def wait_until_awake(page: Page) -> None:
    """A decision sent right after the page opens is asked to be checked first."""
    if page.locator("[data-decide]").count():
        expect(page.locator("[data-bar][data-awake]")).to_have_count(1)


def decide(page: Page, press: Callable[[], object]) -> None:
    """Press until the page is left: what may not be in the catalogue is asked for twice."""
    with page.expect_navigation():
        press()
        if page.locator("[data-unknown]").count():
            wait_until_awake(page)
            press()


def film_of(page: Page) -> Pointer:
    """The first film, once it is drawn."""
    film = page.locator("[data-viewer]:not([data-reference])").first
    expect(film).to_have_attribute("data-picture", "ready")
    return Pointer(page, film)


def write_note(page: Page, text: str) -> None:
    """On a phone the notes are folded."""
    if not page.locator("#note").is_visible():
        page.locator("details.internal > summary").click()
    page.fill("#note", text)
