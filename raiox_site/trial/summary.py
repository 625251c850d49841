"""What happened in a trial, in figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count

from cases.models import CaseEvent
from integrations.models import JotformDelivery, ResultReturn
from raiox_site.trial.evidence import Evidence
from raiox_site.trial.plan import Plan

Row = tuple[str, str]


@dataclass(frozen=True)
class Outcome:
    """What happened, and what of it is not as it must be."""

    rows: list[Row]
    violations: list[str]


def of_sending(plan: Plan, evidence: Evidence) -> list[Row]:
    return [
        ("submissions", str(len(plan.submissions))),
        ("  of these never delivered", str(len(plan.lost))),
        ("deliveries", str(len(plan.deliveries))),
        ("  attempts", str(evidence.answers.total())),
        ("  webhooks fired by our own edits", str(len(evidence.desk.standin.webhook_statuses))),
        ("  stored", str(JotformDelivery.objects.count())),
        ("edits by dentists", str(len(plan.edits))),
        ("  of submissions", str(len({edit.submission_id for edit in plan.edits}))),
    ]


def of_cases(evidence: Evidence) -> list[Row]:
    What = CaseEvent.What
    happened = dict(CaseEvent.objects.values_list("what").annotate(Count("pk")))
    return [
        ("cases", str(happened.get(What.RECEIVED, 0))),
        ("  changed by the sender", str(happened.get(What.UPDATED, 0))),
        ("approvals", str(happened.get(What.APPROVED, 0))),
        ("rejections", str(happened.get(What.REJECTED, 0))),
        ("  decisions refused with 409", str(evidence.decisions[409])),
        ("reopened", str(happened.get(What.REOPENED, 0))),
        ("answers confirmed", str(happened.get(What.ANSWER_SENT, 0))),
        ("  given up", str(happened.get(What.ANSWER_FAILED, 0))),
        ("  withdrawn", str(_answers(ResultReturn.Status.WITHDRAWN))),
        ("edits by us", str(len(evidence.desk.standin.edits()))),
        ("calls of the API and files", str(len(evidence.desk.standin.requests))),
    ]


def of_harm(killed: Mapping[str, int], injected: Mapping[str, int]) -> list[Row]:
    return [
        ("kills", str(sum(killed.values()))),
        *((f"  {way}", str(count)) for way, count in killed.items()),
        ("failures of Jotform", str(sum(injected.values()))),
        *((f"  {what}", str(count)) for what, count in sorted(injected.items())),
    ]


def _answers(status: ResultReturn.Status) -> int:
    return ResultReturn.objects.filter(status=status).count()
