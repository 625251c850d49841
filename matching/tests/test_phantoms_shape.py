"""The fixture itself: what its facts say is what its shadow shows."""

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from implants.catalogue import CatalogueFacts, demo_catalogue
from matching.phantoms import FixtureFacts
from matching.phantoms.facts import Shape, complete_shape
from matching.phantoms.solid import titanium_mm

Array = NDArray[np.float64]
STEP = 0.02


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


def metal(
    facts: FixtureFacts, spin: float = 0.3, lean: float = 0.0
) -> tuple[Shape, Array, Array, Array]:
    """The shape, the x and z of a fine grid (mm) and the titanium there (mm)."""
    shape = complete_shape(facts)
    x = np.arange(-4, 4 + STEP / 2, STEP)
    z = np.arange(-9, shape.length + 1, STEP)
    grid_x, grid_z = np.meshgrid(x, z)
    return shape, x, z, titanium_mm(shape, grid_x, grid_z, spin=spin, lean=lean).astype(np.float64)


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


@pytest.mark.parametrize("wrong", [{"apex": "blunt"}, {"diameter_mm": -1}, {"length_mm": 600}])
def test_a_shape_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        complete_shape(replace(Facts(), **wrong))  # type: ignore[arg-type]


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


@pytest.mark.parametrize("facts", demo_catalogue(), ids=lambda facts: facts.name)
def test_every_catalogue_fixture_is_solid(facts: CatalogueFacts) -> None:
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


def test_a_fixture_that_leans_a_little_is_nearly_the_upright_one() -> None:
    _, _x, z, upright = metal(Facts())
    _, _, _, leaning = metal(Facts(), lean=1.0)
    body = (z > 1) & (z < 11)
    assert leaning[body].sum() == pytest.approx(upright[body].sum(), rel=0.02)
    assert np.abs(leaning - upright)[body].mean() < 0.12


def test_a_ray_through_a_leaning_rod_is_longer() -> None:
    _, x, z, leaning = metal(SMOOTH, lean=20.0)
    centre = leaning[np.abs(z - 6).argmin(), np.abs(x).argmin()]
    assert centre == pytest.approx(4 / np.cos(np.radians(20)), abs=0.1)


def test_the_threads_of_a_leaning_fixture_blur_into_ellipses() -> None:
    """Near and far threads no longer cover each other: the flank's notches fill up."""
    notches = []
    for lean in (0.0, 20.0):
        _, x, z, thickness = metal(Facts(), lean=lean)
        column = thickness[(z > 4) & (z < 10)][:, np.abs(x - 1.6).argmin()]
        notches.append(column.std())
    assert notches[1] < 0.8 * notches[0]


def test_another_style_draws_only_otherwise_what_the_facts_leave_open() -> None:
    facts = Facts(body_shape="tapered")
    plain, styled = complete_shape(facts), complete_shape(facts, style=7)
    assert complete_shape(facts, style=7) == styled != plain
    for kept in ("diameter", "length", "pitch", "platform", "connection", "apex", "leads"):
        assert getattr(styled, kept) == getattr(plain, kept)
    assert (styled.depth, styled.taper) != (plain.depth, plain.taper)
    free = replace(facts, thread_pitch_mm=None)
    assert complete_shape(free, style=7).pitch != complete_shape(free).pitch
