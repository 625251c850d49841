import numpy as np
import pytest
from PIL import Image, ImageOps

from matching.boxes import Box
from matching.normalisation import LONG_SIDE, Steps, normalise, square, views

SIZE = (400, 500)


def fixture(angle=0.0, at=(200, 250), length=200.0, grain=0):
    """A film with one bright wedge, wide at the platform, and its box."""
    box = Box(*at, length * 0.4, length, angle)
    film = Image.new("L", SIZE, 70)
    wedge = Image.new("L", (round(box.width), round(length)), 70)
    for row in range(wedge.height):
        inset = round(row / wedge.height * wedge.width / 3)
        wedge.paste(220 - row // 4, (inset, row, wedge.width - inset, row + 1))
    turned = wedge.rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor=70)
    film.paste(turned, (round(at[0] - turned.width / 2), round(at[1] - turned.height / 2)))
    noise = np.random.default_rng(0).normal(0, grain, SIZE[::-1])
    return Image.fromarray(np.clip(np.asarray(film) + noise, 0, 255).astype(np.uint8)), box


def apart(one, other):
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


@pytest.mark.parametrize("box", [None, Box(200, 250, 80, 200, 30), Box(20, 20, 80, 200, -100)])
@pytest.mark.parametrize("size", [(400, 500), (64, 64), (1500, 300)])
def test_whatever_comes_becomes_a_square_of_one_size(box, size):
    film = fixture(grain=5)[0].resize(size)

    picture = normalise(film, box)

    assert (picture.mode, picture.size) == ("L", (LONG_SIDE, LONG_SIDE))


@pytest.mark.parametrize("angle", [15, 90, 165, 180, -120])
def test_a_fixture_stands_upright_however_it_lies_on_the_film(angle):
    straight, turned = normalise(*fixture()), normalise(*fixture(angle))

    assert apart(straight, turned) < 8
    assert apart(ImageOps.flip(straight), turned) > 12


def test_a_fixture_looks_the_same_wherever_it_lies_and_however_large():
    usual = normalise(*fixture())

    assert apart(usual, normalise(*fixture(at=(120, 180)))) < 8
    assert apart(usual, normalise(*fixture(length=120))) < 8


def test_the_margin_is_the_same_on_all_sides():
    film, box = fixture()

    picture = np.asarray(normalise(film, box, steps=Steps(contrast=False)))

    rows = np.flatnonzero(picture[:, LONG_SIDE // 2] > 150)
    above, below = rows[0], LONG_SIDE - 1 - rows[-1]
    assert abs(above - below) <= 3
    assert above == pytest.approx(LONG_SIDE * 0.08 / 1.16, abs=3)


def test_a_dark_and_a_light_film_of_one_fixture_come_nearer_to_each_other():
    film, box = fixture(grain=4)
    dark = film.point([value // 3 for value in range(256)])

    raw, same = (
        apart(normalise(film, box, steps=steps), normalise(dark, box, steps=steps))
        for steps in (Steps(contrast=False), Steps())
    )

    assert same < raw


def test_each_step_of_the_ablation_can_be_left_out():
    film, box = fixture(30, grain=4)
    whole = normalise(film, None)

    assert apart(normalise(film, box, steps=Steps(crop=False)), whole) == 0
    assert apart(normalise(film, box, steps=Steps(upright=False)), normalise(film, box)) > 5
    assert apart(normalise(film, box, steps=Steps(contrast=False)), normalise(film, box)) > 1


def test_the_views_are_the_picture_its_mirror_image_and_two_turned_ones():
    picture = normalise(*fixture(grain=4))

    seen = views(picture)

    assert seen[0] is picture
    assert apart(seen[1], ImageOps.mirror(picture)) == 0
    assert apart(seen[2], picture.rotate(-5, Image.Resampling.BILINEAR)) == 0
    assert apart(seen[3], picture.rotate(5, Image.Resampling.BILINEAR)) == 0
    assert [len(views(picture, count)) for count in (1, 2, 3, 4)] == [1, 2, 3, 4]


@pytest.mark.parametrize("size", [(40, 90), (90, 40), (41, 90), (90, 90)])
def test_a_padded_picture_stands_in_the_middle_of_a_black_square(size):
    values = np.asarray(square(Image.new("L", size, 200)))

    assert values.shape == (90, 90)
    assert int(values.sum()) == 200 * size[0] * size[1]
    left, top = (90 - size[0]) // 2, (90 - size[1]) // 2
    assert (values[top : top + size[1], left : left + size[0]] == 200).all()
