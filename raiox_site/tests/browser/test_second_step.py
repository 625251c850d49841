"""Setting up the second step and logging in with it, as a reviewer does."""

import re
from base64 import b32decode

from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from raiox_site.tests.browser.desk import PASSWORD, Desk
from raiox_site.tests.test_second_step import code_of, patience, wrong_code


def send_password(page: Page) -> None:
    page.goto("/admin/login/")
    page.fill("[name=username]", "brenda")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")


def test_a_reviewer_sets_up_the_second_step_and_logs_in_with_it(desk: Desk) -> None:
    page = desk.open("/admin/second-step/")
    expect(page.locator(".qr-code")).to_have_js_property("complete", True)
    assert page.locator(".qr-code").evaluate("(picture) => picture.naturalWidth") > 100
    secret = b32decode(page.inner_text(".written-key").replace(" ", "")).hex()
    page.fill("[name=code]", code_of(secret))
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".backup-codes code")).to_have_count(10)
    backup = page.locator(".backup-codes code").first.inner_text()
    desk.check(page, "second-step-codes")
    page.goto("/admin/second-step/")
    desk.check(page, "second-step-on")

    other = desk.open("/admin/login/", user="")
    send_password(other)
    expect(other).to_have_url(re.compile("/admin/login/code/$"))
    desk.check(other, "second-step-code")
    desk.watch.allow("status of 400")
    other.fill("[name=code]", wrong_code(secret))
    other.keyboard.press("Enter")
    expect(other.locator(".errornote")).to_be_visible()
    desk.check(other, "second-step-wrong-code")
    patience()
    other.fill("[name=code]", backup)
    other.keyboard.press("Enter")
    expect(other).to_have_url(re.compile("/admin/$"))
    assert TOTPDevice.objects.get().key == secret


def test_the_closed_door_is_a_page_that_says_for_how_long(desk: Desk) -> None:
    page = desk.open("/admin/login/", user="")
    desk.watch.allow("status of 429")
    for _guess in range(5):
        page.goto("/admin/login/")
        page.fill("[name=username]", "brenda")
        page.fill("[name=password]", "not the password")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    expect(page.locator(".errornote")).to_contain_text("15")
    desk.check(page, "login-closed")
