"""The training of the bundled encoder, in small: what it draws, minimises, and takes up again."""

import hashlib
import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from implants.catalogue import demo_catalogue
from matching import loading
from matching.normalisation import LONG_SIDE
from matching.phantoms.facts import complete_shape
from matching.training import network, validation
from matching.training.batches import IDENTITIES, LINES, PICTURES_EACH, Batches
from matching.training.curve import curve
from matching.training.identities import Identity, families, held_out, known_shapes
from matching.training.looks import Look, metal_mm
from matching.training.pictures import training_picture
from matching.training.pool import Pool, metal_at, posed
from matching.training.run import CURVE, HISTORY, STATE, Plan, train

loading.declare_torchvision_operators()
torch = pytest.importorskip("torch")

COUNT = 170
TINY = Plan(
    steps=3, small_steps=2, small_side=48, identities=COUNT, poses=1, warm_up=1, every=2, workers=0
)


@pytest.fixture(scope="module")
def pool():
    return Pool(count=COUNT, seed=4, poses=2)


def test_the_pool_holds_every_demo_line_first_and_no_identity_twice(pool):
    lines = [identity.shape for identity in pool.identities[: len(demo_catalogue())]]
    assert lines == [complete_shape(facts) for facts in demo_catalogue()]
    assert len(set(pool.identities)) == len(pool) == COUNT


def test_the_held_out_lines_are_eight_that_no_training_draws(pool):
    shapes = [complete_shape(facts) for facts in held_out()]
    assert len(set(shapes)) == 8
    assert not set(shapes) & {identity.shape for identity in pool.identities}
    names = {(facts.manufacturer, facts.name) for facts in demo_catalogue()}
    assert not names & {(facts.manufacturer, facts.name) for facts in held_out()}


def test_relatives_differ_from_their_line_in_a_detail():
    rng = np.random.default_rng(1)
    found = families(rng, COUNT)
    relatives = [one for one in found if one.shape not in known_shapes()]
    assert relatives
    assert all(0 < one.shape.length < 25 and one.shape.depth < one.shape.pitch for one in found)


def test_a_batch_is_the_same_whenever_it_is_drawn_and_another_one_for_another_step(pool):
    batches = Batches(pool, sides=[48, 64], seed=3)
    pictures, labels = batches[0]
    again, same_labels = Batches(pool, sides=[48, 64], seed=3)[0]
    assert (pictures == again).all() and (labels == same_labels).all()
    assert pictures.shape == (IDENTITIES * PICTURES_EACH, 48, 48)
    assert batches[1][0].shape[1:] == (64, 64)
    assert len(set(labels.tolist())) == IDENTITIES
    assert sum(label < len(known_shapes()) for label in set(labels.tolist())) == LINES
    assert not (Batches(pool, sides=[48], seed=4)[0][1] == labels).all()


def test_two_pictures_of_one_fixture_differ_and_are_normalised_as_films_are(pool):
    rng = np.random.default_rng(2)
    shape = pool.identities[8].shape
    one, other = (training_picture(rng, shape, pool.pose(rng, 8)) for _number in range(2))
    assert one.mode == "L" and one.size == other.size == (LONG_SIDE, LONG_SIDE)
    assert one.tobytes() != other.tobytes()


def test_a_pose_keeps_the_metal_where_the_fixture_is(pool):
    rng = np.random.default_rng(5)
    identity = pool.identities[11]
    pose = posed(rng, identity, is_filled=True)
    reach = (identity.shape.length - identity.shape.top_z) / 2
    across = np.array([[0.0, identity.shape.radius + 1.0]], np.float32)
    for along in (-0.5 * reach, 0.0, 0.5 * reach):
        inside, beside = metal_at(pose, across, np.full_like(across, along))[0]
        assert inside > 1.0 and beside == 0.0
    outside = np.array([[0.0]], np.float32)
    assert metal_at(pose, outside, np.array([[reach + 5.0]], np.float32))[0, 0] == 0.0


def test_a_drawn_look_is_no_projection_and_keeps_the_outline():
    shape = known_shapes()[20]
    x, z = np.meshgrid(np.linspace(-3, 3, 61), np.linspace(0, shape.length, 200))
    x, z = x.astype(np.float32), z.astype(np.float32)
    faithful = metal_mm(Look(), shape, x, z, spin=0.0, fill=0.0, lean=0.0)
    drawn = metal_mm(
        Look(is_drawn=True, shade=0.0, bands=0.3), shape, x, z, spin=0.0, fill=0.0, lean=0.0
    )
    assert not np.allclose(faithful, drawn)
    assert abs((faithful > 0.2).sum() / (drawn > 0.2).sum() - 1) < 0.2


