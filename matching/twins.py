"""Pairs of references of two manufacturers that show the same: each side names the other."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q, QuerySet

from implants.models import ReferenceImage
from implants.reference_state import Doubt
from matching.queue import INDEX_TASK, enqueue


def link(*, reference_id: int, warnings: Sequence[str], alike: Sequence[int]) -> None:
    """Write the warnings of a reference, and what it was found to resemble (ids, the most
    similar first) on both sides. One that named it and is none of them any more is let go,
    and measured anew."""
    with transaction.atomic():
        rows = list(_locked(Q(pk__in=[reference_id, *alike]) | Q(twin=reference_id)))
        # Any of them may have been deleted since it was looked at.
        held = [row.pk for row in rows]
        if reference_id not in held:
            return
        alike = [pk for pk in alike if pk in held]
        for row in rows:
            _settle(row, reference_id, warnings, alike)


def _settle(
    row: ReferenceImage, reference_id: int, warnings: Sequence[str], alike: Sequence[int]
) -> None:
    if row.pk == reference_id:
        row.warnings = warnings
        _write(row, alike[0] if alike else None)
    elif row.pk in alike:
        _write(row, row.twin_id or reference_id)
    else:
        _let_go(row)


def forget(*, reference_id: int) -> None:
    """Let go those that name a reference which is about to be deleted."""
    with transaction.atomic():
        for row in _locked(Q(pk=reference_id) | Q(twin=reference_id)):
            if row.pk != reference_id:
                _let_go(row)


def _locked(which: Q) -> QuerySet[ReferenceImage]:
    # In one order, or two that are each other's twins would wait for each other.
    return ReferenceImage.objects.select_for_update().filter(which).order_by("pk")


def _let_go(row: ReferenceImage) -> None:
    """It may resemble a third one: only its own film can tell."""
    _write(row, None)
    enqueue(INDEX_TASK, row.pk)


def _write(row: ReferenceImage, twin_id: int | None) -> None:
    """The warnings of one that was not measured yet stay unknown: it will find its twin."""
    warnings = row.warnings
    if warnings is not None:
        warnings = [code for code in warnings if code != Doubt.TWIN]
        warnings += [str(Doubt.TWIN)] if twin_id else []
    ReferenceImage.objects.filter(pk=row.pk).update(warnings=warnings, twin=twin_id)
