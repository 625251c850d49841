"""Fixtures marked on a film, searched by at once, and the catalogue beside them."""

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from cases import findings, intake, retention
from cases.films import IncomingImage
from cases.findings import FIXTURES_PER_FILM, mark, remove
from cases.intake import Person
from cases.models import Case, CaseImage, Finding, Result
from cases.ranking import Ranking, rank
from cases.tests.making_cases import matched_case
from cases.verdicts import ReviewError, StateConflict
from implants.models import Implant, ReferenceImage
from matching import calibration
from matching.boxes import Box, BoxError
from matching.calibration import Limits, Measured
from matching.encoder import get_encoder
from matching.matcher import CatalogueEmpty
from matching.models import Embedding
from matching.normalisation import normalise

BOX = Box(60, 100, 50, 120)
OTHER = Box(30, 100, 40, 100, 12.5)


@pytest.fixture
def case(catalogue: list[Implant], film: Callable[..., bytes]) -> Case:
    """A case with one film, 120 × 200, that awaits review."""
    return matched_case(film())


@pytest.fixture
def image(case: Case) -> CaseImage:
    return case.images.get()


def marked(image: CaseImage, box: Box, by: Any, **which: Any) -> Finding:
    return mark(case_id=image.case_id, image_id=image.pk, box=box, by=by, **which)


def events(case: Case) -> list[str]:
    return [event.what for event in case.events.all()]


def test_the_finding_keeps_what_it_was_searched_by(case: Case, image: CaseImage) -> None:
    finding = image.findings.get()
    assert finding.encoder == get_encoder().id
    assert np.linalg.norm(finding.vector) == pytest.approx(1, abs=1e-5)
    assert (finding.box, finding.proposed_by) == (None, "finder")


def test_the_case_has_the_band_of_its_candidates_lowered_by_doubts(
    catalogue: list[Implant], film: Callable[..., bytes]
) -> None:
    calibration.save(Measured(get_encoder().id, Limits(high=0.0)))
    case = matched_case(film())
    assert "too_small" in case.images.get().doubts
    assert (case.band, Finding.objects.get().band) == ("medium", "medium")


def test_the_film_has_a_thumbnail(case: Case, image: CaseImage) -> None:
    with image.thumbnail.open("rb") as file:
        small = Image.open(io.BytesIO(file.read()))
        assert (small.format, small.size) == ("JPEG", (120, 200))


def test_a_finder_that_stumbles_costs_the_case_nothing(
    catalogue: list[Implant], film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    def stumble(*args: Any, **options: Any) -> None:
        raise cv2.error("no memory")

    monkeypatch.setattr(cv2, "resize", stumble)
    received = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film())], person=Person()
    ).case
    assert intake.process(case_id=received.pk).status == Case.Status.PENDING
    assert CaseImage.objects.get().thumbnail
    assert Finding.objects.get().box is None


def test_the_first_mark_becomes_the_film_s_finding_and_is_searched_by(
    case: Case, image: CaseImage, approver: Any
) -> None:
    whole = image.findings.get()
    finding = marked(image, BOX, approver)
    assert finding.pk == whole.pk
    stored = Finding.objects.get()
    assert (stored.box, stored.proposed_by) == (BOX.as_json(), "person")
    assert list(stored.vector or []) != list(whole.vector or [])
    assert [r.rank for r in stored.results.all()] == [1, 2, 3]
    event = case.events.last()
    assert event is not None
    assert (event.what, event.actor, event.details) == (
        "fixture_marked",
        approver,
        {"finding": whole.pk},
    )


def test_the_results_are_those_of_the_cut_out_fixture(
    case: Case, image: CaseImage, approver: Any
) -> None:
    box = Box(50, 90, 40, 100, 20)
    with image.file.open("rb") as file:
        picture = normalise(Image.open(io.BytesIO(file.read())), box)
    vector = get_encoder().encode([picture])[0]
    finding = marked(image, box, approver)
    assert np.asarray(finding.vector) == pytest.approx(vector, abs=1e-4)


def test_a_second_fixture_of_the_film_is_a_finding_of_its_own(
    image: CaseImage, approver: Any
) -> None:
    first, second = marked(image, BOX, approver), marked(image, OTHER, approver)
    assert first.pk != second.pk
    assert [one.box for one in image.findings.all()] == [BOX.as_json(), OTHER.as_json()]
    assert all(one.results.count() == 3 for one in image.findings.all())


