"""Take the README's pictures from a running instance with cases made from phantoms.

    .venv/bin/python manage.py seed_cases --decided --count 40
    .venv/bin/python manage.py seed_cases --count 6
    .venv/bin/python deploy/pictures/make.py http://localhost:8000

Needs a Chromium (CHROMIUM names it) and the demo accounts of this machine (in RAIOX_VAR_DIR).
"""

import json
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(__file__).resolve().parent
DESKTOP = {"width": 1366, "height": 860}
PHONE = {"width": 390, "height": 844}


def open_panel(browser: Browser, base: str, size: dict[str, int]) -> Page:
    """Logged in as the reviewer, on the first page."""
    folder = Path(os.environ.get("RAIOX_VAR_DIR") or ROOT / "var")
    accounts = json.loads((folder / "demo-accounts.json").read_text())
    page = browser.new_page(viewport=size, locale="pt-BR")
    page.goto(f"{base}/admin/")
    page.fill("#id_username", "brenda")
    page.fill("#id_password", accounts["brenda"])
    page.click("[type=submit]")
    page.wait_for_selector(".dash-next")
    return page


def open_first_case(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/cases/case/?status=pending")
    page.locator("#result_list tbody a[href*='/review/']").first.click()
    page.wait_for_selector("[data-candidate]")
    page.wait_for_load_state("networkidle")


def select_first(page: Page) -> None:
    """The key would take back what an earlier look has ticked."""
    ticked = "[data-candidate] [name=choice]:checked"
    if not page.locator(ticked).count():
        page.keyboard.press("1")
    page.wait_for_selector(ticked, state="attached")


def mark_and_compare(page: Page) -> None:
    """The suggested box, unless an earlier run has marked it, and the first candidate found by
    it beside the film."""
    if not page.locator("button[name=unmark]").count():
        with page.expect_response("**/mark/"):
            page.keyboard.press("b")
        page.wait_for_selector("button[name=unmark]")
    page.keyboard.press("Shift+Digit1")
    page.wait_for_load_state("networkidle")
    select_first(page)
    page.wait_for_timeout(500)


def main(base: str) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = open_panel(browser, base, DESKTOP)
        page.screenshot(path=PICTURES / "dashboard.png")
        page.goto(f"{base}/admin/cases/case/")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=PICTURES / "queue.png")
        open_first_case(page, base)
        select_first(page)
        page.screenshot(path=PICTURES / "case-page.png")
        mark_and_compare(page)
        page.screenshot(path=PICTURES / "case-marked.png")
        page.close()
        page = open_panel(browser, base, PHONE)
        open_first_case(page, base)
        page.screenshot(path=PICTURES / "phone.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://localhost:8000")
