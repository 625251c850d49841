"""Queue entries of this layer: ids in, a service called."""

from cases import correlation, intake, retention, sweep


def process_case(case_id: int) -> None:
    correlation.start()
    intake.process(case_id=case_id)


def sweep_cases() -> None:
    correlation.start()
    sweep.requeue_abandoned()


def purge_expired() -> None:
    correlation.start()
    retention.purge()
