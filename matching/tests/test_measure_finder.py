"""How the finder is measured: what counts as found, and what the command prints."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from implants.catalogue import demo_catalogue
from matching.boxes import Box
from matching.evaluation import finding
from matching.phantoms import Phantom, PhantomFixture

UPPER = Box(100, 150, 40, 110, 180)
LOWER = Box(250, 150, 44, 120, 4)


def film(*fixtures: tuple[Box, str, float]) -> Phantom:
    facts = demo_catalogue()[0]
    truths = tuple(
        PhantomFixture(box, facts, jaw, "crown", visible) for box, jaw, visible in fixtures
    )
    return Phantom(Image.new("L", (400, 300)), truths, "periapical")


BOTH = film((UPPER, "upper", 1.0), (LOWER, "lower", 1.0))


def test_each_box_on_its_fixture_is_perfect() -> None:
    found = finding.summed_up([finding.compared(BOTH, [LOWER, UPPER])])

    assert (found.recall, found.precision, found.right_way) == (1, 1, 1)
    assert found.mean_overlap == pytest.approx(1)
    assert found.by_jaw == {"lower": 1, "upper": 1}


def test_a_box_that_shares_too_little_is_a_miss_and_a_wrong_box() -> None:
    beside = Box(130, 150, 40, 110, 180)
    found = finding.summed_up([finding.compared(BOTH, [LOWER, beside])])

    assert (found.recall, found.precision) == (0.5, 0.5)
    assert found.by_jaw == {"lower": 1, "upper": 0}


def test_a_second_box_on_a_fixture_is_wrong() -> None:
    found = finding.summed_up([finding.compared(BOTH, [LOWER, UPPER, LOWER])])

    assert found.recall == 1
    assert found.precision == pytest.approx(2 / 3)


def test_a_box_upside_down_is_found_but_not_the_right_way() -> None:
    found = finding.summed_up([finding.compared(BOTH, [LOWER, Box(100, 150, 40, 110, 0)])])

    assert (found.recall, found.right_way, found.within_3_degrees) == (1, 0.5, 0.5)


def test_a_fixture_cut_off_by_the_edge_is_not_asked_for_and_may_be_found() -> None:
    cut_off = film((UPPER, "upper", 0.3), (LOWER, "lower", 1.0))
    for extra in ([], [UPPER], [Box(100, 190, 40, 40, 180)]):
        found = finding.summed_up([finding.compared(cut_off, [LOWER, *extra])])

        assert (found.fixtures, found.recall, found.precision) == (1, 1, 1)


def test_without_any_fixture_there_is_nothing_to_measure() -> None:
    with pytest.raises(ValueError, match="no fixture"):
        finding.summed_up([])


def test_the_command_prints_the_same_figures_for_people_and_machines(monkeypatch) -> None:
    monkeypatch.setattr(finding, "demo_catalogue", lambda: demo_catalogue()[:2])
    told, json_told = StringIO(), StringIO()
    call_command("measure_finder", "--phantoms=clean", "--seeds=1", "--json", stdout=json_told)
    figures = json.loads(json_told.getvalue())
    call_command("measure_finder", "--phantoms=clean", "--seeds=1", stdout=told)

    assert figures["films"] == 2
    assert f"recall {figures['recall']:.1%}" in told.getvalue()
    assert "Phantoms are not patients" in told.getvalue()


def test_no_films_at_all_are_refused() -> None:
    with pytest.raises(CommandError, match="1 or more"):
        call_command("measure_finder", seeds=0)
