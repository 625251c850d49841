"""The storage and the rows, compared both ways."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from cases import reconcile
from cases.models import Case, CaseImage
from cases.tests.making_cases import make_case, make_implant, page

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def lost(approver: Any) -> Iterator[Case]:
    """A case whose film the storage has lost."""
    case = make_case([make_implant("Linha Um")])
    default_storage.delete(str(case.images.get().file.name))
    yield case


def test_a_film_that_is_not_there_is_said_on_its_page_instead_of_a_broken_picture(
    lost: Case, client: Client, approver: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client.force_login(approver)
    call_command("purge_uploads", reconcile=True)
    assert "1" in capsys.readouterr().out
    image = lost.images.get()
    assert not image.is_readable
    assert image.file, "its name is kept: it may come back"
    shown = client.get(page(lost)).content.decode()
    assert image.error in shown
    assert "/films/" not in shown.partition("film no-film")[2][:50]


def test_a_film_that_comes_back_is_shown_again(lost: Case) -> None:
    assert reconcile.run().films == 1
    default_storage.save(str(lost.images.get().file.name), ContentFile(b"a film"))
    assert reconcile.run().returned == 1
    assert lost.images.get().is_readable
    assert not reconcile.run().is_wrong


def test_a_small_copy_that_is_not_there_gives_way_to_its_film() -> None:
    case = make_case([])
    image = case.images.get()
    image.thumbnail.save("", ContentFile(b"small"))
    default_storage.delete(str(image.thumbnail.name))
    found = reconcile.run()
    assert (found.films, found.thumbnails) == (0, 1)
    image.refresh_from_db()
    assert not image.thumbnail
    assert image.is_readable


def test_comparing_alone_changes_nothing(lost: Case, settings: Any) -> None:
    settings.RAIOX_PURGE_ORPHANS = True
    default_storage.save(f"uploads/2026-01/{0:032x}", ContentFile(b"x"))
    found = reconcile.run(may_change=False, at=NOW + timedelta(days=2))
    assert (found.films, found.objects, found.deleted) == (1, 1, 0)
    assert lost.images.get().is_readable
    assert default_storage.exists(f"uploads/2026-01/{0:032x}")


def test_references_are_counted_and_left_alone(settings: Any) -> None:
    settings.RAIOX_PURGE_ORPHANS = True
    default_storage.save("referencia/of-somebody-else.jpg", ContentFile(b"x"))
    found = reconcile.run(at=NOW + timedelta(days=2))
    assert found.reference_objects == 1
    assert default_storage.exists("referencia/of-somebody-else.jpg")


def test_a_film_stored_while_the_folder_was_listed_is_not_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = make_case([])
    monkeypatch.setattr(reconcile.films, "listed", lambda folder: ([], []))
    assert reconcile.run().films == 0
    assert case.images.get().is_readable


def test_a_storage_that_cannot_be_listed_marks_nothing(
    lost: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: str) -> None:
        raise PermissionError("the bucket says no")

    monkeypatch.setattr(default_storage._wrapped, "listdir", fail)
    found = reconcile.run()
    assert found.is_broken
    assert found.is_wrong
    assert CaseImage.objects.get().is_readable
    with pytest.raises(CommandError):
        call_command("purge_uploads", reconcile=True)
