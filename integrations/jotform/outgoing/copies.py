"""A copy of each answer for another service, without anything about a person."""

import json
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError

from cases.models import Case
from integrations.deadline import total_deadline
from integrations.jotform.client import JotformError
from integrations.jotform.limits import named_time
from integrations.jotform.outgoing.identified import Fixture, Identified, fixtures, identified
from integrations.models import ResultReturn

TIMEOUT = (3.0, 10.0)
DEADLINE_SECONDS = 15.0
PASSING = frozenset({408, 425, 429})


class CopyError(JotformError):
    """The receiver did not take its copy."""


def deliver(row: ResultReturn) -> None:
    """Post the copy; a receiver that sees its Idempotency-Key again has it already.

    Raises CopyError.
    """
    url = settings.JOTFORM_COPY_URL
    if not _is_safe(url):
        raise CopyError(_("Copies are sent by https only."), permanent=True)
    response = _post(url, json.dumps(content(row.case)).encode(), _headers(row))
    if not 200 <= response.status_code < 300:
        raise _refusal(response)


def content(case: Case) -> dict[str, Any]:
    """What the receiver gets: no names, no e-mail, no free text."""
    found = identified(case) if case.status == Case.Status.APPROVED else []
    return {
        "submissionID": case.jotform_submission_id or "",
        "formID": case.form_id,
        "status": case.status,
        "outcome": case.outcome,
        "decided_at": case.decided_at.isoformat() if case.decided_at else None,
        "implants": [_implant(one) for one in found],
        "fixtures": [_fixture(one) for one in fixtures(case)],
    }


def _fixture(fixture: Fixture) -> dict[str, Any]:
    """An empty list of implants where it was not identified; several: it is one of these."""
    return {
        "outcome": fixture.outcome,
        "tooth": fixture.tooth,
        "implants": [_implant(one) for one in fixture.implants],
    }


def _implant(one: Identified) -> dict[str, Any]:
    implant = one.implant
    return {
        "id": implant.pk,
        "manufacturer": implant.manufacturer,
        "name": implant.name,
        "type": implant.type,
        "diameter_mm": float(implant.diameter_mm) if implant.diameter_mm else None,
        "length_mm": float(implant.length_mm) if implant.length_mm else None,
        "confidence": one.confidence.value,
    }


def _headers(row: ResultReturn) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": f"raiox-{row.case.jotform_submission_id}-{row.case_id}-{row.revision}",
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> requests.Response:
    """Only status and headers of the answer count."""
    try:
        with requests.Session() as session, total_deadline(session, DEADLINE_SECONDS):
            return session.post(
                url,
                data=body,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        # The cause may quote the address, and that a secret.
        kind = type(error).__name__
        raise CopyError(
            _("The receiver of copies did not answer (%(kind)s).") % {"kind": kind},
            permanent=False,
        ) from None


def _refusal(response: requests.Response) -> CopyError:
    code = response.status_code
    return CopyError(
        _("The receiver of copies answered with error %(code)d.") % {"code": code},
        permanent=400 <= code < 500 and code not in PASSING,
        retry_at=named_time(response.headers.get("Retry-After", "")),
    )


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can read it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
