"""A case that is not (yet, or any more) to be decided; and everything without JavaScript."""

from typing import Any

import pytest
from playwright.sync_api import expect

from cases import intake, retention
from cases.models import Case, Finding
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import write_note
from raiox_site.tests.browser.desk import Desk


def test_a_failed_case_says_why_and_can_be_answered(desk: Desk, catalogue: list[Any]) -> None:
    case = stock.add_failed_case()
    page = desk.open(stock.page_of(case))
    expect(page.locator("main")).to_contain_text(case.failure)
    desk.check(page, "case-failed")

    page.locator("details.reject-side > summary").click()
    page.fill("#reason", "O arquivo enviado não é uma radiografia.")
    with page.expect_navigation():
        page.locator("details.reject-side [type=submit]").click()

    case.refresh_from_db()
    assert case.status == Case.Status.REJECTED


def test_a_case_that_is_being_processed_shows_its_candidates_when_they_come(
    desk: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0, process=False)
    page = desk.open(stock.page_of(case))
    expect(page.locator("main .notice[role=status]")).to_be_visible()
    expect(page.locator("[data-decide]")).to_have_count(0)
    desk.check(page, "case-received")

    intake.process(case_id=case.pk)

    expect(page.locator("[data-candidate='1']")).to_be_visible()


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"queued_at": None, "failure": "Sem resposta."}, "#held"),
        ({"next_try_at": "2031-05-04T18:30:00Z", "failure": "Não veio."}, "#postponed"),
    ],
    ids=["held", "postponed"],
)
def test_a_case_that_waits_says_for_what(
    desktop: Desk, catalogue: list[Any], state: dict[str, Any], shown: str
) -> None:
    case = stock.add_case(0, process=False, **state)

    page = desktop.open(stock.page_of(case))

    expect(page.locator(shown)).to_contain_text(state["failure"])
    desktop.check(page, f"case-{shown[1:]}")


def test_a_case_without_consent_waits_until_an_approver_records_it(
    desk: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0, process=False, awaits_consent=True)
    page = desk.open(stock.page_of(case))
    expect(page.locator("#no-consent")).to_be_visible()
    page.locator("details.reject-side > summary").click()
    desk.check(page, "case-no-consent")

    page.locator("#no-consent [name=confirmed]").check()
    page.locator(".record-consent [type=submit]").click()

    expect(page.locator("#no-consent")).to_have_count(0)
    case.refresh_from_db()
    assert (bool(case.consent_at), case.awaits_consent) == (True, False)


def test_an_export_is_downloaded_and_what_is_wrong_is_said(
    desk: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0)
    page = desk.open("/admin/cases/case/export/")
    page.locator(".export-page [type=submit]").click()
    expect(page.locator(".export-page [role=alert]")).to_be_visible()
    desk.check(page, "export")

    page.fill("[name=case]", str(case.pk))
    page.locator(".export-page .erasure-form [type=submit]").click()
    expect(page.locator(".erasure-cases")).to_contain_text(f"#{case.pk}")
    desk.check(page, "export-found")
    page.locator("[name=confirm]").check()
    with page.expect_download() as download:
        page.locator(".export-confirm [type=submit]").click()

    assert download.value.suggested_filename == "raiox-dados.zip"


def test_a_decided_case_shows_what_became_of_its_answer(desk: Desk, catalogue: list[Any]) -> None:
    case = stock.add_case(0, source="jotform", jotform_submission_id="6100000000000000001")

    page = desk.open(stock.page_of(stock.approve(case)))

    expect(page.locator("section.answer")).to_be_visible()
    desk.check(page, "case-answer")
    page.goto("/admin/integrations/resultreturn/")
    expect(page.locator("#result_list tbody tr")).to_contain_text(f"#{case.pk}")
    desk.check(page, "answers")


def test_an_erased_case_keeps_its_decision_only(desk: Desk, catalogue: list[Any]) -> None:
    case = stock.approve(stock.add_case(0))
    retention.erase(case_id=case.pk)

    page = desk.open(stock.page_of(case))

    expect(page.locator("main")).not_to_contain_text("Paciente Fictício")
    desk.check(page, "case-archived")


def test_a_reader_sees_a_case_and_cannot_decide_it(desk: Desk, catalogue: list[Any]) -> None:
    case = stock.add_case(0)

    page = desk.open(stock.page_of(case), user="leitura")

    expect(page.locator("[data-candidate]").first).to_be_visible()
    expect(page.locator("main [type=submit]")).to_have_count(0)
    desk.check(page, "case-reader")


def test_a_case_is_decided_without_javascript(desk: Desk, catalogue: list[Any]) -> None:
    case = stock.add_case(0)
    page = desk.open(stock.page_of(case), java_script_enabled=False)
    desk.picture(page, "case-without-javascript")

    page.locator("[data-candidate='1'] [name=choice]").check()
    write_note(page, "Sem script.")
    page.locator("[data-decide]").click()

    case.refresh_from_db()
    assert (case.status, case.note) == (Case.Status.APPROVED, "Sem script.")


def test_a_fixture_is_marked_and_a_filter_is_set_without_javascript(
    desktop: Desk, catalogue: list[Any]
) -> None:
    case = stock.add_case(0)
    page = desktop.open(stock.page_of(case), java_script_enabled=False)

    image = case.images.get()
    page.locator("details.mark-by-numbers > summary").click()
    box = {"x": 200, "y": 250, "width": 90, "height": 200, "angle": 0}
    for name, value in box.items():
        page.fill(f"[name=box-{image.pk}-{name}]", str(value))
    page.locator("details.mark-by-numbers [type=submit]").click()
    assert Finding.objects.get(case_image=image).box["height"] == 200

    details = page.locator("[data-seen]").first
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    page.locator("select[name$='-connection']").first.select_option(index=1)
    page.locator("[data-seen] [data-without-script]").first.click()
    expect(page.locator("[data-seen-count]").first).not_to_be_empty()


@pytest.mark.parametrize("path", ["/admin/", "/admin/cases/case/", "/admin/implants/implant/"])
def test_lists_work_without_javascript(desktop: Desk, catalogue: list[Any], path: str) -> None:
    stock.add_case(0)

    page = desktop.open(path, user="chefe", java_script_enabled=False)

    expect(page.locator("main h1").first).to_be_visible()
    desktop.picture(page, f"without-javascript{path.replace('/', '-').rstrip('-')}")
