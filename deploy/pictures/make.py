"""Take the README's pictures from a running instance with cases made from phantoms.

    .venv/bin/python deploy/pictures/make.py http://localhost:8000

Needs a Chromium (CHROMIUM names it) and the demo accounts of this machine.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(__file__).resolve().parent
DESKTOP = {"width": 1366, "height": 860}


def log_in(page: Page, base: str) -> None:
    accounts = json.loads((ROOT / "var" / "demo-accounts.json").read_text())
    page.goto(f"{base}/admin/")
    page.fill("#id_username", "brenda")
    page.fill("#id_password", accounts["brenda"])
    page.click("[type=submit]")
    page.wait_for_selector("#result_list")


def main(base: str) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=DESKTOP)
        log_in(page, base)
        page.screenshot(path=PICTURES / "queue.png")
        page.locator("#result_list tbody a").first.click()
        page.wait_for_selector("input[type=checkbox]")
        page.wait_for_load_state("networkidle")
        page.locator("input[type=checkbox]").first.check()
        page.screenshot(path=PICTURES / "case-page.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://localhost:8000")
