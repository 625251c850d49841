import io
import subprocess
import sys
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from implants.catalogue import CatalogueFacts, demo_catalogue
from matching.phantoms import DIFFICULTIES, FixtureFacts, phantom_jpeg, render_phantom
from matching.phantoms.facts import Shape, complete_shape
from matching.phantoms.render import HEIGHT, WIDTH
from matching.phantoms.solid import titanium_mm

Array = NDArray[np.float64]
STEP = 0.02
BRIGHT = 170
LABEL_ROWS = 40


@dataclass(frozen=True)
class Facts:
    diameter_mm: Decimal | float | None = 4.0
    length_mm: Decimal | float | None = 12.0
    platform_diameter_mm: Decimal | float | None = 4.0
    body_shape: str = "parallel"
    connection: str = "internal_hex"
    level: str = "bone"
    collar: str = "none"
    collar_height_mm: Decimal | float | None = None
    thread: str = "v"
    thread_pitch_mm: Decimal | float | None = 0.8
    thread_leads: int | None = 1
    apex: str = "flat"


SMOOTH = Facts(thread="none", connection="")


def metal(facts: FixtureFacts, spin: float = 0.3) -> tuple[Shape, Array, Array, Array]:
    """The shape, the x and z of a fine grid (mm) and the titanium there (mm)."""
    shape = complete_shape(facts)
    x = np.arange(-4, 4 + STEP / 2, STEP)
    z = np.arange(-9, shape.length + 1, STEP)
    grid_x, grid_z = np.meshgrid(x, z)
    return shape, x, z, titanium_mm(shape, grid_x, grid_z, spin=spin).astype(np.float64)


def flanks(facts: FixtureFacts) -> tuple[Array, Array, Array]:
    """z, and how far the silhouette reaches to the left and to the right there (mm)."""
    _, x, z, thickness = metal(facts)
    solid = thickness > 1e-3
    left = np.where(solid, -x[None, :], 0).max(axis=1)
    right = np.where(solid, x[None, :], 0).max(axis=1)
    return z, left, right


def width_at(facts: FixtureFacts, height: float) -> float:
    z, left, right = flanks(facts)
    row = int(np.abs(z - height).argmin())
    return float(left[row] + right[row])


def bright_box(facts: FixtureFacts) -> tuple[int, int]:
    """Width and height in pixels of the bright part of an easy film, the label left out."""
    pixels = np.asarray(render_phantom(facts, seed=3))[LABEL_ROWS:]
    bright = pixels > BRIGHT
    columns = np.flatnonzero(bright.sum(axis=0) > 20)
    rows = np.flatnonzero(bright.sum(axis=1) > 20)
    return int(np.ptp(columns)), int(np.ptp(rows))


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_same_facts_seed_and_difficulty_give_the_same_bytes(difficulty: str) -> None:
    facts = demo_catalogue()[0]
    first = phantom_jpeg(facts, seed=7, difficulty=difficulty)
    assert phantom_jpeg(replace(facts), seed=7, difficulty=difficulty) == first


def test_the_film_does_not_depend_on_the_process() -> None:
    code = (
        "import hashlib; from implants.catalogue import demo_catalogue;"
        "from matching.phantoms import render_phantom;"
        "film = render_phantom(demo_catalogue()[3], seed=5, difficulty='clinic');"
        "print(hashlib.sha256(film.tobytes()).hexdigest())"
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


def test_another_seed_or_difficulty_gives_another_film() -> None:
    facts = demo_catalogue()[0]
    films = {
        render_phantom(facts, seed=seed, difficulty=difficulty).tobytes()
        for seed in (1, 2)
        for difficulty in DIFFICULTIES
    }
    assert len(films) == 2 * len(DIFFICULTIES)


def test_what_is_not_part_of_the_shape_does_not_change_the_film() -> None:
    facts = demo_catalogue()[0]
    renamed = replace(facts, manufacturer="Somebody", name="Else", source="nowhere")
    assert render_phantom(renamed, seed=1).tobytes() == render_phantom(facts, seed=1).tobytes()


def test_decimal_and_float_are_the_same_fact() -> None:
    exact = Facts(diameter_mm=Decimal("4.10"), thread_pitch_mm=Decimal("0.80"))
    rough = Facts(diameter_mm=4.1, thread_pitch_mm=0.8)
    assert render_phantom(exact, seed=1).tobytes() == render_phantom(rough, seed=1).tobytes()


def test_an_unknown_difficulty_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"impossible.*easy"):
        render_phantom(Facts(), seed=1, difficulty="impossible")


