"""A real browser before the real site. See `machine` for what it takes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from raiox_site.tests.browser import machine

ARGUMENTS = [
    # In a container the sandbox is not available; the only site visited is our own.
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
]
skipped: list[str] = []
measured: list[str] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in measured:
        terminalreporter.write_line(line)
    if skipped:
        terminalreporter.write_line(f"NOT RUN: {len(skipped)} tests in a browser. {skipped[0]}.")


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures are kept; set up before a test moves VAR_DIR to a place of its own."""
    from django.conf import settings

    return settings.VAR_DIR / "screenshots"


@pytest.fixture(scope="session")
def chromium(screenshots: Path) -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    # For a machine with other work to do; nothing waits longer than it must.
    expect.set_options(timeout=15_000)
    # Its driver runs an event loop in this thread, which Django takes for asynchronous code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.chromium(), args=ARGUMENTS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(autouse=True)
def browser_is_here() -> None:
    """Fails in CI and skips elsewhere where there is no browser."""
    missing = machine.missing()
    if missing and machine.is_required():
        pytest.fail(missing, pytrace=False)
    if missing:
        skipped.append(missing)
        pytest.skip(missing)


@pytest.fixture(scope="session")
def site(django_db_setup: None) -> Iterator[Any]:
    from raiox_site.tests.browser import site

    with site.serving() as serving:
        yield serving


@pytest.fixture
def open_desk(
    browser_is_here: None,
    transactional_db: None,
    request: pytest.FixtureRequest,
    make_user: Callable[..., Any],
    screenshots: Path,
) -> Callable[[bool], Any]:
    """A context manager: a desk of the width asked for."""
    from raiox_site.tests.browser.desk import Desk

    @contextmanager
    def opened(is_phone: bool) -> Iterator[Desk]:
        desk = Desk(
            browser=request.getfixturevalue("chromium"),
            site=request.getfixturevalue("site"),
            folder=screenshots,
            make_user=make_user,
            is_phone=is_phone,
        )
        try:
            yield desk
        finally:
            desk.close()
        desk.watch.check()

    return opened


@pytest.fixture(params=["desktop", "phone"])
def desk(request: pytest.FixtureRequest, open_desk: Callable[[bool], Any]) -> Iterator[Any]:
    """The test runs at both widths."""
    with open_desk(request.param == "phone") as opened:
        yield opened


@pytest.fixture
def desktop(open_desk: Callable[[bool], Any]) -> Iterator[Any]:
    with open_desk(False) as opened:
        yield opened


@pytest.fixture
def catalogue(transactional_db: None) -> list[Any]:
    """Seven implants with a phantom as their reference."""
    from raiox_site.tests.browser import stock

    return stock.fill_catalogue()


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Have a measurement printed when all tests have run; it is not judged."""
    return measured.append


@pytest.fixture
def reasons(transactional_db: None) -> None:
    """Sentences for the dentist: those of the migration go when a test empties the tables."""
    from cases.models import RejectionReason

    RejectionReason.objects.all().delete()
    sentences = [
        ("not_in_catalogue", "Linha desconhecida", "Não está em nosso catálogo."),
        ("unreadable", "Inclinada", "A radiografia está inclinada."),
        ("unreadable", "Escura", "A radiografia está escura demais."),
    ]
    for place, (outcome, label, text) in enumerate(sentences):
        RejectionReason.objects.create(outcome=outcome, label=label, text=text, position=place)
