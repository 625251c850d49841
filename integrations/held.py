"""What this layer holds about the person behind a case, for the copy that the person gets."""

from django.db.models import Q

from cases.erasers import Wanted
from cases.held import Holder, Row, also_held, columns
from cases.models import Case
from integrations.jotform.incoming import inbox
from integrations.models import JotformDelivery, JotformSubmission, ResultReturn, StaffNotice


def of_case(case: Case) -> dict[str, list[Row]]:
    # A repeated delivery may not have been tied to its case.
    theirs = Q(case=case)
    if case.jotform_submission_id:
        theirs |= Q(submission_id=case.jotform_submission_id)
    deliveries = JotformDelivery.objects.filter(theirs)
    return {
        "deliveries": [
            columns(row) for row in deliveries.order_by("pk") if inbox.is_about(row, case)
        ],
        "jotform": [columns(row) for row in JotformSubmission.objects.filter(case=case)],
        "answers": [columns(row) for row in ResultReturn.objects.filter(case=case)],
        "notices": [columns(row) for row in StaffNotice.objects.filter(case=case)],
    }


def of_person(wanted: Wanted) -> dict[str, list[Row]]:
    return {"deliveries_without_case": [columns(row) for row in inbox.left_of(wanted)]}


also_held(Holder(of_case=of_case, of_person=of_person))
