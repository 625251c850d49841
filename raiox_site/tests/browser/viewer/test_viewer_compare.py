"""A reference beside the film, over it and in turns with it."""

import math
from collections.abc import Callable

import pytest

from matching.boxes import Box
from raiox_site.tests.browser.viewer.viewing import (
    FILM,
    FIXTURE,
    IN_REFERENCE,
    Viewing,
    distance,
    ends,
)


def _length(film: Viewing, box: Box, picture: str) -> float:
    return distance(*film.on_screen(*ends(box), picture=picture))


def _direction(film: Viewing, box: Box, picture: str) -> float:
    start, end = film.on_screen(*ends(box), picture=picture)
    return math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))


def _assert_same_scale(film: Viewing) -> None:
    reference = "[data-reference] img[data-film]"
    one, other = _length(film, FIXTURE, "img[data-film]"), _length(film, IN_REFERENCE, reference)
    assert one == pytest.approx(other, abs=2)
    assert _direction(film, FIXTURE, "img[data-film]") == pytest.approx(
        _direction(film, IN_REFERENCE, reference), abs=0.2
    )


def test_the_reference_stands_beside_the_film_at_the_same_scale_and_moves_with_it(
    film: Viewing,
) -> None:
    film.compare()
    _assert_same_scale(film)
    film.run("viewer.zoom(2.2); viewer.turn(40); viewer.pan({x: 30, y: -60})")
    _assert_same_scale(film)
    box = film.page.locator("[data-reference] .viewer-stage").bounding_box()
    assert box
    before = film.view
    film.drag((box["x"] + 80, box["y"] + 80), (box["x"] + 60, box["y"] + 130))
    assert film.view != before
    _assert_same_scale(film)


def test_comparing_comes_close_to_the_fixture_unless_the_view_was_chosen(film: Viewing) -> None:
    film.compare()
    assert not film.run("viewer.isFit")
    (middle,) = film.on_screen((FIXTURE.x, FIXTURE.y))
    assert distance(middle, film.stage_point(0.5, 0.5)) < 1
    film.run("viewer.view = {scale: 3, x: 700, y: 300}")
    film.compare()
    assert (film.view["scale"], film.view["x"]) == (3, 700)


def test_without_both_boxes_the_heights_of_the_pictures_are_the_same(film: Viewing) -> None:
    film.run("compare.show({src: 'reference.png', width: 400, height: 700, crop: null})")
    film.wait("reference.picture.state === 'ready'")
    corners = film.on_screen((0, 0), (0, FILM[1]))
    other = film.on_screen((0, 0), (0, 700), picture="[data-reference] img[data-film]")
    assert distance(*corners) == pytest.approx(distance(*other), abs=2)


def test_laid_over_the_film_the_fixture_lies_on_the_fixture(film: Viewing) -> None:
    film.compare()
    film.page.locator("[data-mode=overlay]").click()
    film.run("viewer.zoom(1.5); viewer.turn(-15)")
    on_film = film.on_screen(*ends(FIXTURE))
    over = film.on_screen(*ends(IN_REFERENCE), picture=".viewer-over")
    assert max(map(distance, on_film, over)) < 1
    opacity = film.page.locator("[data-opacity]")
    opacity.focus()
    film.press("Home")
    assert film.page.locator(".viewer-over").evaluate("(img) => img.style.opacity") == "0"


def test_unlinked_the_reference_is_moved_alone_and_linked_again_stays_there(
    film: Viewing,
) -> None:
    film.compare()
    film.page.locator("[data-compare-tool=link]").click()
    before = film.view
    film.run("reference.pan({x: 40, y: 10})")
    assert film.view == before
    film.page.locator("[data-compare-tool=link]").click()
    place = film.page.evaluate("reference.view")
    film.run("viewer.change({})")
    assert film.page.evaluate("reference.view") == pytest.approx(place)
    film.page.locator("[data-compare-tool=align]").click()
    _assert_same_scale(film)


WATCH_FLIPS = """() => {
  window.flips = [];
  const section = document.querySelector("[data-compare]");
  const note = () => {
    if (section.dataset.seen !== flips.at(-1)) flips.push(section.dataset.seen);
  };
  new MutationObserver(note).observe(section, { attributeFilter: ["data-seen"] });
}"""


def _blinking(film: Viewing) -> None:
    film.compare()
    film.page.clock.install()
    film.page.evaluate(WATCH_FLIPS)
    film.page.locator("[data-mode=blink]").click()


def test_film_and_reference_alternate_slowly_until_stopped(film: Viewing) -> None:
    _blinking(film)
    for _second in range(4):
        film.page.clock.run_for(1000)
    count = len(film.page.evaluate("flips"))
    # Twice a second at most: what blinks faster is not safe for everybody.
    assert 4 <= count <= 8
    film.page.locator("[data-compare-tool=run]").click()
    film.page.clock.run_for(3000)
    assert len(film.page.evaluate("flips")) == count


def test_nothing_alternates_by_itself_for_who_wants_no_motion(
    open_viewer: Callable[..., Viewing],
) -> None:
    film = open_viewer(reduced_motion="reduce")
    _blinking(film)
    film.page.clock.run_for(5000)
    assert len(film.page.evaluate("flips")) == 1
    assert film.page.locator("[data-compare-tool=run]").is_disabled()
    film.page.locator("[data-compare-tool=flip]").click()
    assert film.page.evaluate("flips") == ["reference", "film"]
