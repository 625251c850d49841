"""Who asks again soon is answered by the same thread, and its connection to the database."""

import threading

import pytest

from raiox_site import probes, running
from raiox_site.probes import Probe, TooLate

SECONDS = 20.0


def test_the_next_question_is_answered_by_the_thread_that_waits_for_it_and_then_ends() -> None:
    probe = Probe(threading.current_thread, seconds=SECONDS, kept_seconds=0.5)
    first = probe.ask().answer()
    running.wait_for(lambda: probe._idle == 1, SECONDS)
    assert probe.ask().answer() is first
    first.join(SECONDS)
    assert not first.is_alive()
    assert probe.ask().answer() is not first


def test_one_that_hangs_is_not_waited_for_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "MOST_HANGING", 2)
    released = threading.Event()
    probe = Probe(lambda: released.wait(SECONDS), seconds=0.05, kept_seconds=0.5)
    for _number in range(2):
        with pytest.raises(TooLate):
            probe.ask().answer()
    with pytest.raises(TooLate):
        probe.ask()
    released.set()
    running.wait_for(lambda: probe._idle == 2, SECONDS)
    assert probe.ask().answer() is True


def test_a_question_that_failed_is_asked_again() -> None:
    answers = iter((ValueError("broken"), "well"))

    def question() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    probe = Probe(question, seconds=SECONDS, kept_seconds=0.5)
    with pytest.raises(ValueError, match="broken"):
        probe.ask().answer()
    running.wait_for(lambda: probe._idle == 1, SECONDS)
    assert probe.ask().answer() == "well"
