"""Who may do what: one rule for each address of the service and each method it answers.

The table is read by `manage.py permission_matrix`, which prints it, and by the tests, which
request every line of it as everybody, and fail for an address that has none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern
from django.utils.regex_helper import normalize

ROLES = ("anonymous", "reader", "approver", "curator", "superuser")
Who = frozenset[str]
Methods = dict[str, Who]

EVERYBODY: Who = frozenset(ROLES)
STAFF: Who = EVERYBODY - {"anonymous"}
READ: Who = frozenset({"reader", "approver", "superuser"})
APPROVE: Who = frozenset({"approver", "superuser"})
CURATE: Who = frozenset({"curator", "superuser"})
OPERATE: Who = frozenset({"superuser"})
NOBODY: Who = frozenset()
# The panel shows a page also for a POST that it has nothing to do with.
METHODS = {"panel": ("GET", "POST"), "api": ("GET", "POST", "PUT", "PATCH", "DELETE")}


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver: `path` as people write it, with its parameters in braces."""

    path: str

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def door(self) -> str:
        """`panel`: by session only. `api`: by token only."""
        return "panel" if self.path.startswith("/admin/") else "api"


def get(who: Who) -> Methods:
    return {"GET": who}


def post(who: Who) -> Methods:
    return {"POST": who}


def page(who: Who, *, send: Who | None = None) -> Methods:
    """A page of the panel; `send`: who may send its form, where others may look."""
    return {"GET": who, "POST": who if send is None else send}


def button(who: Who) -> Methods:
    """What a button sends. Opened without it, the page only leads back."""
    return {"GET": STAFF, "POST": who}


def table(
    name: str, *, see: Who, add: Who = NOBODY, change: Who = NOBODY, delete: Who = NOBODY
) -> dict[str, Methods]:
    """The pages that the admin has for each kind of row. Where nobody may `change` it, a row's
    page is to be looked at, or is refused."""
    start = f"/admin/{name}/"
    return {
        start: page(see),
        f"{start}add/": page(add),
        f"{start}{{object_id}}/history/": page(see),
        f"{start}{{object_id}}/delete/": page(delete),
        f"{start}{{object_id}}/change/": page(see, send=change),
        # Leads to the page of the row, which asks for itself.
        f"{start}{{object_id}}/": {"GET": STAFF, "POST": STAFF},
    }


CASE, REFERENCE = "/admin/cases/case/", "/admin/implants/referenceimage/"