def test_a_mark_can_be_moved(image: CaseImage, approver: Any) -> None:
    finding = marked(image, BOX, approver)
    moved = marked(image, OTHER, approver, finding_id=finding.pk)
    assert moved.pk == finding.pk
    assert Finding.objects.get().box == OTHER.as_json()
    assert Result.objects.count() == 3


def test_the_same_box_twice_is_one_fixture(image: CaseImage, approver: Any) -> None:
    assert marked(image, BOX, approver).pk == marked(image, BOX, approver).pk
    assert Finding.objects.count() == 1


def test_what_a_person_approved_before_stays_beside_the_new_candidates(
    case: Case, image: CaseImage, approver: Any
) -> None:
    chosen = Result.objects.get(rank=1)
    Result.objects.filter(pk=chosen.pk).update(approved=True, approved_at=case.created_at)
    finding = marked(image, BOX, approver)
    kept = finding.results.get(approved=True)
    assert (kept.implant_id, kept.rank) == (chosen.implant_id, None)
    assert finding.results.filter(implant=chosen.implant_id).count() == 1


@pytest.mark.parametrize("box", [Box(60, 100, 5, 100), Box(500, 100, 50, 120)])
def test_a_box_that_is_no_fixture_is_refused(image: CaseImage, approver: Any, box: Box) -> None:
    with pytest.raises(BoxError):
        marked(image, box, approver)
    assert Finding.objects.get().box is None


def test_a_film_of_another_case_or_none_is_refused(
    case: Case, image: CaseImage, approver: Any
) -> None:
    other = Case.objects.create(source=Case.Source.UPLOAD, status=Case.Status.PENDING)
    with pytest.raises(ReviewError):
        mark(case_id=other.pk, image_id=image.pk, box=BOX, by=approver)
    with pytest.raises(Case.DoesNotExist):
        mark(case_id=0, image_id=image.pk, box=BOX, by=approver)


def test_a_film_whose_file_is_gone_is_said_to_be_unreadable(
    image: CaseImage, approver: Any
) -> None:
    image.file.storage.delete(str(image.file.name))
    with pytest.raises(ReviewError):
        marked(image, BOX, approver)
    assert Finding.objects.get().box is None


@pytest.mark.parametrize("status", ["received", "approved", "rejected", "failed", "archived"])
def test_only_a_case_that_awaits_review_can_be_marked(
    case: Case, image: CaseImage, approver: Any, status: str
) -> None:
    finding = marked(image, BOX, approver)
    Case.objects.update(status=status, decided_at=case.created_at, failure="x")
    with pytest.raises(StateConflict):
        marked(image, OTHER, approver)
    with pytest.raises(StateConflict):
        remove(case_id=case.pk, finding_id=finding.pk, by=approver)
    assert Finding.objects.get().box == BOX.as_json()


def test_a_film_takes_a_limited_number_of_fixtures(image: CaseImage, approver: Any) -> None:
    Finding.objects.bulk_create(
        [
            Finding(case_image=image, box=Box(n, 9, 20, 40).as_json())
            for n in range(FIXTURES_PER_FILM - 1)
        ]
    )
    with pytest.raises(ReviewError, match=str(FIXTURES_PER_FILM)):
        marked(image, BOX, approver)
    assert image.findings.count() == FIXTURES_PER_FILM


