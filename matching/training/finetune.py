"""Fine-tuning an encoder on crops that people have labelled, judged on patients it never saw."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from matching import loading, scoring
from matching.encoder import ClipEncoder, make_encoder
from matching.training import crops, network
from matching.training.crops import Crop, Split
from matching.training.learners import Head, Learner, Tower
from matching.training.losses import supervised_contrastive

TUNED = "tuned"


@dataclass(frozen=True)
class Plan:
    """How it is tuned. `labels` implants in a batch with `each` crops; stops when `patience`
    measurements on the validation part brought nothing."""

    is_head_only: bool = True
    seed: int = 0
    steps: int = 1500
    labels: int = 16
    each: int = 4
    every: int = 25
    patience: int = 12
    head_rate: float = 3e-4
    tower_rate: float = 2e-5

    @property
    def rate(self) -> float:
        return self.head_rate if self.is_head_only else self.tower_rate


@dataclass(frozen=True)
class Reached:
    """Shares (0…1) on `count` crops of patients that nothing was learnt from."""

    top1: float
    top3: float
    top5: float
    mrr: float
    count: int


@dataclass(frozen=True)
class Tuned:
    """What came of it: `name` is what RAIOX_ENCODER or `switch_encoder` calls the result."""

    name: str
    base: str
    before: Reached
    after: Reached
    steps: int
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def is_worse(self) -> bool:
        return (self.after.top3, self.after.mrr) < (self.before.top3, self.before.mrr)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "base": self.base,
            "held_out": {"base": asdict(self.before), "tuned": asdict(self.after)},
            "is_worse": self.is_worse,
            "steps": self.steps,
            **self.sizes,
        }


def tune(
    found: Sequence[Crop],
    *,
    base: str,
    out: Path,
    plan: Plan,
    pairs: Sequence[tuple[str, str]] = (),
    report: Callable[[int, Reached], object] = lambda step, reached: None,
) -> Tuned:
    """Tune `base` on labelled crops, write the checkpoint `out` with what it reaches inside.

    `pairs` are labels that were taken for one another: they are put into one batch. Raises
    EncoderError for a base that cannot be loaded, TooLittle, ValueError for an architecture
    that cannot be tuned.
    """
    crops.check(found)
    parts = crops.split(found, seed=plan.seed)
    encoder = make_encoder(base)
    encoder.load()
    before = reached(encoder, parts)
    model = loading.whole_model(encoder.source)
    steps = _learn(model.visual, parts, plan, pairs, report)
    network.save(model, out, about={"kind": TUNED})
    name = f"{architecture_of(encoder.source)}/{out}"
    tuned = Tuned(name, base, before, reached(make_encoder(name), parts), steps, _sizes(parts))
    network.save(model, out, about={"kind": TUNED, **tuned.as_json()})
    return tuned


def architecture_of(source: loading.Source) -> str:
    """The one that the tuned weights fit: those of OpenAI were trained with QuickGELU, which
    only their tag says."""
    import open_clip

    tag = open_clip.get_pretrained_cfg(source.architecture, source.weights)
    is_named = source.architecture.endswith("-quickgelu")
    return source.architecture + ("-quickgelu" if tag.get("quick_gelu") and not is_named else "")


def reached(encoder: ClipEncoder, parts: Split) -> Reached:
    """The held-out crops looked up among all others, exactly as films are."""
    known = [*parts.train, *parts.validation]
    vectors, others = _encoded(encoder, parts.held_out), _encoded(encoder, known)
    return counted(vectors, others, _labels(parts.held_out), _labels(known))


def counted(
    queries: NDArray[np.float32],
    known: NDArray[np.float32],
    labels: Sequence[str],
    known_labels: Sequence[str],
) -> Reached:
    """Vectors of length 1, (n, d) and (m, d), with their labels."""
    places = [
        _place(cosines, label, known_labels)
        for cosines, label in zip(queries @ known.T, labels, strict=True)
    ]
    top1, top3, top5 = (fmean(place <= top for place in places) for top in (1, 3, 5))
    return Reached(top1, top3, top5, mrr=fmean(1 / place for place in places), count=len(places))


def _place(cosines: NDArray[np.float32], label: str, known: Sequence[str]) -> int:
    ranking = scoring.ranked(zip(known, cosines.tolist(), strict=True))
    return [other for other, _score in ranking].index(label) + 1


def _learn(
    visual: Any,
    parts: Split,
    plan: Plan,
    pairs: Sequence[tuple[str, str]],
    report: Callable[[int, Reached], object],
) -> int:
    """Leaves the best state, by the validation part, in the tower; returns the step it is of."""
    import torch

    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    seen = [*parts.train, *parts.validation]
    pictures = [crop.picture for crop in seen]
    learner: Learner = Head(visual, pictures) if plan.is_head_only else Tower(visual, pictures)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=plan.rate, weight_decay=0.0)
    sampler = Sampler(_labels(parts.train), plan, pairs)
    best, best_step, kept = _validated(learner, parts), 0, _copied(learner)
    for step in range(1, plan.steps + 1):
        places = sampler.batch(rng)
        loss = supervised_contrastive(learner.vectors(places, rng), sampler.numbers(places))
        optimizer.zero_grad(set_to_none=True)
        (loss + learner.penalty()).backward()
        optimizer.step()
        if step % plan.every:
            continue
        found = _validated(learner, parts)
        report(step, found)
        if (found.mrr, found.top3) > (best.mrr, best.top3):
            best, best_step, kept = found, step, _copied(learner)
        elif step - best_step >= plan.patience * plan.every:
            break
    with torch.no_grad():
        for parameter, value in zip(learner.parameters(), kept, strict=True):
            parameter.copy_(value)
    learner.finish()
    return best_step


class Sampler:
    """Batches in which every implant is as likely as any other, however many films it has; in
    half of them one that was mistaken stands beside what it was mistaken for."""

    def __init__(
        self, labels: Sequence[str], plan: Plan, pairs: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._names = sorted(set(labels))
        number = {name: place for place, name in enumerate(self._names)}
        self._labels = np.array([number[label] for label in labels])
        self._own = [np.flatnonzero(self._labels == one) for one in range(len(self._names))]
        self._plan = plan
        self._pairs = [
            (number[one], number[other])
            for one, other in pairs
            if one in number and other in number and one != other
        ]

    def batch(self, rng: Generator) -> NDArray[np.int64]:
        """Places of crops: `each` of up to `labels` implants."""
        size = min(self._plan.labels, len(self._names))
        chosen = list(rng.choice(len(self._names), size, replace=False))
        if self._pairs and rng.random() < 0.5:
            pair = self._pairs[rng.integers(len(self._pairs))]
            chosen = [*pair, *(one for one in chosen if one not in pair)][:size]
        places = [rng.choice(self._own[one], self._plan.each) for one in chosen]
        return np.concatenate(places).astype(np.int64)

    def numbers(self, places: NDArray[np.int64]) -> Any:
        import torch

        return torch.from_numpy(self._labels[places])


def _validated(learner: Learner, parts: Split) -> Reached:
    vectors, first = learner.known(), len(parts.train)
    known, new = vectors[:first], vectors[first:]
    return counted(new, known, _labels(parts.validation), _labels(parts.train))


def _copied(learner: Learner) -> list[Any]:
    return [parameter.detach().clone() for parameter in learner.parameters()]


def _encoded(encoder: ClipEncoder, some: Sequence[Crop]) -> NDArray[np.float32]:
    return encoder.encode([Image.fromarray(crop.picture) for crop in some])


def _labels(some: Sequence[Crop]) -> list[str]:
    return [crop.label for crop in some]


def _sizes(parts: Split) -> dict[str, int]:
    everything = [*parts.train, *parts.validation, *parts.held_out]
    return {
        "train": len(parts.train),
        "validation": len(parts.validation),
        "implants": len({crop.label for crop in everything}),
        "patients": len({crop.group for crop in everything}),
    }
