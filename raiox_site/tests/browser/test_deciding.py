"""Cases are decided: by keys, by clicks, with reasons and notes, and taken back."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from cases.models import Case, Finding, ReferenceProposal, Result
from implants.models import ReferenceImage
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.case_page import opened, write_note
from raiox_site.tests.browser.desk import PASSWORD, Desk

pytestmark = pytest.mark.usefixtures("reasons")


@pytest.fixture
def case(catalogue: list[Any]) -> Case:
    return stock.add_case(0)


def approved_names(case: Case) -> list[str]:
    results = Result.objects.filter(finding__case_image__case=case, approved=True)
    return sorted(str(result.implant) for result in results.select_related("implant"))


def test_a_case_is_decided_with_two_keys(desk: Desk, case: Case) -> None:
    following = stock.add_case(1)
    page = opened(desk, case)
    first = page.locator("[data-candidate='1']").get_attribute("data-name")

    page.keyboard.press("1")
    with page.expect_navigation():
        page.keyboard.press("a")

    case.refresh_from_db()
    assert case.status == Case.Status.APPROVED
    assert approved_names(case) == [first]
    expect(page).to_have_url(re.compile(f"/{following.pk}/review/"))
    expect(page.locator(".messagelist .success")).to_contain_text(f"#{case.pk}")
    desk.check(page, "next-case")


def test_a_case_is_looked_at_before_it_is_decided(desk: Desk, case: Case) -> None:
    page = opened(desk, case)
    desk.check(page, "case")

    page.locator("[data-candidate='1'] [name=choice]").check()
    page.locator("[data-candidate='2'] [name=choice]").check()
    write_note(page, "Confirme com o protético.")
    names = [page.locator(f"[data-candidate='{n}']").get_attribute("data-name") for n in (1, 2)]
    for name in names:
        expect(page.locator("[data-selection]")).to_contain_text(name or "")
    desk.check(page, "case-two-selected")
    with page.expect_navigation():
        page.locator("[data-decide]").click()

    case.refresh_from_db()
    assert approved_names(case) == sorted(str(name) for name in names)
    assert case.note == "Confirme com o protético."


def test_nothing_is_sent_before_anything_is_said(desk: Desk, case: Case) -> None:
    page = opened(desk, case)

    page.keyboard.press("a")

    expect(page.locator("[data-selection]")).to_have_class(re.compile("is-refusal"))
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_another_implant_of_the_catalogue_is_found_and_approved(
    desk: Desk, case: Case, catalogue: list[Any]
) -> None:
    other = stock.without_reference(catalogue[3])
    page = opened(desk, case)

    page.locator("[data-search]").first.fill(other.name)
    page.locator(f".others input[data-name='{other}']").check()
    with page.expect_navigation():
        page.locator("[data-decide]").click()

    assert approved_names(case) == [str(other)]


def test_a_film_that_cannot_be_read_is_answered_with_a_reason_of_the_list_edited(
    desk: Desk, case: Case
) -> None:
    page = opened(desk, case)
    page.keyboard.press("r")
    reason = page.locator("[data-reason]").first
    expect(reason).to_have_value("A radiografia está inclinada.")
    page.keyboard.press("r")
    expect(reason).to_have_value("A radiografia está escura demais.")

    reason.fill("A radiografia está escura demais. Envie outra, por favor.")
    desk.check(page, "cannot-be-read")
    with page.expect_navigation():
        page.locator("[data-decide]").click()

    case.refresh_from_db()
    assert (case.status, case.outcome) == (Case.Status.REJECTED, "unreadable")
    assert case.decision_reason == "A radiografia está escura demais. Envie outra, por favor."


def test_an_implant_that_is_not_in_the_catalogue(desk: Desk, case: Case) -> None:
    page = opened(desk, case)

    page.locator("[type=radio][value=not_in_catalogue]").first.check()
    page.locator("[data-listed]").first.select_option(label="Linha desconhecida")
    with page.expect_navigation():
        page.locator("[data-decide]").click()

    finding = Finding.objects.get(case_image__case=case)
    assert (finding.outcome, finding.reason) == ("not_in_catalogue", "Não está em nosso catálogo.")
    page.goto(stock.page_of(case))
    expect(page.locator("main")).to_contain_text("Não está em nosso catálogo.")
    desk.check(page, "case-not-in-catalogue")


def test_an_internal_note_is_kept_and_never_sent(desk: Desk, case: Case) -> None:
    page = opened(desk, case)
    page.keyboard.press("1")
    page.locator("details.internal > summary").click()
    page.fill("#internal-note", "Perguntar à Dra. Exemplo.")

    with page.expect_navigation():
        page.locator("details.internal [type=submit]").click()

    case.refresh_from_db()
    assert case.internal_note == "Perguntar à Dra. Exemplo."
    assert case.note == ""
    expect(page.locator("[data-candidate='1'] [name=choice]")).to_be_checked()
    desk.check(page, "internal-note")


def test_a_decision_is_taken_back_before_its_answer_leaves(
    desk: Desk, case: Case, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 60
    page = opened(desk, case)
    page.keyboard.press("1")
    with page.expect_navigation():
        page.keyboard.press("a")
    expect(page.locator("form.last-decision")).to_be_visible()
    desk.check(page, "undo")
    page.reload()
    expect(page.locator("form.last-decision [data-seconds]")).to_contain_text(re.compile(r"\d"))

    with page.expect_navigation():
        page.keyboard.press("u")

    case.refresh_from_db()
    assert case.status == Case.Status.PENDING
    assert approved_names(case) == []
    expect(page.locator("[data-candidate='1'] [name=choice]")).to_be_checked()


def test_the_last_decision_is_undone_from_the_next_case(
    desk: Desk, case: Case, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 60
    stock.add_case(1)
    page = opened(desk, case)
    page.keyboard.press("1")
    with page.expect_navigation():
        page.keyboard.press("a")
    page.reload()
    desk.check(page, "next-case-undo")

    with page.expect_navigation():
        page.keyboard.press("u")

    expect(page).to_have_url(re.compile(f"/{case.pk}/review/"))
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_a_decided_case_offers_to_undo_until_its_answer_leaves(
    desk: Desk, case: Case, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 60
    stock.approve(case)
    page = desk.open(stock.page_of(case))
    undo = page.locator("form.undo [type=submit]").first
    expect(undo).to_be_visible()
    desk.check(page, "case-approved")

    Case.objects.filter(pk=case.pk).update(decided_at=timezone.now() - timedelta(hours=1))
    with page.expect_navigation():
        undo.click()

    case.refresh_from_db()
    assert case.status == Case.Status.APPROVED
    expect(page.locator(".messagelist .warning")).to_be_visible()


def test_the_next_case_is_one_key_away(desk: Desk, case: Case) -> None:
    following = stock.add_case(1)
    page = opened(desk, case)

    with page.expect_navigation():
        page.keyboard.press("n")

    expect(page).to_have_url(re.compile(f"/{following.pk}/review/"))
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_the_help_sheet_shows_the_keys(desktop: Desk, case: Case) -> None:
    page = opened(desktop, case)

    page.keyboard.press("?")

    sheet = page.locator("#keys")
    expect(sheet).to_be_visible()
    assert sheet.locator("kbd").count() > 12
    desktop.check(page, "keys")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("1")
    expect(page.locator("[data-candidate='1'] [name=choice]")).to_be_checked()


def test_a_case_is_marked_as_urgent(desk: Desk, case: Case) -> None:
    page = opened(desk, case)

    with page.expect_navigation():
        page.locator("button[name=priority]").click()

    case.refresh_from_db()
    assert case.priority == Case.Priority.URGENT
    expect(page.locator(".badge-urgent")).to_be_visible()


def test_the_enter_key_in_a_field_changes_nothing_and_loses_nothing(
    desktop: Desk, case: Case
) -> None:
    page = opened(desktop, case)
    page.keyboard.press("1")
    tooth = page.locator("[name^=tooth-]").first
    tooth.fill("37")

    with page.expect_navigation():
        tooth.press("Enter")

    case.refresh_from_db()
    assert (case.status, case.priority) == (Case.Status.PENDING, Case.Priority.NORMAL)
    assert not case.events.filter(what="priority").exists()
    expect(page.locator("[name^=tooth-]").first).to_have_value("37")
    expect(page.locator("[data-candidate='1'] [name=choice]")).to_be_checked()


def test_two_reviewers_race_on_one_case_and_one_is_told(desk: Desk, case: Case) -> None:
    brenda = opened(desk, case)
    ana = opened(desk, case, user="ana")
    expect(ana.locator("[data-looking]")).to_contain_text("brenda")
    brenda.keyboard.press("1")
    ana.keyboard.press("2")

    with brenda.expect_navigation():
        brenda.keyboard.press("a")
    write_note(ana, "Segunda opinião.")
    ana.keyboard.press("Escape")
    with ana.expect_navigation():
        ana.keyboard.press("a")

    case.refresh_from_db()
    assert case.decided_by == desk.user("brenda")
    assert len(approved_names(case)) == 1
    assert case.note == ""
    expect(ana.locator(".messagelist .warning")).to_be_visible()
    desk.check(ana, "lost-the-race")


def test_an_open_page_tells_that_somebody_else_has_decided(desk: Desk, case: Case) -> None:
    page = opened(desk, case)
    stock.approve(case)

    # What the page does when it is looked at again.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator("[data-presence] .notice-warn")).to_contain_text("outra")
    desk.check(page, "decided-elsewhere")


def test_a_session_that_ends_loses_nothing(desk: Desk, case: Case) -> None:
    page = opened(desk, case)
    page.keyboard.press("1")
    write_note(page, "Não se perde.")
    page.context.clear_cookies(name="sessionid")
    with page.expect_navigation():
        page.locator("[data-decide]").click()

    page.fill("[name=username]", "brenda")
    page.fill("[name=password]", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/review/"))
    expect(page.locator("#note")).to_have_value("Não se perde.")
    expect(page.locator("[data-candidate='1'] [name=choice]")).to_be_checked()
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_a_decided_film_becomes_a_reference_when_a_curator_confirms(desk: Desk, case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(consent_at=timezone.now())
    stock.mark(case)
    case = stock.approve(case)
    page = desk.open(stock.page_of(case))
    with page.expect_navigation():
        page.locator("form[action$='/propose/'] [type=submit]").click()
    proposal = ReferenceProposal.objects.get()
    before = ReferenceImage.objects.count()

    curator = desk.open("/admin/cases/referenceproposal/", user="catalogo")
    desk.check(curator, "proposals")
    with curator.expect_navigation():
        curator.locator(f"#result_list a[href*='/{proposal.pk}/change/']").first.click()
    desk.check(curator, "proposal")
    with curator.expect_navigation():
        curator.locator(".proposal-accept").click()

    proposal.refresh_from_db()
    assert proposal.status == ReferenceProposal.Status.ACCEPTED
    assert ReferenceImage.objects.count() == before + 1


def test_without_consent_a_film_cannot_be_proposed(desktop: Desk, case: Case) -> None:
    stock.approve(case)

    page = desktop.open(stock.page_of(case))

    expect(page.locator(".notice-good")).to_be_visible()
    expect(page.locator("form[action$='/propose/']")).to_have_count(0)
