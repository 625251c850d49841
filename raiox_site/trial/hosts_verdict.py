"""Whether several hosts did everything exactly once."""

from collections import Counter
from collections.abc import Collection

from django.db.models import Count
from django_q.models import OrmQ, Task

from cases.models import Case, CaseEvent, CaseImage
from integrations.models import JotformDelivery
from raiox_site.trial import verdict
from raiox_site.trial.evidence import Evidence
from raiox_site.trial.plan import Plan
from raiox_site.trial.summary import Row
from raiox_site.trial.verdict import Findings

# While PostgreSQL is restarted a door says so; nobody gets to see an error of ours.
ALLOWED = frozenset({200, 409, 503})
# Also on a machine that is so busy that loading the encoder takes a minute.
OUTAGES = ("OperationalError", "InterfaceError", "LockLost", "maximum timeout")
What = CaseEvent.What
ONCE = {"received": [What.RECEIVED], "matched": [What.MATCHED], "answered": [What.ANSWER_SENT]}
ONCE |= {"decided": [What.APPROVED, What.REJECTED]}
CHECKS = [
    verdict.came_to_rest,
    verdict.one_case_each,
    verdict.cases_say_what_jotform_says,
    verdict.every_case_is_decided,
    verdict.every_decision_is_confirmed,
    verdict.jotform_shows_the_last_decision,
    verdict.no_decision_is_written_twice,
    verdict.every_delivery_is_accepted_and_stored,
]


def violations(evidence: Evidence, stored: Collection[str]) -> list[str]:
    """`stored` are the names of what the bucket holds."""
    found = [finding for check in CHECKS for finding in check(evidence)]
    for check in OWN_CHECKS:
        found += check(evidence)
    return [*found, *every_film_is_there(stored)]


def everything_happened_once(evidence: Evidence) -> Findings:
    for name, kinds in ONCE.items():
        counted = Case.objects.filter(events__what__in=kinds).annotate(times=Count("events"))
        times = dict(counted.values_list("jotform_submission_id", "times"))
        for submission_id in evidence.submissions:
            if times.get(submission_id, 0) != 1:
                yield f"{submission_id} was {name} {times.get(submission_id, 0)} times"


def every_answer_was_sent_once(evidence: Evidence) -> Findings:
    edits = Counter(one.path.rpartition("/")[2] for one in evidence.desk.standin.edits())
    for submission_id in evidence.submissions:
        if edits[submission_id] != 1:
            yield f"the answer to {submission_id} was sent {edits[submission_id]} times"


def nobody_got_an_error(evidence: Evidence) -> Findings:
    for status, count in sorted((evidence.answers + evidence.decisions).items()):
        if status and status not in ALLOWED:
            yield f"{count} requests were answered with {status}"


def every_task_came_to_an_end(evidence: Evidence) -> Findings:
    """A task that PostgreSQL was taken away from, or its time, fails and is repeated; none for
    other reasons."""
    if left := OrmQ.objects.count():
        yield f"{left} tasks are left in the queue"
    for task in Task.objects.filter(success=False):
        lines = str(task.result or "no reason given").strip().splitlines()
        if not any(name in line for line in lines for name in OUTAGES):
            yield f"the task {task.func} failed: {lines[-1]}"


OWN_CHECKS = (
    everything_happened_once,
    every_answer_was_sent_once,
    every_task_came_to_an_end,
    nobody_got_an_error,
)


def every_film_is_there(stored: Collection[str]) -> Findings:
    for name, thumbnail in CaseImage.objects.values_list("file", "thumbnail"):
        for one in filter(None, (name, thumbnail)):
            if one not in stored:
                yield f"the bucket lacks {one}"


def rows(plan: Plan, evidence: Evidence) -> list[Row]:
    happened = dict(CaseEvent.objects.values_list("what").annotate(Count("pk")))
    return [
        ("cases sent", str(len(plan.submissions))),
        ("  deliveries", str(len(plan.deliveries))),
        ("  attempts", str(evidence.answers.total())),
        ("  stored", str(JotformDelivery.objects.count())),
        ("cases", str(happened.get(What.RECEIVED, 0))),
        ("  matched", str(happened.get(What.MATCHED, 0))),
        ("  approved", str(happened.get(What.APPROVED, 0))),
        ("  rejected", str(happened.get(What.REJECTED, 0))),
        ("answers confirmed", str(happened.get(What.ANSWER_SENT, 0))),
        ("  written at Jotform", str(len(evidence.desk.standin.edits()))),
        ("calls of the API and files", str(len(evidence.desk.standin.requests))),
    ]
