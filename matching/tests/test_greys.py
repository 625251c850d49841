import numpy as np
import pytest
from PIL import Image

from matching import greys
from matching.tests import pictures
from matching.tests.pictures import FACTS, phantom, resized


@pytest.mark.parametrize(("across", "along"), [(1.3, 1), (1, 1.3), (1.6, 1), (1, 1.6)])
@pytest.mark.parametrize("difficulty", ["clean", "clinic"])
def test_a_film_that_was_widened_or_lengthened_is_noticed(difficulty, across, along):
    assert greys.is_stretched(resized(phantom(8, 1, difficulty).image, across, along))


@pytest.mark.parametrize("times", [0.6, 0.8, 1.5, 2])
def test_a_film_that_was_resized_as_a_whole_is_not_stretched(times):
    assert not greys.is_stretched(resized(phantom().image, times, times))


@pytest.mark.parametrize("kept", [40, 60, 95])
def test_a_film_that_was_saved_again_is_not_stretched(kept):
    assert not greys.is_stretched(resized(phantom().image, 1, 1, kept))


@pytest.mark.parametrize("difficulty", ["clean", "clinic", "hard", "extreme"])
@pytest.mark.parametrize("number", range(0, len(FACTS), 8))
def test_a_film_as_it_was_taken_is_not_stretched(number, difficulty):
    assert not greys.is_stretched(phantom(number, 2, difficulty).image)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_film_without_grain_tells_nothing_of_stretching(grey):
    assert not greys.is_stretched(Image.new("L", (500, 700), grey))


@pytest.mark.parametrize("difficulty", ["clean", "clinic", "hard"])
@pytest.mark.parametrize("number", range(0, len(FACTS), 8))
def test_no_phantom_that_a_person_could_use_is_taken_for_something_else(number, difficulty):
    assert not greys.may_be_no_radiograph(phantom(number, 3, difficulty).image)


@pytest.mark.parametrize("seed", range(4))
def test_a_film_drawn_by_other_means_is_not_taken_for_something_else(seed):
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0:720, 0:480] / [[[720]], [[480]]]
    grey = (
        70 + 60 * np.sin(2 * across + seed) * np.cos(1.5 * down) + random.normal(0, 6, (720, 480))
    )
    grey[200:500, 200:280] = 225
    grey[200:500:30, 190:290] = 245
    film = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))

    assert not greys.may_be_no_radiograph(film)


@pytest.mark.parametrize(
    "picture",
    [
        pictures.page(),
        pictures.page(paper=215, ink=40, light=0.4),
        pictures.screen(),
        pictures.screen(ground=230),
        pictures.drawing(),
        pictures.ramp(),
        pictures.noise(),
        pictures.clutter(),
        Image.new("L", (700, 900), 0),
        Image.new("L", (700, 900), 128),
        Image.new("L", (700, 900), 255),
    ],
)
def test_what_is_no_radiograph_is_noticed_large_and_small(picture):
    assert greys.may_be_no_radiograph(picture)
    assert greys.may_be_no_radiograph(picture.resize((picture.width // 2, picture.height // 2)))


def test_a_photograph_of_things_with_soft_edges_is_not_noticed():
    """Known, and said where it is measured: its colours would tell, its greys do not."""
    assert not greys.may_be_no_radiograph(pictures.things())


def test_contrast_is_the_range_of_the_greys_without_the_extremes():
    ramp = pictures.ramp()

    assert greys.grey_range(ramp) == pytest.approx(230, abs=4)
    assert greys.grey_range(ramp.point([100 + value // 16 for value in range(256)])) <= 16
    assert greys.grey_range(Image.new("L", (500, 700), 128)) == 0
