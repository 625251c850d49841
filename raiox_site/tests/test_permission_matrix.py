"""Every address of the service, requested as everybody, against the table of rules."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import path as url
from django.urls import reverse

from cases import review
from cases.models import AuditEvent, Case, CaseAccess, Erasure, ReferenceProposal, RejectionReason
from raiox_site.access.rules import METHODS, ROLES, RULES, Address, addresses
from raiox_site.tests.browser import stock

ALL = sorted(set(addresses()), key=lambda one: one.path)


def missing(found: list[Address]) -> list[str]:
    return [one.path for one in found if one.path not in RULES]


def test_every_address_has_a_rule() -> None:
    assert not missing(ALL), (
        "These addresses have no rule in raiox_site/access/rules.py. Say there who may do what: "
        + ", ".join(missing(ALL))
    )


def test_an_address_that_is_new_is_noticed() -> None:
    from django.urls import URLResolver
    from django.urls.resolvers import RegexPattern

    added = [url("cases/<int:pk>/new/", lambda request, pk: None)]
    resolver = URLResolver(RegexPattern(r"^"), added)  # type: ignore[arg-type]
    assert missing(list(addresses(resolver))) == ["/cases/{pk}/new/"]


def test_no_rule_is_about_an_address_that_is_gone() -> None:
    assert set(RULES) <= {one.path for one in ALL}


def test_the_table_can_be_printed() -> None:
    printed = StringIO()
    call_command("permission_matrix", stdout=printed)
    assert "| `/cases/{pk}` | DELETE | – | – | yes | – | yes |" in printed.getvalue()


@pytest.fixture
def people(make_user: Callable[..., Any]) -> dict[str, User]:
    made = {role: make_user(role) for role in ("reader", "approver", "curator")}
    return {**made, "superuser": make_user(username="chefe", is_superuser=True)}


@pytest.fixture
def rows(catalogue: list[Any], people: dict[str, User]) -> dict[str, Any]:
    """One row of each kind that an address can name; by the model's name, and what is named by
    a parameter alone."""
    from axes.models import AccessAttempt
    from django_q.models import Failure, OrmQ, Schedule, Success

    from integrations.models import (
        JotformDelivery,
        JotformPoll,
        JotformSubmission,
        ResultReturn,
        StaffNotice,
    )

    case, decided = stock.add_case(0), stock.add_case(1)
    stock.mark(case)
    review.reject(case_id=decided.pk, reason="blurred", reviewer=people["approver"])
    finding = case.images.get().findings.get()
    task = {"func": "f", "started": case.created_at, "stopped": case.created_at}
    made = {
        "case": case,
        "rejectionreason": RejectionReason.objects.create(label="one", text="text"),
        "erasure": Erasure.objects.create(basis="case", case_ids=[1]),
        "caseaccess": CaseAccess.objects.create(case=case, how="page", hour=case.created_at),
        "auditevent": AuditEvent.objects.create(what="test"),
        "resultreturn": ResultReturn.objects.create(case=decided, channel="jotform"),
        "referenceproposal": ReferenceProposal.objects.create(
            finding=finding, implant=catalogue[0], proposed_by=people["approver"]
        ),
        "implant": catalogue[0],
        "referenceimage": catalogue[0].references.first(),
        "user": people["reader"],
        "group": people["reader"].groups.get(),
        "accessattempt": AccessAttempt.objects.create(
            username="x", ip_address="192.0.2.1", failures_since_start=1
        ),
        "jotformdelivery": JotformDelivery.objects.create(),
        "jotformsubmission": JotformSubmission.objects.create(submission_id="1", form_id="2"),
        "jotformpoll": JotformPoll.objects.create(),
        "staffnotice": StaffNotice.objects.create(kind="pending", channel="email", case=case),
        "success": Success.objects.create(id="a", name="a", success=True, **task),
        "failure": Failure.objects.create(id="b", name="b", success=False, **task),
        "schedule": Schedule.objects.create(func="f"),
        "ormq": OrmQ.objects.create(key="k", payload=""),
    }
    return {**made, "image": case.images.get(), "finding": finding, "decided": decided}


def address_of(one: Address, rows: dict[str, Any]) -> str:
    """The address with the numbers of rows that are there."""
    known = {
        "object_id": rows.get(one.path.split("/{")[0].rpartition("/")[2]),
        "pk": rows["implant" if "implants" in one.path else "case"],
        "id": rows["user"],
        "case_id": rows["case"],
        "image_id": rows["image"],
        "implant_id": rows["implant"],
        "reference_id": rows["referenceimage"],
        "proposal_id": rows["referenceproposal"],
        "return_id": rows["resultreturn"],
    }
    if one.path.startswith("/privacy/"):
        known["pk"] = rows["erasure"]
    values: dict[str, Any] = {name: row.pk for name, row in known.items() if row is not None}
    if "content_type_id" in one.path:
        values["content_type_id"] = ContentType.objects.get_for_model(Case).pk
        values["object_id"] = rows["case"].pk
    values |= {"version": 1, "token": "x", "app_label": "cases", "url": "nothing-here"}
    return one.path.format(**values)


def body_of(one: Address, rows: dict[str, Any]) -> dict[str, Any]:
    """What an allowed request needs in order to be taken seriously."""
    result = rows["finding"].results.first()
    approval = {"implant_ids": [result.implant_id]}
    return {
        "/cases/{pk}/approve": approval,
        "/cases/{pk}/reject": {"reason": "blurred"},
        "/privacy/erasure": {"case_id": rows["case"].pk},
        "/privacy/export": {"case_id": rows["case"].pk},
        "/admin/cases/case/{case_id}/note/": {"note": "text"},
        "/admin/cases/case/{case_id}/priority/": {"priority": "1"},
        "/admin/cases/case/{case_id}/reject/": {"reason": "blurred"},
    }.get(one.path, {})


@contextmanager
def undone() -> Iterator[None]:
    """What a request changed does not stay for the next one."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def send(client: Client, one: Address, method: str, rows: dict[str, Any]) -> Any:
    is_piece = method == "GET" and one.path.endswith(("/implants/", "/candidates/"))
    query = f"?finding={rows['finding'].pk}" if is_piece else ""
    kind = {} if one.door == "panel" else {"content_type": "application/json"}
    call = getattr(client, method.lower())
    body = body_of(one, rows) if method == "POST" else {}
    data = {} if method == "GET" else {"data": body, **kind}
    return call(address_of(one, rows) + query, **data)


