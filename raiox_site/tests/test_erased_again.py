"""Films and erasures beside the dumps: copied, brought back, and erased again."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from cases import erasure, intake
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, Erasure
from integrations.models import JotformDelivery
from raiox_site.backup import erased, mirror, tasks
from raiox_site.backup.errors import BackupError
from raiox_site.backup.stores import Folder

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@pytest.fixture
def case(film: Callable[..., bytes], db: Any) -> Case:
    received = intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=film())],
        person=Person(dentist_email="ana@clinica.example"),
    ).case
    return Case.objects.get(pk=received.pk)


@pytest.mark.django_db
def test_films_are_copied_once_and_come_back_where_they_are_missing(
    backup_store: Folder, case: Case, tmp_path: Path
) -> None:
    said: list[str] = []
    for _round in range(2):
        mirror.copy_all(backup_store, tmp_path, now=NOW, days=30, say=said.append)
    assert [line.split(",")[0] for line in said] == ["files: 1 copied", "files: 0 copied"]
    name = case.images.get().file.name
    content = default_storage.open(name).read()
    default_storage.delete(name)
    assert mirror.bring_back(backup_store, tmp_path, said.append) == 0
    assert default_storage.open(name).read() == content


@pytest.mark.django_db
def test_copies_of_films_that_no_row_names_go_after_thirty_days(
    backup_store: Folder, case: Case, tmp_path: Path
) -> None:
    mirror.copy_all(backup_store, tmp_path, now=NOW, days=30, say=print)
    case.images.update(file="")
    for days, left in ((0, 1), (29, 1), (31, 0)):
        mirror.copy_all(backup_store, tmp_path, now=NOW + timedelta(days=days), days=30, say=print)
        assert len(mirror.copies(backup_store)) == left


@pytest.mark.django_db
def test_an_erasure_is_noted_without_a_name_and_done_again(
    backup_store: Folder, case: Case
) -> None:
    before = Case.objects.filter(pk=case.pk).values().get()
    JotformDelivery.objects.create(fields={"nome": "Ana"})
    row = erasure.erase_dentist(email="ana@clinica.example")
    tasks.note_erasures()
    (note,) = backup_store.listed("erasures/")
    text = b"".join(backup_store.read(note.name)).decode()
    assert "ana" not in text.replace("raiox", "")
    assert json.loads(text)["erasure"] == row.pk
    # As an older dump has it.
    Case.objects.filter(pk=case.pk).update(**{k: v for k, v in before.items() if k != "id"})
    again = erased.erase_again(backup_store, since=row.asked_at, say=print)
    assert (again.notes, again.cases, again.deliveries) == (1, 1, 1)
    assert Case.objects.get(pk=case.pk).dentist_email == ""
    assert erased.erase_again(backup_store, since=row.asked_at, say=print).cases == 0


@pytest.mark.django_db
def test_a_number_that_was_given_away_anew_is_not_erased(backup_store: Folder, case: Case) -> None:
    erasure.erase_case(case_id=case.pk)
    tasks.note_erasures()
    # Another case that got the same number after the restore.
    Case.objects.filter(pk=case.pk).update(
        status=Case.Status.PENDING, created_at=timezone.now() + timedelta(hours=1)
    )
    again = erased.erase_again(backup_store, since=NOW - timedelta(days=9999), say=print)
    assert (again.notes, again.cases) == (1, 0)


@pytest.mark.django_db
def test_a_submission_that_is_fetched_anew_is_erased_again(
    backup_store: Folder, case: Case
) -> None:
    Case.objects.filter(pk=case.pk).update(jotform_submission_id="6012345")
    erasure.erase_case(case_id=case.pk)
    tasks.note_erasures()
    (note,) = backup_store.listed("erasures/")
    assert "6012345" not in b"".join(backup_store.read(note.name)).decode()
    Case.objects.filter(pk=case.pk).update(jotform_submission_id=None)
    fetched = Case.objects.create(source=Case.Source.JOTFORM, jotform_submission_id="6012345")
    assert erased.erase_again(backup_store, since=NOW - timedelta(days=9999), say=print).cases == 1
    assert Case.objects.get(pk=fetched.pk).status == Case.Status.ARCHIVED


@pytest.mark.django_db
def test_notes_under_another_key_stop_and_are_named(
    backup_store: Folder, case: Case, settings: Any
) -> None:
    erasure.erase_case(case_id=case.pk)
    tasks.note_erasures()
    settings.CLIENT_HASH_KEY = "another"
    again = erased.erase_again(backup_store, since=NOW - timedelta(days=9999), say=print)
    with pytest.raises(BackupError, match="another RAIOX_HASH_KEY"):
        erased.require_readable(again)


@pytest.mark.django_db
def test_notes_of_before_the_dump_stop_nothing_whatever_key_they_were_made_under(
    backup_store: Folder, case: Case, settings: Any
) -> None:
    row = erasure.erase_case(case_id=case.pk)
    tasks.note_erasures()
    settings.CLIENT_HASH_KEY = "another"
    later = row.asked_at + timedelta(days=1)
    again = erased.erase_again(backup_store, since=later, say=print)
    assert (again.notes, again.unreadable) == (0, [])


@pytest.mark.django_db
def test_what_the_retention_erases_needs_no_note(backup_store: Folder) -> None:
    Erasure.objects.create(basis=Erasure.Basis.RETENTION)
    tasks.note_erasures()
    assert list(backup_store.listed("")) == []
