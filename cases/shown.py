"""What a reviewer had before her eyes, so that she decides about nothing else."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cases.models import Case, Finding
from cases.verdicts import Outdated


@dataclass(frozen=True)
class Shown:
    """What a page showed; None for what it does not say.

    `marks` are `marks_of` all findings of the case, `internal_note` is the stored one.
    """

    marks: Mapping[int, str] | None = None
    internal_note: str | None = None


def mark_of(finding: Finding) -> str:
    """Where a fixture lies, the same text for as long as nobody moves its mark; empty for the
    whole film."""
    return json.dumps(finding.box, sort_keys=True) if finding.box else ""


def marks_of(findings: Iterable[Finding]) -> dict[int, str]:
    """Finding id → `mark_of`."""
    return {finding.pk: mark_of(finding) for finding in findings}


def check_marks(case: Case, marks: Mapping[int, str] | None) -> None:
    """Raises Outdated where a fixture lies elsewhere now, came or went. The caller holds the
    lock of the case."""
    if marks is not None and dict(marks) != marks_of(Finding.objects.filter(case_image__case=case)):
        raise Outdated
