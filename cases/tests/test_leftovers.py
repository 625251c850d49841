"""Rows beside the cases go when they are too old, and no others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django_q.models import OrmQ
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from cases import leftovers, records
from cases.models import AuditEvent, Case, CaseAccess, CaseEvent, Presence
from cases.tests.making_cases import make_case
from cases.tests.old_rows import NOW, OLD, old_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(approver: Any) -> dict[str, Callable[[Any], Any]]:
    """Store → how to make a row of it that is as old as a moment."""
    case = make_case([], dentist_email="")

    def task(at: Any) -> None:
        old_tasks(1, at=at)

    def login(model: Any) -> Callable[[Any], None]:
        def make_one(at: Any) -> None:
            said = {"username": f"u{at}", "ip_address": "127.0.0.1", "user_agent": str(at)}
            row = model.objects.create(
                **said, **({"failures_since_start": 1} if model is AccessAttempt else {})
            )
            model.objects.filter(pk=row.pk).update(attempt_time=at)

        return make_one

    def record(model: Any, **fields: Any) -> Callable[[Any], None]:
        def make_one(at: Any) -> None:
            row = model.objects.create(**fields)
            with records.unlocked():
                model.objects.filter(pk=row.pk).update(created_at=at)

        return make_one

    def token(at: Any) -> None:
        made = OutstandingToken.objects.create(jti=str(at), token="eyJ", expires_at=at)
        BlacklistedToken.objects.create(token=made)

    def logged(at: Any) -> None:
        kind = ContentType.objects.get_for_model(Case)
        row = LogEntry.objects.create(
            user=approver, content_type=kind, object_id="1", object_repr="#1", action_flag=1
        )
        LogEntry.objects.filter(pk=row.pk).update(action_time=at)

    hour = iter(range(1000))
    access = {"case": case, "how": "page"}
    return {
        "tasks": task,
        "stuck tasks": lambda at: OrmQ.objects.create(key="raiox", payload="x", lock=at),
        "accessattempt": login(AccessAttempt),
        "accessfailurelog": login(AccessFailureLog),
        "accesslog": login(AccessLog),
        "sessions": lambda at: Session.objects.create(
            session_key=str(at), session_data="x", expire_date=at
        ),
        "tokens": token,
        "presences": lambda at: Presence.objects.update_or_create(
            case=make_case([]), user=approver, defaults={"seen_at": at}
        ),
        "history": record(CaseEvent, case=case, what="noted"),
        "accesses": lambda at: record(CaseAccess, **access, hour=NOW + timedelta(hours=next(hour)))(
            at
        ),
        "audit": record(AuditEvent, what="test"),
        "admin log": logged,
    }


@pytest.mark.parametrize("name", [store.name for store in leftovers.OWN])
def test_old_rows_go_and_younger_ones_stay(
    rows: dict[str, Callable[[Any], Any]], settings: Any, name: str
) -> None:
    settings.RAIOX_ACCESS_LOG_DAYS = 90
    store = next(one for one in leftovers.OWN if one.name == name)
    limits = leftovers.limits(at=NOW)
    model = store.old(limits).model
    start = model.objects.count()
    rows[name](OLD)
    rows[name](NOW + timedelta(minutes=1))
    assert leftovers.count(limits)[name] == 1
    gone, is_done = leftovers.purge(limits)
    assert (gone[name], is_done) == (1, True)
    assert model.objects.count() == start + 1
    assert not leftovers.count(limits)[name]
