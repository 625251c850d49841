from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from cases import erasure, films, intake, reconcile, retention, tasks
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseImage, Finding, Presence, Result


@pytest.fixture
def case(catalogue: list[Any], film: Callable[..., bytes]) -> Case:
    received = intake.receive(
        source=Case.Source.JOTFORM,
        submission_id="77",
        images=[IncomingImage(content=film())],
        person=Person("Dra. Exemplo", "exemplo@example.org", "Paciente Fictício", 26),
    ).case
    return intake.process(case_id=received.pk)


def test_erasing_removes_person_and_film_and_keeps_the_figures(case: Case, approver: Any) -> None:
    name = str(case.images.get().file.name)
    erased = retention.erase(case_id=case.pk, by=approver)
    image = erased.images.get()
    assert erased.status == Case.Status.ARCHIVED
    assert not (erased.dentist_name or erased.dentist_email or erased.patient_name)
    assert erased.client_hash == ""
    assert not default_storage.exists(name)
    assert not image.file and image.purged_at
    assert Result.objects.filter(finding__case_image=image).count() == 3
    assert erased.events.last().what == "archived"


def test_erasing_leaves_nothing_that_was_made_of_the_film_or_said_about_it(
    case: Case, approver: Any
) -> None:
    image = case.images.get()
    image.thumbnail.save("", ContentFile(b"small"), save=False)
    image.suggested_boxes = [{"x": 1}]
    image.save()
    thumbnail = str(image.thumbnail.name)
    finding = image.findings.get()
    finding.box, finding.seen, finding.reason = {"x": 1}, {"apex": "flat"}, "Maria mexeu."
    finding.vector, finding.encoder = [0.1] * 512, "test"
    finding.outcome = "unreadable"
    finding.save()
    Case.objects.update(internal_note="ligar para Maria")
    Presence.objects.create(case=case, user=approver)

    erased = retention.erase(case_id=case.pk, by=approver)

    image.refresh_from_db()
    finding.refresh_from_db()
    assert erased.internal_note == ""
    assert (bool(image.thumbnail), image.suggested_boxes) == (False, None)
    assert not default_storage.exists(thumbnail)
    assert (finding.box, finding.seen, finding.reason, finding.vector) == (None, None, "", None)
    assert finding.outcome == "unreadable", "figures stay"
    assert Finding.objects.filter(box__isnull=True, seen__isnull=True).count() == 1
    assert not Presence.objects.exists()


def test_a_thumbnail_alone_is_erased_too(case: Case) -> None:
    image = case.images.get()
    image.thumbnail.save("", ContentFile(b"small"), save=False)
    CaseImage.objects.update(file="", thumbnail=image.thumbnail.name)
    retention.erase(case_id=case.pk)
    assert not default_storage.exists(str(image.thumbnail.name))


def test_erasing_twice_is_the_same_as_once(case: Case) -> None:
    retention.erase(case_id=case.pk)
    retention.erase(case_id=case.pk)
    assert case.events.filter(what="archived").count() == 1


def test_purge_takes_what_is_older_than_the_limit_and_nothing_else(case: Case) -> None:
    assert retention.purge(days=90).erased == 0
    Case.objects.filter(pk=case.pk).update(created_at=timezone.now() - timedelta(days=91))
    assert retention.due(days=90).count() == 1
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING
    assert retention.purge(days=90).erased == 1
    assert retention.purge(days=90).erased == 0


def test_a_storage_that_fails_is_tried_again_by_the_next_purge(
    case: Case, monkeypatch: pytest.MonkeyPatch, film: Callable[..., bytes]
) -> None:
    other = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film(5))], person=Person()
    ).case
    Case.objects.update(created_at=timezone.now() - timedelta(days=91))
    broken = str(case.images.get().file.name)
    delete = default_storage.delete

    def failing(name: str) -> None:
        if name == broken:
            raise PermissionError("the bucket says no")
        delete(name)

    with monkeypatch.context() as patch:
        patch.setattr(default_storage._wrapped, "delete", failing)
        retention.purge(days=90)
    other.refresh_from_db()
    assert other.status == Case.Status.ARCHIVED
    assert default_storage.exists(broken)

    assert retention.purge(days=90).erased == 1
    assert not default_storage.exists(broken)


def test_a_person_is_erased_by_the_address_however_it_is_written(case: Case) -> None:
    assert erasure.erase_dentist(email=" Exemplo@Example.org ").case_ids == [case.pk]
    assert erasure.erase_dentist(email="exemplo@example.org").case_ids == []
    assert erasure.erase_dentist(email="").case_ids == []


