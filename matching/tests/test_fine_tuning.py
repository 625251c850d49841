from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import override_settings
from PIL import Image, ImageDraw

from matching import switching, tuned
from matching.encoder import make_encoder
from matching.evaluation.labelled import LabelledFilm
from matching.loading import load, whole_model
from matching.switching import SwitchRefused
from matching.training import crops, finetune, learners, network
from matching.training.crops import Crop, TooLittle
from matching.training.finetune import Plan, Sampler

IMPLANTS, PATIENTS = 10, 16
BASE = "raiox-fixture/random"


def picture(implant: int, patient: int) -> Image.Image:
    """A bright post whose threads are as far apart as the implant says, differently lit."""
    rng = np.random.default_rng((implant, patient))
    image = Image.new("L", (60, 120), int(rng.integers(20, 60)))
    draw = ImageDraw.Draw(image)
    left = 18 + int(rng.integers(-4, 5))
    draw.rectangle((left, 8, left + 12 + implant, 110), fill=int(rng.integers(150, 230)))
    for line in range(10, 108, 4 + implant):
        draw.line((left - 3, line, left + 15 + implant, line), fill=245, width=2)
    noise = rng.normal(0, 14, (120, 60))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def film(implant: int, patient: int, **values: Any) -> LabelledFilm:
    values = {"read": lambda: picture(implant, patient), **values}
    return LabelledFilm(
        name=f"{implant}-{patient}",
        label=f"Implant {implant}",
        manufacturer="Maker",
        line=f"Line {implant}",
        group=f"patient {patient}",
        **values,
    )


@pytest.fixture(scope="module")
def found() -> list[Crop]:
    """Ten implants; every one of twenty-four patients has ten of them."""
    films = [film(implant, patient) for patient in range(PATIENTS) for implant in range(IMPLANTS)]
    return crops.gather(films)[0]


@pytest.fixture(scope="module")
def result(found: list[Crop], tmp_path_factory: pytest.TempPathFactory) -> finetune.Tuned:
    out = tmp_path_factory.mktemp("tuned") / "tuned.safetensors"
    with pytest.MonkeyPatch.context() as patch, override_settings(RAIOX_VIEWS=1):
        patch.setattr(crops, "LEAST_CROPS", len(found))
        return finetune.tune(found, base=BASE, out=out, plan=Plan(steps=400))


def test_a_tuned_head_is_better_on_patients_that_it_never_saw(result: finetune.Tuned) -> None:
    assert result.before.count == result.after.count >= 30
    assert result.after.mrr > result.before.mrr
    assert not result.is_worse
    assert result.steps > 0


def test_the_checkpoint_is_loaded_like_any_other_and_says_what_it_reaches(
    result: finetune.Tuned,
) -> None:
    encoder = make_encoder(result.name)
    assert encoder.encode([picture(1, 1)]).shape == (1, 512)
    about = tuned.about(encoder.source.checkpoint)
    assert about["base"] == BASE
    assert about["held_out"]["tuned"]["mrr"] == result.after.mrr
    assert not tuned.is_worse(encoder.source.checkpoint)


def test_no_patient_is_on_two_sides(found: list[Crop]) -> None:
    parts = crops.split(found, seed=0)
    sides = [
        {crop.group for crop in side} for side in (parts.train, parts.validation, parts.held_out)
    ]
    assert all(sides)
    assert sum(len(side) for side in sides) == len(set.union(*sides)) == PATIENTS
    assert {crop.label for crop in parts.held_out} <= {crop.label for crop in parts.train}
    share = len(parts.held_out) / len(found)
    assert 0.2 < share < 0.35


def test_the_same_seed_splits_alike_and_another_one_does_not(found: list[Crop]) -> None:
    groups = [[crop.group for crop in crops.split(found, seed=seed).held_out] for seed in (1, 1, 2)]
    assert groups[0] == groups[1] != groups[2]


def test_a_patient_who_alone_has_an_implant_is_learnt_from() -> None:
    some = [Crop(np.zeros((4, 4), np.uint8), label, group) for label, group in _pairs()]
    parts = crops.split(some, seed=3)
    assert "only one" not in {crop.group for crop in parts.held_out + parts.validation}


def _pairs() -> list[tuple[str, str]]:
    common = [("A", f"patient {number}") for number in range(20)]
    return [*common, ("B", "only one"), ("B", "only one"), ("B", "only one")]


def test_unreadable_films_are_counted_and_left_out() -> None:
    def gone() -> Image.Image:
        raise OSError("gone")

    kept, unread = crops.gather([film(1, 1), film(1, 2, read=gone)])
    assert (len(kept), unread) == (1, 1)


