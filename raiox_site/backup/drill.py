"""Trying a backup out: restored into a database of its own, looked into, and dropped."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from raiox_site.backup import checks, manifest, restoring, servers, stores
from raiox_site.backup.checks import Check
from raiox_site.backup.errors import BackupError
from raiox_site.backup.restoring import Steps
from raiox_site.backup.stores import ERRORS, Store

PURPOSE = "drill"
Say = Callable[[str], object]


@dataclass
class Report:
    """`rpo_seconds`: age of the backup, which is what would be lost; `rto_seconds`: how long it
    took from nothing to a database that answers."""

    backup: str = ""
    made_at: str = ""
    bytes: int = 0
    rpo_seconds: float = 0.0
    rto_seconds: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    problem: str = ""

    @property
    def is_good(self) -> bool:
        return not self.problem and not any(one.problem for one in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {"good": self.is_good, **asdict(self)}


def run(*, backup: str = "") -> Report:
    """Never raises what a backup, a store or a database does: that is the report's problem."""
    report, steps = Report(), Steps()
    name = restoring.scratch_name(PURPOSE, timezone.now())
    try:
        with servers.alone(PURPOSE), restoring.work_folder(PURPOSE) as folder:
            restoring.drop_left(PURPOSE)
            _try(report, steps, stores.configured(), name, folder, backup)
    except (BackupError, DatabaseError, *ERRORS) as error:
        report.problem = str(error).partition("\n")[0] or type(error).__name__
    report.steps = steps.seconds
    report.rto_seconds = round(sum(steps.seconds.values()), 2)
    return report


def _try(report: Report, steps: Steps, store: Store, name: str, folder: Path, backup: str) -> None:
    try:
        made = manifest.chosen(store, backup)
    except ERRORS as error:
        raise stores.in_words(error, store) from error
    report.backup, report.made_at, report.bytes = made.dump, made.made_at.isoformat(), made.bytes
    report.rpo_seconds = round((timezone.now() - made.made_at).total_seconds(), 1)
    with steps.of("fetch"):
        plain = restoring.fetch(store, made, folder)
    try:
        with steps.of("restore and check"):
            report.checks += restoring.restore_into(name, made, plain)
    finally:
        servers.drop(name)
    with steps.of("image"):
        report.checks += checks.of_pictures(made, store, folder)
