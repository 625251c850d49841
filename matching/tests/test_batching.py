import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from matching.batching import Array, Batcher, Busy


class Work:
    """Doubles its rows; may be held, so that others come meanwhile."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.go, self.begun = threading.Event(), threading.Semaphore(0)
        self.go.set()

    def __call__(self, rows: Array) -> Array:
        self.sizes.append(len(rows))
        self.begun.release()
        assert self.go.wait(10)
        if (rows < 0).any():
            raise ValueError("no negative rows")
        return rows * 2


def rows(*values: float) -> Array:
    return np.array(values, np.float32)[:, None]


class Callers:
    """Threads that each bring rows; `wait_for` waits until so many stand in the queue."""

    def __init__(self, batcher: Batcher) -> None:
        self.batcher, self.answers, self.errors = batcher, {}, {}
        self.threads: list[threading.Thread] = []
        self.answers: dict[int, Array]
        self.errors: dict[int, Exception]

    def bring(self, *values: float) -> None:
        number = len(self.threads)

        def call() -> None:
            try:
                self.answers[number] = self.batcher(rows(*values))
            except (Busy, ValueError) as error:
                self.errors[number] = error

        self.threads.append(threading.Thread(target=call, daemon=True))
        self.threads[-1].start()

    def end(self) -> None:
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _try in range(1000):
        if is_so():
            return
        waited.wait(0.005)
    raise AssertionError("it never became so")


@pytest.fixture
def work() -> Work:
    return Work()


def held(work: Work, batcher: Batcher) -> Callers:
    """A first caller is being worked on, until `work.go` is set."""
    callers = Callers(batcher)
    work.go.clear()
    callers.bring(0)
    assert work.begun.acquire(timeout=10)
    return callers


def test_a_single_caller_is_answered_at_once(work: Work) -> None:
    assert Batcher(work, most=8)(rows(1, 2)).tolist() == [[2], [4]]
    assert work.sizes == [2]


def test_those_who_come_meanwhile_are_done_together_and_each_gets_its_own(work: Work) -> None:
    batcher = Batcher(work, most=8)
    callers = held(work, batcher)
    for number in range(1, 6):
        callers.bring(number)
    until(lambda: len(batcher._queue) == 5)
    work.go.set()
    callers.end()

    assert work.sizes == [1, 5]
    assert {number: answer.tolist() for number, answer in callers.answers.items()} == {
        number: [[2 * number]] for number in range(6)
    }


def test_no_batch_is_larger_than_the_most(work: Work) -> None:
    batcher = Batcher(work, most=4)
    callers = held(work, batcher)
    for number in range(5):
        callers.bring(number, number)
    until(lambda: len(batcher._queue) == 5)
    work.go.set()
    callers.end()

    assert sorted(work.sizes[1:]) == [2, 4, 4]
    assert len(callers.answers) == 6


def test_as_many_batches_run_at_once_as_are_allowed(work: Work) -> None:
    batcher = Batcher(work, most=1, at_once=2)
    callers = held(work, batcher)
    callers.bring(1)
    assert work.begun.acquire(timeout=10)
    callers.bring(2)
    until(lambda: len(batcher._queue) == 1)
    assert not work.begun.acquire(timeout=0.1)
    work.go.set()
    callers.end()
    assert len(callers.answers) == 3


def test_a_full_queue_refuses_at_once(work: Work) -> None:
    batcher = Batcher(work, most=8, waiting=2)
    callers = held(work, batcher)
    callers.bring(1)
    callers.bring(2)
    until(lambda: len(batcher._queue) == 2)
    with pytest.raises(Busy):
        batcher(rows(3))
    work.go.set()
    callers.end()
    assert len(callers.answers) == 3


def test_who_waits_too_long_is_refused_and_nothing_is_done_for_it(work: Work) -> None:
    batcher = Batcher(work, most=8, seconds=0.05)
    callers = held(work, batcher)
    with pytest.raises(Busy):
        batcher(rows(1))
    work.go.set()
    callers.end()
    assert work.sizes == [1]


def test_one_that_fails_does_not_fail_its_neighbours(work: Work) -> None:
    batcher = Batcher(work, most=8)
    callers = held(work, batcher)
    for value in (1, -1, 3):
        callers.bring(value)
    until(lambda: len(batcher._queue) == 3)
    work.go.set()
    callers.end()

    assert {number: float(answer[0, 0]) for number, answer in callers.answers.items()} == {
        0: 0.0,
        1: 2.0,
        3: 6.0,
    }
    assert isinstance(callers.errors[2], ValueError)


def test_after_a_failure_the_next_is_worked_on(work: Work) -> None:
    batcher = Batcher(work, most=8)
    with pytest.raises(ValueError, match="negative"):
        batcher(rows(-1))
    assert batcher(rows(4)).tolist() == [[8]]


def test_many_threads_get_their_own_answers() -> None:
    def double(values: Array) -> Array:
        return values * 2

    batcher: Any = Batcher(double, most=8, at_once=2)
    wrong: list[float] = []

    def call(start: int) -> None:
        for step in range(50):
            value = float(start * 1000 + step)
            if float(batcher(rows(value))[0, 0]) != 2 * value:
                wrong.append(value)

    threads = [threading.Thread(target=call, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
