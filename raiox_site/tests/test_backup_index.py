"""A dump of an earlier release has that release's index, and can be restored."""

import pytest
from django.db import connection

from raiox_site.backup import described

EARLIER = (
    "CREATE INDEX embedding_vector_hnsw ON matching_embedding USING hnsw (vector vector_cosine_ops)"
)


@pytest.mark.django_db
def test_the_index_of_this_release_or_of_an_earlier_one_will_do_and_none_will_not() -> None:
    assert described.index_is_usable()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX embedding_half_hnsw")
        assert not described.index_is_usable()
        cursor.execute(EARLIER)
    assert described.index_is_usable()
