"""Fine-tuning the encoder on what reviewers of this installation have approved."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from tqdm import tqdm

from cases import hard_negatives, training_data
from implants.models import Implant
from matching.encoder import get_encoder
from matching.evaluation.labelled import label_of
from matching.training import crops, finetune
from matching.training.finetune import Plan, Reached, Tuned

Say = Callable[[str], Any]


@dataclass(frozen=True)
class Asked:
    """`base` is an encoder's name (empty: the one in use), `out` the checkpoint to write."""

    base: str
    out: Path | None
    plan: Plan


def add_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("from the cases of this installation")
    group.add_argument(
        "--from-cases",
        action="store_true",
        help="tune an encoder on approved cases with consent instead of training one on phantoms",
    )
    group.add_argument(
        "--base",
        default="",
        metavar="NAME",
        help="raiox-fixture/bundled, ViT-B-32/openai, …; the encoder in use where it is not said",
    )
    scope = group.add_mutually_exclusive_group()
    scope.add_argument(
        "--head-only",
        action="store_true",
        default=True,
        help="a projection behind the tower (what is done anyhow: it needs the least data)",
    )
    scope.add_argument(
        "--last-blocks",
        dest="head_only",
        action="store_false",
        help="the last blocks of the tower, of a small one all of it: slower",
    )
    group.add_argument("--out", type=Path, metavar="FILE", help="the checkpoint (.safetensors)")


def plan(*, is_head_only: bool, seed: int) -> Plan:
    """A step behind the frozen tower takes milliseconds, one through it seconds."""
    return Plan(seed=seed) if is_head_only else Plan(False, seed, steps=300, patience=4)


def run(asked: Asked, say: Say) -> Tuned:
    """Read, split by patients, tune, and write the checkpoint with its figures beside it.

    Raises TooLittle, EncoderError, ValueError as `matching.training.finetune.tune`.
    """
    base = asked.base or get_encoder().name
    films = tqdm(
        training_data.labelled_crops(),
        total=training_data.labelled_count(),
        unit="film",
        desc="reading",
        disable=None,
    )
    found, unread = crops.gather(films)
    if unread:
        say(f"{unread} films could not be read")
    out = (asked.out or _usual(base)).resolve()
    tuned = finetune.tune(
        found, base=base, out=out, plan=asked.plan, pairs=mistaken(), report=_reporter(say)
    )
    out.with_suffix(".json").write_text(json.dumps(tuned.as_json(), indent=1), encoding="utf-8")
    return tuned


def mistaken() -> list[tuple[str, str]]:
    """Labels of implants that were approved and of those that the comparison put first."""
    return [(_label(one.approved), _label(one.rejected)) for one in hard_negatives.confused()]


def lines(tuned: Tuned) -> list[str]:
    """What came of it, for people."""
    sizes = tuned.sizes
    verdict = (
        "Worse than before on patients that it never saw: switch_encoder refuses it."
        if tuned.is_worse
        else f"Use it: manage.py switch_encoder {tuned.name}"
    )
    return [
        f"{sizes['patients']} patients, {sizes['implants']} implants; learnt from"
        f" {sizes['train']} crops, stopped by {sizes['validation']} (best at step {tuned.steps})",
        _line(f"before ({tuned.base})", tuned.before),
        _line("after", tuned.after),
        verdict,
    ]


def _line(name: str, reached: Reached) -> str:
    return (
        f"{name}: top 1 {reached.top1:.1%}, top 3 {reached.top3:.1%}, top 5 {reached.top5:.1%},"
        f" mrr {reached.mrr:.3f} on {reached.count} crops of other patients"
    )


def _label(implant: Implant) -> str:
    return label_of(implant.manufacturer, implant.name, implant.diameter_mm, implant.length_mm)


def _reporter(say: Say) -> Callable[[int, Reached], object]:
    return lambda step, reached: say(
        f"step {step}: top 1 {reached.top1:.1%}, mrr {reached.mrr:.3f} on {reached.count} crops"
    )


def _usual(base: str) -> Path:
    when = timezone.localtime().strftime("%Y%m%d-%H%M%S")
    architecture = base.partition("/")[0]
    return Path(settings.VAR_DIR) / "encoders" / f"{architecture}-tuned-{when}.safetensors"
