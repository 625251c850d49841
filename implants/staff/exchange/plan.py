"""What an import would change, for people to look at before it happens."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, cast

from django.utils.translation import gettext as _
from import_export.results import RowResult

from implants.models import Implant
from implants.staff.exchange.limits import TableError
from implants.staff.exchange.resource import COLUMNS, KEY, ImplantResource
from implants.staff.exchange.tables import Table


@dataclass(frozen=True)
class Cell:
    """A cell that differs: how it stands in the catalogue, and in the table."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Row:
    """A row that would do something; `line` is that of the file (the headers are line 1)."""

    line: int
    name: str
    cells: list[Cell] = field(default_factory=list)


@dataclass(frozen=True)
class Refusal:
    """A row that cannot be taken: (column, sentence) pairs; the column is empty where the
    whole row is meant."""

    line: int
    problems: list[tuple[str, str]]


@dataclass
class Plan:
    """`fingerprint` is the same as long as the import would do the same."""

    new: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    same: int = 0
    unknown_columns: list[str] = field(default_factory=list)

    @property
    def has_effect(self) -> bool:
        return bool(self.new or self.changed) and not self.refused

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr((self.new, self.changed)).encode()).hexdigest()


def carry_out(table: Table, *, dry_run: bool) -> tuple[Plan, Any]:
    """Compare the table with the catalogue and, unless `dry_run`, write what differs: all of
    it or, when a row is refused, nothing. Raises TableError where needed columns are missing.

    Returns the plan and import-export's own result.
    """
    missing = [name for name in KEY if name not in table.headers]
    if missing:
        raise TableError(
            _("The table lacks these columns: %(names)s.") % {"names": ", ".join(missing)}
        )
    result = ImplantResource(lines=table.lines).import_data(
        table.dataset(),
        dry_run=dry_run,
        use_transactions=True,
        rollback_on_validation_errors=True,
    )
    for error in (*result.base_errors, *(one for row in result.rows for one in row.errors)):
        # Not the table's fault.
        raise error.error
    plan = Plan(unknown_columns=[name for name in table.headers if name not in COLUMNS])
    for line, row in zip(table.lines, result.rows, strict=True):
        _sort_in(plan, row, line=line)
    return plan, result


def _sort_in(plan: Plan, row: RowResult, *, line: int) -> None:
    if row.validation_error is not None:
        plan.refused.append(Refusal(line, _problems(row.validation_error)))
    elif row.import_type == RowResult.IMPORT_TYPE_SKIP:
        plan.same += 1
    elif row.import_type == RowResult.IMPORT_TYPE_NEW:
        plan.new.append(Row(line, str(row.instance), _cells(Implant(), row.instance, skip=KEY)))
    else:
        plan.changed.append(Row(line, str(row.instance), _cells(row.original, row.instance)))


def _problems(error: Any) -> list[tuple[str, str]]:
    if not hasattr(error, "error_dict"):
        return [("", message) for message in error.messages]
    return [
        (column, message) for column, messages in error.message_dict.items() for message in messages
    ]


def _cells(before: Any, after: Any, skip: tuple[str, ...] = ()) -> list[Cell]:
    return [
        Cell(label(name), _shown(before, name), _shown(after, name))
        for name in COLUMNS
        if name not in skip and getattr(before, name) != getattr(after, name)
    ]


def label(column: str) -> str:
    return str(cast(Any, Implant._meta.get_field(column)).verbose_name)


def _shown(implant: Any, name: str) -> str:
    """As people read it; a dash where it is not known."""
    display = getattr(implant, f"get_{name}_display", None)
    value = display() if display else getattr(implant, name)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "–" if value in (None, "") else str(value)