OPEN: dict[str, Methods] = {
    "/": get(EVERYBODY),
    "/ping": get(EVERYBODY),
    "/health": get(EVERYBODY),
    "/healthcheck": get(EVERYBODY),
    # To this machine, or with a token of its own.
    "/metrics": get(EVERYBODY),
    "/docs": get(EVERYBODY),
    "/openapi.json": get(EVERYBODY),
    "/termos": get(EVERYBODY),
    "/termos/{version}": get(EVERYBODY),
    "/privacidade": get(EVERYBODY),
    "/privacidade/{version}": get(EVERYBODY),
    "/implants": get(EVERYBODY),
    "/implants/{pk}": get(EVERYBODY),
    "/implants/{pk}/picture": get(EVERYBODY),
    # With a secret of their own, where one is set.
    "/jotform": post(EVERYBODY),
    "/jotform/{token}": post(EVERYBODY),
    "/webhook": post(EVERYBODY),
    "/upload": post(EVERYBODY),
    # They judge what is sent: a password, or a token.
    "/auth/token": post(EVERYBODY),
    "/auth/token/refresh": post(EVERYBODY),
    "/auth/logout": post(EVERYBODY),
}
API: dict[str, Methods] = {
    "/cases": get(READ),
    "/cases/{pk}": {"GET": READ, "DELETE": APPROVE},
    "/cases/{pk}/films/{image_id}": get(READ),
    "/cases/{pk}/approve": post(APPROVE),
    "/cases/{pk}/reject": post(APPROVE),
    "/cases/{pk}/undo": post(APPROVE),
    "/cases/{pk}/callback": post(APPROVE),
    "/privacy/erasure": post(APPROVE),
    "/privacy/erasures/{pk}": get(APPROVE),
    "/privacy/export": post(APPROVE),
}
ACCOUNT: dict[str, Methods] = {
    "/admin/login/": page(EVERYBODY),
    "/admin/login/code/": page(EVERYBODY),
    "/admin/logout/": page(EVERYBODY),
    "/admin/": page(STAFF),
    "/admin/second-step/": page(STAFF),
    "/admin/second-step/qr.svg": get(STAFF),
    "/admin/password_change/": page(STAFF),
    "/admin/password_change/done/": page(STAFF),
    "/admin/help/reviewers/": get(STAFF),
    "/admin/help/catalogue/": get(STAFF),
    "/admin/jsi18n/": page(STAFF),
    # Each asks for what it would show: nothing is offered there now.
    "/admin/autocomplete/": get(NOBODY),
    "/admin/r/{content_type_id}/{object_id}/": page(STAFF),
    "/admin/{app_label}/": page(STAFF),
    "/admin/{url}": page(STAFF),
}
CASES: dict[str, Methods] = {
    # A POST changes nothing on the pages of these rows: it shows them.
    **table("cases/case", see=READ, change=READ),
    f"{CASE}next/": get(READ),
    f"{CASE}live/": page(READ),
    f"{CASE}export/": page(APPROVE),
    f"{CASE}{{case_id}}/looking/": post(READ),
    f"{CASE}{{case_id}}/review/": page(READ),
    f"{CASE}{{case_id}}/implants/": get(APPROVE),
    f"{CASE}{{case_id}}/candidates/": get(APPROVE),
    f"{CASE}{{case_id}}/films/{{image_id}}/": get(READ),
    **{
        f"{CASE}{{case_id}}/{act}/": button(APPROVE)
        for act in (
            *("approve", "reject", "decide", "undo", "retry", "consent"),
            *("priority", "note", "propose", "mark", "unmark", "tilt"),
        )
    },
    **table("cases/rejectionreason", see=APPROVE, add=APPROVE, change=APPROVE, delete=APPROVE),
    **table("cases/erasure", see=APPROVE, change=APPROVE),
    # Leads to the page of the row, which asks for itself.
    "/admin/cases/erasure/{object_id}/history/": page(STAFF),
    "/admin/cases/erasure/erase/": page(APPROVE),
    **table("cases/caseaccess", see=OPERATE),
    **table("cases/auditevent", see=OPERATE),
    **table("integrations/resultreturn", see=READ),
    "/admin/integrations/resultreturn/{return_id}/send-again/": page(APPROVE),
}
CATALOGUE: dict[str, Methods] = {
    **table("implants/implant", see=STAFF, add=CURATE, change=CURATE, delete=OPERATE),
    "/admin/implants/implant/{implant_id}/references/": post(CURATE),
    "/admin/implants/implant/import/": page(CURATE),
    "/admin/implants/implant/import/confirm/": post(CURATE),
    "/admin/implants/implant/export/": get(STAFF),
    **table("implants/referenceimage", see=STAFF, change=CURATE, delete=CURATE),
    f"{REFERENCE}drop/": get(CURATE),
    f"{REFERENCE}drop/assign/": post(CURATE),
    f"{REFERENCE}states/": get(STAFF),
    f"{REFERENCE}{{reference_id}}/crop/": page(CURATE),
    f"{REFERENCE}{{reference_id}}/file/": get(STAFF),
    **table("cases/referenceproposal", see=CURATE, change=CURATE),
    "/admin/cases/referenceproposal/{object_id}/history/": page(STAFF),
    "/admin/cases/referenceproposal/{proposal_id}/picture/": get(CURATE),
    "/admin/cases/referenceproposal/{proposal_id}/accept/": page(CURATE),
    "/admin/cases/referenceproposal/{proposal_id}/decline/": page(CURATE),
    "/admin/cases/referenceproposal/possible/": page(APPROVE),
    "/admin/cases/referenceproposal/confused/": get(CURATE),
}
MACHINE: dict[str, Methods] = {
    **table("auth/user", see=OPERATE, add=OPERATE, change=OPERATE, delete=OPERATE),
    "/admin/auth/user/{id}/password/": page(OPERATE),
    **table("auth/group", see=OPERATE, add=OPERATE, change=OPERATE, delete=OPERATE),
    **table("axes/accessattempt", see=OPERATE, delete=OPERATE),
    **table("integrations/jotformdelivery", see=OPERATE),
    **table("integrations/jotformsubmission", see=OPERATE),
    **table("integrations/jotformpoll", see=OPERATE),
    **table("integrations/staffnotice", see=OPERATE),
    **table("django_q/success", see=OPERATE, change=OPERATE, delete=OPERATE),
    **table("django_q/failure", see=OPERATE, change=OPERATE, delete=OPERATE),
    **table("django_q/schedule", see=OPERATE, change=OPERATE, delete=OPERATE),
    **table("django_q/ormq", see=OPERATE, change=OPERATE, delete=OPERATE),
}
RULES: dict[str, Methods] = {**OPEN, **API, **ACCOUNT, **CASES, **CATALOGUE, **MACHINE}


def addresses(resolver: URLResolver | None = None, start: str = "/") -> Iterator[Address]:
    """Every address that the resolver knows."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = start + _readable(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield Address(path)
        else:
            yield from addresses(pattern, path)


def _readable(pattern: Any) -> str:
    """`^cases/(?P<pk>…)/?$` and `cases/<int:pk>` both as `cases/{pk}`."""
    if isinstance(pattern, RegexPattern):
        ((text, names),) = normalize(str(pattern))
        return str(text % {name: f"{{{name}}}" for name in names})
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern))
