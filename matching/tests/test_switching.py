import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from implants.models import Implant, ReferenceImage
from matching import indexing, switching, tasks
from matching.encoder import get_encoder, make_encoder
from matching.figures import Figures
from matching.indexing import Indexed
from matching.locks import work_lock
from matching.models import Embedding, EncoderChoice
from matching.switching import SwitchRefused, switch

pytestmark = pytest.mark.django_db


@pytest.fixture
def add(old: str, film: Callable[..., bytes]) -> Callable[..., ReferenceImage]:
    """Add one reference, with a vector of the encoder in use."""

    def adding(name: str, seed: int) -> ReferenceImage:
        implant, _created = Implant.objects.get_or_create(manufacturer="Straumann", name=name)
        reference = ReferenceImage(implant=implant)
        reference.file.save("", ContentFile(film(seed=seed)), save=False)
        reference.indexed_by_importer = True
        reference.save()
        list(indexing.index_references([reference]))
        return reference

    return adding


@pytest.fixture
def references(add: Callable[..., ReferenceImage]) -> list[ReferenceImage]:
    """Two films of each of two implants."""
    return [add(name, seed) for name, seed in (("BLX", 1), ("BLX", 2), ("BLT", 30), ("BLT", 31))]


def plain(outcomes: Iterator[Indexed], total: int) -> Iterator[Indexed]:
    return outcomes


def figures(old: float, new: float) -> Any:
    return lambda *sides: Figures(old, new, count=40, source="the test")


def switch_now(name: str, **options: Any) -> switching.Switched:
    options = {"wrap": plain, "compare": figures(0.9, 0.9), "settle_seconds": 0.0, **options}
    return switch(name, **options)


def encoders_of(reference: ReferenceImage) -> set[str]:
    return set(reference.embeddings.values_list("encoder", flat=True))


def test_the_new_vectors_stand_beside_the_old_ones_and_one_row_says_which_are_used(
    references: list[ReferenceImage], old: str, new: str
) -> None:
    done = switch_now(new)
    assert done.old == get_encoder().id
    assert done.new == make_encoder(new).id != done.old
    assert done.filled.made == 4
    assert done.filled.failed == []
    assert all(encoders_of(one) == {done.old, done.new} for one in references)
    row = EncoderChoice.objects.get()
    assert (row.name, row.encoder, row.instead_of) == (new, done.new, old)
    assert row.measured["before"] == old
    assert row.measured["new"] == 0.9


def test_only_the_vectors_are_made_when_that_is_all_that_was_asked_for(
    references: list[ReferenceImage], new: str
) -> None:
    encoder, filled = switching.fill_only(new, wrap=plain)
    assert filled.made == 4
    assert not switching.missing(encoder.id).exists()
    assert not EncoderChoice.objects.exists()


def test_what_an_interrupted_run_has_made_is_not_made_again(
    references: list[ReferenceImage], new: str, add: Callable[..., ReferenceImage]
) -> None:
    for seed in range(40, 48):
        add("Roxolid", seed)

    def interrupted(outcomes: Iterator[Indexed], total: int) -> Iterator[Indexed]:
        yield next(outcomes)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        switch_now(new, wrap=interrupted)
    assert not EncoderChoice.objects.exists()
    done = Embedding.objects.of_encoder(make_encoder(new).id).count()
    assert done == 8
    assert switch_now(new).filled.made == 12 - done


def test_a_reference_that_is_added_meanwhile_gets_both_vectors(
    references: list[ReferenceImage], new: str, add: Callable[..., ReferenceImage]
) -> None:
    added: list[ReferenceImage] = []

    def meanwhile(outcomes: Iterator[Indexed], total: int) -> Iterator[Indexed]:
        yield from outcomes
        if len(added) < 2:
            added.append(add("Bone Level", 90 + len(added)))

    done = switch_now(new, wrap=meanwhile)
    assert [encoders_of(one) for one in added] == [{done.old, done.new}] * 2


def test_what_a_late_process_still_added_after_the_switch_is_caught_up_with(
    references: list[ReferenceImage], new: str, add: Callable[..., ReferenceImage], settings: Any
) -> None:
    done = switch_now(new)
    late = add("Bone Level", 90)
    assert encoders_of(late) == {done.old}
    tasks.complete_switch()
    # This process has not followed itself: it must not judge by vectors of another encoder.
    assert encoders_of(late) == {done.old}
    settings.RAIOX_ENCODER = new
    EncoderChoice.objects.update(instead_of=new)
    tasks.complete_switch()
    assert encoders_of(late) == {done.old, done.new}


