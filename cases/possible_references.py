"""Decided fixtures that could become references, those first whose implants need them most."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from cases import proposals
from cases.models import Case, CaseImage, ReferenceProposal, Result
from cases.verdicts import ReviewError
from implants.models import ReferenceImage

# From here on more references of an implant are no longer what the catalogue needs most.
ENOUGH = 5
LISTED = 100


@dataclass(frozen=True)
class Proposed:
    """How many were proposed, and why others were not."""

    number: int
    refusals: list[str]


def possible() -> QuerySet[Result]:
    """The approved result of every fixture that could be proposed: consent given, film there,
    marked, certain, and not proposed yet. Annotates `held`, how many references of its implant
    are searched: the fewest first, then the latest decision."""
    held = ReferenceImage.objects.filter(implant=OuterRef("implant"), is_active=True, error="")
    counted = held.order_by().values("implant").annotate(number=Count("pk")).values("number")
    return (
        Result.objects.filter(_is_free(), approved=True)
        .annotate(approved_in_all=_number_approved())
        .filter(approved_in_all=1)
        .annotate(held=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
        .select_related("implant", "finding__case_image__case")
        .order_by("held", "-finding__case_image__case__decided_at", "finding_id")
    )


def propose_all(*, result_ids: Sequence[int], by: User) -> Proposed:
    """Propose several fixtures as references of what they were identified as. What cannot be
    proposed (any more) is told and stops none of the others."""
    number, refusals = 0, []
    for result in possible().filter(pk__in=result_ids):
        try:
            proposals.propose(finding_id=result.finding_id, implant_id=result.implant_id, by=by)
            number += 1
        except ReviewError as error:
            refusals.append(f"{result.implant}: {error}")
    return Proposed(number, refusals)


def _is_free() -> Q:
    proposed = ReferenceProposal.objects.filter(finding__isnull=False)
    films = CaseImage.objects.shown()
    return Q(
        ~Q(finding__in=proposed.values("finding")),
        finding__case_image__in=films.values("pk"),
        finding__case_image__case__status=Case.Status.APPROVED,
        finding__case_image__case__consent_at__isnull=False,
        finding__box__isnull=False,
    )


def _number_approved() -> Subquery:
    same = Result.objects.filter(finding=OuterRef("finding"), approved=True).order_by()
    counted = same.values("finding").annotate(number=Count("pk")).values("number")
    return Subquery(counted, output_field=IntegerField())
