"""Queue entries of this layer: ids in, a service called."""

from django.core.files.storage import default_storage

from cases import catchup, doomed, intake, nightly, proposal_tests, sweep
from cases.models import DoomedFile, Erasure


def process_case(case_id: int) -> None:
    intake.process(case_id=case_id)


def delete_film(which: int | str) -> None:
    """By the id of its `DoomedFile`; tasks of an earlier version name the file itself."""
    if isinstance(which, str):
        default_storage.delete(which)
        return
    for row in DoomedFile.objects.filter(pk=which):
        doomed.delete(row)


def delete_doomed(after: int = 0) -> None:
    nightly.delete_doomed(after=after)


def test_proposal(proposal_id: int) -> None:
    proposal_tests.test(proposal_id=proposal_id)


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
