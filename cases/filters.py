"""What the list of cases can be asked for."""

from django.core.validators import RegexValidator
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from cases.models import Case, Finding
from cases.teeth import is_tooth
from implants.filters import MomentFilter, TruthFilter
from matching.confidence import Band

TEETH = [(number, str(number)) for number in range(11, 86) if is_tooth(number)]


SUBMISSION = r"^[A-Za-z0-9_-]{1,32}$"


@extend_schema_field({"type": "string", "pattern": SUBMISSION})
class SubmissionFilter(filters.CharFilter):
    """The number that Jotform gave a submission."""

    def __init__(self, **kwargs: object) -> None:
        form = [RegexValidator(SUBMISSION)]
        super().__init__(field_name="jotform_submission_id", validators=form, **kwargs)


class CaseFilter(filters.FilterSet):
    """All filters narrow; a range takes its beginning in and leaves its end out."""

    status = filters.ChoiceFilter(choices=Case.Status.choices)
    source = filters.ChoiceFilter(choices=Case.Source.choices)
    priority = filters.ChoiceFilter(choices=Case.Priority.choices)
    band = filters.ChoiceFilter(choices=Band.choices)
    outcome = filters.ChoiceFilter(choices=Finding.Outcome.choices)
    tooth = filters.ChoiceFilter(choices=TEETH, label="An FDI number.")
    awaits_consent = TruthFilter(label="Whether the case waits for its consent.")
    submission = SubmissionFilter()
    jotform_submission_id = SubmissionFilter()
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    decided_after = MomentFilter(field_name="decided_at", lookup_expr="gte")
    decided_before = MomentFilter(field_name="decided_at", lookup_expr="lt")

    class Meta:
        model = Case
        fields: tuple[str, ...] = ()
