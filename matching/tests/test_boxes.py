"""Boxes on films: what is cut out stands upright, whatever way the film lies."""

import math

import numpy as np
import pytest
from PIL import Image

from implants.catalogue import demo_catalogue
from matching.boxes import MARGIN, Box, BoxError
from matching.phantoms import render_phantom

UPRIGHT = Box(x=240, y=360, width=170, height=420)
FILM = (480, 720)


def turned(image: Image.Image, box: Box, degrees: float) -> tuple[Image.Image, Box]:
    """The film turned clockwise, and the same box on it."""
    film = image.rotate(-degrees, resample=Image.Resampling.BICUBIC, expand=True)
    turn = math.radians(degrees)
    right, down = box.x - image.width / 2, box.y - image.height / 2
    x = film.width / 2 + right * math.cos(turn) - down * math.sin(turn)
    y = film.height / 2 + right * math.sin(turn) + down * math.cos(turn)
    moved = {"x": x, "y": y, "width": box.width, "height": box.height}
    return film, Box.of({**moved, "angle": box.angle + degrees})


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


@pytest.mark.parametrize("degrees", [0, 17, 90, -40, 135, 180, -90])
def test_a_film_turned_by_n_degrees_gives_the_same_cut_with_the_box_turned_along(
    degrees: float,
) -> None:
    # A tapered fixture: upside down or mirrored it looks like another one.
    phantom = render_phantom(demo_catalogue()[14], seed=1)
    straight = UPRIGHT.cut(phantom)
    film, box = turned(phantom, UPRIGHT, degrees)
    cut = box.cut(film)
    assert cut.size == straight.size
    assert difference(cut, straight) < 4
    assert difference(cut, straight.transpose(Image.Transpose.ROTATE_180)) > 12


def test_the_angle_says_where_the_apex_lies_clockwise_from_below() -> None:
    ends = {0: (100, 140), 90: (60, 100), 180: (100, 60), -90: (140, 100)}
    for angle, apex in ends.items():
        image = Image.new("L", (200, 200), 40)
        image.putpixel(apex, 250)
        cut = np.asarray(Box(100, 100, 40, 100, angle).cut(image))
        row, column = np.unravel_index(int(cut.argmax()), cut.shape)
        assert row / cut.shape[0] > 0.8, angle
        assert column == pytest.approx(cut.shape[1] / 2, abs=2), angle


def test_left_and_right_are_not_swapped() -> None:
    image = Image.new("L", (200, 200), 40)
    image.putpixel((100 + 10, 100), 250)
    cut = np.asarray(Box(100, 100, 40, 100).cut(image))
    assert np.unravel_index(int(cut.argmax()), cut.shape)[1] > cut.shape[1] / 2


def test_the_corners_are_the_platform_s_then_the_apex_s() -> None:
    assert Box(100, 100, 40, 80).corners() == [(80, 60), (120, 60), (120, 140), (80, 140)]
    lying = Box(100, 100, 40, 80, 90).corners()
    assert [(round(x), round(y)) for x, y in lying] == [(140, 80), (140, 120), (60, 120), (60, 80)]


def test_the_cut_has_the_margin_around_it_and_its_own_resolution() -> None:
    cut = Box(100, 100, 50, 100, 30).cut(Image.new("L", (200, 200), 90))
    assert cut.size == (round(50 * (1 + 2 * MARGIN)), round(100 * (1 + 2 * MARGIN)))
    assert cut.mode == "L"


def test_beyond_the_film_the_cut_is_of_its_mean_grey() -> None:
    image = Image.new("L", (100, 100), 80)
    image.paste(120, (0, 0, 100, 50))
    cut = np.asarray(Box(0, 50, 80, 60).cut(image))
    assert set(cut[:, :5].ravel().tolist()) == {100}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"x": 1, "y": 1, "width": 20, "height": 50},
        {"x": "left", "y": 1, "width": 20, "height": 50, "angle": 0},
        {"x": None, "y": 1, "width": 20, "height": 50, "angle": 0},
        {"x": math.nan, "y": 1, "width": 20, "height": 50, "angle": 0},
        {"x": 1, "y": 1, "width": 20, "height": 50, "angle": math.inf},
    ],
)
def test_what_is_no_five_numbers_is_no_box(data: dict[str, object]) -> None:
    with pytest.raises(BoxError):
        Box.of(data)


@pytest.mark.parametrize(
    ("angle", "normal"), [(0, 0), (180, 180), (-180, 180), (181, -179), (-190, 170), (720, 0)]
)
def test_angles_are_brought_between_minus_and_plus_180(angle: float, normal: float) -> None:
    numbers = {"x": 1, "y": 1, "width": 20, "height": 50}
    assert Box.of({**numbers, "angle": angle}).angle == normal


def test_a_box_is_the_same_after_it_was_stored() -> None:
    box = Box(12.25, 30.5, 40, 90, -12.75)
    assert Box.of(box.as_json()) == box


@pytest.mark.parametrize(
    "box",
    [
        Box(240, 360, 12, 100),
        Box(240, 360, 20, 300),
        Box(-5, 360, 100, 200),
        Box(240, 730, 100, 200),
        Box(240, 360, 400, 900),
    ],
)
def test_a_box_that_shows_no_fixture_of_the_film_is_refused(box: Box) -> None:
    with pytest.raises(BoxError):
        box.check(*FILM)


def test_a_box_may_reach_over_the_edge_of_the_film() -> None:
    Box(470, 700, 100, 300, 20).check(*FILM)


def test_a_smaller_cut_shows_the_same_and_is_no_smaller_than_asked_for() -> None:
    phantom = render_phantom(demo_catalogue()[14], seed=1)
    whole, small = UPRIGHT.cut(phantom), UPRIGHT.cut(phantom, most=200)
    assert small.size == (round(whole.width * 200 / whole.height), 200)
    assert difference(whole.resize(small.size, Image.Resampling.BOX), small) < 4
    assert UPRIGHT.cut(phantom, most=1000).tobytes() == whole.tobytes()


@pytest.mark.parametrize("x", [240, 30])
def test_only_a_box_that_leaves_the_film_shows_its_mean_grey(x: float) -> None:
    film = Image.new("L", FILM, 200)
    film.paste(0, (400, 0, 480, 720))
    cut = np.asarray(Box(x, 360, 170, 420).cut(film))
    mean = round(float(np.asarray(film).mean()))
    assert set(np.unique(cut[:, :20])) == ({200} if x == 240 else {mean})
