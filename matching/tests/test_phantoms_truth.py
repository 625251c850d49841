"""The boxes that come with a phantom film: they lie where the metal is."""

import math
from dataclasses import replace

import numpy as np
import pytest

from implants.catalogue import demo_catalogue
from matching.boxes import Box
from matching.phantoms import DIFFICULTIES, Difficulty, Phantom, PhantomFixture, render_film

FACTS = demo_catalogue()
PLAIN = {"seed": 11, "difficulty": "clean", "restoration": "none", "pixels_per_mm": 8.0}
BARE = replace(DIFFICULTIES["clean"], noise=(0, 0), jpeg=(95, 95), sharpened=(0, 0))


def film(number: int, **wish: object) -> Phantom:
    return render_film(FACTS[number], **(PLAIN | wish))  # type: ignore[arg-type]


def upright(phantom: Phantom, fixture: PhantomFixture, margin: float = 0.0) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(fixture.box.cut(phantom.image, margin=margin)).astype(float)


def metal_within(number: int, level: Difficulty, **wish: object) -> tuple[float, ...]:
    """Where the metal of a bare subject ends, as shares of its box: left, right, top, bottom
    (0, 1, 0, 1 when the box fits). The metal is what a film without any lacks."""
    bright = film(number, difficulty=level, **wish)
    dark = film(number, difficulty=replace(level, metal=(0, 0)), **wish)
    gained = np.asarray(bright.image).astype(int) - np.asarray(dark.image)
    rows, columns = np.nonzero(gained > 25)
    box = bright.fixtures[0].box
    turn = math.radians(box.angle)
    right, down = columns + 0.5 - box.x, rows + 0.5 - box.y
    across = (right * math.cos(turn) + down * math.sin(turn)) / box.width + 0.5
    along = (down * math.cos(turn) - right * math.sin(turn)) / box.height + 0.5
    return float(across.min()), float(across.max()), float(along.min()), float(along.max())


@pytest.mark.parametrize("jaw", ["lower", "upper"])
@pytest.mark.parametrize("number", [3, 9, 11, 16, 21])
def test_the_box_of_a_bare_fixture_is_where_its_metal_is(number: int, jaw: str) -> None:
    within = metal_within(number, BARE, jaw=jaw)
    assert within == pytest.approx((0, 1, 0, 1), abs=0.06)


def test_the_box_of_a_leaning_and_tilted_fixture_is_where_its_metal_is() -> None:
    level = replace(BARE, lean=(25, 25), tilt=(30, 30))
    for number in (9, 11, 20):
        assert metal_within(number, level) == pytest.approx((0, 1, 0, 1), abs=0.08)


