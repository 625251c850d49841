from typing import Any

import pytest
from django.core.management import CommandError, call_command

from cases import fine_tuning
from cases.models import HardNegative
from cases.training_data import labelled_count
from matching.training.finetune import Reached, Tuned

pytestmark = pytest.mark.django_db


def tuned(*, top3: float) -> Tuned:
    before, after = (
        Reached(top1=0.5, top3=share, top5=0.9, mrr=0.6, count=40) for share in (0.8, top3)
    )
    sizes = {"train": 150, "validation": 40, "implants": 12, "patients": 31}
    return Tuned("raiox-fixture/x.safetensors", "raiox-fixture/bundled", before, after, 125, sizes)


def test_too_few_approved_cases_are_refused_with_numbers(case: Any) -> None:
    assert labelled_count() == 0
    with pytest.raises(CommandError, match=r"0 labelled crops \(200 are needed\)"):
        call_command("train_encoder", "--from-cases", "--base=raiox-fixture/random")


def test_rejected_first_candidates_become_pairs_of_labels(implants: list[Any]) -> None:
    first, second, _third = implants
    HardNegative.objects.create(approved=first, rejected=second)
    ((right, mistaken_for),) = fine_tuning.mistaken()
    assert first.name in right
    assert second.name in mistaken_for


def test_what_came_of_it_is_said_with_the_figures_of_both(case: Any) -> None:
    printed = "\n".join(fine_tuning.lines(tuned(top3=0.9)))
    assert "31 patients, 12 implants" in printed
    assert "before (raiox-fixture/bundled): top 1 50.0%, top 3 80.0%" in printed
    assert "after: top 1 50.0%, top 3 90.0%" in printed
    assert "switch_encoder raiox-fixture/x.safetensors" in printed


def test_a_worse_result_is_not_recommended() -> None:
    printed = "\n".join(fine_tuning.lines(tuned(top3=0.7)))
    assert "Worse than before" in printed
    assert "manage.py switch_encoder" not in printed
