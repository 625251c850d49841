"""Finding failed cases that staff has not been told of.

`cases` announces what awaits review and what is decided; a failure is found by looking.
"""

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from cases.models import Case, CaseEvent
from integrations.models import StaffNotice

# Who sets up a channel is not told of everything that ever failed.
LOOKING_BACK = timedelta(days=2)


def untold() -> QuerySet[Case]:
    """Cases that failed within LOOKING_BACK, without a notice since: one that was sent to
    processing again and failed again is found again."""
    failed = CaseEvent.objects.filter(case=OuterRef("pk"), what=CaseEvent.What.FAILED)
    # Not the time of change alone: the sender may correct a name on a failed case.
    failed_at = Coalesce(Subquery(failed.order_by("-pk").values("created_at")[:1]), "updated_at")
    told = StaffNotice.objects.filter(
        kind=StaffNotice.Kind.FAILED_CASE,
        case=OuterRef("pk"),
        created_at__gte=OuterRef("failed_at"),
    )
    return (
        Case.objects.filter(status=Case.Status.FAILED)
        .annotate(failed_at=failed_at)
        .filter(~Exists(told), failed_at__gt=timezone.now() - LOOKING_BACK)
        .order_by("pk")
    )
