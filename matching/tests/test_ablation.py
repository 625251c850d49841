"""What each step gives, and the encoders in one table."""

import io
import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from implants.catalogue import demo_catalogue
from implants.models import Implant
from implants.vocabulary import FEATURES
from matching.evaluation.ablation import steps, ticked
from matching.tests.labelled_films import film

ENCODER = "raiox-fixture/random"


def printed(command: str, **options: Any) -> str:
    output = io.StringIO()
    small = {
        "references": 1,
        "implants": 3,
        "pixels_per_mm": 4,
        "quiet": True,
        "stderr": io.StringIO(),
    }
    call_command(command, stdout=output, **small | options)
    return output.getvalue()


def test_each_step_adds_one_thing_to_the_one_before() -> None:
    todo = [vars(step) | vars(step.steps) for step in steps(5)]
    for before, after in pairwise(todo):
        differing = {key for key in before if before[key] != after[key]} - {"name", "steps"}
        assert len(differing) == 1
    assert todo[0]["crop"] is False
    assert todo[-1]["is_reranked"]


def test_most_of_what_is_ticked_is_right() -> None:
    facts = demo_catalogue()
    counted: Counter[str] = Counter()
    for n in range(200):
        implant = Implant(**vars(facts[n % len(facts)]))
        seen = ticked(replace(film(0, n), name=str(n)), implant)
        for feature in FEATURES:
            if word := getattr(implant, feature):
                told = seen.get(feature)
                counted["unsure" if told is None else "right" if told == word else "wrong"] += 1
            else:
                assert feature not in seen
    total = counted.total()
    assert counted["unsure"] / total == pytest.approx(0.20, abs=0.04)
    assert counted["wrong"] / total == pytest.approx(0.05, abs=0.02)


def test_the_same_film_is_ticked_the_same() -> None:
    implant = Implant(**vars(demo_catalogue()[0]))
    assert ticked(film(0, 1), implant) == ticked(film(0, 1), implant)


def test_the_table_has_a_line_for_each_step() -> None:
    found = json.loads(printed("ablate", encoder=ENCODER, json=True))
    assert [step["step"] for step in found["steps"]] == [step.name for step in steps(1)]
    assert all(step["queries"] == 3 for step in found["steps"])


def test_encoders_stand_in_one_table_and_absent_ones_are_said() -> None:
    text = printed(
        "compare_encoders", encoder=[ENCODER, "ViT-B-32/openai"], phantoms=["clean", "hard"]
    )
    rows = [line for line in text.splitlines() if ENCODER in line]
    assert [row.split()[0] for row in rows] == ["clean", "hard"]
    assert "skipped encoder ViT-B-32/openai: " in text
    assert "Phantoms are not patients" in text


@pytest.mark.parametrize("command", ["ablate", "compare_encoders"])
def test_without_films_there_is_nothing_to_measure(command: str) -> None:
    with pytest.raises(CommandError, match="at least 1"):
        printed(command, references=0)


def test_an_encoder_that_cannot_be_had_is_an_error_in_one_sentence() -> None:
    with pytest.raises(CommandError, match=r"absent\.pt"):
        printed("ablate", encoder="ViT-B-32/absent.pt")
    with pytest.raises(CommandError, match=r"absent\.pt"):
        printed("compare_encoders", encoder=["ViT-B-32/absent.pt"])