def test_an_empty_catalogue_says_so_and_changes_nothing(image: CaseImage, approver: Any) -> None:
    Embedding.objects.all().delete()
    with pytest.raises(CatalogueEmpty):
        marked(image, BOX, approver)
    assert Finding.objects.get().box is None


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Have something happen between the search and the writing of the next mark."""

    def let(happen: Callable[[], Any]) -> None:
        def look_up(picture: Image.Image, **options: Any) -> Any:
            monkeypatch.setattr(findings, "look_up", real)
            found = real(picture, **options)
            happen()
            return found

        monkeypatch.setattr(findings, "look_up", look_up)

    real = findings.look_up
    yield let


def test_a_case_decided_meanwhile_is_left_as_it_was_decided(
    case: Case, image: CaseImage, approver: Any, meanwhile: Callable[..., None]
) -> None:
    meanwhile(lambda: Case.objects.update(status="approved", decided_at=case.created_at))
    with pytest.raises(StateConflict):
        marked(image, BOX, approver)
    assert Finding.objects.get().box is None


def test_a_case_erased_meanwhile_gets_nothing_of_its_film_back(
    case: Case, image: CaseImage, approver: Any, meanwhile: Callable[..., None]
) -> None:
    meanwhile(lambda: retention.erase(case_id=case.pk))
    with pytest.raises(StateConflict):
        marked(image, BOX, approver)
    assert Finding.objects.get().vector is None


def test_a_film_taken_back_meanwhile_is_a_conflict(
    image: CaseImage, approver: Any, meanwhile: Callable[..., None]
) -> None:
    meanwhile(lambda: CaseImage.objects.all().delete())
    with pytest.raises(StateConflict):
        marked(image, BOX, approver)
    assert not Finding.objects.exists()


def test_a_mark_that_somebody_else_moved_meanwhile_is_not_moved_back(
    image: CaseImage, approver: Any, curator: Any, meanwhile: Callable[..., None]
) -> None:
    finding = marked(image, BOX, approver)
    meanwhile(lambda: marked(image, OTHER, curator, finding_id=finding.pk))
    with pytest.raises(StateConflict):
        marked(image, Box(70, 90, 40, 90), approver, finding_id=finding.pk)
    assert Finding.objects.get().box == OTHER.as_json()


def test_a_mark_that_the_same_person_has_moved_on_meanwhile_takes_the_later_box(
    image: CaseImage, approver: Any, meanwhile: Callable[..., None]
) -> None:
    finding = marked(image, BOX, approver)
    meanwhile(lambda: marked(image, OTHER, approver, finding_id=finding.pk))
    marked(image, Box(70, 90, 40, 90), approver, finding_id=finding.pk)
    assert Finding.objects.get().box == Box(70, 90, 40, 90).as_json()


def test_a_mark_that_was_removed_meanwhile_does_not_come_back(
    case: Case, image: CaseImage, approver: Any, meanwhile: Callable[..., None]
) -> None:
    marked(image, BOX, approver)
    second = marked(image, OTHER, approver)
    meanwhile(lambda: remove(case_id=case.pk, finding_id=second.pk, by=approver))
    with pytest.raises(StateConflict):
        marked(image, Box(70, 90, 40, 90), approver, finding_id=second.pk)
    assert Finding.objects.get().box == BOX.as_json()


def test_two_reviewers_marking_at_once_leave_one_finding_for_each_fixture(
    transactional_db: None, case: Case, image: CaseImage, approver: Any, curator: Any
) -> None:
    barrier, errors = threading.Barrier(4), []

    def work(box: Box, by: Any) -> None:
        barrier.wait()
        try:
            marked(image, box, by)
        except Exception as error:  # a thread has nobody to raise to
            errors.append(error)
        connection.close()

    boxes = [BOX, OTHER, BOX, OTHER]
    threads = [
        threading.Thread(target=work, args=(box, by))
        for box, by in zip(boxes, [approver, approver, curator, curator], strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(one.box["x"] for one in image.findings.all()) == [30, 60]
    assert all([r.rank for r in one.results.all()] == [1, 2, 3] for one in image.findings.all())


def test_nothing_slow_happens_in_a_transaction(
    transactional_db: None, image: CaseImage, approver: Any, meanwhile: Callable[..., None]
) -> None:
    inside: list[bool] = []
    meanwhile(lambda: inside.append(connection.in_atomic_block))
    marked(image, BOX, approver)
    assert inside == [False]


def test_removing_one_of_several_marks_leaves_the_others(
    case: Case, image: CaseImage, approver: Any
) -> None:
    first, second = marked(image, BOX, approver), marked(image, OTHER, approver)
    remove(case_id=case.pk, finding_id=first.pk, by=approver)
    assert image.findings.get().pk == second.pk
    assert events(case)[-1] == "fixture_removed"


def test_removing_the_last_mark_brings_the_whole_film_back(
    case: Case, image: CaseImage, approver: Any
) -> None:
    before = list(image.findings.get().vector or [])
    finding = marked(image, BOX, approver)
    remove(case_id=case.pk, finding_id=finding.pk, by=approver)
    whole = image.findings.get()
    assert (whole.pk, whole.box, whole.proposed_by) == (finding.pk, None, "finder")
    assert np.dot(np.asarray(whole.vector), before) == pytest.approx(1, abs=1e-3)
    assert whole.results.count() == 3


def test_the_whole_film_cannot_be_removed(case: Case, image: CaseImage, approver: Any) -> None:
    remove(case_id=case.pk, finding_id=image.findings.get().pk, by=approver)
    assert image.findings.count() == 1
    assert "fixture_removed" not in events(case)


def test_a_mark_that_is_gone_cannot_be_removed_again(
    case: Case, image: CaseImage, approver: Any
) -> None:
    marked(image, BOX, approver)
    second = marked(image, OTHER, approver)
    remove(case_id=case.pk, finding_id=second.pk, by=approver)
    with pytest.raises(StateConflict):
        remove(case_id=case.pk, finding_id=second.pk, by=approver)


def names(ranking: Ranking) -> list[str]:
    return [one.implant.name for one in ranking.candidates]


def test_without_anything_seen_the_list_is_the_matcher_s(case: Case, image: CaseImage) -> None:
    ranking = rank(image.findings.get(), {})
    stored = Result.objects.order_by("rank").values_list("implant__name", flat=True)
    assert names(ranking)[:3] == list(stored)
    assert [one.rank for one in ranking.candidates] == [1, 2, 3, 4]
    assert (ranking.fitting, ranking.total) == (4, 4)


def test_contradicted_implants_sink_and_unknown_facts_do_not_count(
    case: Case, image: CaseImage
) -> None:
    plain = names(rank(image.findings.get(), {}))
    Implant.objects.filter(name=plain[0]).update(apex="flat", thread="v", collar="machined")
    Implant.objects.filter(name=plain[1]).update(apex="flat")
    Implant.objects.filter(name=plain[3]).update(apex="narrow")
    seen = {"apex": "narrow", "thread": "square", "collar": "flared", "level": ""}
    ranking = rank(image.findings.get(), seen)
    assert names(ranking)[-1] == plain[0]
    by_name = {one.implant.name: one for one in ranking.candidates}
    assert by_name[plain[0]].contradictions == ["collar", "thread", "apex"]
    assert by_name[plain[3]].agreements == ["apex"]
    assert by_name[plain[2]].contradictions == by_name[plain[2]].agreements == []
    assert [by_name[name].rank for name in plain] == [1, 2, 3, 4]
    assert (ranking.fitting, ranking.total) == (2, 4)


def test_one_wrong_word_does_not_bury_the_nearest_implant(case: Case, image: CaseImage) -> None:
    finding = image.findings.get()
    plain = rank(finding, {}).candidates
    Implant.objects.filter(pk=plain[0].implant.pk).update(apex="flat")
    last = plain[-1].implant.name
    again = names(rank(finding, {"apex": "narrow"}))
    assert again.index(plain[0].implant.name) < again.index(last)


def test_the_first_three_stay_on_a_short_list_even_when_they_are_contradicted(
    case: Case, image: CaseImage
) -> None:
    plain = names(rank(image.findings.get(), {}))
    against = {"apex": "flat", "thread": "v", "collar": "machined"}
    Implant.objects.filter(name__in=plain[:2]).update(**against)
    seen = {"apex": "narrow", "thread": "square", "collar": "flared"}
    again = names(rank(image.findings.get(), seen, limit=3))
    assert set(again) == set(plain[:3])
    assert again[0] == plain[2]


def test_the_ranking_neither_reads_the_film_nor_encodes_it_again(
    case: Case, image: CaseImage
) -> None:
    image.file.storage.delete(str(image.file.name))
    finding = image.findings.get()
    with CaptureQueriesContext(connection) as queries:
        rank(finding, {"apex": "narrow"})
    assert len(queries) <= 10


def test_the_number_of_queries_does_not_grow_with_the_catalogue(
    case: Case, image: CaseImage
) -> None:
    source = Embedding.objects.first()
    assert source is not None
    rows = Implant.objects.bulk_create(
        [Implant(manufacturer="Many", name=f"Line {n}", apex="flat") for n in range(120)]
    )
    references = ReferenceImage.objects.bulk_create(
        [ReferenceImage(implant=row, file="n.jpg", sha256=f"{row.pk:064}") for row in rows]
    )
    Embedding.objects.bulk_create(
        [
            Embedding(reference_image=one, encoder=source.encoder, vector=source.vector)
            for one in references
        ]
    )
    finding = image.findings.get()
    with CaptureQueriesContext(connection) as queries:
        ranking = rank(finding, {"apex": "narrow"})
    assert len(queries) <= 10
    assert (ranking.fitting, ranking.total) == (4, 124)


def test_a_finding_of_an_older_encoder_is_encoded_anew_and_kept(
    case: Case, image: CaseImage
) -> None:
    finding = image.findings.get()
    current = finding.encoder
    Finding.objects.update(encoder="ViT-B-32/old@000/pad-v1")
    finding.refresh_from_db()
    assert rank(finding, {}).candidates[0].encoder == current
    assert Finding.objects.get().encoder == current
    assert Finding.objects.get().vector is not None


def test_without_film_and_without_vector_there_is_a_sentence(case: Case, image: CaseImage) -> None:
    retention.erase(case_id=case.pk)
    with pytest.raises(ReviewError):
        rank(Finding.objects.get(), {})
