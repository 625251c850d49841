"""Writing an answer into its submission at Jotform, and reading it back."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from cases.models import Case
from integrations.jotform import answer, readings
from integrations.jotform.client import JotformClient, JotformError
from integrations.models import JotformSubmission, ResultReturn


def deliver(row: ResultReturn) -> None:
    """Write the answer, unless an earlier attempt got that far and Jotform shows it already;
    then make sure that it shows. Raises JotformError.

    Our own edit changes the version of the submission, which is read once more for that: the
    sender may have edited in the same moment, and only its films would tell.
    """
    client = JotformClient(settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY)
    submission_id = str(row.case.jotform_submission_id)
    before = client.read_submission(submission_id)
    _refuse_wrong(row.case, before)
    fields = answer.fields(row.case, before)
    if not answer.not_shown(fields, before):
        return
    _refuse_edited(row.case, before)
    client.edit_submission(
        submission_id, fields, marks=answer.marks(), transport=settings.JOTFORM_TRANSPORT
    )
    # Numbers that the form does not have are dropped in silence, with status 200.
    if lost := answer.not_shown(fields, client.read_submission(submission_id)):
        raise JotformError(
            _("Jotform took the answer but does not show it in field %(fields)s.")
            % {"fields": ", ".join(lost)},
            permanent=False,
        )


def _refuse_wrong(case: Case, submission: Mapping[str, Any]) -> None:
    form_id = str(submission.get("form_id", ""))
    if str(submission.get("status", "")).upper() == "DELETED":
        raise JotformError(_("The submission was deleted at Jotform."), permanent=True)
    if case.form_id and form_id and case.form_id != form_id:
        raise JotformError(_("The submission belongs to another form at Jotform."), permanent=True)


def _refuse_edited(case: Case, submission: dict[str, Any]) -> None:
    """The sender changed something that was not taken in yet: perhaps the films, and then this
    answer is none to them."""
    known = JotformSubmission.objects.filter(submission_id=case.jotform_submission_id).first()
    if known is None or known.version in ("", readings.version_of(submission)):
        return
    if known.asked == known.read:
        readings.ask(submission_id=known.submission_id, form_id=known.form_id, case=case)
    raise JotformError(
        _("The submission was edited at Jotform: the changes are taken in first."),
        permanent=False,
    )