def is_refused(answer: Any) -> bool:
    if answer.status_code == 302:
        return str(answer["Location"]).startswith(reverse("admin:login") + "?")
    return answer.status_code in (401, 403)


# Without a key that is being set up, a page of the row's own, or a page at all.
NOTHING_THERE = (
    "/admin/second-step/qr.svg",
    "/admin/r/{content_type_id}/{object_id}/",
    "/admin/{url}",
)


def problem(one: Address, method: str, role: str, answer: Any) -> str:
    """What is wrong with the answer; empty when it is as the rule says."""
    who = RULES[one.path].get(method)
    told = f"{method} {one.path} as {role}: {answer.status_code}"
    # Without a worker, the service says that it is not well.
    if answer.status_code >= 500 and one.path != "/health":
        return f"{told}, an error of ours"
    if who is None:
        is_closed = is_refused(answer) or answer.status_code in (404, 405, 415)
        return "" if is_closed else f"{told}, although no rule says that there is such a method"
    if role in who and (is_refused(answer) and not one.path.startswith("/auth/")):
        return f"{told}, although the rule lets {role} in"
    is_found = answer.status_code not in (400, 404) or one.path in NOTHING_THERE
    if role in who and method == "GET" and not is_found:
        return f"{told}, although there is such a row"
    if role not in who and not is_refused(answer):
        return f"{told}, although the rule lets only {', '.join(sorted(who)) or 'nobody'} in"
    return ""


def order(pair: tuple[Address, str]) -> tuple[bool, str]:
    """What takes films away comes last: files do not come back with the rows."""
    one, method = pair
    return (method == "DELETE" or "erasure" in one.path, one.path)


REQUESTS = sorted(((one, method) for one in ALL for method in METHODS[one.door]), key=order)


@pytest.mark.parametrize("door", ["panel", "api"])
@pytest.mark.parametrize("role", ROLES)
def test_every_rule_holds(
    role: str,
    door: str,
    rows: dict[str, Any],
    people: dict[str, User],
    bearer: Callable[[Any], dict[str, str]],
) -> None:
    """`door`: logged in by a session of the panel, or with a token. The one is worth nothing at
    the other's addresses: there its holder counts as nobody."""
    client = Client(headers=bearer(people[role]) if door == "api" and role in people else None)
    if door == "panel" and role in people:
        client.force_login(people[role])
    cookies = client.cookies.output()
    problems = []
    for one, method in REQUESTS:
        if one.path not in RULES:
            continue
        client.cookies.load(cookies.replace("Set-Cookie: ", ""))
        with undone():
            answer = send(client, one, method, rows)
        problems.append(problem(one, method, role if one.door == door else "anonymous", answer))
    assert not any(problems), "\n" + "\n".join(filter(None, problems))
