from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from cases import intake, retention
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, Result


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


def test_erasing_twice_is_the_same_as_once(case: Case) -> None:
    retention.erase(case_id=case.pk)
    retention.erase(case_id=case.pk)
    assert case.events.filter(what="archived").count() == 1


def test_purge_takes_what_is_older_than_the_limit_and_nothing_else(case: Case) -> None:
    assert retention.purge(days=90) == 0
    Case.objects.filter(pk=case.pk).update(created_at=timezone.now() - timedelta(days=91))
    assert retention.purge(days=90, dry_run=True) == 1
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING
    assert retention.purge(days=90) == 1
    assert retention.purge(days=90) == 0


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

    assert retention.purge(days=90) == 1
    assert not default_storage.exists(broken)


def test_a_person_is_erased_by_the_address_however_it_is_written(case: Case) -> None:
    assert retention.erase_person(email=" Exemplo@Example.org ") == 1
    assert retention.erase_person(email="exemplo@example.org") == 0
    assert retention.erase_person(email="") == 0
