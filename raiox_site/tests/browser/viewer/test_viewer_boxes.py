"""Boxes around fixtures: drawn, moved and turned, they have the film's own numbers."""

import math

import pytest

from matching.boxes import Box
from raiox_site.tests.browser.viewer import viewing
from raiox_site.tests.browser.viewer.viewing import (
    FILM,
    FIXTURE,
    Point,
    Viewing,
    distance,
    ends,
    touch,
)

PLATFORM, APEX = (620.0, 300.0), (660.0, 520.0)


def _sent(film: Viewing) -> dict[str, float]:
    done = [detail for name, detail in film.heard if name == "crop:done"]
    box: dict[str, float] = done[-1]["box"]
    return box


def _drawn_corners(film: Viewing, key: str) -> list[Point]:
    points: list[list[float]] = film.page.evaluate(
        """(key) => {
          const body = document.querySelector(`[data-box-key="${key}"] .box-body`);
          const stage = body.closest(".viewer-stage").getBoundingClientRect();
          return [...body.points].map(({ x, y }) => [stage.left + x, stage.top + y]);
        }""",
        key,
    )
    return [(x, y) for x, y in points]


def _assert_expected(box: dict[str, float], platform: Point, apex: Point) -> None:
    length = math.dist(platform, apex)
    angle = math.degrees(math.atan2(-(apex[0] - platform[0]), apex[1] - platform[1]))
    assert box["x"] == pytest.approx((platform[0] + apex[0]) / 2, abs=1.5)
    assert box["y"] == pytest.approx((platform[1] + apex[1]) / 2, abs=1.5)
    assert box["height"] == pytest.approx(length, abs=2)
    assert box["width"] == pytest.approx(length * 0.45, abs=1)
    assert (box["angle"] - angle + 180) % 360 - 180 == pytest.approx(0, abs=0.6)


@pytest.mark.parametrize("turn", [0, 90, 180, -37])
def test_a_box_is_painted_where_the_server_cuts(film: Viewing, turn: float) -> None:
    film.run("(turn) => { viewer.turn(turn); viewer.zoom(1.7) }", turn)
    wanted = film.on_screen(*FIXTURE.corners())
    painted = _drawn_corners(film, "finding-12")
    assert max(map(distance, wanted, painted)) < 0.1


@pytest.mark.parametrize("turn", [0, 90, 180, -37])
def test_a_box_drawn_on_a_turned_and_enlarged_film_has_the_films_own_numbers(
    film: Viewing, turn: float
) -> None:
    film.run("(turn) => { viewer.turn(turn); viewer.view = {scale: 1.1, x: 640, y: 410} }", turn)
    film.tool("mark")
    film.drag(*film.on_screen(PLATFORM, APEX))
    film.press("Enter")
    _assert_expected(_sent(film), PLATFORM, APEX)
    Box.of(_sent(film)).check(*FILM)


def test_a_fixture_of_the_upper_jaw_is_drawn_upwards(film: Viewing) -> None:
    film.tool("mark")
    film.drag(*film.on_screen(APEX, PLATFORM))
    film.press("Enter")
    _assert_expected(_sent(film), APEX, PLATFORM)


def test_a_finger_draws_too(phone: Viewing) -> None:
    phone.tool("mark")
    start, end = phone.on_screen(PLATFORM, APEX)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    touch(phone, [start], [middle], [end])
    phone.tool("accept")
    box = _sent(phone)
    # A CSS pixel of the telephone is several pixels of the film.
    assert distance((box["x"], box["y"]), (640, 410)) < 3


def test_a_box_is_drawn_by_two_clicks(film: Viewing) -> None:
    film.tool("mark")
    for point in film.on_screen(PLATFORM, APEX):
        film.page.mouse.click(*point)
    film.settle()
    film.press("Enter")
    _assert_expected(_sent(film), PLATFORM, APEX)


def test_what_is_too_small_is_said_and_not_drawn(film: Viewing) -> None:
    film.run("viewer.view = {scale: 4, x: 600, y: 400}")
    film.tool("mark")
    film.drag(*film.on_screen((600, 400), (606, 410)))
    hint = film.page.locator("[data-hint]").first.inner_text()
    assert hint == film.page.locator("[data-viewer]").first.get_attribute("data-text-too-small")
    assert film.page.locator("[data-box-key^=draft]").count() == 0


