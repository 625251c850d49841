"""Queue entries of this layer: ids in, a service called."""

from matching import indexing, recheck, switching


def index_reference(reference_id: int) -> None:
    indexing.index_reference(reference_id=reference_id)


def measure_references() -> None:
    recheck.measure_unmeasured()


def complete_switch() -> None:
    switching.catch_up(limit=recheck.AT_A_TIME)
