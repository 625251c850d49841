"""A page with the viewer on it, in the browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from raiox_site.tests.browser.viewer import viewing
from raiox_site.tests.browser.viewer.viewing import Viewing


@pytest.fixture
def site(tmp_path: Path, browser_is_here: None) -> Iterator[str]:
    viewing.write_page(tmp_path)
    with viewing.serving(tmp_path) as address:
        yield address


@pytest.fixture
def open_viewer(chromium: Any, site: str) -> Iterator[Callable[..., Viewing]]:
    from raiox_site.tests.browser.watching import Watch

    watch = Watch()
    contexts: list[Any] = []

    def opened(*, is_phone: bool = False, **options: Any) -> Viewing:
        size = {"width": 390, "height": 844} if is_phone else {"width": 1366, "height": 860}
        touch = {"is_mobile": True, "has_touch": True, "device_scale_factor": 3}
        context = chromium.new_context(viewport=size, **(touch if is_phone else {}), **options)
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        page.goto(site)
        page.wait_for_selector("[data-picture=ready]")
        return Viewing(page)

    yield opened
    for context in contexts:
        context.close()
    watch.check()


@pytest.fixture
def film(open_viewer: Callable[..., Viewing]) -> Viewing:
    return open_viewer()


@pytest.fixture
def phone(open_viewer: Callable[..., Viewing]) -> Viewing:
    return open_viewer(is_phone=True)
