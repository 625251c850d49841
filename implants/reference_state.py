"""What is to be known of a reference beside its facts: is it searched, and is it doubtful?"""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import BooleanField, Case, CharField, Q, QuerySet, TextChoices, Value, When
from django.db.models.expressions import Combinable
from django.utils.translation import gettext_lazy as _

from implants.models import ReferenceImage


class State(TextChoices):
    SEARCHABLE = "searchable", _("searchable")
    WAITING = "waiting", _("being prepared")
    UNUSABLE = "unusable", _("not searched")
    INACTIVE = "inactive", _("inactive")


class Doubt(TextChoices):
    """The codes in `ReferenceImage.warnings`."""

    TOO_SMALL = "too_small", _("few pixels")
    STRETCHED = "stretched", _("looks stretched")
    LOW_CONTRAST = "low_contrast", _("little contrast")
    SEVERAL_FIXTURES = "several_fixtures", _("several fixtures, none marked")
    NOT_RADIOGRAPH = "not_radiograph", _("may not be a radiograph")
    TWIN = "twin", _("like one of another manufacturer")


def _nothing_is_indexed() -> Combinable:
    return Value(False, output_field=BooleanField())


_has_vector: Callable[[], Combinable] = _nothing_is_indexed


def indexed_by(has_vector: Callable[[], Combinable]) -> None:
    """The layer that searches tells here which references it can find: `has_vector()` is a
    condition on a row of ReferenceImage (as `OuterRef("pk")`)."""
    global _has_vector
    _has_vector = has_vector


def with_state(references: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate `state`, a value of State."""
    return references.annotate(
        state=Case(
            When(Q(is_active=False) | Q(implant__is_active=False), then=Value(State.INACTIVE)),
            When(~Q(error=""), then=Value(State.UNUSABLE)),
            When(_has_vector(), then=Value(State.SEARCHABLE)),
            default=Value(State.WAITING),
            output_field=CharField(),
        )
    )


def with_doubts(references: QuerySet[ReferenceImage]) -> QuerySet[ReferenceImage]:
    return references.exclude(warnings=None).exclude(warnings=[])


def doubts_in_words(codes: Iterable[str] | None) -> list[str]:
    """Codes that are not known any more say nothing."""
    known = {doubt.value: doubt for doubt in Doubt}
    return [str(known[code].label) for code in codes or () if code in known]
