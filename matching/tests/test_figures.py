from pathlib import Path
from typing import Any

import numpy as np
import pytest

from implants.models import Implant, ReferenceImage
from matching.encoder import DIMENSIONS
from matching.figures import Figures, FiguresMissing, Side, compared_in_catalogue, from_file
from matching.models import Embedding

OLD, NEW = Side("A/old", "A/old@1/f"), Side("A/new", "A/new@2/f")


def at(degrees: float) -> list[float]:
    vector = np.zeros(DIMENSIONS)
    vector[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return list(vector)


def catalogue(side: Side, angles: dict[str, list[float]]) -> None:
    """References of implants, with vectors at these angles."""
    for name, degrees in angles.items():
        implant, _created = Implant.objects.get_or_create(manufacturer="M", name=name)
        for number, degree in enumerate(degrees):
            reference, _created = ReferenceImage.objects.get_or_create(
                sha256=f"{name}-{number}", defaults={"implant": implant}
            )
            Embedding.objects.create(reference_image=reference, encoder=side.id, vector=at(degree))


@pytest.mark.django_db
def test_each_reference_is_looked_up_among_the_others() -> None:
    names = ["a", "b", "c", "d", "e"]
    catalogue(OLD, {name: [10.0 * place, 10.0 * place + 1] for place, name in enumerate(names)})
    # One film of `a` now stands beyond all others: three implants are nearer to either of them.
    apart = {name: [10.0 * place, 10.0 * place + 1] for place, name in enumerate(names)}
    catalogue(NEW, {**apart, "a": [0.0, 80.0]})
    found = compared_in_catalogue(OLD, NEW)
    assert found == Figures(1.0, 0.8, count=10, source="each reference among the others")


@pytest.mark.django_db
def test_implants_with_one_reference_say_nothing() -> None:
    for side in (OLD, NEW):
        catalogue(side, {"a": [0.0], "b": [10.0]})
    assert compared_in_catalogue(OLD, NEW) is None


@pytest.mark.django_db
def test_only_references_that_both_know_are_compared() -> None:
    catalogue(OLD, {"a": [0.0, 1.0], "b": [10.0, 11.0]})
    catalogue(NEW, {"a": [0.0, 1.0]})
    found = compared_in_catalogue(OLD, NEW)
    assert found is not None
    assert found.count == 2


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        '[{"encoder": "A/old", "top3": 0.9}, {"encoder": "A/new@2/f", "top3": 0.8}]',
        '{"runs": {"A/old": {"top3": 0.9}, "A/new": {"top3": 0.8, "more": [1, 2]}}}',
    ],
)
def test_figures_are_found_wherever_they_stand(tmp_path: Path, text: str) -> None:
    found = from_file(write(tmp_path / "f.json", text), old=OLD, new=NEW)
    assert found == Figures(0.9, 0.8, count=0, source="f.json")


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"A/old": {"top3": 0.9}}'])
def test_a_file_without_figures_of_both_is_refused(tmp_path: Path, text: Any) -> None:
    with pytest.raises(FiguresMissing):
        from_file(write(tmp_path / "f.json", text), old=OLD, new=NEW)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FiguresMissing, match=r"absent\.json"):
        from_file(tmp_path / "absent.json", old=OLD, new=NEW)
