"""Whatever forgets the name of a stored file writes down first that the file is to go: an erasure
is complete only when it is gone, and the night deletes what the storage refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.models import OrmQ

from cases import changes, doomed, erasure, films, intake, nightly, proposals, retention, review
from cases import tasks as cases_tasks
from cases.films import CaseMovedOn, IncomingImage
from cases.intake import Person
from cases.models import Case, CaseImage, DoomedFile, ReferenceProposal
from cases.review import Verdict
from cases.tests.making_cases import make_case, make_implant, mark_fixture
from matching.boxes import Box

pytestmark = pytest.mark.django_db
ONE, TWO = "https://www.jotform.com/uploads/a.png", "https://www.jotform.com/uploads/b.png"
Film = Callable[..., bytes]


class Storage:
    """The storage, whose next `refused` deletions fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        default_storage.get_valid_name("the storage is made when it is first used")
        self.refused = 0
        self._delete = default_storage._wrapped.delete
        patch.setattr(default_storage._wrapped, "delete", self.delete)

    def delete(self, name: str) -> None:
        if self.refused:
            self.refused -= 1
            raise PermissionError("the bucket says no")
        self._delete(name)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    return Storage(monkeypatch)


def stored() -> set[str]:
    try:
        months = default_storage.listdir("uploads")[0]
    except FileNotFoundError:
        return set()
    return {
        f"uploads/{m}/{one}" for m in months for one in default_storage.listdir(f"uploads/{m}")[1]
    }


def arrive(content: bytes, *, submission_id: str | None = "77") -> Case:
    return intake.receive(
        source=Case.Source.JOTFORM,
        images=[IncomingImage(content=content)],
        person=Person("Dra. Exemplo", "dentista@example.com", "Paciente Fictício"),
        submission_id=submission_id,
    ).case


def run_delete_tasks() -> None:
    for entry in OrmQ.objects.order_by("pk"):
        if entry.task["func"] == doomed.DELETE_TASK:
            entry.delete()
            cases_tasks.delete_film(*entry.task["args"])


def remove_films(case: Case) -> None:
    with transaction.atomic():
        films.remove(list(case.images.all()))


def test_a_film_that_was_taken_back_is_deleted_by_its_task(film: Film, catalogue: Any) -> None:
    case = intake.process(case_id=arrive(film(3)).pk)
    names = stored()
    remove_films(case)
    assert set(DoomedFile.objects.values_list("name", flat=True)) == names
    assert len(names) == 2, "the film and its small copy"
    run_delete_tasks()
    assert not stored()
    assert not DoomedFile.objects.exists()


def test_an_erasure_deletes_it_before_the_task_came(film: Film, catalogue: Any) -> None:
    case = intake.process(case_id=arrive(film(3)).pk)
    remove_films(case)
    row = erasure.erase_case(case_id=case.pk)
    assert row.completed_at
    assert row.counts["films"] == 2
    assert not stored()
    run_delete_tasks()


def test_and_is_not_complete_while_the_storage_refuses(
    film: Film, catalogue: Any, storage: Storage
) -> None:
    case = intake.process(case_id=arrive(film(3)).pk)
    remove_films(case)
    OrmQ.objects.all().delete()
    storage.refused = 2
    row = erasure.erase_case(case_id=case.pk)
    assert row.completed_at is None
    assert len(stored()) == 2
    cases_tasks.finish_erasures()
    row.refresh_from_db()
    assert row.completed_at
    assert not stored()


def test_neither_is_a_purge_of_its_case(film: Film, catalogue: Any, storage: Storage) -> None:
    case = intake.process(case_id=arrive(film(3)).pk)
    remove_films(case)
    Case.objects.filter(pk=case.pk).update(created_at=timezone.now() - timedelta(days=200))
    storage.refused = 2
    assert retention.purge().failed == {case.pk}
    assert retention.purge().erased == 1
    assert not stored()
    assert not retention.due().exists()


def test_the_bytes_that_came_go_though_the_storage_refused_once(
    film: Film, catalogue: Any, storage: Storage
) -> None:
    case = arrive(film(3))
    (raw,) = stored()
    storage.refused = 1
    case = intake.process(case_id=case.pk)
    assert case.status == Case.Status.PENDING
    assert DoomedFile.objects.get().name == raw
    row = erasure.erase_case(case_id=case.pk)
    assert row.completed_at
    assert not stored()


