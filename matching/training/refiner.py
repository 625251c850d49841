"""Training of the closer look (`matching.finding.refining`) on boxes that are wrong in a known
way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matching.boxes import Box
from matching.finding import refining
from matching.phantoms.facts import Shape
from matching.training.batches import FIRST_SEED
from matching.training.network import has_bfloat16, replace
from matching.training.pictures import Window, film_part
from matching.training.pool import Pool, Pose
from matching.training.scenes import Scenes, shaken

if TYPE_CHECKING:
    import torch

BATCH = 64
IDENTITIES = 400
POSES = 5
# Pixels of the window, before it is brought to the network's size.
TALL_PIXELS = (90.0, 320.0)
# Whole films of many hands, and how many windows of a batch come from them: with a fixture, and
# without.
FILMS = 1000
FROM_FILMS, EMPTY = 14, 18
# What being sure weighs beside the place.
SURENESS = 0.05

NOTHING = np.zeros(5, np.float32)
Sample = tuple[NDArray[np.float32], NDArray[np.float32]]


def sample(rng: Generator, shape: Shape, pose: Pose) -> Sample:
    """A window (HEIGHT, WIDTH) around a wrong box, and the five numbers that mend it."""
    lean = np.radians(pose.lean)
    rim = shape.radius * float(np.sin(lean))
    tall = (shape.length - shape.top_z) * float(np.cos(lean)) + rim
    true = Box(0.0, 0.0, 2 * shape.radius, tall)
    near = shaken(rng, true)
    part = film_part(rng, shape, pose, _window(rng, shape, pose, near), float(rng.random()))
    return refining.standardised(part), refining.mend(near, true)


def _window(rng: Generator, shape: Shape, pose: Pose, near: Box) -> Window:
    """Where the pixels around a box lie that is given in mm from the fixture's middle."""
    around, turn = refining.window_of(near), np.radians(near.angle)
    wide, tall = around.width, around.height
    scale = float(np.exp(rng.uniform(*np.log(TALL_PIXELS)))) / tall
    rows, columns = int(tall * scale), max(int(wide * scale), 8)
    right = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) / scale - wide / 2
    down = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / scale - tall / 2
    x = (near.x + right * np.cos(turn) - down * np.sin(turn)).astype(np.float32)
    v = (near.y + down * np.cos(turn) + right * np.sin(turn)).astype(np.float32)
    cosine = np.float32(np.cos(np.radians(pose.lean)))
    return Window(x, v, v / cosine + (shape.length + shape.top_z) / 2, scale)


class Samples:
    """A dataset of torch: item `step` is (windows (BATCH, HEIGHT, WIDTH), answers (BATCH, 5)),
    the last EMPTY of them without a fixture."""

    def __init__(self, pool: Pool, scenes: Scenes, *, steps: int, seed: int) -> None:
        self._pool, self._scenes, self._steps, self._seed = pool, scenes, steps, seed

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Sample:
        rng = np.random.default_rng((FIRST_SEED + self._seed, 1, step))
        numbers = rng.integers(len(self._pool), size=BATCH - FROM_FILMS - EMPTY)
        drawn = [
            sample(rng, self._pool.identities[one].shape, self._pool.pose(rng, int(one)))
            for one in numbers
        ]
        drawn += [self._scenes.fixture(rng) for _one in range(FROM_FILMS)]
        drawn += [(self._scenes.nothing(rng), NOTHING) for _one in range(EMPTY)]
        windows, answers = zip(*drawn, strict=True)
        return np.stack(windows), np.stack(answers)


def train(
    path: Path,
    *,
    steps: int = 2400,
    seed: int = 0,
    workers: int = 1,
    identities: int = IDENTITIES,
    poses: int = POSES,
    films: int = FILMS,
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Train from scratch and write the weights; `report` gets each step and its loss."""
    import torch
    from safetensors.torch import save

    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network: Any = refining.new_network()
    network = network.to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    pool = Pool(count=identities, seed=seed + 1, poses=poses)
    samples = Samples(pool, Scenes(count=films, seed=FIRST_SEED + seed), steps=steps, seed=seed)
    for step, (windows, answers) in enumerate(_batches(samples, workers), start=1):
        seen = windows.to(device)[:, None].contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
            found = network(seen)
        loss = _loss(found.float(), answers.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if report:
            report(step, float(loss.detach()))
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    halves = {name: one.half() if one.is_floating_point() else one for name, one in state.items()}
    replace(path, save(halves))


def _batches(samples: Any, workers: int) -> Iterator[Any]:
    from torch.utils.data import DataLoader

    return iter(DataLoader(samples, batch_size=None, num_workers=workers))


def _loss(found: "torch.Tensor", wanted: "torch.Tensor") -> "torch.Tensor":
    import torch

    # The ends along the axis decide what the crop shows, and the upper one is hard to see.
    weights = torch.tensor([1.0, 4.0, 1.0, 3.0, 0.5], device=found.device)
    with_one = BATCH - EMPTY
    off = torch.nn.functional.smooth_l1_loss(
        found[:with_one, :5], wanted[:with_one], beta=0.02, reduction="none"
    )
    is_one = torch.arange(len(found), device=found.device) < with_one
    sure = torch.nn.functional.binary_cross_entropy_with_logits(found[:, 5], is_one.float())
    return (off * weights).mean() + SURENESS * sure