def _drag_handle(film: Viewing, name: str, way: Point) -> None:
    handle = film.page.locator(f"[data-handle={name}] .box-grip").bounding_box()
    assert handle
    start = (handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    film.drag(start, (start[0] + way[0], start[1] + way[1]))


def test_handles_move_one_end_one_side_the_box_or_its_direction(film: Viewing) -> None:
    film.run("viewer.turn(90); viewer.view = {scale: 1, x: 500, y: 400}; cropper.focus(12)")
    platform, apex = ends(FIXTURE)
    # The film is turned by a quarter: down on the screen is to the right on the film.
    _drag_handle(film, "apex", (0, 40))
    film.press("Enter")
    sent = _sent(film)
    moved = (apex[0] + 40, apex[1])
    assert sent["height"] == pytest.approx(math.dist(platform, moved), abs=0.5)
    assert (sent["x"], sent["y"]) == (
        pytest.approx((platform[0] + moved[0]) / 2, abs=0.5),
        pytest.approx((platform[1] + moved[1]) / 2, abs=0.5),
    )
    assert sent["width"] == pytest.approx(FIXTURE.width, abs=0.01)


def test_the_sides_widen_the_box_around_its_axis(film: Viewing) -> None:
    film.run("viewer.view = {scale: 1, x: 500, y: 400}; cropper.focus(12)")
    turn = math.radians(FIXTURE.angle)
    _drag_handle(film, "right", (30 * math.cos(turn), 30 * math.sin(turn)))
    film.press("Enter")
    assert _sent(film) == {**FIXTURE.as_json(), "width": pytest.approx(150, abs=0.5)}


def test_the_box_is_moved_as_a_whole_and_turned_about_its_middle(film: Viewing) -> None:
    film.run("viewer.view = {scale: 1, x: 500, y: 400}; cropper.focus(12)")
    (middle,) = film.on_screen((FIXTURE.x, FIXTURE.y))
    film.drag(middle, (middle[0] + 35, middle[1] - 20))
    knob = film.page.locator("[data-handle=turn] .box-grip").bounding_box()
    assert knob
    (middle,) = film.on_screen((FIXTURE.x + 35, FIXTURE.y - 20))
    start = (knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
    way = (start[0] - middle[0], start[1] - middle[1])
    film.drag(start, (middle[0] - way[1], middle[1] + way[0]))
    film.press("Enter")
    wanted = {**FIXTURE.as_json(), "x": 535, "y": 380, "angle": FIXTURE.angle + 90}
    assert _sent(film) == pytest.approx(wanted, abs=0.3)


def test_a_box_is_placed_and_shaped_by_keys_alone(film: Viewing) -> None:
    film.focus_stage()
    film.press("m", "Enter")
    before = film.page.evaluate("cropper.selected.box")
    film.press("ArrowRight", "Shift+ArrowDown", "+", ">", "]", "Enter")
    sent = _sent(film)
    assert sent["x"] == pytest.approx(before["x"] + 1, abs=0.01)
    assert sent["y"] == pytest.approx(before["y"] + 10, abs=0.01)
    assert sent["height"] == pytest.approx(before["height"] * 1.02, abs=0.01)
    assert sent["width"] == pytest.approx(before["width"] * 1.02, abs=0.01)
    assert sent["angle"] == pytest.approx(before["angle"] + 1)
    assert film.heard[-1][0] == "crop:done"


def test_arrows_move_a_box_by_the_screen_also_on_a_turned_film(film: Viewing) -> None:
    film.run("viewer.turn(90); cropper.focus(12)")
    film.press("Shift+ArrowDown", "Enter")
    assert _sent(film) == {**FIXTURE.as_json(), "x": FIXTURE.x + 10}


def test_escape_takes_an_edit_back_and_delete_asks_to_remove(film: Viewing) -> None:
    film.run("cropper.focus(12)")
    film.press("ArrowRight", "Escape")
    assert film.page.evaluate("cropper.boxOf(12)") == FIXTURE.as_json()
    assert (
        max(map(distance, film.on_screen(*FIXTURE.corners()), _drawn_corners(film, "finding-12")))
        < 0.1
    )
    film.run("cropper.focus(12)")
    film.press("Delete")
    assert ["crop:removed", {"finding": "12"}] in film.heard
    assert not [name for name, _detail in film.heard if name == "crop:done"]


def test_a_suggested_box_is_accepted_as_it_is(film: Viewing) -> None:
    (middle,) = film.on_screen((viewing.SUGGESTED.x, viewing.SUGGESTED.y))
    film.page.mouse.click(*middle)
    film.settle()
    film.tool("accept")
    assert film.heard[-1] == [
        "crop:done",
        {"box": viewing.SUGGESTED.as_json(), "finding": None},
    ]


def test_a_box_that_could_not_be_stored_is_still_there(film: Viewing) -> None:
    film.run("cropper.focus(12)")
    film.press("Shift+ArrowRight", "Enter")
    assert film.page.locator(".box.is-waiting").count() == 1
    film.run("cropper.reopen()")
    assert film.page.locator(".box.is-waiting").count() == 0
    film.tool("accept")
    assert _sent(film)["x"] == FIXTURE.x + 10


def test_a_draft_outlives_a_new_list_and_a_stored_box_does_not(film: Viewing) -> None:
    film.focus_stage()
    film.press("m", "Enter")
    film.press("Enter")
    film.focus_stage()
    film.press("m", "Enter")
    assert film.page.locator("[data-box-key^=draft]").count() == 2
    film.run(
        """() => {
          const list = document.querySelector("[data-boxes]");
          const item = list.querySelector("li").cloneNode(true);
          item.dataset.finding = "99";
          list.replaceChildren(item);
        }"""
    )
    keys = film.page.locator("[data-box-key]").evaluate_all(
        "(all) => all.map((box) => box.dataset.boxKey)"
    )
    assert sorted(keys) == ["draft-2", "finding-99"]
