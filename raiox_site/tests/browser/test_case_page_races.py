"""What is said while the server is asked stands, and a key too many decides nothing."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from cases.models import Case, Finding, Result
from implants.models import Implant
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import decide, film_of, opened, wait_until_awake
from raiox_site.tests.browser.desk import Desk

pytestmark = pytest.mark.usefixtures("reasons")


@pytest.fixture
def case(catalogue: list[Any]) -> Case:
    return stock.add_case(0)


def held(page: Page, pattern: str) -> Callable[[], None]:
    """Hold back what is sent to addresses that match, until the returned function is called."""
    waiting: list[Route] = []
    page.route(re.compile(pattern), lambda route: waiting.append(route))

    def let_go() -> None:
        assert waiting, "nothing was sent"
        for route in waiting:
            route.continue_()
        page.unroute_all()

    return let_go


def mark_suggested(page: Page) -> Callable[[], None]:
    """Send the suggested box; its answer comes when the returned function is called."""
    film_of(page)
    let_go = held(page, "/mark/")
    with page.expect_request(re.compile("/mark/")):
        page.keyboard.press("b")

    def arrive() -> None:
        with page.expect_response(re.compile("/mark/")):
            let_go()
        expect(page.locator("[data-unmark]")).to_have_count(1)

    return arrive


def tick_of(page: Page, number: int) -> Any:
    return page.locator(f"[data-candidate='{number}'] [name=choice]").first


def test_what_is_called_unreadable_while_a_box_is_compared_is_not_approved(
    desktop: Desk, case: Case
) -> None:
    page = opened(desktop, case)
    page.keyboard.press("1")
    arrive = mark_suggested(page)

    page.keyboard.press("r")
    page.locator("[data-reason]").first.fill("A radiografia está cortada.")
    page.locator("[data-reason]").first.press("Escape")
    arrive()

    expect(page.locator("[type=radio][value=unreadable]").first).to_be_checked()
    with page.expect_navigation():
        page.keyboard.press("a")
    case.refresh_from_db()
    assert (case.status, case.outcome) == (Case.Status.REJECTED, "unreadable")
    assert case.decision_reason == "A radiografia está cortada."


def test_a_tick_set_while_a_box_is_compared_stays(desktop: Desk, case: Case) -> None:
    page = opened(desktop, case)
    arrive = mark_suggested(page)

    page.keyboard.press("1")
    chosen = page.locator("[name=choice]:checked").get_attribute("value")
    arrive()

    expect(page.locator("[name=choice]:checked")).to_have_count(1)
    expect(page.locator("[name=choice]:checked")).to_have_attribute("value", chosen or "")
    expect(page.locator("[data-selection]")).not_to_have_class(re.compile("is-empty"))


def test_a_candidate_of_the_whole_film_that_the_box_does_not_propose_is_no_selection_any_more(
    desktop: Desk, case: Case
) -> None:
    page = opened(desktop, case)
    page.keyboard.press("1")
    expect(tick_of(page, 1)).to_be_checked()
    first = Result.objects.get(finding__case_image__case=case, rank=1).implant
    Implant.objects.filter(pk=first.pk).update(is_active=False)
    mark_suggested(page)()

    expect(page.locator("[name=choice]:checked")).to_have_count(0)
    expect(page.locator("[data-selection]")).not_to_contain_text(first.name)


def test_what_is_typed_while_a_box_is_compared_goes_on_being_typed(
    desktop: Desk, case: Case
) -> None:
    page = opened(desktop, case)
    tooth = page.locator("[name^=tooth-]").first
    arrive = mark_suggested(page)

    tooth.fill("4")
    arrive()
    page.keyboard.type("6")

    expect(tooth).to_have_value("46")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    decide(page, lambda: page.keyboard.press("a"))
    assert Finding.objects.get(case_image__case=case).tooth == 46


def test_a_tick_taken_back_while_candidates_are_ranked_again_stays_away(
    desktop: Desk, case: Case, catalogue: list[Any]
) -> None:
    page = opened(desktop, case)
    page.keyboard.press("1")
    stated = stock.fact_of(case, "connection")
    other = next(one.connection for one in catalogue if one.connection != stated)
    page.keyboard.press("w")
    let_go = held(page, "/candidates/")
    with page.expect_request(re.compile("/candidates/")):
        page.locator("select[name$='-connection']").first.select_option(other)

    tick_of(page, 1).uncheck()
    second = page.locator("[data-candidate='2']").first.get_attribute("data-name")
    tick_of(page, 2).check()
    with page.expect_response(re.compile("/candidates/")):
        let_go()

    expect(page.locator("[data-seen-count]").first).to_have_text(re.compile(r"\d"))
    expect(page.locator("[name=choice]:checked")).to_have_count(1)
    expect(page.locator("[name=choice]:checked")).to_have_attribute("data-name", second or "")


def test_a_second_key_does_not_decide_the_next_case_by_its_draft(desktop: Desk, case: Case) -> None:
    following = stock.add_case(1)
    page = opened(desktop, following)
    page.keyboard.press("1")
    page.goto(stock.page_of(case))
    wait_until_awake(page)

    page.keyboard.press("1")
    with page.expect_navigation(url=re.compile(f"/{following.pk}/review/")):
        page.keyboard.press("a")
    expect(tick_of(page, 1)).to_be_checked()
    page.keyboard.press("a")
    expect(page.locator("[data-selection]")).to_have_class(re.compile("is-refusal"))
    desktop.check(page, "look-first")

    following.refresh_from_db()
    assert following.status == Case.Status.PENDING
    wait_until_awake(page)
    with page.expect_navigation():
        page.keyboard.press("a")
    following.refresh_from_db()
    assert following.status == Case.Status.APPROVED


def test_a_restored_choice_is_looked_at_before_it_is_sent(desktop: Desk, case: Case) -> None:
    page = opened(desktop, case)
    page.keyboard.press("1")
    page.reload()
    expect(tick_of(page, 1)).to_be_checked()
    wait_until_awake(page)

    page.keyboard.press("a")

    name = Result.objects.get(finding__case_image__case=case, rank=1).implant
    expect(page.locator("[data-selection].is-refusal")).to_contain_text(str(name))
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_a_restored_choice_is_sent_after_something_was_done_on_the_page(
    desktop: Desk, case: Case
) -> None:
    page = opened(desktop, case)
    page.keyboard.press("1")
    page.reload()
    expect(tick_of(page, 1)).to_be_checked()
    wait_until_awake(page)

    page.keyboard.press("i")
    with page.expect_navigation():
        page.keyboard.press("a")

    case.refresh_from_db()
    assert case.status == Case.Status.APPROVED


def test_two_keys_decide_as_soon_as_the_page_is_there(desktop: Desk, case: Case) -> None:
    page = desktop.open(stock.page_of(case))
    page.evaluate("document.querySelector('[data-bar]').removeAttribute('data-awake')")
    page.keyboard.press("1")

    with page.expect_navigation():
        page.keyboard.press("a")

    case.refresh_from_db()
    assert case.status == Case.Status.APPROVED


def test_marking_after_logging_in_again_elsewhere_says_to_reload(desktop: Desk, case: Case) -> None:
    page = opened(desktop, case)
    desktop.watch.allow("403")
    page.keyboard.press("1")
    page.context.clear_cookies(name="csrftoken")
    desktop.log_in(page.context, "brenda")
    film_of(page)

    page.keyboard.press("b")

    problem = page.locator("[data-refusal] [data-problem]")
    expect(problem.locator("a")).to_be_visible()
    with page.expect_navigation():
        problem.locator("a").click()
    expect(tick_of(page, 1)).to_be_checked()
