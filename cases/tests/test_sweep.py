from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from cases import intake, sweep
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case


@pytest.fixture
def case(db: None, film: Callable[..., bytes]) -> Case:
    received = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film())], person=Person()
    ).case
    OrmQ.objects.all().delete()
    Case.objects.update(queued_at=timezone.now() - timedelta(seconds=5))
    return received


def test_a_case_whose_run_was_killed_is_queued_again_at_once(case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(attempts=1)
    assert sweep.requeue_abandoned() == 1
    assert OrmQ.objects.count() == 1


def test_a_case_whose_task_never_came_is_queued_again_after_a_minute(case: Case) -> None:
    assert sweep.requeue_abandoned() == 0
    Case.objects.filter(pk=case.pk).update(queued_at=timezone.now() - timedelta(seconds=61))
    assert sweep.requeue_abandoned() == 1
    assert sweep.requeue_abandoned() == 0


@pytest.mark.django_db(transaction=True)
def test_a_case_in_work_is_left_alone(film: Callable[..., bytes]) -> None:
    import threading

    from cases.models import WORK_LOCK
    from matching.locks import work_lock

    case = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film())], person=Person()
    ).case
    Case.objects.filter(pk=case.pk).update(
        attempts=1, queued_at=timezone.now() - timedelta(seconds=5)
    )
    holding, release = threading.Event(), threading.Event()

    def worker() -> None:
        with work_lock(WORK_LOCK, case.pk):
            holding.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=worker)
    thread.start()
    assert holding.wait(10)
    try:
        assert sweep.requeue_abandoned() == 0
    finally:
        release.set()
        thread.join()
    assert sweep.requeue_abandoned() == 1


@pytest.mark.parametrize("status", ["pending", "failed", "archived"])
def test_cases_that_are_not_waiting_for_the_worker_are_left_alone(case: Case, status: Any) -> None:
    Case.objects.filter(pk=case.pk).update(
        status=status, attempts=1, failure="a reason", queued_at=timezone.now() - timedelta(days=1)
    )
    assert sweep.requeue_abandoned() == 0


def test_a_starting_worker_queues_what_a_killed_one_may_have_held_and_only_once(
    case: Case,
) -> None:
    assert sweep.requeue_abandoned() == 0
    assert sweep.requeue_lost() == 1
    assert sweep.requeue_lost() == 0
    assert OrmQ.objects.count() == 1
