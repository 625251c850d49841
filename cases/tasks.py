"""Queue entries of this layer: ids in, a service called."""

from django.core.files.storage import default_storage

from cases import catchup, intake, nightly, sweep
from cases.models import Erasure


def process_case(case_id: int) -> None:
    intake.process(case_id=case_id)


def delete_film(name: str) -> None:
    default_storage.delete(name)


def sweep_cases() -> None:
    sweep.requeue_abandoned()
    catchup.catch_up()


def purge_expired(again: int = 0, after: int = 0) -> None:
    nightly.purge_cases(is_again=bool(again), after=after)


def finish_erasures(after: int = 0) -> None:
    nightly.finish_erasures(after=after)


def finish_erasure(erasure_id: int) -> None:
    nightly.finish_erasure(certificate=Erasure.objects.get(pk=erasure_id))


def purge_leftovers() -> None:
    nightly.purge_leftovers()


def reconcile_storage(after: str = "") -> None:
    nightly.reconcile_storage(after=after)
