"""What the first page of the panel shows: to each person the part that they may see."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.utils import timezone

from raiox_site.dashboard import agreement, catalogue, desk, reliability
from raiox_site.dashboard.agreement import Report
from raiox_site.dashboard.catalogue import Stock
from raiox_site.dashboard.desk import Day, Decisions, Undelivered, Waiting
from raiox_site.dashboard.reliability import Reliability


@dataclass(frozen=True)
class Dashboard:
    """A part is None (or empty) where its reader has no permission for it."""

    waiting: Waiting | None = None
    decisions: Decisions | None = None
    days: tuple[Day, ...] = ()
    undelivered: Undelivered | None = None
    report: Report | None = None
    reliability: Reliability | None = None
    stock: Stock | None = None
    proposals: int | None = None


def of(
    user: PermissionsMixin | AbstractBaseUser | AnonymousUser, *, at: datetime | None = None
) -> Dashboard:
    """The numbers at a moment (now); the number of queries does not grow with the data."""
    at = at or timezone.now()
    may = user.has_perm  # type: ignore[union-attr]
    sees_cases = may("cases.view_case")
    return Dashboard(
        waiting=desk.waiting() if sees_cases else None,
        decisions=desk.decisions(at=at) if sees_cases else None,
        days=desk.per_day(at=at) if sees_cases else (),
        report=agreement.report(at=at) if sees_cases else None,
        reliability=reliability.reliability() if sees_cases else None,
        undelivered=desk.undelivered() if may("integrations.view_resultreturn") else None,
        stock=catalogue.stock() if may("implants.view_implant") else None,
        proposals=catalogue.proposals() if may("cases.view_referenceproposal") else None,
    )
