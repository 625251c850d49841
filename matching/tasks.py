"""Queue entries of this layer: ids in, a service called."""

from matching import indexing


def index_reference(reference_id: int) -> None:
    indexing.index_reference(reference_id=reference_id)