def test_a_copy_that_came_too_late_goes_though_the_storage_refused(
    film: Film, storage: Storage
) -> None:
    case = arrive(film(3))
    image = CaseImage.objects.get()
    erasure.erase_case(case_id=case.pk)
    storage.refused = 1
    image.file = ""
    with pytest.raises(CaseMovedOn):
        films.attach_image(image=image, content=film(3))
    assert len(stored()) == 1
    nightly.delete_doomed()
    assert not stored()


def test_so_does_what_was_stored_for_a_case_that_is_known(
    film: Film, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = arrive(film(3))
    before = stored()
    known = intake._known_case
    answers = iter([None])
    monkeypatch.setattr(intake, "_known_case", lambda *args: next(answers, known(*args)))
    storage.refused = 1
    assert arrive(film(5)).pk == case.pk
    assert len(stored()) == len(before) + 1
    nightly.delete_doomed()
    assert stored() == before


def test_and_for_one_that_was_erased_meanwhile(
    film: Film, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = arrive(film(3))
    contents = changes._unknown_contents

    def erased_meanwhile(case_id: int, images: Any) -> Any:
        new = contents(case_id, images)
        erasure.erase_case(case_id=case_id)
        storage.refused = 1
        return new

    monkeypatch.setattr(changes, "_unknown_contents", erased_meanwhile)
    changes.revise(case_id=case.pk, person=None, images=[IncomingImage(content=film(5))])
    assert len(stored()) == 1
    nightly.delete_doomed()
    assert not stored()


@pytest.fixture
def proposal(film: Film, approver: Any) -> ReferenceProposal:
    implant = make_implant("Linha Um")
    case = make_case([implant], film=film(size=(240, 320)), consent_at=timezone.now())
    case.images.update(width=240, height=320)
    finding = mark_fixture(case, Box(120, 160, 60, 180, 10))
    verdict = Verdict(finding.pk, "identified", [implant.pk])
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver)
    return proposals.propose(finding_id=finding.pk, implant_id=implant.pk, by=approver)


def test_a_picture_that_became_no_reference_goes_with_its_case(
    proposal: ReferenceProposal, curator: Any, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twin(*args: Any) -> None:
        storage.refused = 1
        raise IntegrityError

    monkeypatch.setattr(proposals, "_close", twin)
    with pytest.raises(review.ReviewError):
        proposals.accept(proposal_id=proposal.pk, by=curator)
    row = DoomedFile.objects.get()
    assert default_storage.exists(row.name)
    assert erasure.erase_case(case_id=row.case_id, by=curator).completed_at
    assert not default_storage.exists(row.name)


def test_so_does_a_reference_whose_decision_was_taken_back(
    proposal: ReferenceProposal, curator: Any, storage: Storage
) -> None:
    name = str(proposals.accept(proposal_id=proposal.pk, by=curator).file.name)
    case = proposal.finding.case_image.case
    # The tests' own transaction is never committed: nothing is deleted behind it.
    with transaction.atomic():
        proposals.withdraw(case)
    assert default_storage.exists(name)
    storage.refused = 1
    row = erasure.erase_case(case_id=case.pk)
    assert row.completed_at is None
    assert erasure.go_on(certificate=row)
    assert not default_storage.exists(name)


def test_the_night_tries_each_once_in_portions(film: Film, storage: Storage) -> None:
    case = arrive(film(3))
    names = [default_storage.save(f"uploads/2026-01/{one * 32}", ContentFile(b"x")) for one in "ab"]
    first, _second = doomed.doom(case_id=case.pk, names=[*names, ""])
    storage.refused = 1
    assert doomed.delete_all(seconds=0) == first.pk
    assert doomed.delete_all(after=first.pk, seconds=60) is None
    assert [row.pk for row in DoomedFile.objects.all()] == [first.pk]
    nightly.finish_erasures()
    assert OrmQ.objects.last().task["func"] == nightly.DOOMED_TASK
    cases_tasks.delete_doomed()
    assert OrmQ.objects.last().task["func"] == nightly.LEFTOVERS_TASK
    assert not DoomedFile.objects.exists()


def test_a_task_of_an_earlier_version_still_names_the_file(film: Film) -> None:
    name = default_storage.save(f"uploads/2026-01/{'c' * 32}", ContentFile(b"x"))
    cases_tasks.delete_film(name)
    assert not default_storage.exists(name)
