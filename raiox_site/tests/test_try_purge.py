"""Retention, tried out over many nights with a storage that fails."""

from typing import Any

import pytest

from cases.models import Case
from raiox_site.trial import purging
from raiox_site.trial.purging import Options


def test_everything_due_goes_and_nothing_else_though_the_storage_fails(
    catalogue: list[Any], approver: Any
) -> None:
    lines: list[str] = []
    options = Options(cases=200, nights=12, rate=0.3, seed=4)
    assert purging.run(options, lines.append, reviewer=approver) == []
    assert any("night 12/12" in line for line in lines), "progress is shown"
    assert any(line.startswith("memory: start") for line in lines)
    refused = int(next(line for line in lines if "refused" in line).split()[0])
    assert refused > 20, "the storage did fail"


def test_the_trial_notices_a_purge_that_takes_too_much(
    catalogue: list[Any], approver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = purging.retention.due

    def too_many(*, days: int | None = None, at: Any = None) -> Any:
        return due(days=1, at=at)

    monkeypatch.setattr(purging.retention, "due", too_many)
    options = Options(cases=60, nights=3, rate=0, seed=1)
    violations = purging.run(options, lambda line: None, reviewer=approver)
    assert any("not due was erased" in line for line in violations)


def test_the_trial_notices_films_that_are_forgotten(
    catalogue: list[Any], approver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging.retention.films, "delete_files", lambda image: None)
    options = Options(cases=60, nights=3, rate=0, seed=1)
    violations = purging.run(options, lambda line: None, reviewer=approver)
    assert any("the storage holds other films" in line for line in violations)
    assert Case.objects.filter(status=Case.Status.ARCHIVED).exists()
