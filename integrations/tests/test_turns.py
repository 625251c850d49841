"""Turns are taken in the order in which they were asked for."""

import threading
import time

from integrations.turns import Turns

PATIENCE = 20.0


def test_who_came_first_is_next_and_nobody_passes_by() -> None:
    turns, served = Turns(1), []
    assert turns.acquire(timeout=0)

    def work(number: int) -> None:
        assert turns.acquire(timeout=PATIENCE)
        served.append(number)
        turns.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        while len(turns._waiting) <= number:
            time.sleep(0.001)
    turns.release()
    # Whoever gives a place back and asks again at once is the last one.
    assert turns.acquire(timeout=PATIENCE)
    served.append(5)
    for thread in threads:
        thread.join(PATIENCE)
    assert served == [0, 1, 2, 3, 4, 5]


def test_who_gave_up_is_not_waited_for() -> None:
    turns = Turns(2)
    assert turns.acquire(timeout=0)
    assert turns.acquire(timeout=0)
    assert not turns.acquire(timeout=0.01)
    turns.release()
    assert turns.acquire(timeout=0)
    assert not turns.acquire(timeout=0)


def test_no_place_is_lost_or_made_when_many_give_up_and_many_are_served() -> None:
    turns, at_once, most = Turns(3), [], []

    def work(number: int) -> None:
        for step in range(60):
            if turns.acquire(timeout=0.0005 * ((number + step) % 3)):
                at_once.append(number)
                most.append(len(at_once))
                at_once.remove(number)
                turns.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert max(most) <= 3
    assert [turns.acquire(timeout=0) for _ in range(4)] == [True, True, True, False]
