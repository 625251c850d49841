"""The catalogue in numbers: what can be found by it, and what waits for its staff."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from cases.models import ReferenceProposal
from implants.models import Implant, ReferenceImage
from implants.reference_state import State, with_doubts, with_state


@dataclass(frozen=True)
class Stock:
    """`unfound` implants in use have no searchable reference: no search can find them. The
    references by state (`implants.reference_state`); `doubtful` ones have warnings."""

    implants: int
    inactive_implants: int
    unfound: int
    searchable: int
    waiting: int
    unusable: int
    inactive: int
    doubtful: int

    @property
    def is_empty(self) -> bool:
        return not self.implants and not self.inactive_implants


def stock() -> Stock:
    own = with_state(ReferenceImage.objects.filter(implant=OuterRef("pk")))
    is_found = Exists(own.filter(state=State.SEARCHABLE))
    implants = Implant.objects.annotate(is_found=is_found).aggregate(
        implants=Count("pk", filter=Q(is_active=True)),
        inactive_implants=Count("pk", filter=Q(is_active=False)),
        unfound=Count("pk", filter=Q(is_active=True, is_found=False)),
    )
    by_state = with_state(ReferenceImage.objects.order_by()).values("state").annotate(Count("pk"))
    counted = dict(by_state.values_list("state", "pk__count"))
    return Stock(
        **implants,
        **{state.value: counted.get(state, 0) for state in State},
        doubtful=with_doubts(ReferenceImage.objects.all()).count(),
    )


def proposals() -> int:
    """Proposed references that wait for a curator."""
    return ReferenceProposal.objects.filter(status=ReferenceProposal.Status.PROPOSED).count()
