"""Parts of the case page: notes, the buttons of a box, and what needs JavaScript."""

from typing import Any

import pytest
from playwright.sync_api import expect

from cases.models import Case
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import film_of, opened
from raiox_site.tests.browser.desk import Desk


@pytest.fixture
def case(catalogue: list[Any]) -> Case:
    return stock.add_case(0)


def test_the_buttons_of_a_box_can_be_read_over_the_film(desk: Desk, case: Case) -> None:
    page = opened(desk, case)
    pointer = film_of(page)
    pointer.tool("mark")

    pointer.draw((0.5, 0.3), (0.5, 0.95))

    tools = page.locator("[data-box-tools]").first
    expect(tools.locator("[data-tool=accept]")).to_be_in_viewport()
    tools.hover()
    desk.check(page, "box-buttons")


def test_the_notes_open_where_the_thumb_is(open_desk: Any, case: Case) -> None:
    with open_desk(True) as phone:
        page = opened(phone, case)

        page.locator("details.internal > summary").tap()

        expect(page.locator("#note")).to_be_in_viewport()
        expect(page.locator("#internal-note")).to_be_in_viewport()
        expect(page.locator("[data-decide]")).to_be_in_viewport()
        phone.check(page, "notes")


def test_without_javascript_nothing_is_offered_that_needs_it(desktop: Desk, case: Case) -> None:
    page = opened(desktop, case, java_script_enabled=False)

    for part in ("[data-suggest]", "kbd", ".boxes"):
        assert page.locator(part).count(), part
        for one in page.locator(part).all():
            expect(one).to_be_hidden()