def test_the_loss_is_least_where_one_label_lies_together():
    from matching.training.losses import nearest_proxy, supervised_contrastive

    labels = torch.tensor([0, 0, 1, 1])
    together = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    mixed = together[[0, 2, 1, 3]]
    assert supervised_contrastive(together, labels) < supervised_contrastive(mixed, labels)
    proxies = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    assert nearest_proxy(together, labels, proxies) < nearest_proxy(mixed, labels, proxies)


def test_the_contrastive_loss_is_that_of_its_formula():
    from matching.training.losses import supervised_contrastive

    rng = torch.Generator().manual_seed(1)
    vectors = torch.nn.functional.normalize(torch.randn(5, 3, generator=rng), dim=-1)
    labels = [0, 0, 1, 1, 2]
    expected = []
    for i in range(5):
        others = [j for j in range(5) if j != i]
        whole = sum(torch.exp(vectors[i] @ vectors[j] / 0.1) for j in others)
        alike = [j for j in others if labels[j] == labels[i]]
        if alike:
            shares = [torch.log(torch.exp(vectors[i] @ vectors[j] / 0.1) / whole) for j in alike]
            expected.append(-sum(shares) / len(alike))
    found = supervised_contrastive(vectors, torch.tensor(labels), temperature=0.1)
    assert float(found) == pytest.approx(float(sum(expected) / len(expected)), rel=1e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    return train(TINY, folder=folder), folder


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(trained, tmp_path):
    class Interrupted(Exception):
        pass

    def stop(step, _figures):
        if step == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(TINY, folder=tmp_path, report=stop)
    steps = []
    resumed = train(TINY, folder=tmp_path, report=lambda step, _figures: steps.append(step))
    assert steps == [3]
    whole = trained[0].state_dict()
    assert all(
        torch.allclose(values, whole[name], atol=1e-4)
        for name, values in resumed.state_dict().items()
    )


def test_a_folder_with_another_training_is_refused(trained):
    with pytest.raises(ValueError, match="another plan"):
        train(replace(TINY, seed=5), folder=trained[1])


def test_a_training_leaves_its_figures_and_its_curve(trained):
    folder = trained[1]
    assert (folder / STATE).is_file()
    history = json.loads((folder / HISTORY).read_text())
    assert [row["step"] for row in history] == [2, 3]
    assert all(0 <= row["held_out_top3"] <= 1 for row in history)
    picture = ElementTree.fromstring((folder / CURVE).read_text())
    assert picture.tag.endswith("svg")


def test_a_curve_without_any_figure_is_still_a_picture():
    assert ElementTree.fromstring(curve([], steps=10)).tag.endswith("svg")


def test_validation_tells_a_perfect_encoder_from_a_blind_one():
    side = 48
    pictures = validation._pictures(side)
    lines, each = pictures.shape[:2]
    own = np.repeat(np.eye(lines, dtype=np.float32), each, axis=0)
    assert validation.measured(lambda _pictures: own, side=side)["top1"] == 1.0
    blind = np.ones_like(own) / np.sqrt(lines)
    noise = np.random.default_rng(1).normal(0, 0.01, own.shape)
    found = validation.measured(lambda _pictures: blind + noise, side=side)
    assert found["top1"] < 0.5


def test_the_weights_are_read_by_open_clip_as_any_checkpoint(trained, tmp_path):
    import open_clip

    from matching import architectures

    path = tmp_path / "weights.safetensors"
    network.save(trained[0], path, about={"plan": "tiny"})
    architectures.register()
    loaded = open_clip.create_model(network.ARCHITECTURE, pretrained=str(path)).eval()
    pictures = np.random.default_rng(0).integers(0, 255, (2, 160, 160), dtype=np.uint8)
    before, after = (network.vectors_of(pictures, model) for model in (trained[0], loaded))
    # Half precision is stored.
    assert (before * after).sum(axis=1) == pytest.approx(1.0, abs=1e-3)


def test_the_weights_can_be_read_by_whoever_may_read_the_folder(trained, tmp_path):
    made = tmp_path / "new" / "weights.safetensors"
    sha256 = network.save(trained[0], made, about={})
    (tmp_path / "usual").touch()
    assert made.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert sha256 == hashlib.sha256(made.read_bytes()).hexdigest()
    assert [one.name for one in made.parent.iterdir()] == [made.name]


def test_an_identity_is_what_it_looks_like():
    shape = known_shapes()[0]
    assert Identity(shape) == Identity(shape) != Identity(shape, Look(taper=0.1))
