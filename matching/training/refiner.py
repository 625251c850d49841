"""Training of the closer look (`matching.finding.refining`) on boxes that are wrong in a known
way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matching.finding import refining
from matching.finding.refining import TALL, WIDE_BY_HEIGHT, WIDE_BY_WIDTH
from matching.phantoms.facts import Shape
from matching.training.batches import FIRST_SEED
from matching.training.network import has_bfloat16
from matching.training.pictures import Window, film_part
from matching.training.pool import Pool, Pose

if TYPE_CHECKING:
    import torch

BATCH = 64
IDENTITIES = 400
POSES = 5
# How wrong a box may be: natural logarithms for height and width, shares of the true height for
# the middle along and across, degrees for the angle.
HEIGHT_OFF, WIDTH_OFF = 0.45, 0.4
ALONG_OFF, ACROSS_OFF = 0.22, 0.12
ANGLE_OFF = 14.0
# Pixels of the window, before it is brought to the network's size.
TALL_PIXELS = (90.0, 320.0)

Sample = tuple[NDArray[np.float32], NDArray[np.float32]]


def sample(rng: Generator, shape: Shape, pose: Pose) -> Sample:
    """A window (HEIGHT, WIDTH) around a wrong box, and the five numbers that mend it."""
    lean = np.radians(pose.lean)
    rim = shape.radius * float(np.sin(lean))
    tall = (shape.length - shape.top_z) * float(np.cos(lean)) + rim
    wide = 2 * shape.radius
    height = tall * float(np.exp(rng.uniform(-HEIGHT_OFF, HEIGHT_OFF)))
    width = wide * float(np.exp(rng.uniform(-WIDTH_OFF, WIDTH_OFF)))
    x0, v0 = tall * rng.uniform((-ACROSS_OFF, -ALONG_OFF), (ACROSS_OFF, ALONG_OFF))
    turn = float(np.radians(rng.uniform(-ANGLE_OFF, ANGLE_OFF)))
    window = _window(rng, shape, pose, (x0, v0), turn, (width, height))
    part = film_part(rng, shape, pose, window, float(rng.random()))
    ends = np.array([[0.0, -tall / 2], [0.0, tall / 2]]) - (x0, v0)
    back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    mend = [*(ends @ back.T / height).ravel(), np.log(wide / width)]
    return refining.standardised(part), np.array(mend, np.float32)


def _window(
    rng: Generator,
    shape: Shape,
    pose: Pose,
    middle: tuple[float, float],
    turn: float,
    size: tuple[float, float],
) -> Window:
    wide, tall = WIDE_BY_HEIGHT * size[1] + WIDE_BY_WIDTH * size[0], TALL * size[1]
    scale = float(np.exp(rng.uniform(*np.log(TALL_PIXELS)))) / tall
    rows, columns = int(tall * scale), max(int(wide * scale), 8)
    right = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) / scale - wide / 2
    down = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / scale - tall / 2
    x = (middle[0] + right * np.cos(turn) + down * np.sin(turn)).astype(np.float32)
    v = (middle[1] + down * np.cos(turn) - right * np.sin(turn)).astype(np.float32)
    cosine = np.float32(np.cos(np.radians(pose.lean)))
    return Window(x, v, v / cosine + (shape.length + shape.top_z) / 2, scale)


class Samples:
    """A dataset of torch: item `step` is (windows (BATCH, HEIGHT, WIDTH), answers (BATCH, 5))."""

    def __init__(self, pool: Pool, *, steps: int, seed: int) -> None:
        self._pool, self._steps, self._seed = pool, steps, seed

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Sample:
        rng = np.random.default_rng((FIRST_SEED + self._seed, 1, step))
        numbers = rng.integers(len(self._pool), size=BATCH)
        drawn = [
            sample(rng, self._pool.identities[one].shape, self._pool.pose(rng, int(one)))
            for one in numbers
        ]
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
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Train from scratch and write the weights; `report` gets each step and its loss."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = refining.new_network().to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    pool = Pool(count=identities, seed=seed + 1, poses=poses)
    for step, (windows, answers) in enumerate(_batches(pool, steps, seed, workers), start=1):
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
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(halves, path)


def _batches(pool: Pool, steps: int, seed: int, workers: int) -> Iterator[Any]:
    from torch.utils.data import DataLoader

    samples: Any = Samples(pool, steps=steps, seed=seed)
    return iter(DataLoader(samples, batch_size=None, num_workers=workers))


def _loss(found: "torch.Tensor", wanted: "torch.Tensor") -> "torch.Tensor":
    import torch

    # The ends along the axis decide what the crop shows.
    weights = torch.tensor([1.0, 2.0, 1.0, 2.0, 0.5], device=found.device)
    off = torch.nn.functional.smooth_l1_loss(found, wanted, beta=0.02, reduction="none")
    return (off * weights).mean()
