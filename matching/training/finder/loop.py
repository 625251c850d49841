"""The training of the finder's network: seeded, in steps that can be taken up again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from matching.finding.network import FinderNetwork, laid_out
from matching.finding.picture import standardised
from matching.training.finder.films import film
from matching.training.finder.targets import loss, target
from matching.training.finder.variation import varied
from matching.training.network import replace

SEED = 20_261_122
# Scenes are drawn in blocks and each is seen this many times, another way each time: drawing
# one costs as much as learning from it.
BLOCK, USES = 1024, 4
# Any number without a divisor in common with BLOCK: the order in which a block is seen.
STRIDE_IN_BLOCK = 389
RATE, WARM_UP, DECAY = 2e-3, 200, 0.01
# What is kept of the averaged weights at each step.
KEPT = 0.996
SAVE_EVERY = 200


@dataclass(frozen=True)
class Plan:
    """How long and on what to train; `checkpoint` is where an interrupted training goes on."""

    steps: int
    batch: int
    device: str
    checkpoint: Path


@dataclass
class State:
    network: FinderNetwork
    averaged: FinderNetwork
    optimiser: torch.optim.Optimizer
    step: int = 0


def train(plan: Plan) -> Iterator[tuple[int, float]]:
    """Train on, yielding each step's number and loss; the checkpoint ends with the weights."""
    state = _start(plan)
    _resume(state, plan)
    while state.step < plan.steps:
        value = _step(state, plan)
        state.step += 1
        if state.step % SAVE_EVERY == 0 or state.step == plan.steps:
            _save(state, plan)
        yield state.step, value


def write_weights(plan: Plan, file: Path) -> None:
    """The averaged weights of the checkpoint as safetensors, in half precision but for
    counters; OSError where the file cannot be written."""
    saved = torch.load(plan.checkpoint, map_location="cpu", weights_only=True)
    halves = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in saved["averaged"].items()
    }
    replace(file, save(halves))


@lru_cache(maxsize=BLOCK)
def _film(number: int) -> Any:
    return film(np.random.default_rng((SEED, number)))


def _samples(first: int, count: int) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, ...]]]:  # type: ignore[type-arg]
    for sample in range(first, first + count):
        block, within = divmod(sample, BLOCK * USES)
        number = block * BLOCK + within * STRIDE_IN_BLOCK % BLOCK
        scene = varied(_film(number), np.random.default_rng((SEED, 1, sample)))
        yield standardised(scene.grey), tuple(target(scene))


def _batch(step: int, plan: Plan) -> tuple[torch.Tensor, list[torch.Tensor]]:
    films, wanted = zip(*_samples(step * plan.batch, plan.batch), strict=True)
    parts = [torch.from_numpy(np.stack(part)) for part in zip(*wanted, strict=True)]
    pictures = torch.from_numpy(np.stack(films)).to(memory_format=torch.channels_last)
    return pictures.to(plan.device), [part.to(plan.device) for part in parts]


def _step(state: State, plan: Plan) -> float:
    pictures, wanted = _batch(state.step, plan)
    for group in state.optimiser.param_groups:
        group["lr"] = RATE * _pace(state.step, plan.steps)
    with torch.autocast(plan.device, torch.bfloat16, enabled=_is_bfloat16_fast(plan.device)):
        answer = state.network(pictures)
    value = loss(answer.float(), wanted)
    state.optimiser.zero_grad(set_to_none=True)
    value.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimiser.step()
    _average(state)
    return float(value.detach())


def _pace(step: int, steps: int) -> float:
    """A warm-up, then half a cosine down to a fiftieth."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    share = (step - WARM_UP) / max(steps - WARM_UP, 1)
    return float(0.02 + 0.98 * (1 + np.cos(np.pi * share)) / 2)


def _average(state: State) -> None:
    kept = min(KEPT, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        own, new = state.averaged.state_dict(), state.network.state_dict()
        for name, value in own.items():
            if value.is_floating_point():
                value.lerp_(new[name], 1 - kept)
            else:
                value.copy_(new[name])


def _is_bfloat16_fast(device: str) -> bool:
    if device != "cpu":
        return True
    is_supported: Callable[[], bool] = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return is_supported()


def _start(plan: Plan) -> State:
    torch.manual_seed(SEED)
    network = laid_out(FinderNetwork().to(plan.device).train())
    averaged = FinderNetwork().to(plan.device)
    averaged.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    return State(network, averaged, optimiser)


def _resume(state: State, plan: Plan) -> None:
    """Go on where the checkpoint ends, if there is one of this many steps."""
    if not plan.checkpoint.is_file():
        return
    saved = torch.load(plan.checkpoint, map_location=plan.device, weights_only=True)
    if (saved["steps"], saved["batch"]) != (plan.steps, plan.batch):
        return
    state.network.load_state_dict(saved["network"])
    state.averaged.load_state_dict(saved["averaged"])
    state.optimiser.load_state_dict(saved["optimiser"])
    state.step = saved["step"]


def _save(state: State, plan: Plan) -> None:
    """Write beside and move over: a kill in between costs SAVE_EVERY steps at most."""
    plan.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    fresh = plan.checkpoint.with_suffix(".new")
    saved = {
        "step": state.step,
        "steps": plan.steps,
        "batch": plan.batch,
        "network": state.network.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    torch.save(saved, fresh)
    fresh.replace(plan.checkpoint)
