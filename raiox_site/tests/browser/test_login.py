"""Logging in, and what everybody sees first."""

import re

from playwright.sync_api import expect

from raiox_site.tests.browser.desk import PASSWORD, Desk


def test_a_reviewer_logs_in_with_the_form_and_lands_on_the_first_page(desk: Desk) -> None:
    desk.user("brenda")
    page = desk.open("/admin/", user="")
    desk.check(page, "login")

    page.fill("[name=username]", "brenda")
    page.fill("[name=password]", "not the password")
    page.keyboard.press("Enter")
    expect(page.locator(".errornote")).to_be_visible()
    desk.check(page, "login-refused")

    page.fill("[name=username]", "brenda")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/admin/(?!login)"))
    expect(page.locator("main h1, #content h1").first).to_be_visible()