@pytest.mark.parametrize("wrong", [{"apex": "blunt"}, {"diameter_mm": -1}, {"length_mm": 600}])
def test_a_shape_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        complete_shape(replace(Facts(), **wrong))  # type: ignore[arg-type]


def test_a_film_is_an_upright_greyscale_picture_of_one_size() -> None:
    film = render_phantom(Facts(), seed=1)
    assert (film.mode, film.size) == ("L", (WIDTH, HEIGHT))


def test_the_jpeg_is_greyscale_and_says_only_that_it_is_a_phantom() -> None:
    picture = Image.open(io.BytesIO(phantom_jpeg(Facts(), seed=1)))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "L", (WIDTH, HEIGHT))
    assert picture.info["comment"] == b"phantom"
    assert not picture.getexif()


def test_every_film_carries_the_same_label_in_the_same_corner() -> None:
    corners = {
        render_phantom(facts, seed=seed, difficulty=difficulty).crop((7, 7, 95, 27)).tobytes()
        for seed, facts in enumerate(demo_catalogue()[:4])
        for difficulty in DIFFICULTIES
    }
    assert len(corners) == 1
    label = np.frombuffer(corners.pop(), np.uint8)
    assert 300 < (label == label.max()).sum() < 900


def test_metal_is_bright_and_the_bone_around_it_dark() -> None:
    pixels = np.asarray(render_phantom(SMOOTH, seed=1))
    middle = pixels[HEIGHT // 2 - 60 : HEIGHT // 2 + 60, WIDTH // 2 - 20 : WIDTH // 2 + 20]
    bone = pixels[HEIGHT // 2 - 60 : HEIGHT // 2 + 60, 100:140]
    assert middle.mean() > bone.mean() + 80


def test_width_in_pixels_follows_the_diameter() -> None:
    thin, _ = bright_box(replace(SMOOTH, diameter_mm=3.0, platform_diameter_mm=3.0))
    thick, _ = bright_box(replace(SMOOTH, diameter_mm=6.0, platform_diameter_mm=6.0))
    assert thick / thin == pytest.approx(2.0, rel=0.15)


def test_height_in_pixels_follows_the_length() -> None:
    _, short = bright_box(replace(SMOOTH, length_mm=8.0))
    _, tall = bright_box(replace(SMOOTH, length_mm=16.0))
    assert tall / short == pytest.approx(2.0, rel=0.05)


def test_the_silhouette_has_the_stated_diameter_and_length() -> None:
    z, left, right = flanks(Facts(diameter_mm=4.3, length_mm=11.5))
    present = z[(left + right) > 0]
    assert (left + right).max() == pytest.approx(4.3, abs=0.35)
    assert max(left.max(), right.max()) == pytest.approx(2.15, abs=0.04)
    assert np.ptp(present) == pytest.approx(11.5, abs=0.1)


def test_a_smooth_rod_is_as_thick_along_the_ray_as_it_is_wide() -> None:
    _shape, x, z, thickness = metal(SMOOTH)
    assert thickness[np.abs(z - 6).argmin(), np.abs(x).argmin()] == pytest.approx(4.0, abs=0.01)
    off_axis = thickness[np.abs(z - 6).argmin(), np.abs(x - 1.2).argmin()]
    assert off_axis == pytest.approx(2 * np.sqrt(4 - 1.44), abs=0.05)


def test_a_tapered_body_is_narrower_towards_the_apex_than_a_parallel_one() -> None:
    tapered, semi = (
        replace(SMOOTH, body_shape="tapered"),
        replace(SMOOTH, body_shape="semi_tapered"),
    )
    assert width_at(SMOOTH, 10.5) == pytest.approx(4.0, abs=0.05)
    assert width_at(tapered, 10.5) < width_at(semi, 10.5) < 3.5
    assert width_at(semi, 5.0) == pytest.approx(4.0, abs=0.05)
    assert width_at(tapered, 5.0) < 3.6


@pytest.mark.parametrize("pitch", [0.6, 0.8, 1.25])
def test_the_crests_along_a_flank_are_one_pitch_apart(pitch: float) -> None:
    z, left, _ = flanks(Facts(thread_pitch_mm=pitch))
    crests = crests_of(left[(z > 2) & (z < 10)])
    assert crests == pytest.approx(8 / pitch, abs=1)


def crests_of(edge: Array) -> int:
    high = edge > (edge.min() + edge.max()) / 2
    return int((high[1:] & ~high[:-1]).sum())


def test_a_body_without_thread_has_smooth_flanks() -> None:
    z, left, _ = flanks(SMOOTH)
    assert np.ptp(left[(z > 2) & (z < 10)]) <= 2 * STEP


@pytest.mark.parametrize(("leads", "apart"), [(1, 0.5), (2, 0.0), (3, 0.5)])
def test_the_two_flanks_are_half_a_lead_apart(leads: int, apart: float) -> None:
    pitch = 0.8
    z, left, right = flanks(Facts(thread_pitch_mm=pitch, thread_leads=leads))
    threaded = (z > 2) & (z < 10)
    wave = np.exp(-2j * np.pi * z[threaded] / pitch)
    turn = np.angle((left[threaded] * wave).sum() / (right[threaded] * wave).sum()) / (2 * np.pi)
    assert abs(turn) == pytest.approx(apart, abs=0.04)


def test_a_coarse_thread_is_deeper_than_a_fine_one() -> None:
    depths = {}
    for thread in ("fine_v", "coarse"):
        z, left, _ = flanks(Facts(thread=thread, body_shape="parallel", thread_pitch_mm=None))
        depths[thread] = np.ptp(left[(z > 3) & (z < 10)])
    assert depths["coarse"] > 1.8 * depths["fine_v"]


def test_an_external_hexagon_and_tines_stick_out_above_the_platform() -> None:
    assert highest(Facts(connection="external_hex")) == pytest.approx(-0.7, abs=0.05)
    assert highest(Facts(connection="external_spline")) == pytest.approx(-1.0, abs=0.05)
    assert highest(Facts(connection="internal_hex")) == pytest.approx(0.0, abs=0.05)
    assert width_at(Facts(connection="external_hex"), -0.4) < 3.2


def highest(facts: FixtureFacts) -> float:
    z, left, right = flanks(facts)
    return float(z[(left + right) > 0].min())


def test_a_spline_has_gaps_between_its_tines() -> None:
    _, _, z, thickness = metal(Facts(connection="external_spline"))
    row = thickness[np.abs(z + 0.5).argmin()] > 0.05
    assert (row[1:] & ~row[:-1]).sum() >= 2


def test_a_one_piece_implant_has_an_abutment_and_no_cavity() -> None:
    facts = Facts(connection="one_piece", level="tissue", collar="integral")
    assert highest(facts) < -6
    shape, x, z, thickness = metal(facts)
    axis = thickness[:, np.abs(x).argmin()]
    assert axis[(z > shape.top_z + 0.6) & (z < 1)].min() > 2.5


@pytest.mark.parametrize(
    "connection",
    ["internal_hex", "internal_octagon", "internal_trichannel", "internal_conical", "morse_taper"],
)
def test_an_internal_connection_is_a_darker_shadow_with_metal_on_both_sides(
    connection: str,
) -> None:
    _, x, z, hollow = metal(replace(SMOOTH, connection=connection))
    _, _, _, full = metal(SMOOTH)
    row = int(np.abs(z - 1.0).argmin())
    middle = np.abs(x).argmin()
    assert hollow[row, middle] < full[row, middle] - 1.0
    assert hollow[row, np.abs(x - 1.75).argmin()] > 0.2


def test_the_five_internal_connections_cast_different_shadows() -> None:
    words = ("internal_hex", "internal_octagon", "internal_trichannel", "internal_conical")
    shadows = [metal(Facts(connection=word))[3] for word in (*words, "morse_taper")]
    for index, shadow in enumerate(shadows):
        for other in shadows[index + 1 :]:
            assert np.abs(shadow - other).sum() * STEP * STEP > 0.5


def test_a_tulip_collar_stands_above_the_stated_length_and_flares() -> None:
    tulip = Facts(
        connection="internal_octagon",
        level="tissue",
        collar="flared",
        collar_height_mm=2.8,
        platform_diameter_mm=4.8,
    )
    assert highest(tulip) == pytest.approx(-2.8, abs=0.05)
    assert width_at(tulip, -2.3) > width_at(tulip, -1.2) > 4.0


def test_a_machined_collar_is_smooth_and_a_grooved_one_is_not() -> None:
    machined = Facts(collar="machined", collar_height_mm=2.0)
    z, left, _ = flanks(machined)
    assert np.ptp(left[(z > 0.3) & (z < 1.9)]) <= 2 * STEP
    z, left, _ = flanks(replace(machined, collar="grooved"))
    assert crests_of(left[(z > 0.3) & (z < 1.9)]) >= 4


def test_a_back_tapered_neck_widens_below_the_platform() -> None:
    neck = Facts(collar="back_tapered", platform_diameter_mm=None, thread="coarse")
    z, left, _ = flanks(neck)
    assert width_at(neck, 0.1) < 3.5
    assert left[(z > 3) & (z < 6)].max() == pytest.approx(2.0, abs=0.05)


def test_a_scalloped_rim_is_lower_in_the_middle() -> None:
    _, x, z, thickness = metal(replace(SMOOTH, collar="scalloped", collar_height_mm=2.8))
    row = thickness[np.abs(z - 0.3).argmin()]
    assert row[np.abs(x).argmin()] < 2.0
    assert row[np.abs(x - 1.8).argmin()] > 1.2


def test_the_forms_of_the_apex_differ() -> None:
    ends = {apex: width_at(replace(SMOOTH, apex=apex), 11.9) for apex in ("narrow", "flat", "open")}
    assert ends["narrow"] < ends["flat"] < ends["open"]
    _, x, z, hollow = metal(replace(SMOOTH, apex="open"))
    assert hollow[np.abs(z - 11).argmin(), np.abs(x).argmin()] < 2.0


def test_cutting_flutes_take_metal_away_near_the_tip_only() -> None:
    _, _, z, cut = metal(replace(SMOOTH, apex="cutting"))
    _, _, _, whole = metal(replace(SMOOTH, apex="flat"))
    lost = (whole - cut).sum(axis=1)
    assert lost[(z > 9.5) & (z < 11)].min() > 0
    assert np.abs(lost[z < 8]).max() == pytest.approx(0, abs=1e-3)


def test_nothing_known_still_gives_a_film() -> None:
    unknown = Facts(None, None, None, "", "", "", "", None, "", None, None, "")
    assert render_phantom(unknown, seed=1).getextrema()[1] > BRIGHT  # type: ignore[operator]


@pytest.mark.parametrize("facts", demo_catalogue(), ids=lambda facts: facts.name)
def test_every_catalogue_fixture_fits_on_the_film_and_is_solid(facts: CatalogueFacts) -> None:
    width, height = bright_box(facts)
    assert 40 < width < WIDTH - 40
    assert 120 < height < HEIGHT - LABEL_ROWS - 40
    for spin in (0.0, 1.1):
        _, _, _, thickness = metal(facts, spin)
        assert np.isfinite(thickness).all()
        assert 0 < thickness.max() < 9


def test_two_lines_differ_more_than_two_films_of_one_line() -> None:
    rows = [f for f in demo_catalogue() if f.name in ("Bone Level (BL)", "BLX")]
    masks = [[metal(facts, spin)[3] > 0 for spin in (0.1, 1.0)] for facts in rows]
    height = min(mask.shape[0] for pair in masks for mask in pair)
    one, other = ([mask[:height] for mask in pair] for pair in masks)
    within = max((pair[0] ^ pair[1]).sum() for pair in (one, other))
    assert (one[0] ^ other[0]).sum() > 1.5 * within


def test_torch_is_not_needed_to_make_phantoms() -> None:
    code = "import sys; import matching.phantoms; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
