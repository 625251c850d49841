"""schemathesis against the running service, once in each role: what is answered is what the
description of the API says, and nothing that is sent makes the service fail.

RAIOX_CONTRACT_EXAMPLES says how many requests are made up for each operation in each phase; a
longer run: `RAIOX_CONTRACT_EXAMPLES=200 deploy/dev.sh test raiox_site/tests/test_api_contract.py`
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from cases.models import Case, CaseImage, Finding, Result
from raiox_site import heartbeat, running

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)

EXAMPLES = os.environ.get("RAIOX_CONTRACT_EXAMPLES") or "4"
SEED = os.environ.get("RAIOX_CONTRACT_SEED") or "5"
# More than are erased in a run.
CASES = 150
STATES = [Case.Status.PENDING, Case.Status.APPROVED, Case.Status.REJECTED, Case.Status.FAILED]
NO_LIMITS = (
    "RAIOX_WEBHOOK_RATE",
    "RAIOX_UPLOAD_RATE",
    "RAIOX_LOGIN_RATE",
    "RAIOX_TOKEN_RATE",
    "RAIOX_API_RATE",
)
CONFIGURATION = f"""
hooks = "raiox_site.tests.contract_hooks"
request-timeout = 20
seed = {SEED}

[generation]
database = "none"
max-examples = {EXAMPLES}

# What is well-formed may still be no film, be out of reach, or name what the case has not.
[[operations]]
include-path-regex = "^/(upload|webhook)$"
# Each costs an encoding, or a request of ours to another service.
generation.max-examples = {min(int(EXAMPLES), 30)}
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "415", "422"]

[[operations]]
include-path-regex = "^/cases/.*/(approve|reject)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "409"]

# Whatever is wrong with it, a submission is kept.
[[operations]]
include-path = "/jotform"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]
checks.negative_data_rejection.expected-statuses = ["2xx", "4xx"]
"""


@pytest.fixture
def service(
    catalogue: list[Any], film: Callable[..., bytes], private_media: Path, tmp_path: Path
) -> Any:
    for number in range(CASES):
        make_case(catalogue, film(number % 20), number)
    heartbeat.beat()
    variables = running.environment(private_media, **dict.fromkeys(NO_LIMITS, ""))
    log = tmp_path / "web.log"
    with running.web(variables, log) as base:
        # The first film waits until the encoder is loaded.
        requests.post(f"{base}/upload", files={"file": film()}, timeout=60)
        yield base
    text = log.read_text()
    assert "Traceback" not in text, text[text.index("Traceback") - 500 :][:4000]


def make_case(catalogue: list[Any], film: bytes, number: int) -> None:
    status = STATES[number % len(STATES)]
    case = Case.objects.create(
        source=Case.Source.UPLOAD,
        dentist_name="Dra. Exemplo",
        dentist_email=f"exemplo{number}@example.org",
        # The examples erase the patient of this name: most are called otherwise.
        patient_name="Paciente Fictício" + f" {number}" * (number > 2),
        tooth=36,
        status=status,
        failure="unreadable" if status == Case.Status.FAILED else "",
        decided_at="2031-05-04T12:00Z" if status in ("approved", "rejected") else None,
    )
    image = CaseImage(case=case, width=120, height=200)
    image.file.save("", ContentFile(film), save=False)
    image.save()
    finding = Finding.objects.create(case_image=image)
    for rank, implant in enumerate(catalogue[:3], start=1):
        Result.objects.create(
            finding=finding, implant=implant, rank=rank, similarity=1 - rank / 10, encoder="x"
        )


def superuser() -> User:
    return User.objects.create_superuser("super", password="a password of the test")


@pytest.mark.parametrize("role", ["anonymous", "reader", "approver", "curator", "superuser"])
def test_the_service_keeps_what_its_description_promises(
    service: str,
    make_user: Callable[..., Any],
    bearer: Callable[..., dict[str, str]],
    tmp_path: Path,
    role: str,
) -> None:
    headers = {}
    if role != "anonymous":
        headers = bearer(superuser() if role == "superuser" else make_user(role))
    said = run_schemathesis(service, headers, tmp_path)
    assert said.returncode == 0, said.stdout[-20_000:]


def run_schemathesis(base: str, headers: dict[str, str], folder: Path) -> Any:
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(configuration), "run", f"{base}/openapi.json"),
            *("--checks", "all", "--no-color", "--output-truncate", "false"),
            *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}")),
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(settings.BASE_DIR),
            "RAIOX_CONTRACT_CASES": str(CASES),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