@pytest.mark.parametrize("difficulty", ["clean", "clinic"])
@pytest.mark.parametrize("modality", ["periapical", "panoramic"])
def test_pixels_are_brighter_inside_the_boxes_than_around_them(
    difficulty: str, modality: str
) -> None:
    resolution = {"periapical": 6.0, "panoramic": 2.5}[modality]
    for number in range(3):
        phantom = film(
            number,
            seed=number,
            difficulty=difficulty,
            modality=modality,
            others=FACTS[20:21],
            pixels_per_mm=resolution,
        )
        for fixture in phantom.fixtures:
            if fixture.visible == 1.0:
                cut = upright(phantom, fixture)
                wide = upright(phantom, fixture, 0.5)
                core = cut[len(cut) // 2 :, cut.shape[1] // 3 : -cut.shape[1] // 3]
                sides = np.concatenate([wide[len(wide) // 2 :, 0], wide[len(wide) // 2 :, -1]])
                assert core.mean() > np.median(sides) + 15


def test_the_apex_points_down_in_the_lower_and_up_in_the_upper_jaw() -> None:
    for number in range(6):
        for jaw, angle in (("lower", 0), ("upper", 180)):
            fixture = film(number, seed=number, jaw=jaw).fixtures[0]
            assert fixture.jaw == jaw
            assert off_by(fixture.box.angle, angle) <= 4.01


def off_by(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


def test_both_jaws_occur_by_chance() -> None:
    jaws = {film(5, seed=seed, pixels_per_mm=2.0).fixtures[0].jaw for seed in range(12)}
    assert jaws == {"lower", "upper"}


@pytest.mark.parametrize("difficulty", ["clinic", "hard", "extreme"])
def test_the_tilt_stays_within_its_level_and_uses_it(difficulty: str) -> None:
    most = DIFFICULTIES[difficulty].tilt[1]
    level = DIFFICULTIES[difficulty].name
    angles = []
    for seed in range(12):
        fixture = film(7, seed=seed, difficulty=level, pixels_per_mm=2.0).fixtures[0]
        angles.append(off_by(fixture.box.angle, 180 if fixture.jaw == "upper" else 0))
    # A photograph's perspective adds a few degrees of its own.
    assert 0.5 * most < max(angles) < most + (12 if DIFFICULTIES[difficulty].screen else 0.01)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("modality", ["periapical", "panoramic"])
def test_the_subject_is_entirely_on_the_film_and_nearest_to_its_middle(
    difficulty: str, modality: str
) -> None:
    for number in range(0, 32, 6):
        phantom = film(
            number,
            seed=number,
            difficulty=difficulty,
            modality=modality,
            others=FACTS[number : number + 2],
            restoration=None,
            pixels_per_mm=2.0 if modality == "periapical" else 1.0,
        )
        size = np.array(phantom.image.size)
        subject = phantom.fixtures[0]
        corners = np.array(subject.box.corners())
        assert (corners >= 0).all() and (corners <= size).all()
        assert subject.facts == FACTS[number] and subject.visible == 1.0
        off = [math.dist((f.box.x, f.box.y), size / 2) for f in phantom.fixtures]
        assert off[0] == min(off)


def test_a_crown_or_cap_does_not_change_the_box() -> None:
    boxes = [
        film(11, restoration=kind).fixtures[0].box for kind in ("none", "healing cap", "crown")
    ]
    assert boxes[0] == boxes[1] == boxes[2]
    assert film(11, restoration="crown").fixtures[0].restoration == "crown"


def test_the_box_is_as_wide_and_as_tall_as_the_facts_say() -> None:
    facts = FACTS[11]
    level = DIFFICULTIES["clean"]
    box = render_film(facts, seed=2, difficulty=level, pixels_per_mm=8.0).fixtures[0].box
    assert box.height / box.width == pytest.approx(
        float(facts.length_mm) / float(facts.platform_diameter_mm or facts.diameter_mm), rel=0.08
    )


def test_a_leaning_fixture_is_foreshortened() -> None:
    boxes = [
        film(11, difficulty=replace(BARE, lean=(lean, lean), magnification=(1, 1))).fixtures[0].box
        for lean in (0, 25)
    ]
    assert boxes[1].width == boxes[0].width
    # The rims' ellipses make up for a part of it.
    cosine = math.cos(math.radians(25))
    assert (
        cosine * boxes[0].height < boxes[1].height < cosine * boxes[0].height + boxes[0].width / 2
    )


def test_every_fixture_of_a_panoramic_film_is_told() -> None:
    phantom = film(2, modality="panoramic", others=FACTS[4:8], pixels_per_mm=1.5)
    assert len(phantom.fixtures) == 5
    assert {fixture.facts for fixture in phantom.fixtures} == {FACTS[2], *FACTS[4:8]}
    tall = [fixture.box.height for fixture in phantom.fixtures]
    assert max(tall) < phantom.image.height / 4


def test_a_fixture_at_the_edge_says_how_much_of_it_is_seen() -> None:
    shares = [
        fixture.visible
        for seed in range(6)
        for fixture in film(
            6, seed=seed, difficulty="clinic", others=FACTS[:4], pixels_per_mm=2.0
        ).fixtures
    ]
    assert min(shares) < 1.0 and max(shares) == 1.0


def test_a_photograph_of_a_screen_takes_the_boxes_with_it() -> None:
    level = replace(BARE, screen=1.0)
    for number in (3, 11, 16):
        straight = film(number, difficulty=BARE)
        assert film(number, difficulty=level).fixtures[0].box != straight.fixtures[0].box
        assert metal_within(number, level) == pytest.approx((0, 1, 0, 1), abs=0.12)


def test_boxes_are_boxes_of_the_product() -> None:
    phantom = film(1)
    box = phantom.fixtures[0].box
    assert isinstance(box, Box)
    box.check(*phantom.image.size)
