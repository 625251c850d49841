"""The list of implants: what it shows of the references, in a bounded number of queries."""

from collections import Counter
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from implants.models import Implant, ReferenceImage
from implants.reference_state import Doubt, State, with_doubts, with_state


class ImplantList(ChangeList):
    """Hangs onto each implant of the page: `picture_id`, `states` (State → how many) and
    `doubtful` (how many references have warnings)."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        implants = list(self.result_list)
        references = ReferenceImage.objects.filter(implant__in=implants).order_by()
        pictures = _pictures(references)
        states = _counted(with_state(references), "state")
        doubtful = Counter(with_doubts(references).values_list("implant_id", flat=True))
        for implant in implants:
            implant.picture_id = pictures.get(implant.pk)
            implant.states = states.get(implant.pk, {})
            implant.doubtful = doubtful[implant.pk]
        self.result_list = implants


def _pictures(references: QuerySet[ReferenceImage]) -> dict[int, int]:
    """The first usable reference of each implant."""
    first = references.filter(error="").order_by("implant_id", "-is_active", "pk")
    return dict(first.distinct("implant_id").values_list("implant_id", "pk"))


def _counted(references: QuerySet[Any], name: str) -> dict[int, dict[str, int]]:
    counted: dict[int, dict[str, int]] = {}
    for implant, word, number in references.values_list("implant_id", name).annotate(Count("pk")):
        counted.setdefault(implant, {})[word] = number
    return counted


class ChosenByReferences(admin.SimpleListFilter):
    """Implants by what their references are."""

    title = _("references")
    parameter_name = "references"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [
            (State.SEARCHABLE, _("with a searchable one")),
            ("unfound", _("without a searchable one")),
            (State.WAITING, _("with one being prepared")),
            (State.UNUSABLE, _("with one that is not searched")),
            ("doubtful", _("with warnings")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Implant]) -> QuerySet[Implant]:
        own: QuerySet[Any] = ReferenceImage.objects.filter(implant=OuterRef("pk"))
        match self.value():
            case None:
                return queryset
            case "unfound":
                return queryset.exclude(Exists(with_state(own).filter(state=State.SEARCHABLE)))
            case "doubtful":
                return queryset.filter(Exists(with_doubts(own)))
            case wanted:
                return queryset.filter(Exists(with_state(own).filter(state=wanted)))


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(state.value, state.label) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() else queryset


class DoubtFilter(admin.SimpleListFilter):
    title = _("warnings")
    parameter_name = "warning"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        words = [(doubt.value, doubt.label) for doubt in Doubt]
        return [("any", _("with warnings")), *words]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ReferenceImage]
    ) -> QuerySet[ReferenceImage]:
        if self.value() is None:
            return queryset
        if self.value() == "any":
            return with_doubts(queryset)
        return queryset.filter(warnings__contains=[self.value()])
