"""What happens with a delivery.

With an API key Jotform is asked: a delivery only says "look", its case is held until the
submission was read. Without a key the delivery itself is believed, the newest one last.
"""

from collections.abc import Sequence

from django.conf import settings

from cases.films import IncomingImage
from cases.models import Case
from integrations.jotform.incoming import readings, submissions
from integrations.jotform.incoming.form import Submission


def take_in(*, submission: Submission, uploaded: Sequence[IncomingImage] = ()) -> Case:
    """The case of one delivery, made or brought up to date.

    With an API key the case is held and Jotform is asked, which decides what is right.
    """
    if submission.submission_id and settings.JOTFORM_API_KEY.strip():
        case = submissions.receive(submission, uploaded, hold=True).case
        readings.ask(submission_id=submission.submission_id, form_id=submission.form_id, case=case)
        return case
    if submission.submission_id and not uploaded:
        return submissions.believe(submission)
    # Files that come along are stored first, which no lock should wait for.
    received = submissions.receive(submission, uploaded)
    if submission.submission_id and not received.is_new:
        submissions.revise(received.case, submission, uploaded, is_complete=False)
    return received.case