@pytest.mark.parametrize(
    ("number", "patients", "message"),
    [
        (10, 19, "190 labelled crops (200 are needed)"),
        (9, 24, "9 implants with 3 crops of 2 patients (10 are needed)"),
        (0, 0, "0 labelled crops"),
    ],
)
def test_too_little_is_refused_with_numbers(number: int, patients: int, message: str) -> None:
    blank = np.zeros((4, 4), np.uint8)
    some = [
        Crop(blank, f"Implant {implant}", f"patient {patient}")
        for implant in range(number)
        for patient in range(patients)
    ]
    with pytest.raises(TooLittle) as refusal:
        crops.check(some)
    assert message in str(refusal.value)


def test_many_films_of_one_patient_are_not_enough() -> None:
    blank = np.zeros((4, 4), np.uint8)
    some = [Crop(blank, f"Implant {n % 12}", f"patient of {n % 12}") for n in range(240)]
    with pytest.raises(TooLittle, match="0 implants"):
        crops.check(some)


def test_every_implant_is_as_likely_however_many_films_it_has() -> None:
    labels = ["rare"] * 2 + ["common"] * 200 + ["other"] * 20 + ["further"] * 20
    sampler = Sampler(labels, Plan(labels=2, each=4))
    rng = np.random.default_rng(0)
    drawn = [labels[place] for _batch in range(200) for place in sampler.batch(rng)]
    shares = {label: drawn.count(label) / len(drawn) for label in set(labels)}
    assert all(0.2 < share < 0.3 for share in shares.values())


def test_what_was_mistaken_stands_in_one_batch_with_what_it_was_mistaken_for() -> None:
    labels = [f"Implant {number}" for number in range(40) for _crop in range(3)]
    plan = Plan(labels=2, each=2)
    rng = np.random.default_rng(0)

    def together(pairs: list[tuple[str, str]]) -> int:
        sampler = Sampler(labels, plan, pairs)
        batches = [{labels[place] for place in sampler.batch(rng)} for _batch in range(200)]
        return sum(batch == {"Implant 3", "Implant 9"} for batch in batches)

    assert together([]) < 10
    assert together([("Implant 3", "Implant 9"), ("Implant 3", "gone")]) > 60


@pytest.mark.parametrize("architecture", ["raiox-fixture", "ViT-S-32"])
def test_a_head_is_folded_into_the_tower_s_own_projection(architecture: str) -> None:
    import torch

    visual = whole_model(make_encoder(f"{architecture}/random").source).visual.eval()
    seen = learners._tensor(visual, [picture(1, 1).resize((120, 120))])
    with torch.inference_mode():
        before = visual(seen)
    size = before.shape[1]
    shaken = torch.randn(size, size, generator=torch.Generator().manual_seed(1))
    matrix = torch.eye(size) + 0.1 * shaken
    learners.fold(visual, matrix)
    with torch.inference_mode():
        assert torch.allclose(visual(seen), before @ matrix.T, atol=1e-4)


def test_the_tower_itself_can_be_tuned(found: list[Crop], tmp_path: Path) -> None:
    plan = Plan(is_head_only=False, steps=2, every=1, labels=4, each=2)
    model = whole_model(make_encoder(BASE).source)
    parts = crops.split(found, seed=0)
    few = crops.Split(parts.train[:40], parts.validation[:10], parts.held_out[:10])
    finetune._learn(model.visual, few, plan, [], lambda step, reached: None)
    network.save(model, tmp_path / "tower.safetensors", about={})
    assert load(make_encoder(f"raiox-fixture/{tmp_path}/tower.safetensors").source, threads=1)


def test_only_the_last_blocks_of_a_transformer_are_tuned() -> None:
    visual = whole_model(make_encoder("ViT-S-32/random").source).visual
    tuned_ones = {id(one) for one in learners._last(visual)}
    named = {name for name, one in visual.named_parameters() if id(one) in tuned_ones}
    assert "proj" in named
    assert {name.split(".")[2] for name in named if "resblocks" in name} == {"10", "11"}
    assert not visual.conv1.weight.requires_grad


def test_weights_that_were_trained_with_quick_gelu_keep_it() -> None:
    assert finetune.architecture_of(make_encoder("ViT-B-32/openai").source) == "ViT-B-32-quickgelu"
    assert finetune.architecture_of(make_encoder(BASE).source) == "raiox-fixture"


@pytest.mark.django_db
def test_what_is_worse_on_the_held_out_part_is_not_switched_on(old: str, tmp_path: Path) -> None:
    file = tmp_path / "worse.safetensors"
    network.save(network.new_model(seed=5), file, about={"is_worse": True})
    with pytest.raises(SwitchRefused, match="held out"):
        switching.switch(f"raiox-fixture/{file}", wrap=lambda outcomes, total: outcomes)
