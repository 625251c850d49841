"""What is selected stands beside the film, with every reference that its implant has."""

import re
from typing import Any

import pytest
from django.core.files.base import ContentFile
from playwright.sync_api import Page, expect

from cases.models import Case, Result
from implants.models import Implant, ReferenceImage
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import film_of, opened
from raiox_site.tests.browser.desk import Desk


@pytest.fixture
def case(catalogue: list[Any]) -> Case:
    return stock.add_case(0)


def add_reference(implant: Implant, seed: int, **facts: Any) -> ReferenceImage:
    """A further reference, with a picture of its own for each `seed`."""
    reference = ReferenceImage(
        implant=implant, width=200, height=300, provenance=ReferenceImage.Provenance.PHANTOM
    )
    reference.file.save("", ContentFile(stock.picture(stock.ROWS[0], seed)), save=False)
    reference.indexed_by_importer = True  # type: ignore[attr-defined]
    reference.save()
    ReferenceImage.objects.filter(pk=reference.pk).update(**facts) if facts else None
    return reference


def compared(page: Page) -> Any:
    return page.locator("[data-compare-name]")


def name_of(page: Page, number: int) -> str:
    return str(page.locator(f"[data-candidate='{number}']").first.get_attribute("data-name"))


def test_the_candidate_that_is_selected_stands_beside_the_film(desk: Desk, case: Case) -> None:
    page = opened(desk, case)
    film_of(page)

    for number in (2, 3):
        page.keyboard.press(str(number))
        expect(compared(page)).to_have_text(name_of(page, number))
        expect(page.locator("[data-reference]")).to_have_attribute("data-picture", "ready")
    desk.check(page, "selected-compared")


def test_ticking_on_a_phone_does_not_move_the_page_away(open_desk: Any, case: Case) -> None:
    with open_desk(True) as phone:
        page = opened(phone, case)
        film_of(page)
        tick = page.locator("[data-candidate='1'] [name=choice]")
        tick.scroll_into_view_if_needed()
        before = tick.bounding_box()

        tick.check()

        expect(compared(page)).to_have_text(name_of(page, 1))
        after = tick.bounding_box()
        assert before and after
        assert after["y"] == pytest.approx(before["y"], abs=2)


def test_another_implant_that_is_found_and_ticked_is_compared_too(
    desktop: Desk, case: Case, catalogue: list[Any]
) -> None:
    other = stock.without_reference(catalogue[3])
    add_reference(other, 1)
    page = opened(desktop, case)

    page.locator("[data-search]").first.fill(other.name)
    page.locator(f".others input[data-name='{other}']").check()

    expect(compared(page)).to_have_text(str(other))


def test_what_sinks_by_what_is_seen_leaves_its_place_to_the_best_that_fits(
    desktop: Desk, case: Case, catalogue: list[Any]
) -> None:
    page = opened(desktop, case)
    before = name_of(page, 1)
    expect(compared(page)).to_have_text(before)

    page.keyboard.press("w")
    for feature, word in stock.facts_of_the_next(case).items():
        with page.expect_response(re.compile("/candidates/")):
            page.locator(f"select[name$='-{feature}']").first.select_option(word)

    expect(compared(page)).not_to_have_text(before)
    expect(compared(page)).to_have_text(name_of(page, 1))


def test_every_usable_reference_of_a_candidate_is_compared_in_turn(desk: Desk, case: Case) -> None:
    first = Result.objects.get(finding__case_image__case=case, rank=1)
    second = add_reference(first.implant, 1)
    third = add_reference(first.implant, 2)
    add_reference(first.implant, 3, is_active=False)
    add_reference(first.implant, 4, error="cannot be read")
    page = opened(desk, case)
    page.keyboard.press("Shift+Digit1")
    place, shown = (
        page.locator("[data-compare-place]"),
        page.locator("[data-reference] img[data-film]"),
    )
    expect(place).to_have_text(re.compile(r"1\D+3"))
    expect(shown).to_have_attribute("src", re.compile(f"/{first.reference_image_id}/"))

    page.locator("[data-compare-tool=next]").click()
    expect(place).to_have_text(re.compile(r"2\D+3"))
    expect(shown).to_have_attribute("src", re.compile(f"/{second.pk}/"))
    desk.check(page, "second-reference")
    page.keyboard.press(".")
    expect(shown).to_have_attribute("src", re.compile(f"/{third.pk}/"))
    page.keyboard.press(".")
    expect(shown).to_have_attribute("src", re.compile(f"/{first.reference_image_id}/"))
    page.keyboard.press(",")
    expect(place).to_have_text(re.compile(r"3\D+3"))


def test_an_implant_with_one_reference_has_nothing_to_step_through(
    desktop: Desk, case: Case
) -> None:
    page = opened(desktop, case)
    expect(compared(page)).to_have_text(name_of(page, 1))

    expect(page.locator("[data-compare-steps]")).to_be_hidden()


@pytest.mark.parametrize("mode", ["overlay", "blink"])
def test_a_fixture_is_marked_on_the_film_and_not_on_what_lies_over_it(
    desktop: Desk, case: Case, mode: str
) -> None:
    page = opened(desktop, case)
    pointer = film_of(page)
    page.locator(f"[data-mode={mode}]").click()

    pointer.tool("mark")

    expect(page.locator("[data-compare]")).to_have_attribute("data-compare", "side")
    expect(page.locator(".viewer-over")).to_be_hidden()
