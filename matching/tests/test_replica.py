"""What is searched where: a replica that is down, is none, or lacks vectors is never believed. A
real one that follows, hangs or is promoted: `manage.py try_replica`."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from implants.models import Implant, ReferenceImage
from matching import matcher, replica
from matching.models import Embedding
from matching.replica import Watch

pytestmark = pytest.mark.django_db(transaction=True)

ENCODER = "test/encoder"


@pytest.fixture
def near() -> Implant:
    implant = Implant.objects.create(manufacturer="Neodent", name="Helix GM")
    reference = ReferenceImage.objects.create(implant=implant, file="referencia/a", sha256="a")
    vector = [1.0] + 511 * [0.0]
    Embedding.objects.create(reference_image=reference, encoder=ENCODER, vector=vector)
    return implant


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A replica is named: this very database, unless its entry is changed. A test looks at it
    when it says so, not a thread."""
    entry = {**connection.settings_dict}
    connections.databases[replica.ALIAS] = entry
    replica.stop()
    monkeypatch.setattr(Watch, "_begin", lambda watch: None)
    # Django allows a test no database that was not there when it began.
    wrapper = connections[replica.ALIAS]
    monkeypatch.setattr(wrapper, "ensure_connection", lambda: _connected(wrapper))
    yield entry
    replica.stop()
    connections[replica.ALIAS].close()
    del connections[replica.ALIAS]
    del connections.databases[replica.ALIAS]


def _connected(wrapper: Any) -> None:
    if wrapper.connection is None:
        with wrapper.wrap_database_errors:
            wrapper.connect()


def found() -> list[int]:
    candidates = matcher.nearest_implants([1.0] + 511 * [0.0], encoder=ENCODER, limit=1)
    return [candidate.implant.pk for candidate in candidates]


def counted(by: str) -> float:
    return replica.counted().get(by, 0.0)


def test_without_a_replica_the_primary_is_searched(near: Implant) -> None:
    before = counted("primary")
    assert found() == [near.pk]
    assert counted("primary") == before + 1
    assert replica.note() == ""


def test_a_replica_that_is_down_costs_no_search(near: Implant, named: dict[str, Any]) -> None:
    named |= {"HOST": "127.0.0.1", "PORT": "1"}
    watch = Watch()
    watch.look()
    assert watch.note.startswith("it does not answer")
    assert not watch.is_usable(ENCODER)
    assert found() == [near.pk]
    watch.stop()


def test_a_server_that_follows_nobody_is_not_believed(near: Implant, named: Any) -> None:
    watch = Watch()
    watch.look()
    assert watch.note == "it is no replica, or the primary is one"
    assert found() == [near.pk]
    assert counted(replica.ALIAS) == 0


def test_a_search_that_fails_is_answered_by_the_primary(
    near: Implant, named: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    named |= {"HOST": "127.0.0.1", "PORT": "1"}
    monkeypatch.setattr(replica, "is_usable", lambda encoder: True)
    assert found() == [near.pk]
    assert "failed" in replica.note()


def test_what_was_taken_out_is_not_proposed_by_a_replica_that_does_not_know(
    near: Implant, named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ReferenceImage.objects.update(is_active=False)
    row = ReferenceImage.objects.select_related("implant").get()
    with pytest.raises(replica.Outdated):
        matcher._refuse_outdated([row], wanted=1)
    with pytest.raises(replica.Outdated):
        matcher._refuse_outdated([], wanted=1)
