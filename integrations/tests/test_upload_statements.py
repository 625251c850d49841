"""No statement is asked twice in one request: what an upload costs the database."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cases.models import Case
from matching import radiograph

pytestmark = pytest.mark.django_db(transaction=True)

# With those that begin and end a transaction; the film has one fixture, or none.
NEW_FILM, FILM_OF_ANOTHER, KNOWN_FILM = 35, 33, 4
SHOWN = 200


def upload(client: Client, content: bytes, client_id: str) -> list[str]:
    """The statements of one upload."""
    film = SimpleUploadedFile("x.jpg", content)
    with CaptureQueriesContext(connection) as queries:
        answer = client.post("/upload", {"file": film, "client_id": client_id})
    assert answer.status_code == 200
    assert len(answer.json()) == 3
    return [" ".join(query["sql"].split())[:SHOWN] for query in queries]


@pytest.fixture
def warm(client: Client, catalogue: list[Any], film: Callable[..., bytes]) -> None:
    """What a process asks once."""
    upload(client, film(seed=1), "first")


def test_a_new_film_costs_a_known_number_of_statements(
    client: Client, warm: None, film: Callable[..., bytes]
) -> None:
    statements = upload(client, film(seed=2), "clinic")
    assert len(statements) <= NEW_FILM, "\n".join(statements)
    # The film itself has to be written, and searched for.
    assert sum("INSERT INTO" in one for one in statements) >= 5
    assert sum("EXECUTE" in one for one in statements) >= 1


def test_a_film_of_another_client_costs_no_more(
    client: Client, warm: None, film: Callable[..., bytes]
) -> None:
    statements = upload(client, film(seed=1), "clinic")
    assert len(statements) <= FILM_OF_ANOTHER, "\n".join(statements)
    assert Case.objects.count() == 2


def test_the_same_film_of_the_same_client_is_looked_up_and_not_read(
    client: Client, warm: None, film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(data: bytes, **kwargs: Any) -> Any:
        raise AssertionError("it was decoded once more")

    monkeypatch.setattr(radiograph, "load", refuse)
    statements = upload(client, film(seed=1), "first")
    assert len(statements) <= KNOWN_FILM, "\n".join(statements)
    assert Case.objects.count() == 1
    with pytest.raises(AssertionError, match="once more"):
        upload(client, film(seed=2), "first")
