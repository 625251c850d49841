"""What takes too long is cut off; one thread watches over all of it."""

import os
import threading
import time
from contextlib import ExitStack

import pytest

from matching import deadlines
from matching.deadlines import cut_off

PATIENCE = 20.0


def test_a_block_that_takes_too_long_is_cut_off_and_one_that_does_not_is_not() -> None:
    late, never = threading.Event(), threading.Event()
    with cut_off(never.set, seconds=0.2):
        pass
    with cut_off(late.set, seconds=0.05):
        assert late.wait(PATIENCE)
    with cut_off(late.clear, seconds=0.3), cut_off(lambda: None, seconds=0.6):
        assert not never.wait(0.7)
    assert not late.is_set()


def test_a_shorter_time_that_begins_later_ends_first() -> None:
    ended: list[str] = []
    both = threading.Event()
    with cut_off(lambda: (ended.append("long"), both.set()), seconds=0.4):
        with cut_off(lambda: ended.append("short"), seconds=0.05):
            assert both.wait(PATIENCE)
    assert ended == ["short", "long"]


def test_a_hundred_blocks_are_watched_by_one_thread_also_after_one_failed() -> None:
    def fail() -> None:
        raise ValueError("cannot be ended")

    with cut_off(lambda: None, seconds=60):
        before = threading.active_count()
    with ExitStack() as blocks:
        for _number in range(100):
            blocks.enter_context(cut_off(fail, seconds=0.05))
        assert threading.active_count() == before
        ended = threading.Event()
        blocks.enter_context(cut_off(ended.set, seconds=0.1))
        assert ended.wait(PATIENCE)


def test_a_child_of_a_fork_watches_for_itself() -> None:
    with cut_off(lambda: None, seconds=60):
        child = os.fork()
        if child == 0:
            ended = threading.Event()
            with cut_off(ended.set, seconds=0.05):
                os._exit(0 if ended.wait(PATIENCE) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_thread_that_cannot_be_started_once_is_started_for_the_next_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = deadlines._Watch()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot)
        with pytest.raises(RuntimeError):
            watch.begin(lambda: None, time.monotonic())
    ended = threading.Event()
    watch.begin(ended.set, time.monotonic() + 0.01)
    assert ended.wait(PATIENCE)


def cannot(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
