"""Phantom films: the same for the same facts, with the truth about them, harder by level."""

import io
import subprocess
import sys
from dataclasses import fields, replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from implants.catalogue import demo_catalogue
from matching.phantoms import (
    DIFFICULTIES,
    RESTORATIONS,
    Difficulty,
    neighbours,
    phantom_jpeg,
    render_film,
    render_phantom,
)
from matching.phantoms.render import FILM_MM
from matching.tests.test_phantoms_shape import Facts

SMALL = 5.0
FACTS = demo_catalogue()
PLAIN = replace(DIFFICULTIES["clean"], neighbours=0.0, noise=(0.0, 0.0))


def pixels(difficulty: str | Difficulty, seed: int = 3, **wish: object) -> np.ndarray:  # type: ignore[type-arg]
    film = render_film(
        FACTS[1],
        seed=seed,
        difficulty=difficulty,
        pixels_per_mm=SMALL,
        **wish,  # type: ignore[arg-type]
    )
    return np.asarray(film.image).astype(int)


@pytest.mark.parametrize("modality", ["periapical", "panoramic"])
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_the_same_arguments_give_the_same_film_and_truth(difficulty: str, modality: str) -> None:
    first, again = (
        render_film(
            replace(FACTS[0]),
            seed=7,
            difficulty=difficulty,
            others=FACTS[2:3],
            modality=modality,
            pixels_per_mm=1.5,
        )
        for _ in range(2)
    )
    assert first.image.tobytes() == again.image.tobytes()
    assert first.fixtures == again.fixtures


