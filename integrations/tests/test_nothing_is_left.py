"""After a purge and after every kind of erasure nothing is found of the person any more: neither
in the database, nor in the storage, nor in the log. Before it everything is found."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
import requests
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Task
from moto.server import ThreadedMotoServer

from cases import erasure, findings, intake, proposals, records, review
from cases.models import (
    Case,
    Erasure,
    Presence,
)
from cases.review import Verdict
from implants.models import ReferenceImage
from integrations import notify, tasks
from integrations.jotform.incoming import readings, sync
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields
from integrations.jotform.simulation.standin import API_KEY, Fault, JotformStandIn
from integrations.models import JotformDelivery, JotformSubmission, ResultReturn, StaffNotice
from integrations.spaces import spaces_storage
from integrations.tests import searching
from matching.boxes import Box
from matching.radiograph import digest

SUBMISSION = "6200000000000000077"
EMAIL, DENTIST, PATIENT = "zulmira@exemplo.example", "Zulmira Exemplo", "Quitéria Fictícia"
CLIENT = "clinica-zz-77"
OWN = ("cases", "integrations", "matching", "implants", "raiox_site", "django", "django_q")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def storage(request: Any, settings: Any) -> None:
    if request.param == "folder":
        return
    address = request.getfixturevalue("endpoint")
    settings.STORAGES = {
        **settings.STORAGES,
        "default": spaces_storage(
            key="key", secret="word", bucket="left", region="nyc3", endpoint=address
        ),
    }
    requests.post(f"{address}/moto-api/reset", timeout=10)
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "word", "region_name": "nyc3"}
    bucket = boto3.resource("s3", endpoint_url=address, **keys).Bucket("left")
    bucket.create(CreateBucketConfiguration={"LocationConstraint": "nyc3"})


Log = Callable[[], str]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """Our own lines: those of the stand-in for the bucket are not among them."""
    caplog.set_level("DEBUG")
    return lambda: "\n".join(
        f"{one.getMessage()} {one.exc_text or ''} {one.exc_info or ''}"
        for one in caplog.records
        if one.name.partition(".")[0] in OWN
    )


@dataclass
class Held:
    """A person who went through everything, and what could be found of them."""

    case: Case
    uploaded: Case
    texts: list[str]
    objects: set[str]


@pytest.fixture
def jotform(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[JotformStandIn]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY = standin.base, API_KEY
        settings.JOTFORM_FIELDS = {"answer": "10"}
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        settings.RAIOX_TELEGRAM_TOKEN, settings.RAIOX_TELEGRAM_CHAT = "1:abc", "7"
        settings.RAIOX_TELEGRAM_BASE = standin.base
        yield standin


@pytest.fixture
def held(
    storage: None,
    catalogue: list[Any],
    film: Callable[..., bytes],
    jotform: JotformStandIn,
    approver: Any,
    curator: Any,
) -> Held:
    """Delivered, edited, matched, marked, decided with notes, taken over as a reference,
    answered at the second attempt, told to staff; and a second film by the upload door."""
    known = searching.digests()
    contents = film(3, size=(240, 320), kind="PNG"), film(5, size=(240, 320))
    submission = SimulatedSubmission(
        SUBMISSION,
        upload_base=jotform.base,
        answers={
            "q3_nomeDoDentista": {"first": "Zulmira", "last": "Exemplo"},
            "q4_email": EMAIL,
            "q5_nomeDoPaciente": {"first": "Quitéria", "last": "Fictícia"},
            "q6_dente": "26",
        },
    )
    jotform.add(submission, **{"radiografia.png": contents[0]})
    case = delivered(submission)
    jotform.edit(SUBMISSION, answers={"6": "36"})
    delivered(submission)
    login(EMAIL)
    decide(case, catalogue, approver, curator)
    jotform.misbehave(Fault.ENVELOPE, times=1)
    for _attempt in range(2):
        ResultReturn.objects.update(next_try_at=timezone.now())
        for answer in ResultReturn.objects.all():
            tasks.send_return(answer.pk)
    notify.send_due()
    Presence.objects.create(case=case, user=approver)
    uploaded = upload(contents[1])
    logging.getLogger("raiox").info("everything happened")
    image = case.images.get()
    texts = [EMAIL, DENTIST, PATIENT, digest(contents[0]), digest(contents[1])]
    texts += [Case.objects.get(pk=case.pk).client_hash, uploaded.client_hash]
    texts += [str(image.file.name), str(image.thumbnail.name), image.source_url]
    return Held(case, uploaded, texts, searching.digests() - known)


def delivered(submission: SimulatedSubmission) -> Case:
    answer = Client().post("/jotform", dict(webhook_fields(submission)))
    assert answer.status_code == 200, answer.content
    readings.read(row_id=JotformSubmission.objects.get().pk)
    return intake.process(case_id=answer.json()["case_id"])


def login(name: str) -> None:
    wrong = {"username": name, "password": "not this one"}
    Client().post("/admin/login/", wrong)
    Client().post("/auth/token", wrong, content_type="application/json")


def decide(case: Case, catalogue: list[Any], approver: Any, curator: Any) -> None:
    image = case.images.get()
    box = Box(120, 160, 60, 180, 10)
    finding = findings.mark(case_id=case.pk, image_id=image.pk, box=box, by=approver)
    Case.objects.filter(pk=case.pk).update(consent_at=timezone.now())
    review.decide(
        case_id=case.pk,
        verdicts=[Verdict(finding.pk, "identified", [catalogue[0].pk], seen={"apex": "flat"})],
        reviewer=approver,
        note=f"Prezada {DENTIST}, obrigado.",
        internal_note=f"Ligar para {PATIENT}.",
    )
    proposal = proposals.propose(finding_id=finding.pk, implant_id=catalogue[0].pk, by=approver)
    proposals.accept(proposal_id=proposal.pk, by=curator)


def upload(content: bytes) -> Case:
    file = SimpleUploadedFile(f"{PATIENT}.jpg", content, "image/jpeg")
    answer = Client().post("/upload", {"file": file, "client_id": CLIENT})
    assert answer.status_code == 200, answer.content
    return Case.objects.get(source=Case.Source.UPLOAD)


def found(texts: list[str], log: str) -> set[str]:
    everything = searching.everything(log)
    return {text for text in texts if text and text.encode() in everything}


def assert_all_is_there(held: Held, log: str) -> None:
    assert found(held.texts, log) == set(held.texts)
    assert len(held.objects) == 6, "two films, a reference, and a small copy of each"


def assert_nothing_is_left(held: Held, log: str, *, kept: set[str] = frozenset()) -> None:
    assert found([*held.texts, "Zulmira", "Quit", CLIENT], log) == set()
    assert searching.digests() & held.objects == kept


def age(days: int) -> None:
    """As if all of it had happened so long ago."""
    past = timezone.now() - timedelta(days=days)
    with records.unlocked(), connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for column in connection.introspection.get_table_description(cursor, table):
                is_time = column.type_code == 1184
                if is_time and column.name not in ("expire_date", "expires_at", "date_joined"):
                    cursor.execute(
                        f'UPDATE "{table}" SET "{column.name}" = %s'
                        f' WHERE "{column.name}" IS NOT NULL',
                        [past],
                    )


def test_after_the_purge_nothing_is_found(held: Held, log: Log) -> None:
    assert_all_is_there(held, log())
    (reference,) = ReferenceImage.objects.exclude(provenance="phantom")
    taken_over = {digest(one.open().read()) for one in (reference.file, reference.thumbnail)}
    age(91)
    call_command("purge_uploads")
    assert_nothing_is_left(held, log(), kept=taken_over)
    assert not JotformDelivery.objects.exists()
    assert not StaffNotice.objects.exists()
    assert not Task.objects.exists()
    decided = Case.objects.get(pk=held.case.pk)
    assert (decided.outcome, decided.tooth) == ("identified", 36)
    assert decided.approved_results.count() == 1, "the decision stays"


@pytest.mark.parametrize("way", ["case", "dentist", "patient", "command"])
def test_after_an_erasure_nothing_is_found(held: Held, approver: Any, log: Log, way: str) -> None:
    assert_all_is_there(held, log())
    if way == "command":
        call_command("erase_person", email=f" {EMAIL.upper()} ", yes=True)
    elif way == "dentist":
        erasure.erase_dentist(email=EMAIL, by=approver)
    elif way == "patient":
        erasure.erase_patient(name="  quiteria   FICTICIA", by=approver)
    else:
        erasure.erase_case(case_id=held.case.pk, by=approver)
    # The upload door knows nobody but its client.
    assert held.uploaded.pk not in Erasure.objects.get().case_ids
    erasure.erase_dentist(email=CLIENT, by=approver)
    assert_nothing_is_left(held, log())
    assert Erasure.objects.exclude(completed_at=None).count() == 2
    assert Erasure.objects.first().case_ids == [held.uploaded.pk]


def test_the_person_does_not_come_back_from_jotform(
    held: Held, jotform: JotformStandIn, approver: Any, log: Log
) -> None:
    erasure.erase_dentist(email=EMAIL, by=approver)
    erasure.erase_dentist(email=CLIENT, by=approver)
    jotform.edit(SUBMISSION, answers={"6": "11"})
    submission = SimulatedSubmission(SUBMISSION, upload_base=jotform.base)
    answers = {**submission.answers, "q4_email": EMAIL}
    delivered(replace(submission, answers=answers))
    JotformSubmission.objects.update(version="an older one")
    sync.sync(since=timezone.now() - timedelta(days=100))
    for row in JotformSubmission.objects.all():
        readings.read(row_id=row.pk)
    OrmQ.objects.all().delete()
    assert_nothing_is_left(held, log())
    assert Case.objects.count() == 2
    assert set(Case.objects.values_list("status", flat=True)) == {"archived"}
