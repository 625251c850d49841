"""The viewer measures: what is seen on the screen is where the film says it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from raiox_site.tests.browser.viewer import viewing
from raiox_site.tests.browser.viewer.viewing import FILM, Viewing, distance, touch


def test_a_film_is_first_seen_whole_and_undistorted(film: Viewing) -> None:
    left_top, right_top, left_below = film.on_screen((0, 0), (FILM[0], 0), (0, FILM[1]))
    stage = film.page.locator(".viewer-stage").first.bounding_box()
    assert stage
    width, height = right_top[0] - left_top[0], left_below[1] - left_top[1]
    assert width / height == pytest.approx(FILM[0] / FILM[1])
    assert height == pytest.approx(stage["height"], abs=0.5)
    assert film.page.locator(".viewer-stage").first.get_attribute("role") == "application"


def test_the_wheel_zooms_about_the_pointer(film: Viewing) -> None:
    pointer = film.stage_point(0.6, 0.35)
    before = film.at_screen(*pointer)
    film.page.mouse.move(*pointer)
    for _turn in range(4):
        film.page.mouse.wheel(0, -120)
    film.wait("viewer.view.scale > 1.2")
    film.settle()
    after = film.at_screen(*pointer)
    assert distance(before, after) < 0.01
    assert film.page.evaluate("scrollY") == 0


def test_two_fingers_zoom_about_the_point_between_them(phone: Viewing) -> None:
    x, y = phone.stage_point(0.45, 0.5)
    before, scale = phone.at_screen(x, y), phone.view["scale"]
    spread = [[(x - step, y), (x + step, y)] for step in (40, 60, 80, 100, 120)]
    touch(phone, *spread)
    assert phone.view["scale"] / scale == pytest.approx(3, rel=0.02)
    assert distance(before, phone.at_screen(x, y)) < 1


def test_one_finger_scrolls_the_page_at_fit_and_moves_the_film_once_it_is_larger(
    phone: Viewing,
) -> None:
    phone.page.add_style_tag(url="/static/cases/decision.css")
    phone.run("document.querySelector('.below').style.marginBottom = '2000px'")
    x, y = phone.stage_point(0.5, 0.5)
    finger = [[(x, y - 30.0 * step)] for step in range(6)]
    phone.run("viewer.zoom(4)")
    before = phone.at_screen(x, y)
    touch(phone, *finger)
    assert phone.page.evaluate("scrollY") == 0
    moved = phone.at_screen(x, y)
    assert (moved[1] - before[1]) * phone.view["scale"] == pytest.approx(150, abs=2)
    phone.run("viewer.fit()")
    touch(phone, *finger)
    phone.wait("scrollY > 40")


def test_dragging_moves_the_film_with_the_pointer_also_when_it_is_turned(film: Viewing) -> None:
    film.run("viewer.zoom(4); viewer.turn(33)")
    start, end = film.stage_point(0.5, 0.5), film.stage_point(0.6, 0.4)
    before = film.at_screen(*start)
    film.drag(start, end)
    assert distance(before, film.at_screen(*end)) < 0.01


def test_levels_are_drawn_on_the_film_told_and_taken_back(film: Viewing) -> None:
    film.focus_stage()
    film.press("l")
    film.drag(film.stage_point(0.5, 0.5), film.stage_point(0.6, 0.3))
    view = film.view
    assert view["brightness"] > 1.2
    assert view["contrast"] > 1.1
    style = film.page.locator("img[data-film]").first.evaluate("(img) => img.style.filter")
    assert style.startswith("brightness(")
    readout = film.page.locator("[data-readout]").first
    assert f"{round(view['brightness'] * 100)}%" in readout.inner_text()
    film.press("Escape", "i")
    assert film.view["invert"]
    film.tool("reset")
    assert film.page.locator("img[data-film]").first.evaluate("(i) => i.style.filter") == "none"


def test_keys_on_the_film_zoom_turn_move_and_fit(film: Viewing) -> None:
    film.focus_stage()
    fit = film.view["scale"]
    film.press("+", "+", "ArrowRight")
    assert film.view["scale"] == pytest.approx(fit * 1.25**2)
    assert film.view["x"] > FILM[0] / 2
    film.press("o")
    assert film.view["scale"] == 1
    film.press("t", "0")
    assert film.view["turn"] == 90
    film.press("Shift+T", "]", "]", "[")
    assert film.view["turn"] == 1


def test_the_decision_keeps_its_keys_while_the_film_has_the_focus(film: Viewing) -> None:
    film.run(
        "window.typed = []; document.addEventListener('keydown', (e) => typed.push(e.key))",
    )
    film.focus_stage()
    film.press("1", "r", "a", "n", "i")
    assert film.page.evaluate("typed") == ["1", "r", "a", "n"]


def test_a_film_at_fit_stays_at_fit_and_a_larger_one_keeps_its_middle(film: Viewing) -> None:
    film.page.set_viewport_size({"width": 700, "height": 600})
    film.settle()
    assert film.run("viewer.isFit")
    film.run("viewer.view = {scale: 2, x: 500, y: 400}")
    film.page.set_viewport_size({"width": 900, "height": 700})
    film.settle()
    assert (film.view["scale"], film.view["x"], film.view["y"]) == (2, 500, 400)


def test_the_loupe_shows_the_film_under_the_pointer(film: Viewing) -> None:
    film.tool("loupe")
    (target,) = film.on_screen((520, 380))
    film.page.mouse.move(*target)
    film.settle()
    shown = film.page.evaluate(
        """() => {
          const glass = document.querySelector(".viewer-loupe");
          const img = glass.querySelector("img");
          const box = glass.getBoundingClientRect();
          const matrix = new DOMMatrix(getComputedStyle(img).transform);
          const middle = new DOMPoint(glass.clientWidth / 2, glass.clientHeight / 2);
          const film = matrix.inverse().transformPoint(middle);
          return { film: [film.x, film.y], times: matrix.a,
                   middle: [box.left + box.width / 2, box.top + box.height / 2] };
        }"""
    )
    assert distance(shown["film"], (520, 380)) < 1
    assert distance(shown["middle"], target) < 1.5
    assert shown["times"] == pytest.approx(max(film.view["scale"] * 2.5, 1), rel=1e-4)
    film.focus_stage()
    film.press("ArrowRight", "Escape")
    assert film.page.locator(".viewer-loupe").first.is_hidden()


def test_full_screen_is_entered_and_left(film: Viewing) -> None:
    film.tool("fullscreen")
    film.wait("document.fullscreenElement !== null")
    assert film.run("viewer.isFit")
    film.tool("fullscreen")
    film.wait("document.fullscreenElement === null")


def test_a_film_that_does_not_come_is_said_and_can_be_fetched_again(
    chromium: Any, tmp_path: Path, site: str
) -> None:
    viewing.write_page(tmp_path, film="late.png")
    page = chromium.new_page()
    page.goto(site)
    page.wait_for_selector("[data-picture=failed]")
    message = page.locator(".viewer-message").first
    section = page.locator("[data-viewer]").first
    assert section.get_attribute("data-text-error") in message.inner_text()
    (tmp_path / "late.png").write_bytes((tmp_path / "film.png").read_bytes())
    message.get_by_role("button").click()
    page.wait_for_selector("[data-picture=ready]")
    assert message.is_hidden()
    page.close()


def test_without_scripts_the_film_is_simply_there(chromium: Any, site: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site)
    assert page.locator("img[data-film]").first.is_visible()
    assert page.locator("[data-viewer-tools]").first.is_hidden()
    assert page.locator("ul[data-boxes]").is_visible()
    context.close()


@pytest.mark.parametrize("is_phone", [False, True])
def test_no_rule_of_accessibility_is_broken(
    open_viewer: Callable[..., Viewing], is_phone: bool, screenshots: Path
) -> None:
    from raiox_site.tests.browser.watching import violations

    film = open_viewer(is_phone=is_phone)
    film.compare()
    assert violations(film.page) == []
    film.run("cropper.focus(12)")
    film.tool("levels")
    assert violations(film.page) == []
    screenshots.mkdir(parents=True, exist_ok=True)
    name = "phone" if is_phone else "desktop"
    film.page.screenshot(path=screenshots / f"viewer-{name}.png", caret="initial")