def test_an_unreadable_film_does_not_stop_the_switch(
    references: list[ReferenceImage], new: str
) -> None:
    references[0].file.storage.delete(references[0].file.name)
    done = switch_now(new)
    assert [one.reference for one in done.filled.failed] == [references[0]]
    assert done.filled.made == 3


def test_a_worse_encoder_is_refused_and_can_be_forced(
    references: list[ReferenceImage], new: str
) -> None:
    with pytest.raises(SwitchRefused, match=r"worse: top 3 80\.0% instead of 84\.0%"):
        switch_now(new, compare=figures(0.84, 0.80))
    assert not EncoderChoice.objects.exists()
    switch_now(new, compare=figures(0.84, 0.80), is_forced=True)
    assert EncoderChoice.objects.get().name == new


def test_three_points_may_be_lost_to_chance(references: list[ReferenceImage], new: str) -> None:
    assert switch_now(new, compare=figures(0.84, 0.815)).figures is not None


def test_going_back_needs_no_figures_and_makes_no_vector(
    references: list[ReferenceImage], old: str, new: str
) -> None:
    switch_now(new)
    back = switch_now(old, compare=figures(0.9, 0.1))
    assert back.filled.made == 0
    assert EncoderChoice.objects.get().name == old


def test_an_encoder_that_nothing_can_be_said_about_is_refused(
    add: Callable[..., ReferenceImage], new: str
) -> None:
    add("BLX", 1)
    add("BLT", 2)
    with pytest.raises(SwitchRefused, match="Nothing says whether"):
        switch(new, wrap=plain, settle_seconds=0.0)


def test_an_empty_catalogue_is_not_switched(old: str, new: str) -> None:
    with pytest.raises(SwitchRefused, match="no reference"):
        switch_now(new)


def test_production_does_not_take_random_weights(
    references: list[ReferenceImage], settings: Any
) -> None:
    settings.PRODUCTION = True
    with pytest.raises(SwitchRefused, match="Random weights"):
        switch_now("raiox-fixture/random")


def test_two_switches_do_not_work_at_once(references: list[ReferenceImage], new: str) -> None:
    taken, done = threading.Event(), threading.Event()

    def another() -> None:
        with work_lock(switching.LOCK, 0):
            taken.set()
            done.wait(30)
        connection.close()

    thread = threading.Thread(target=another)
    thread.start()
    assert taken.wait(30)
    try:
        with pytest.raises(SwitchRefused, match="Another switch"):
            switch_now(new)
    finally:
        done.set()
        thread.join()


def test_the_old_vectors_are_not_forgotten_while_a_process_may_still_use_them(
    references: list[ReferenceImage], old: str, new: str, settings: Any
) -> None:
    done = switch_now(new)
    assert switching.kept_for_return() == done.old
    settings.RAIOX_ENCODER = new
    with pytest.raises(CommandError, match="a moment ago"):
        call_command("reembed", "--forget-others", "--quiet")
    assert Embedding.objects.of_encoder(done.old).count() == 4
    EncoderChoice.objects.update(switched_at=timezone.now() - timedelta(minutes=5))
    call_command("reembed", "--forget-others", "--quiet")
    assert not Embedding.objects.of_encoder(done.old).exists()
    assert Embedding.objects.of_encoder(done.new).count() == 4


def test_the_command_says_what_it_did(
    references: list[ReferenceImage],
    new: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("switch_encoder", new, "--quiet", "--settle=0")
    printed = capsys.readouterr().out
    assert f"{make_encoder(new).id}: 4 embedded, 0 failed" in printed
    assert "each reference among the others" in printed
    assert "manage.py calibrate" in printed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["raiox-fixture/no-such.safetensors"], "no-such.safetensors"),
        (["raiox-fixture"], "<architecture>/<weights>"),
        (["x" * 300], "too long"),
    ],
)
def test_the_command_refuses_what_cannot_be_loaded(
    references: list[ReferenceImage], arguments: list[str], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        call_command("switch_encoder", *arguments)
    assert not EncoderChoice.objects.exists()


def test_figures_of_an_evaluation_are_taken_where_they_are_given(
    references: list[ReferenceImage], old: str, new: str, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    file.write_text(f'[{{"encoder": "{old}", "top3": 0.9}}, {{"encoder": "{new}", "top3": 0.5}}]')
    with pytest.raises(CommandError, match=r"worse.*figures\.json"):
        call_command("switch_encoder", new, "--quiet", f"--measured={file}")
    file.write_text(f'{{"{old}": {{"top3": 0.9}}}}')
    with pytest.raises(CommandError, match="has no top3"):
        call_command("switch_encoder", new, "--quiet", f"--measured={file}")
