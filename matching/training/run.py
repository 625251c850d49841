"""The training itself: seeded, resumable, with its curve as a picture."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import cos, pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matching.loading import DIMENSIONS
from matching.training import network, validation
from matching.training.batches import Batches
from matching.training.curve import curve
from matching.training.losses import nearest_proxy, supervised_contrastive
from matching.training.pool import POSES, Pool

if TYPE_CHECKING:
    import torch

STATE = "state.pt"
HISTORY = "history.json"
CURVE = "learning-curve.svg"


@dataclass(frozen=True)
class Plan:
    """Everything that a training depends on.

    `identities` are told apart, each drawn from `poses` sides. The first `small_steps` see
    pictures of `small_side` pixels, which costs half and teaches the coarse; `average` is the
    decay of the averaged weights that are kept.
    """

    steps: int = 2600
    small_steps: int = 1200
    small_side: int = 112
    seed: int = 0
    identities: int = 1024
    poses: int = POSES
    rate: float = 2e-3
    decay: float = 0.05
    warm_up: int = 100
    average: float = 0.998
    every: int = 200
    workers: int = 2
    architecture: str = network.ARCHITECTURE


@dataclass
class Progress:
    """Where a training stands. `history` holds one row for each measurement."""

    model: Any
    averaged: Any
    proxies: Any
    optimizer: Any
    step: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    plan: Plan, *, folder: Path, report: Callable[[int, dict[str, float]], None] | None = None
) -> Any:
    """Train, or go on with what `folder` holds of the same plan; returns the averaged model.

    `report` is called with the step and the newest figures after every step. Raises ValueError
    where the folder holds a training with another plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress = _resumed(plan, folder)
    device = next(progress.model.parameters()).device
    for pictures, labels in _loader(plan, progress, network.side_of(progress.model)):
        _set_rate(plan, progress)
        loss = _step(plan, progress, pictures.to(device), labels.to(device))
        progress.losses.append(loss)
        progress.step += 1
        if progress.step % plan.every == 0 or progress.step == plan.steps:
            _measure(progress)
            _keep(plan, progress, folder)
        if report:
            report(progress.step, {"loss": loss, **(progress.history or [{}])[-1]})
    return progress.averaged


def _step(
    plan: Plan, progress: Progress, pictures: "torch.Tensor", labels: "torch.Tensor"
) -> float:
    import torch

    model, device = progress.model, pictures.device.type
    with torch.autocast(device, torch.bfloat16, enabled=network.has_bfloat16(device)):
        features = model.visual(network.as_input(pictures, model))
    vectors = torch.nn.functional.normalize(features.float(), dim=-1)
    loss = supervised_contrastive(vectors, labels)
    loss = loss + nearest_proxy(vectors, labels, progress.proxies)
    progress.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.visual.parameters(), 5.0)
    progress.optimizer.step()
    _average(progress, plan.average)
    return float(loss.detach())


def _average(progress: Progress, decay: float) -> None:
    """An exponential mean of the weights, short at the beginning."""
    import torch

    decay = min(decay, (1 + progress.step) / (10 + progress.step))
    with torch.no_grad():
        own = progress.model.state_dict()
        for name, kept in progress.averaged.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(own[name], 1 - decay)
            else:
                kept.copy_(own[name])


def _set_rate(plan: Plan, progress: Progress) -> None:
    """A linear beginning, then half a cosine down to nothing."""
    begun = min((progress.step + 1) / plan.warm_up, 1.0)
    share = max(progress.step - plan.warm_up, 0) / max(plan.steps - plan.warm_up, 1)
    for group in progress.optimizer.param_groups:
        group["lr"] = plan.rate * begun * (1 + cos(pi * share)) / 2


def _measure(progress: Progress) -> None:
    def encode(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        return network.vectors_of(pictures, progress.averaged)

    figures = validation.measured(encode, side=network.side_of(progress.averaged))
    recent = progress.losses[-100:]
    mean = sum(recent) / len(recent)
    progress.history.append({"step": progress.step, "mean_loss": mean, **figures})


def _loader(plan: Plan, progress: Progress, side: int) -> Any:
    from torch.utils.data import DataLoader, Subset

    sides = [plan.small_side if step < plan.small_steps else side for step in range(plan.steps)]
    pool = Pool(count=plan.identities, seed=plan.seed, poses=plan.poses)
    batches: Any = Batches(pool, sides=sides, seed=plan.seed)
    rest = Subset(batches, range(progress.step, plan.steps))
    return DataLoader(
        rest,
        batch_size=None,
        num_workers=plan.workers,
        prefetch_factor=4 if plan.workers else None,
        worker_init_fn=_one_thread,
    )


def _one_thread(_worker: int) -> None:
    import cv2

    cv2.setNumThreads(1)


def _resumed(plan: Plan, folder: Path) -> Progress:
    import torch

    torch.manual_seed(plan.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        # One core draws the pictures meanwhile: threads that wait for each other crawl.
        torch.set_num_threads(max((os.cpu_count() or 1) - 1, 1))
    model, averaged = (
        network.new_model(plan.architecture, seed=plan.seed)
        .to(device)
        .to(memory_format=torch.channels_last)
        for _one in range(2)
    )
    averaged.requires_grad_(False)
    model.visual.train()
    proxies = torch.nn.Parameter(torch.randn(plan.identities, DIMENSIONS, device=device))
    groups = [
        {"params": model.visual.parameters(), "weight_decay": plan.decay},
        {"params": [proxies], "weight_decay": 0.0},
    ]
    progress = Progress(model, averaged, proxies, torch.optim.AdamW(groups, lr=plan.rate))
    if (folder / STATE).is_file():
        _take_up(plan, progress, folder / STATE)
    return progress


def _take_up(plan: Plan, progress: Progress, path: Path) -> None:
    import torch

    kept = torch.load(path, map_location="cpu", weights_only=True)
    if kept["plan"] != _identity(plan):
        raise ValueError(f"{path.parent} holds a training with another plan; name another folder")
    for name in ("model", "averaged", "optimizer"):
        getattr(progress, name).load_state_dict(kept[name])
    progress.proxies.data.copy_(kept["proxies"])
    progress.step, progress.history = kept["step"], kept["history"]


def _identity(plan: Plan) -> dict[str, Any]:
    """How many processes draw the pictures changes nothing about them."""
    return {name: value for name, value in asdict(plan).items() if name != "workers"}


def _keep(plan: Plan, progress: Progress, folder: Path) -> None:
    import torch

    state = {
        "plan": _identity(plan),
        "step": progress.step,
        "history": progress.history,
        "proxies": progress.proxies.detach(),
        **{
            name: getattr(progress, name).state_dict()
            for name in ("model", "averaged", "optimizer")
        },
    }
    partial = folder / f"{STATE}.part"
    torch.save(state, partial)
    partial.replace(folder / STATE)
    (folder / HISTORY).write_text(json.dumps(progress.history, indent=1), encoding="utf-8")
    (folder / CURVE).write_text(curve(progress.history, steps=plan.steps), encoding="utf-8")
