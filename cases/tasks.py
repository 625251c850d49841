"""Queue entries of this layer: ids in, a service called."""

from django.core.files.storage import default_storage

from cases import catchup, intake, retention, sweep


def process_case(case_id: int) -> None:
    intake.process(case_id=case_id)


def delete_film(name: str) -> None:
    default_storage.delete(name)


def sweep_cases() -> None:
    sweep.requeue_abandoned()
    catchup.catch_up()


def purge_expired() -> None:
    retention.purge()
    retention.purge_orphans()
