"""Filters of the API's lists: what cannot be understood is refused, never passed over."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

PAGE_PARAMETERS = ("skip", "limit")
TRUTH = {"true": True, "false": False}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


class StrictFilterBackend(filters.DjangoFilterBackend):
    """Refuses parameters that are unknown, repeated or, unless the filter set names them in
    `may_be_empty`, empty: a misspelled filter must not look like an answer."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: APIView) -> QuerySet:
        filterset = self.get_filterset_class(view, queryset)
        known = (*filterset.base_filters, *PAGE_PARAMETERS)
        may_be_empty = (*getattr(filterset, "may_be_empty", ()), *PAGE_PARAMETERS)
        for name, values in request.query_params.lists():
            wrong = _what_is_wrong(name, values, known=known, may_be_empty=may_be_empty)
            if wrong:
                raise ValidationError({name: [wrong]})
        return super().filter_queryset(request, queryset, view)


def _what_is_wrong(
    name: str, values: list[str], *, known: Collection[str], may_be_empty: Collection[str]
) -> str:
    if name not in known:
        return _("There is no such filter. Known: %(names)s.") % {"names": ", ".join(known)}
    if len(values) > 1:
        return _("This filter may be given only once.")
    if not values[0] and name not in may_be_empty:
        return _("Leave the filter out, or give it a value.")
    return ""


class MomentField(forms.Field):
    """A day, or a moment in ISO 8601; without a zone in the time zone of the service."""

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        moment = _moment(value)
        if moment is None:
            raise forms.ValidationError(
                _("Give a day (2031-05-04) or a moment in ISO 8601 (2031-05-04T13:30:00-03:00).")
            )
        return moment


def _moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        day = parse_date(text)
        found = datetime.combine(day, time.min) if day else parse_datetime(text)
        aware = timezone.make_aware(found) if found and timezone.is_naive(found) else found
    except ValueError:
        return None
    return aware and _in_utc(aware)


def _in_utc(moment: datetime) -> datetime:
    """PostgreSQL knows no offsets beyond 16 hours, which ISO 8601 allows."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return (
            datetime.min.replace(tzinfo=UTC)
            if moment.year == 1
            else datetime.max.replace(tzinfo=UTC)
        )


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "format": "date"},
            {"type": "string", "format": "date-time"},
        ]
    }
)
class MomentFilter(filters.Filter):
    field_class = MomentField


@extend_schema_field({"type": "boolean"})
class TruthFilter(filters.TypedChoiceFilter):
    """`true` or `false`; django-filter's own takes every other word for neither."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [(word, word) for word in TRUTH]
        super().__init__(*args, choices=choices, coerce=TRUTH.__getitem__, **kwargs)
