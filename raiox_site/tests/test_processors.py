"""How many processors a process may use, and how they are shared out."""

import os
from pathlib import Path

import pytest

from raiox_site.configuration import processors


@pytest.mark.parametrize(
    ("limit", "count"),
    [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_a_container_counts_what_it_was_given(
    limit: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(limit)
    monkeypatch.setattr(processors, "LIMIT", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert processors.count() == count
    assert processors.web_processes() == min(count, 4)


@pytest.mark.parametrize(
    ("web", "threads", "at_once"), [(1, 1, 8), (2, 1, 4), (4, 2, 1), (8, 4, 1), (3, 1, 2)]
)
def test_threads_times_encoders_times_processes_are_no_more_than_there_are(
    web: int, threads: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "count", lambda: 8)
    assert processors.encoders_at_once(processes=web, threads=threads) == at_once