def test_the_film_does_not_depend_on_the_process_nor_needs_torch() -> None:
    code = (
        "import hashlib, sys; from implants.catalogue import demo_catalogue;"
        "from matching.phantoms import render_film;"
        "rows = demo_catalogue();"
        "film = render_film(rows[3], seed=5, difficulty='hard', others=rows[:1], pixels_per_mm=5);"
        "print(hashlib.sha256(film.image.tobytes()).hexdigest(), film.fixtures);"
        "assert 'torch' not in sys.modules"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": salt},
            capture_output=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(prints) == 1 and prints != {b""}


def test_another_seed_level_neighbour_or_modality_gives_another_film() -> None:
    films = {
        render_film(
            FACTS[0],
            seed=seed,
            difficulty=difficulty,
            others=others,
            modality=modality,
            pixels_per_mm=1.0,
        ).image.tobytes()
        for seed in (1, 2)
        for difficulty in DIFFICULTIES
        for others in ((), FACTS[3:4])
        for modality in ("periapical", "panoramic")
    }
    assert len(films) == 2 * len(DIFFICULTIES) * 2 * 2


def test_what_is_not_part_of_the_shape_does_not_change_the_film() -> None:
    exact = Facts(diameter_mm=Decimal("4.10"), thread_pitch_mm=Decimal("0.80"))
    rough = Facts(diameter_mm=4.1, thread_pitch_mm=0.8)
    renamed = replace(FACTS[0], manufacturer="Somebody", name="Else", source="nowhere")
    for one, other in ((exact, rough), (FACTS[0], renamed)):
        films = [render_phantom(facts, seed=1, pixels_per_mm=SMALL) for facts in (one, other)]
        assert films[0].tobytes() == films[1].tobytes()


def test_the_resolution_changes_neither_what_is_shown_nor_where() -> None:
    coarse, fine = (
        render_film(FACTS[4], seed=9, difficulty=PLAIN, pixels_per_mm=resolution)
        for resolution in (5.0, 10.0)
    )
    box, double = coarse.fixtures[0].box, fine.fixtures[0].box
    assert (double.x, double.height, double.angle) == pytest.approx(
        (2 * box.x, 2 * box.height, box.angle), rel=0.01
    )
    small = np.asarray(fine.image.resize(coarse.image.size, Image.Resampling.BOX)).astype(int)
    likeness = np.corrcoef(small.ravel(), np.asarray(coarse.image).ravel())[0, 1]
    assert likeness > 0.95


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"difficulty": "impossible"}, r"impossible.*clean.*extreme"),
        ({"modality": "bitewing"}, r"bitewing.*periapical"),
        ({"jaw": "middle"}, r"middle.*lower"),
        ({"restoration": "bridge"}, r"bridge.*healing cap"),
        ({"others": FACTS[:9]}, "10 fixtures"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        render_film(Facts(), seed=1, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("modality", FILM_MM)
def test_a_film_is_uncropped_and_grey(modality: str) -> None:
    film = render_film(Facts(), seed=1, modality=modality, pixels_per_mm=2.0).image
    assert film.mode == "L"
    assert sorted(film.size) == sorted(2 * side for side in FILM_MM[modality])


def test_the_jpeg_is_greyscale_and_says_only_that_it_is_a_phantom() -> None:
    picture = Image.open(io.BytesIO(phantom_jpeg(Facts(), seed=1)))
    assert (picture.format, picture.mode, sorted(picture.size)) == ("JPEG", "L", [682, 902])
    assert picture.info["comment"] == b"phantom"
    assert not picture.getexif()


def test_every_film_carries_the_same_label_in_the_same_corner() -> None:
    corners = {
        render_film(facts, seed=seed, difficulty=difficulty, pixels_per_mm=SMALL)
        .image.crop((7, 7, 55, 20))
        .tobytes()
        for seed, facts in enumerate(FACTS[:3])
        for difficulty in DIFFICULTIES
    }
    assert len(corners) == 1
    label = np.frombuffer(corners.pop(), np.uint8)
    assert 90 < (label == label.max()).sum() < 200


def test_nothing_known_still_gives_a_film() -> None:
    unknown = Facts(None, None, None, "", "", "", "", None, "", None, None, "")
    film = render_phantom(unknown, seed=1, pixels_per_mm=SMALL)
    assert film.getextrema()[1] > 170  # type: ignore[operator]


@pytest.mark.parametrize(
    ("artefact", "value"),
    [
        ("noise", (0.1, 0.1)),
        ("scatter", (0.4, 0.4)),
        ("blur", (0.4, 0.4)),
        ("motion", (1.5, 1.5)),
        ("exposure", (1.8, 1.8)),
        ("contrast", (2.0, 2.0)),
        ("metal", (0.6, 0.6)),
        ("sharpened", (2.5, 2.5)),
        ("jpeg", (10, 10)),
        ("edge", 1.0),
        ("collimator", 1.0),
        ("text", 1.0),
        ("arrows", 1.0),
        ("scratches", 1.0),
        ("screen", 1.0),
        ("neighbours", 1.0),
        ("lean", (25, 25)),
        ("tilt", (25, 25)),
        ("decentre", (6, 6)),
        ("magnification", (0.8, 0.8)),
    ],
)
def test_each_artefact_can_be_switched(artefact: str, value: object) -> None:
    without, used = pixels(PLAIN), pixels(replace(PLAIN, **{artefact: value}))  # type: ignore[arg-type]
    assert (np.abs(without - used) > 8).mean() > 0.001
    assert (pixels(replace(PLAIN, **{artefact: value})) == used).all()  # type: ignore[arg-type]


def test_fillings_and_brackets_are_bright_metal_on_teeth() -> None:
    sound = replace(PLAIN, neighbours=1.0, fillings=0.0, restored=("none",))
    for work in ("fillings", "brackets"):
        done = replace(sound, **{work: 1.0})  # type: ignore[arg-type]
        bright, plain = (
            sum((pixels(level, seed) > 225).sum() for seed in range(4)) for level in (done, sound)
        )
        assert bright > plain + 200


def test_every_restoration_shows_above_the_platform() -> None:
    bare = pixels(PLAIN, restoration="none")
    for restoration in RESTORATIONS[1:]:
        changed = np.abs(pixels(PLAIN, restoration=restoration) - bare) > 40
        assert changed.mean() > 0.001, restoration


def test_another_artefact_leaves_everything_else_where_it_is() -> None:
    plain, written = pixels(PLAIN), pixels(replace(PLAIN, text=1.0, jpeg=PLAIN.jpeg))
    assert (np.abs(plain - written) < 12).mean() > 0.9


def test_each_level_is_harder_than_the_one_before() -> None:
    levels = list(DIFFICULTIES.values())
    for easier, harder in pairwise(levels):
        for field in fields(Difficulty):
            before, after = getattr(easier, field.name), getattr(harder, field.name)
            if field.name in ("name", "restored", "jpeg"):
                continue
            if isinstance(before, tuple):
                assert after[1] - after[0] + after[1] > before[1] - before[0] + before[1]
            else:
                assert after >= before, field.name
        assert harder.jpeg[0] < easier.jpeg[0]


def test_levels_with_several_fixtures_have_them_by_chance() -> None:
    numbers = {
        difficulty: sum(
            len(neighbours(facts, seed=seed, difficulty=difficulty))
            for seed, facts in enumerate(FACTS)
        )
        for difficulty in DIFFICULTIES
    }
    assert numbers["clean"] == 0 < numbers["clinic"] < numbers["extreme"]
    assert neighbours(FACTS[0], seed=4, difficulty="hard") == neighbours(
        FACTS[0], seed=4, difficulty="hard"
    )
