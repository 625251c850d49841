import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django_q.models import OrmQ

from cases import intake
from cases.films import ImageUnavailable, IncomingImage
from cases.intake import Person
from cases.models import MAX_ATTEMPTS, Case, CaseEvent, CaseImage, Finding, Result
from cases.signals import case_matched
from matching.locks import work_lock
from matching.models import Embedding

DENTIST = Person(
    dentist_name="Dra. Exemplo",
    dentist_email="exemplo@example.org",
    patient_name="Paciente Fictício",
    tooth=26,
)


def receive(*images: IncomingImage, submission_id: str | None = "1", **options: Any) -> Case:
    return intake.receive(
        source=Case.Source.JOTFORM,
        images=images,
        person=options.pop("person", DENTIST),
        submission_id=submission_id,
        **options,
    ).case


def no_fetch(url: str) -> bytes:
    raise AssertionError("nothing is fetched here")


def test_a_film_becomes_a_pending_case_with_three_ranked_distinct_implants(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = intake.process(case_id=receive(IncomingImage(content=film())).pk, fetch=no_fetch)

    results = list(Result.objects.filter(finding__case_image__case=case).order_by("rank"))
    assert case.status == Case.Status.PENDING
    assert case.matched_at is not None
    assert [result.rank for result in results] == [1, 2, 3]
    assert len({result.implant_id for result in results}) == 3
    assert results[0].similarity >= results[1].similarity >= results[2].similarity
    assert {result.encoder for result in results} == {Embedding.objects.first().encoder}
    assert [event.what for event in case.events.all()] == ["received", "matched"]


def test_the_task_is_queued_in_the_transaction_of_the_case(
    db: None, film: Callable[..., bytes]
) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        receive(IncomingImage(content=film()))
        assert OrmQ.objects.count() == 1
        raise RuntimeError
    assert not OrmQ.objects.exists()
    assert not Case.objects.exists()


def test_the_same_submission_again_gives_the_same_case_and_no_second_task(
    db: None, film: Callable[..., bytes]
) -> None:
    first = receive(IncomingImage(content=film()))
    again = receive(IncomingImage(content=film()))
    assert first == again
    assert OrmQ.objects.count() == 1
    assert CaseImage.objects.count() == 1


def test_the_same_submission_in_parallel_makes_one_case_and_leaves_no_orphan_file(
    transactional_db: None, film: Callable[..., bytes]
) -> None:
    barrier, ids = threading.Barrier(6), []

    def deliver() -> None:
        barrier.wait()
        ids.append(receive(IncomingImage(content=film())).pk)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert OrmQ.objects.count() == 1
    assert len(stored_files()) == 1


def test_the_same_film_of_the_same_client_in_parallel_makes_one_case(
    transactional_db: None, film: Callable[..., bytes]
) -> None:
    barrier, ids = threading.Barrier(4), []

    def deliver() -> None:
        barrier.wait()
        person = Person(client_id="clinic-7")
        ids.append(receive(IncomingImage(content=film()), submission_id=None, person=person).pk)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert len(stored_files()) == 1


def test_another_film_of_the_same_client_is_a_new_case(
    db: None, film: Callable[..., bytes]
) -> None:
    person = Person(client_id="clinic-7")
    first = receive(IncomingImage(content=film(1)), submission_id=None, person=person)
    second = receive(IncomingImage(content=film(2)), submission_id=None, person=person)
    assert first != second
    assert first.client_hash == second.client_hash != ""
    assert "clinic" not in first.client_hash


def test_a_known_film_with_one_more_or_for_another_tooth_is_a_new_case_and_loses_nothing(
    db: None, film: Callable[..., bytes]
) -> None:
    person = Person(client_id="clinic-7", tooth=26)
    first = receive(IncomingImage(content=film(1)), submission_id=None, person=person)
    more = receive(
        IncomingImage(content=film(1)),
        IncomingImage(content=film(2)),
        submission_id=None,
        person=person,
    )
    other_tooth = Person(client_id="clinic-7", tooth=36)
    other = receive(IncomingImage(content=film(1)), submission_id=None, person=other_tooth)
    assert len({first.pk, more.pk, other.pk}) == 3
    assert more.images.count() == 2


def test_films_without_any_client_are_never_taken_for_the_same_work(
    db: None, film: Callable[..., bytes]
) -> None:
    first = receive(IncomingImage(content=film()), submission_id=None, person=Person())
    second = receive(IncomingImage(content=film()), submission_id=None, person=Person())
    assert first != second


def test_a_submission_without_any_film_is_a_failed_case_with_a_reason(db: None) -> None:
    case = receive()
    assert case.status == Case.Status.FAILED
    assert case.failure
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize(
    "content", [b"this is a text", b"\xff\xd8\xff\xe0 no more than a beginning", b"<html></html>"]
)
def test_an_unreadable_film_fails_the_case_with_the_reason_and_keeps_the_bytes(
    catalogue: list[Any], content: bytes
) -> None:
    case = intake.process(case_id=receive(IncomingImage(content=content)).pk, fetch=no_fetch)
    image = case.images.get()
    assert case.status == Case.Status.FAILED
    assert case.failure == image.error != ""
    assert not image.is_readable
    with image.file.open("rb") as file:
        assert file.read() == content


def test_a_film_that_cannot_be_fetched_fails_the_case_and_a_later_run_finishes_it(
    catalogue: list[Any], film: Callable[..., bytes], approver: Any
) -> None:
    from cases import review

    def unavailable(url: str) -> bytes:
        raise ImageUnavailable("The address of the image answered with error 404.")

    case = receive(IncomingImage(source_url="https://www.jotform.com/uploads/u/f/1/x.jpg"))
    failed = intake.process(case_id=case.pk, fetch=unavailable)
    assert (failed.status, "404" in failed.failure) == (Case.Status.FAILED, True)

    review.retry(case_id=case.pk, by=approver)
    done = intake.process(case_id=case.pk, fetch=lambda url: film())
    assert done.status == Case.Status.PENDING
    assert done.images.get().error == ""


def test_one_good_film_is_enough_and_the_bad_one_says_why(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = receive(IncomingImage(content=b"no image"), IncomingImage(content=film()))
    case = intake.process(case_id=case.pk, fetch=no_fetch)
    bad, good = case.images.all()
    assert case.status == Case.Status.PENDING
    assert bad.error and not bad.findings.exists()
    assert good.findings.count() == 1


def test_the_stored_film_is_a_clean_copy_and_the_received_bytes_are_gone(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    received = film() + b"trailing bytes: Paciente Ficticio"
    case = intake.process(case_id=receive(IncomingImage(content=received)).pk, fetch=no_fetch)
    image = case.images.get()
    with image.file.open("rb") as file:
        assert b"Paciente" not in file.read()
    assert len(stored_files()) == 2, "the clean copy and its thumbnail"
    assert str(image.file.name).startswith("uploads/")


def test_processing_twice_changes_nothing(catalogue: list[Any], film: Callable[..., bytes]) -> None:
    case = receive(IncomingImage(content=film()))
    intake.process(case_id=case.pk, fetch=no_fetch)
    intake.process(case_id=case.pk, fetch=no_fetch)
    assert Finding.objects.count() == 1
    assert CaseEvent.objects.filter(what="matched").count() == 1


def test_a_case_that_another_process_works_on_is_left_to_it(
    transactional_db: None, film: Callable[..., bytes]
) -> None:
    case = receive(IncomingImage(content=film()))
    holding, release = threading.Event(), threading.Event()

    def other_process() -> None:
        with work_lock("raiox.case", case.pk) as acquired:
            assert acquired
            holding.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=other_process)
    thread.start()
    assert holding.wait(10)
    try:
        assert intake.process(case_id=case.pk, fetch=no_fetch).attempts == 0
    finally:
        release.set()
        thread.join()


def test_a_case_whose_runs_never_end_is_given_up_with_a_reason(
    db: None, film: Callable[..., bytes]
) -> None:
    case = receive(IncomingImage(content=film()))
    Case.objects.filter(pk=case.pk).update(attempts=MAX_ATTEMPTS)
    case = intake.process(case_id=case.pk, fetch=no_fetch)
    assert case.status == Case.Status.FAILED
    assert case.failure


def test_an_empty_catalogue_fails_the_case_instead_of_guessing(
    db: None, film: Callable[..., bytes]
) -> None:
    case = intake.process(case_id=receive(IncomingImage(content=film())).pk, fetch=no_fetch)
    assert case.status == Case.Status.FAILED
    assert not Result.objects.exists()


def test_the_announcement_is_part_of_the_transaction_that_makes_the_case_pending(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    def refuse(sender: Any, case: Case, **kwargs: Any) -> None:
        assert connection.in_atomic_block
        raise RuntimeError("the receiver failed")

    case = receive(IncomingImage(content=film()))
    case_matched.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            intake.process(case_id=case.pk, fetch=no_fetch)
    finally:
        case_matched.disconnect(refuse)
    case.refresh_from_db()
    assert case.status == Case.Status.RECEIVED
    assert not Result.objects.exists()


def stored_files() -> list[str]:
    folders, _files = default_storage.listdir("uploads")
    return [name for folder in folders for name in default_storage.listdir(f"uploads/{folder}")[1]]


@pytest.mark.django_db(transaction=True)
def test_a_case_erased_while_it_is_processed_keeps_no_film(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    from cases import retention

    case = receive(IncomingImage(source_url="https://www.jotform.com/uploads/u/f/1/x.jpg"))

    def erased_meanwhile(url: str) -> bytes:
        retention.erase(case_id=case.pk)
        connection.close()
        return film()

    assert intake.process(case_id=case.pk, fetch=erased_meanwhile).status == Case.Status.ARCHIVED
    assert not case.images.get().file
    assert stored_files() == []


def test_dead_addresses_use_up_the_time_and_the_good_film_behind_them_is_still_matched(
    catalogue: list[Any], film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cases import candidates

    monkeypatch.setattr(candidates, "BUDGET_SECONDS", 1.0)
    hurry = threading.Event()

    def fetch(url: str) -> bytes:
        if url.endswith("good"):
            return film()
        hurry.wait(0.3 if "slow" in url else 5)
        raise ImageUnavailable("The address of the image did not answer.")

    urls = ["https://x.org/never", *(f"https://x.org/slow{number}" for number in range(6))]
    case = receive(*(IncomingImage(source_url=url) for url in [*urls, "https://x.org/good"]))
    case = intake.process(case_id=case.pk, fetch=fetch)
    hurry.set()
    errors = [image.error for image in case.images.all()]
    assert case.status == Case.Status.PENDING
    assert all(errors[:-1]) and errors[-1] == ""


def test_after_an_interrupted_run_the_bad_film_is_not_tried_again(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = receive(
        IncomingImage(source_url="https://x.org/bad"),
        IncomingImage(source_url="https://x.org/good"),
    )
    Case.objects.filter(pk=case.pk).update(attempts=1)
    case.images.filter(source_url__endswith="bad").update(error="It did not answer.")
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return film()

    assert intake.process(case_id=case.pk, fetch=fetch).status == Case.Status.PENDING
    assert asked == ["https://x.org/good"]
