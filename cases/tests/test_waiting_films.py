"""Films that cannot be fetched yet are looked for again, for a while."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from cases import intake, review, sweep
from cases.films import ImageUnavailable, IncomingImage
from cases.models import MAX_POSTPONED, Case, Finding, Result
from cases.review import Choice, StateConflict
from matching import calibration
from matching.calibration import Limits, Measured
from matching.encoder import get_encoder

GOOD, LATE = "https://x.org/good", "https://x.org/late"


def receive(*urls: str) -> Case:
    return intake.receive(
        source=Case.Source.JOTFORM,
        images=[IncomingImage(source_url=url) for url in urls],
        person=intake.Person(),
        submission_id="1",
    ).case


def not_yet(url: str) -> bytes:
    raise ImageUnavailable("It answered with error 404.", may_come=True)


def only_good(film: Callable[..., bytes]) -> Callable[[str], bytes]:
    return lambda url: film() if url == GOOD else not_yet(url)


def make_due(case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(
        next_try_at=timezone.now(), queued_at=timezone.now() - timedelta(seconds=5)
    )


def test_a_case_whose_film_is_not_there_yet_waits_and_says_why(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = intake.process(case_id=receive(LATE).pk, fetch=not_yet)
    assert case.status == Case.Status.RECEIVED
    assert "404" in case.failure
    assert timezone.now() < case.next_try_at <= timezone.now() + timedelta(seconds=21)


def test_the_film_that_comes_later_brings_the_case_before_the_reviewer(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = intake.process(case_id=receive(LATE).pk, fetch=not_yet)
    make_due(case)
    case = intake.process(case_id=case.pk, fetch=lambda url: film())
    assert (case.status, case.failure, case.next_try_at) == (Case.Status.PENDING, "", None)


def test_nobody_looks_before_its_time(catalogue: list[Any], film: Callable[..., bytes]) -> None:
    case = intake.process(case_id=receive(LATE).pk, fetch=not_yet)
    Case.objects.update(queued_at=timezone.now() - timedelta(minutes=5))
    OrmQ.objects.all().delete()
    assert sweep.requeue_abandoned() == sweep.requeue_lost() == 0
    assert intake.process(case_id=case.pk, fetch=lambda url: film()).status == "received"
    make_due(case)
    assert sweep.requeue_abandoned() == 1
    assert sweep.requeue_abandoned() == 0
    assert OrmQ.objects.count() == 1


def test_pauses_grow_and_in_the_end_the_case_fails_with_the_reason(
    catalogue: list[Any],
) -> None:
    case = receive(LATE)
    pauses = []
    for _run in range(MAX_POSTPONED):
        make_due(case)
        case = intake.process(case_id=case.pk, fetch=not_yet)
        assert case.status == Case.Status.RECEIVED
        pauses.append((case.next_try_at - timezone.now()).total_seconds())
    assert pauses == sorted(pauses)
    assert pauses[-1] > 40 * 60
    make_due(case)
    case = intake.process(case_id=case.pk, fetch=not_yet)
    assert (case.status, "404" in case.failure) == (Case.Status.FAILED, True)


def test_after_a_retry_a_failed_case_waits_for_its_film_anew(
    catalogue: list[Any], approver: Any
) -> None:
    case = receive(LATE)
    Case.objects.update(postponed=MAX_POSTPONED)
    assert intake.process(case_id=case.pk, fetch=not_yet).status == Case.Status.FAILED
    review.retry(case_id=case.pk, by=approver)
    assert intake.process(case_id=case.pk, fetch=not_yet).status == Case.Status.RECEIVED


def test_a_film_that_will_never_come_fails_the_case_at_once(catalogue: list[Any]) -> None:
    def refused(url: str) -> bytes:
        raise ImageUnavailable("Images are not fetched from this host.")

    assert intake.process(case_id=receive(LATE).pk, fetch=refused).status == Case.Status.FAILED


def test_a_good_film_does_not_wait_for_a_late_one_which_is_added_when_it_comes(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = intake.process(case_id=receive(GOOD, LATE).pk, fetch=only_good(film))
    assert case.status == Case.Status.PENDING
    assert case.images.get(source_url=LATE).is_awaited
    first = Finding.objects.get()
    Case.objects.update(band="high")
    Finding.objects.update(band="high")
    calibration.save(Measured(get_encoder().id, Limits()))

    make_due(case)
    after = intake.process(case_id=case.pk, fetch=lambda url: film(seed=3))
    assert (after.status, after.next_try_at) == (Case.Status.PENDING, None)
    assert after.revision == case.revision + 1
    assert Finding.objects.count() == 2
    first.refresh_from_db()
    assert not after.images.filter(is_awaited=True).exists()
    assert not Finding.objects.filter(vector=None).exists()
    late = after.images.get(source_url=LATE)
    assert late.thumbnail and late.suggested_boxes is not None
    assert (first.band, after.band) == ("high", "low")


def test_a_decision_made_without_the_late_film_is_refused_once_the_film_is_there(
    catalogue: list[Any], film: Callable[..., bytes], approver: Any
) -> None:
    case = intake.process(case_id=receive(GOOD, LATE).pk, fetch=only_good(film))
    make_due(case)
    intake.process(case_id=case.pk, fetch=lambda url: film(seed=3))
    choices = [Choice(Result.objects.all()[0].implant_id)]
    with pytest.raises(StateConflict):
        review.approve(case_id=case.pk, choices=choices, reviewer=approver, revision=case.revision)


@pytest.mark.django_db(transaction=True)
def test_a_late_film_does_not_come_after_the_decision(
    catalogue: list[Any], film: Callable[..., bytes], approver: Any
) -> None:
    case = intake.process(case_id=receive(GOOD, LATE).pk, fetch=only_good(film))
    make_due(case)

    def decide_meanwhile(url: str) -> bytes:
        choices = [Choice(Result.objects.all()[0].implant_id)]
        review.approve(case_id=case.pk, choices=choices, reviewer=approver)
        connection.close()
        return film(seed=3)

    after = intake.process(case_id=case.pk, fetch=decide_meanwhile)
    assert after.status == Case.Status.APPROVED
    assert Finding.objects.count() == 1


def test_a_late_film_is_given_up_after_a_while_and_the_case_stays_with_the_reviewer(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = intake.process(case_id=receive(GOOD, LATE).pk, fetch=only_good(film))
    for _run in range(MAX_POSTPONED):
        make_due(case)
        case = intake.process(case_id=case.pk, fetch=not_yet)
    assert (case.status, case.next_try_at) == (Case.Status.PENDING, None)
    late = case.images.get(source_url=LATE)
    assert (late.is_awaited, "404" in late.error) == (False, True)


def test_a_worker_killed_while_it_looks_for_a_late_film_is_not_followed_by_an_endless_loop(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    case = intake.process(case_id=receive(GOOD, LATE).pk, fetch=only_good(film))
    make_due(case)

    def killed(url: str) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        intake.process(case_id=case.pk, fetch=killed)
    after = Case.objects.get(pk=case.pk)
    assert (after.status, after.postponed) == (Case.Status.PENDING, 1)
    assert after.next_try_at > timezone.now()
