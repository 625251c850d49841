"""libraries.md, section 1, row 10: a change of SECRET_KEY must not lose what is queued."""

from typing import Any

import pytest
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import BadSignature, SignedPackage

from matching.queue import enqueue
from raiox_site.pulse import ProvenQueue

OLD, OLDER = "o" * 50, "p" * 50


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> ProvenQueue:
    monkeypatch.delenv("RAIOX_PULSE_DIR", raising=False)
    return ProvenQueue()


def queued_under(key: str, monkeypatch: pytest.MonkeyPatch, number: int = 7) -> None:
    with monkeypatch.context() as before:
        before.setattr(Conf, "SECRET_KEY", key)
        enqueue("cases.tasks.process_case", number)
    OrmQ.objects.update(lock="2026-01-01T00:00:00Z")


def taken(queue: ProvenQueue) -> dict[str, Any]:
    ((_number, payload),) = queue.dequeue()
    return dict(SignedPackage.loads(payload))


@pytest.mark.django_db
@pytest.mark.parametrize("key", [OLD, OLDER])
def test_a_task_of_before_is_taken_while_the_key_is_named(
    queue: ProvenQueue, key: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECRET_KEY_FALLBACKS = [OLD, OLDER]
    queued_under(key, monkeypatch)
    task = taken(queue)
    assert (task["func"], task["args"]) == ("cases.tasks.process_case", (7,))


@pytest.mark.django_db
def test_a_task_of_today_is_handed_on_as_it_is(
    queue: ProvenQueue, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECRET_KEY_FALLBACKS = [OLD]
    queued_under(Conf.SECRET_KEY, monkeypatch)
    assert queue.dequeue()[0][1] == OrmQ.objects.get().payload


@pytest.mark.django_db
@pytest.mark.parametrize("spoil", [str.upper, lambda text: text[:-1], lambda text: "x" + text])
def test_what_nobody_of_us_signed_is_not_made_ours(
    queue: ProvenQueue, spoil: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECRET_KEY_FALLBACKS = [OLD]
    queued_under(OLD, monkeypatch)
    OrmQ.objects.update(payload=spoil(OrmQ.objects.get().payload))
    with pytest.raises(BadSignature):
        taken(queue)


@pytest.mark.django_db
def test_after_a_leak_the_old_key_opens_nothing(
    queue: ProvenQueue, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SECRET_KEY_FALLBACKS = []
    queued_under(OLD, monkeypatch)
    with pytest.raises(BadSignature):
        taken(queue)


@pytest.mark.django_db
def test_an_empty_queue_hands_out_nothing(queue: ProvenQueue) -> None:
    assert queue.dequeue() == []
