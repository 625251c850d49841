"""A stored delivery holds personal data no longer than its case says the same."""

import io
import json
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from cases import erasure, export, retention
from cases.models import Case
from cases.models.case import client_hash
from integrations.jotform.incoming import readings
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import JotformDelivery, JotformSubmission

OLD, NEW = "dentista@example.com", "outra@example.com"
FIRST = SimulatedSubmission("6200000000000000001", submitted_ms=1_790_000_000_000)
EDITED = replace(
    FIRST, answers={**FIRST.answers, "q4_email": NEW}, submitted_ms=FIRST.submitted_ms + 60_000
)


def deliver(submission: SimulatedSubmission, **changes: str) -> Any:
    return Client().post("/jotform", {**dict(webhook_fields(submission)), **changes})


def kept() -> str:
    return json.dumps(list(JotformDelivery.objects.order_by("pk").values_list("fields", flat=True)))


def test_an_edited_address_is_not_left_behind_where_an_erasure_would_not_find_it(
    db: None,
) -> None:
    deliver(FIRST)
    deliver(EDITED)
    assert NEW in kept()
    assert OLD not in kept()
    assert erasure.erase_dentist(email=OLD).case_ids == []
    assert len(erasure.erase_dentist(email=NEW).case_ids) == 1
    assert NEW not in kept()


def test_neither_is_that_of_a_delivery_that_was_overtaken(db: None) -> None:
    deliver(EDITED)
    deliver(FIRST)
    assert Case.objects.get().dentist_email == NEW
    assert NEW in kept()
    assert OLD not in kept()


def test_neither_is_that_of_one_that_could_not_be_read(db: None) -> None:
    deliver(FIRST)
    deliver(FIRST, rawRequest=f"{{broken {OLD}")
    deliver(EDITED)
    assert OLD not in kept()


def test_deliveries_that_say_the_same_of_people_are_kept(db: None) -> None:
    deliver(FIRST)
    deliver(replace(FIRST, answers={**FIRST.answers, "q6_dente": "37"}))
    assert kept().count(OLD) >= 2
    assert not JotformDelivery.objects.filter(fields={}).exists()


@pytest.mark.django_db
def test_with_a_key_the_address_that_jotform_shows_counts(
    settings: Any, film: Callable[..., bytes]
) -> None:
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY = standin.base, standin.api_key
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        first = replace(FIRST, upload_base=standin.base)
        standin.add(first, **{"radiografia.png": film(kind="PNG")})
        deliver(first)
        row = JotformSubmission.objects.get()
        readings.read(row_id=row.pk)
        assert OLD in kept()
        standin.edit(FIRST.submission_id, answers={"4": NEW})
        deliver(first)
        readings.read(row_id=row.pk)
        assert Case.objects.get().dentist_email == NEW
        assert OLD not in kept()


@pytest.mark.django_db
def test_with_a_key_an_edit_that_jotform_does_not_confirm_yet_is_not_kept_beside(
    settings: Any,
) -> None:
    settings.JOTFORM_API_KEY = "k" * 32
    deliver(FIRST)
    deliver(EDITED)
    assert Case.objects.get().dentist_email == OLD
    assert OLD in kept()
    assert NEW not in kept()


def exported(**asked: str) -> str:
    out = io.BytesIO()
    export.export(asked=export.Asked(**asked), out=out, by=None)
    return zipfile.ZipFile(out).read("data.json").decode()


def tied_to_another() -> JotformDelivery:
    """A delivery that names somebody else than the case that it is tied to."""
    deliver(FIRST)
    deliver(EDITED)
    JotformDelivery.objects.exclude(pk=JotformDelivery.objects.latest("pk").pk).delete()
    Case.objects.update(dentist_email=OLD, client_hash=client_hash(OLD))
    return JotformDelivery.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["read", "not to be read"])
def test_a_delivery_tied_to_the_case_of_another_belongs_to_whom_it_names(how: str) -> None:
    delivery = tied_to_another()
    if how != "read":
        JotformDelivery.objects.update(fields={"rawRequest": f"{{broken {NEW}"})
    assert NEW not in exported(email=OLD)
    assert NEW in exported(email=NEW)
    row = erasure.erase_dentist(email=NEW)
    assert (row.case_ids, row.counts["deliveries"]) == ([], 1)
    assert NEW not in kept()
    delivery.refresh_from_db()
    assert delivery.case.dentist_email == OLD


@pytest.mark.django_db
def test_what_could_not_be_read_and_names_its_case_is_part_of_its_export() -> None:
    deliver(FIRST)
    deliver(FIRST, rawRequest=f"{{broken {OLD}")
    assert exported(email=OLD).count("{broken") == 1
    with pytest.raises(export.NothingHeld):
        exported(email=NEW)
    row = erasure.erase_dentist(email=OLD)
    assert row.counts["deliveries"] == 2, "each is counted once"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["", "k" * 32], ids=["without a key", "with a key"])
def test_a_delivery_that_arrives_while_its_case_is_erased_keeps_nothing(
    settings: Any, key: str
) -> None:
    settings.JOTFORM_API_KEY = key
    case_id = deliver(FIRST).json()["case_id"]
    codes: list[int] = []

    def send() -> None:
        codes.append(deliver(FIRST).status_code)
        connection.close()

    thread = threading.Thread(target=send)
    with transaction.atomic():
        retention.erase(case_id=case_id)
        thread.start()
        # It is stored, and waits for the case.
        thread.join(timeout=1.5)
        assert thread.is_alive()
    thread.join(timeout=30)
    assert codes == [200]
    delivery = JotformDelivery.objects.get()
    assert (delivery.case_id, delivery.fields) == (case_id, {})