class Killed(BaseException):
    """A process that ends with no chance to clean up."""


def stored() -> list[str]:
    months = default_storage.listdir("uploads")[0]
    found = [
        f"uploads/{m}/{name}" for m in months for name in default_storage.listdir(f"uploads/{m}")[1]
    ]
    return sorted(found)


LOST = "0" * 32


@pytest.fixture(autouse=True)
def own_storage(settings: Any) -> None:
    settings.RAIOX_PURGE_ORPHANS = True


def test_films_without_a_case_stay_where_another_installation_may_store_films_too(
    case: Case, settings: Any
) -> None:
    settings.RAIOX_PURGE_ORPHANS = False
    default_storage.save(f"uploads/2026-01/{LOST}", ContentFile(b"x"))
    assert reconcile.purge_orphans(at=tomorrow()) == 0
    assert default_storage.exists(f"uploads/2026-01/{LOST}")


def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1, minutes=1)


def test_a_film_whose_deletion_was_lost_is_deleted_by_the_purge(case: Case) -> None:
    with transaction.atomic():
        films.remove(list(case.images.all()))
    OrmQ.objects.all().delete()
    assert len(stored()) == 2, "the film and its thumbnail"
    assert reconcile.purge_orphans(at=tomorrow()) == 2
    assert stored() == []


@pytest.mark.parametrize("step", ["_is_wanted", "delete"], ids=["before its row", "after it"])
def test_the_copy_of_a_run_that_was_killed_is_deleted_by_the_purge(
    case: Case, film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def kill(*args: Any) -> None:
        raise Killed

    other = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film(5))], person=Person()
    ).case
    owner = films if step == "_is_wanted" else default_storage._wrapped
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, step, kill)
        intake.process(case_id=other.pk)
    intake.process(case_id=other.pk)
    assert len(stored()) == 5, "two films with their thumbnails, and the lost copy"
    assert reconcile.purge_orphans(at=tomorrow()) == 1
    kept = CaseImage.objects.values_list("file", "thumbnail")
    assert stored() == sorted(name for names in kept for name in names)


def test_young_files_and_those_of_others_are_left_alone(case: Case) -> None:
    for name in (
        f"uploads/2026-01/{LOST}",
        "uploads/2026-01/notes.txt",
        "uploads/other",
        "referencia/1/a.jpg",
        "clientes/a.jpg",
    ):
        default_storage.save(name, ContentFile(b"x"))
    assert reconcile.purge_orphans() == 0
    assert reconcile.purge_orphans(at=tomorrow()) == 1
    assert not default_storage.exists(f"uploads/2026-01/{LOST}")
    assert default_storage.exists("uploads/2026-01/notes.txt")
    assert default_storage.exists("uploads/other")
    assert default_storage.exists("referencia/1/a.jpg")
    assert default_storage.exists("clientes/a.jpg")


def test_an_empty_storage_has_nothing_to_purge(db: None, caplog: pytest.LogCaptureFixture) -> None:
    assert reconcile.purge_orphans() == 0
    assert not caplog.records


def test_one_portion_of_the_nightly_run_ends_and_the_next_goes_on(db: None) -> None:
    for number in range(3):
        default_storage.save(f"uploads/2026-01/{number:032x}", ContentFile(b"x"))
        default_storage.save(f"uploads/2026-02/{number:032x}", ContentFile(b"x"))
    rest, deleted = "", 0
    while rest is not None:
        found = reconcile.run(after=rest, seconds=-1, at=tomorrow())
        rest, deleted = found.rest, deleted + found.deleted
    assert deleted == 0, "there was time for none"
    rest = ""
    assert reconcile.run(after="uploads/2026-01", at=tomorrow()).deleted == 3
    assert reconcile.purge_orphans(at=tomorrow()) == 3
    assert stored() == []


@pytest.mark.parametrize("step", ["listdir", "get_modified_time", "delete"])
def test_a_storage_that_fails_does_not_stop_the_purge(
    case: Case, monkeypatch: pytest.MonkeyPatch, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(name: str) -> None:
        raise PermissionError("the bucket says no")

    default_storage.save(f"uploads/2026-01/{LOST}", ContentFile(b"x"))
    with monkeypatch.context() as patch:
        patch.setattr(default_storage._wrapped, step, failing)
        patch.setattr(reconcile, "ORPHAN_AGE", timedelta(0))
        tasks.reconcile_storage()
    assert "the next run retries" in caplog.text
    assert default_storage.exists(f"uploads/2026-01/{LOST}")
    assert reconcile.purge_orphans(at=tomorrow()) == 1
