"""The finder's training: its films, its targets, and that it can be taken up again."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from django.conf import settings
from django.core.management import CommandError, call_command

from matching import finder
from matching.boxes import Box
from matching.finding import votes
from matching.finding.geometry import overlap, turned_by
from matching.training.finder import loop
from matching.training.finder.films import film, phantom
from matching.training.finder.scene import Scene, sorted_out
from matching.training.finder.sketches import sketch
from matching.training.finder.targets import loss, target
from matching.training.finder.variation import SIDE, varied

BOX = Box(100, 120, 30, 80, 25)


def scene(*boxes: Box) -> Scene:
    """A film of 256 × 256 pixels whose fixtures are plain white."""
    grey = np.full((SIDE, SIDE), 40, dtype=np.uint8)
    y, x = np.indices(grey.shape)
    for box in boxes:
        turn = np.radians(box.angle)
        across = (x - box.x) * np.cos(turn) + (y - box.y) * np.sin(turn)
        along = (y - box.y) * np.cos(turn) - (x - box.x) * np.sin(turn)
        grey[(abs(across) < box.width / 2) & (abs(along) < box.height / 2)] = 255
    return Scene(grey, boxes)


def as_answer(scene: Scene) -> np.ndarray:  # type: ignore[type-arg]
    wanted = target(scene)
    sure, way = 12 * wanted.fixture - 6, 12 * wanted.is_up - 6
    return np.concatenate([sure[None], wanted.told, way[None]])


def test_what_is_asked_for_is_what_is_read() -> None:
    other = Box(180, 130, 26, 90, -160)
    found = votes.boxes(as_answer(scene(BOX, other)))

    assert len(found) == 2
    for truth in (BOX, other):
        box, score = max(found, key=lambda pair: overlap(pair[0], truth))
        assert overlap(box, truth) > 0.99
        assert turned_by(box, truth) < 0.5
        assert score > 0.9


def test_the_right_answer_costs_least() -> None:
    wanted = [torch.from_numpy(part)[None] for part in target(scene(BOX))]
    right = torch.from_numpy(as_answer(scene(BOX)))[None]
    off, doubled = right.clone(), right.clone()
    off[:, 1] += 0.3
    doubled[:, 0] *= -1

    assert float(loss(right, wanted)) < 0.05
    assert float(loss(off, wanted)) > 2 * float(loss(right, wanted))
    assert float(loss(doubled, wanted)) > 10 * float(loss(right, wanted))


def test_a_fixture_mostly_off_the_film_is_neither_asked_for_nor_forbidden() -> None:
    cut_off = sorted_out(scene(Box(2, 120, 60, 80, 0), Box(40, -60, 30, 80)))

    assert (len(cut_off.boxes), len(cut_off.unsure)) == (0, 1)
    wanted = target(cut_off)
    assert wanted.fixture.sum() == 0
    assert 0 < (wanted.counts == 0).sum() < wanted.counts.size / 4


def test_boxes_move_with_what_they_stand_for() -> None:
    for seed in range(8):
        seen = varied(scene(BOX), np.random.default_rng(seed))

        assert seen.grey.shape == (SIDE, SIDE)
        for box in seen.boxes:
            inside = target(seen).fixture > 0
            small = seen.grey.reshape(SIDE // 4, 4, SIDE // 4, 4).mean(axis=(1, 3))
            assert small[inside].mean() > small[~inside].mean(), (seed, box)


@pytest.mark.parametrize("draw", [film, phantom, sketch])
def test_the_same_seed_draws_the_same_film_with_its_boxes_on_it(draw) -> None:
    drawn = [draw(np.random.default_rng((7, seed))) for seed in range(4)]
    again = draw(np.random.default_rng((7, 3)))

    assert (again.grey == drawn[3].grey).all()
    assert again.boxes == drawn[3].boxes
    assert any(one.boxes for one in drawn)
    for one in drawn:
        assert one.grey.dtype == np.uint8
        assert one.grey.std() > 1
        assert all(-40 < box.x < one.grey.shape[1] + 40 for box in one.boxes)


def plan(folder: Path, *, steps: int = 2) -> loop.Plan:
    return loop.Plan(steps=steps, batch=2, device="cpu", checkpoint=folder / "finder.pt")


def test_an_interrupted_training_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY", 1)
    whole, parts = plan(tmp_path / "whole"), plan(tmp_path / "parts")
    losses = list(loop.train(whole))
    first = [next(loop.train(parts))]

    assert first + list(loop.train(parts)) == losses
    saved = [torch.load(one.checkpoint, weights_only=True)["averaged"] for one in (whole, parts)]
    assert all(torch.equal(saved[0][name], saved[1][name]) for name in saved[0])


def test_the_command_writes_weights_that_the_finder_takes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)
    out = tmp_path / "finder.safetensors"
    told = StringIO()
    call_command("train_finder", "--steps=1", "--batch=2", "--quiet", out=out, stdout=told)

    assert "trained in 1 steps" in told.getvalue()
    assert out.stat().st_size < 2_000_000
    assert not finder.load(out).training


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": -1}])
def test_a_training_without_steps_or_films_is_refused(wrong) -> None:
    with pytest.raises(CommandError, match="1 or more"):
        call_command("train_finder", **wrong)
