"""What the reviewers' queue is narrowed by, and what its search finds."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Result
from cases.teeth import is_tooth
from implants.models import Implant
from matching.confidence import Band

ALL = "all"
# Received like others, but not worked on: shown for themselves.
NO_CONSENT = "no_consent"
# What still needs somebody; few rows, so that they are counted on every visit.
OPEN: dict[str, Any] = {
    Case.Status.PENDING.value: Case.Status.PENDING.label,
    Case.Status.FAILED.value: Case.Status.FAILED.label,
    Case.Status.RECEIVED.value: Case.Status.RECEIVED.label,
    NO_CONSENT: _("waits for consent"),
}
# What goes along from case to case; the status does not: the next case always awaits review.
CARRIED = ("manufacturer", "band", "source", "q")
MAX_WORDS = 12
MAX_LENGTH = 200

_TOOTH = re.compile(r"\b(?:dente|tooth)\s*[:#]?\s*([1-8])\.?([1-8])(?!\d)", re.IGNORECASE)


def shown_results() -> QuerySet[Result]:
    """What stands for a case in a list: its first candidates, and what was approved. That of a
    fixture which is probably not in the catalogue stands for nothing."""
    is_proposed = Q(rank=1) & ~Q(finding__is_unknown=True)
    return Result.objects.filter(is_proposed | Q(approved=True))


def by_manufacturer(cases: QuerySet[Case], manufacturer: str) -> QuerySet[Case]:
    results = shown_results().filter(
        implant__manufacturer=manufacturer, finding__case_image__case=OuterRef("pk")
    )
    return cases.filter(Exists(results))


def search(cases: QuerySet[Case], text: str) -> QuerySet[Case]:
    """Cases that every word of the text fits: a number (`5`, `#5`), a tooth (`36`, `dente 36`),
    a Jotform submission, or a part of the dentist's or the patient's name or of the e-mail."""
    text = text.replace("\x00", "").replace('"', " ")
    for quadrant, position in _TOOTH.findall(text)[:MAX_WORDS]:
        cases = cases.filter(tooth=int(quadrant + position))
    for word in _TOOTH.sub(" ", text).split()[:MAX_WORDS]:
        cases = cases.filter(_word(word))
    return cases


def _word(word: str) -> Q:
    number = word.removeprefix("#")
    if word != number and number.isdecimal():
        return Q(pk=int(number))
    found = (
        Q(jotform_submission_id=word)
        | Q(dentist_name__icontains=word)
        | Q(dentist_email__icontains=word)
        | Q(patient_name__icontains=word)
    )
    if word.isdecimal():
        found |= Q(pk=int(word))
        if is_tooth(int(word)):
            found |= Q(tooth=int(word))
    return found


def carried(query: str) -> dict[str, str]:
    """The filters in a query string that go along from case to case; others are dropped."""
    asked = QueryDict(query[:2000])
    values = {name: asked.get(name, "").replace("\x00", "").strip() for name in CARRIED}
    return {name: value[:MAX_LENGTH] for name, value in values.items() if value}


def narrowed(cases: QuerySet[Case], filters: Mapping[str, str]) -> QuerySet[Case]:
    """The cases that filters (of `carried`) leave."""
    if filters.get("manufacturer"):
        cases = by_manufacturer(cases, filters["manufacturer"])
    if filters.get("band") in Band.values:
        cases = cases.filter(band=filters["band"])
    if filters.get("source") in Case.Source.values:
        cases = cases.filter(source=filters["source"])
    return search(cases, filters["q"]) if filters.get("q") else cases


def chosen_status(request: HttpRequest) -> str:
    asked = request.GET.get("status", "")
    if asked in Case.Status.values or asked in (ALL, NO_CONSENT):
        return asked
    return ALL if request.GET.get("q") else Case.Status.PENDING.value


def of_status(cases: QuerySet[Case], status: str) -> QuerySet[Case]:
    """The cases that are listed under a status, ALL or NO_CONSENT."""
    if status == ALL:
        return cases
    waiting = Q(status=Case.Status.RECEIVED, awaits_consent=True)
    if status == NO_CONSENT:
        return cases.filter(waiting)
    return cases.filter(~waiting if status == Case.Status.RECEIVED else Q(), status=status)


class StatusFilter(admin.SimpleListFilter):
    """Awaiting review unless asked otherwise; a search looks everywhere unless asked otherwise."""

    title = _("status")
    parameter_name = "status"
    template = "admin/cases/case/_filter.html"
    counts: dict[str, int]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self.counts = _counts()
        still_open = [(name, f"{OPEN[name]} ({self.counts.get(name, 0)})") for name in OPEN]
        closed = [(one.value, str(one.label)) for one in Case.Status if one not in OPEN]
        return [*still_open, *closed, (ALL, gettext("all"))]

    def value(self) -> str:
        return chosen_status(self.request)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        return of_status(queryset, self.value())

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }


def _counts() -> dict[str, int]:
    """How many cases are listed under each word of OPEN."""
    counts = dict[str, int]()
    stated = Case.objects.filter(status__in=OPEN).order_by()
    for status, waits, number in stated.values_list("status", "awaits_consent").annotate(
        number=Count("pk")
    ):
        name = NO_CONSENT if waits and status == Case.Status.RECEIVED else status
        counts[name] = counts.get(name, 0) + number
    return counts


class QueueFilter(admin.SimpleListFilter):
    """A filter of which one value, or none, is chosen."""

    template = "admin/cases/case/_filter.html"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        return narrowed(queryset, {str(self.parameter_name): self.value() or ""})

    @property
    def chosen(self) -> str:
        """The label of what is chosen; empty where that is nothing."""
        labels = {str(value): str(label) for value, label in self.lookup_choices}
        return labels.get(self.value() or "", self.value() or "")


class BandFilter(QueueFilter):
    title = _("confidence")
    parameter_name = "band"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Band.choices)


class SourceFilter(QueueFilter):
    title = _("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Case.Source.choices)


class ManufacturerFilter(QueueFilter):
    """Too many for a row of links: they are chosen from a list."""

    title = _("manufacturer")
    parameter_name = "manufacturer"
    template = "admin/cases/case/_filter_manufacturer.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Implant.objects.order_by("manufacturer").values_list("manufacturer", flat=True)
        return [(name, name) for name in names.distinct()]

    @property
    def others(self) -> list[tuple[str, str]]:
        """What else the address asks for: choosing a manufacturer keeps it."""
        dropped = (self.parameter_name, "p", "e")
        asked = self.request.GET
        return [(name, asked.get(name, "")) for name in asked if name not in dropped]
