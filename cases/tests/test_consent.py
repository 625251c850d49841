"""A case whose form asked for consent and did not get it waits: nothing is done with its films,
it is shown, and it goes on as soon as the consent is there."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from cases import changes, consent, films, intake, proposals, review, sweep
from cases.changes import Change
from cases.films import CaseMovedOn, IncomingImage
from cases.intake import Person
from cases.models import Case, CaseEvent, Finding, ReferenceProposal, Result
from cases.review import Choice, StateConflict
from cases.terms import TERMS_VERSION
from cases.tests.making_cases import mark_fixture

REFUSED = Person(
    dentist_name="Dra. Exemplo",
    dentist_email="dentista@example.com",
    patient_name="Paciente Fictício",
    tooth=26,
    is_consent_asked=True,
)
# A webhook leaves out a box that is not ticked, and whoever asks nothing says nothing.
SILENT = replace(REFUSED, is_consent_asked=False)
ONE, TWO = (f"https://www.jotform.com/uploads/u/1/2/{name}.jpg" for name in "ab")
What, Status = CaseEvent.What, Case.Status
pytestmark = pytest.mark.django_db


def given() -> Person:
    return replace(REFUSED, consent_at=timezone.now(), consent_version=TERMS_VERSION)


def receive(person: Person = REFUSED, *urls: str, **options: Any) -> Case:
    return intake.receive(
        source=Case.Source.JOTFORM,
        images=[IncomingImage(source_url=url) for url in urls or (ONE,)],
        person=person,
        submission_id="1",
        **options,
    ).case


def revise(case: Case, person: Person | None, *urls: str, **options: Any) -> Change:
    images = [IncomingImage(source_url=url) for url in urls or (ONE,)]
    return changes.revise(case_id=case.pk, person=person, images=images, **options)


def fresh(case: Case) -> Case:
    return Case.objects.get(pk=case.pk)


def whats(case: Case) -> list[str]:
    return [event.what for event in case.events.all()]


def unreachable(url: str) -> bytes:
    raise AssertionError("a film was fetched without consent")


@pytest.fixture
def fetch(film: Callable[..., bytes]) -> Callable[[str], bytes]:
    return lambda url: film(seed=sum(map(ord, url)) % 50)


@pytest.fixture
def waiting() -> Case:
    return receive()


@pytest.fixture
def process(catalogue: list[Any], fetch: Callable[[str], bytes]) -> Callable[[Case], Case]:
    return lambda case: intake.process(case_id=case.pk, fetch=fetch)


@pytest.fixture
def approved(process: Callable[[Case], Case], approver: Any) -> Case:
    case = process(receive(given()))
    implant = Result.objects.filter(finding__case_image__case=case)[0].implant_id
    return review.approve(case_id=case.pk, choices=[Choice(implant)], reviewer=approver)


def test_a_case_without_the_consent_that_was_asked_for_waits(waiting: Case) -> None:
    assert (waiting.status, waiting.awaits_consent) == (Status.RECEIVED, True)
    assert whats(waiting) == [What.RECEIVED, What.CONSENT_MISSING]
    assert waiting.images.get().source_url == ONE
    assert not OrmQ.objects.exists()


def test_nothing_is_fetched_or_matched_while_it_waits(waiting: Case, catalogue: list[Any]) -> None:
    case = intake.process(case_id=waiting.pk, fetch=unreachable)
    assert (case.status, case.attempts) == (Status.RECEIVED, 0)
    assert not Finding.objects.exists()


def test_the_sweep_does_not_queue_it(waiting: Case) -> None:
    Case.objects.update(queued_at=timezone.now() - timedelta(hours=1))
    assert (sweep.requeue_abandoned(), sweep.requeue_lost()) == (0, 0)
    Case.objects.update(awaits_consent=False)
    assert sweep.requeue_abandoned() == 1


def test_bytes_that_came_along_are_kept_and_never_shown(
    film: Callable[..., bytes], client: Client, approver: Any, bearer: Any
) -> None:
    case = intake.receive(
        source=Case.Source.JOTFORM,
        images=[IncomingImage(content=film())],
        person=REFUSED,
        submission_id="1",
    ).case
    image = case.images.get()
    assert default_storage.open(image.file.name).read() == film()
    case.images.update(width=120, height=200)
    client.force_login(approver)
    assert client.get(reverse("admin:cases_case_film", args=[case.pk, image.pk])).status_code == 404
    answer = client.get(f"/cases/{case.pk}/films/{image.pk}", headers=bearer(approver))
    assert answer.status_code == 404


def test_with_the_consent_it_is_processed_and_the_version_of_the_texts_is_known(
    process: Callable[[Case], Case],
) -> None:
    case = process(receive(given()))
    assert (case.status, case.awaits_consent) == (Status.PENDING, False)
    assert case.consent_version == TERMS_VERSION


def test_a_form_that_does_not_ask_needs_none(process: Callable[[Case], Case]) -> None:
    case = process(receive(SILENT))
    assert (case.status, case.consent_at, case.consent_version) == (Status.PENDING, None, "")


def test_an_edit_that_gives_consent_releases_the_case_at_once(
    waiting: Case, process: Callable[[Case], Case]
) -> None:
    change = revise(waiting, given())
    assert change.fields == ("consent_at",)
    assert OrmQ.objects.count() == 1
    case = process(waiting)
    assert (case.status, case.consent_version) == (Status.PENDING, TERMS_VERSION)


@pytest.mark.parametrize("person", [REFUSED, SILENT, None])
def test_an_edit_that_gives_none_leaves_it_waiting(waiting: Case, person: Person | None) -> None:
    revise(waiting, person)
    case = fresh(waiting)
    assert (case.awaits_consent, case.revision) == (True, waiting.revision)
    assert whats(case).count(What.CONSENT_MISSING) == 1
    assert not OrmQ.objects.exists()


def test_more_films_wait_with_the_others(waiting: Case) -> None:
    revise(waiting, REFUSED, ONE, TWO)
    assert fresh(waiting).is_waiting_for_consent
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize("person", [REFUSED, SILENT])
def test_a_consent_that_is_taken_back_makes_a_case_that_awaits_review_wait_again(
    process: Callable[[Case], Case], person: Person
) -> None:
    case = process(receive(given()))
    revise(case, person)
    case = fresh(case)
    assert case.is_waiting_for_consent
    assert (case.consent_at, case.consent_version) == (None, "")
    assert whats(case)[-2:] == [What.UPDATED, What.CONSENT_MISSING]
    revise(case, given())
    assert process(case).status == Status.PENDING


@pytest.mark.django_db(transaction=True)
def test_a_consent_that_is_taken_back_stops_work_that_is_under_way(
    catalogue: list[Any], fetch: Callable[[str], bytes]
) -> None:
    case = receive(given())

    def fetch_meanwhile(url: str) -> bytes:
        revise(case, REFUSED)
        connection.close()
        return fetch(url)

    after = intake.process(case_id=case.pk, fetch=fetch_meanwhile)
    assert after.is_waiting_for_consent
    assert not Finding.objects.exists()
    assert not after.images.get().file


def test_a_film_that_arrives_for_a_case_that_waits_is_not_kept(
    waiting: Case, film: Callable[..., bytes]
) -> None:
    with pytest.raises(CaseMovedOn):
        films.attach_image(image=waiting.images.get(), content=film())
    assert not waiting.images.get().file


def test_a_decision_stays_when_the_consent_is_taken_back_and_references_of_it_go(
    approved: Case, approver: Any
) -> None:
    finding = mark_fixture(approved)
    implant = Result.objects.get(approved=True).implant_id
    proposals.propose(finding_id=finding.pk, implant_id=implant, by=approver)
    revise(approved, REFUSED)
    case = fresh(approved)
    assert (case.status, case.awaits_consent, case.consent_at) == (Status.APPROVED, False, None)
    assert not ReferenceProposal.objects.exists()
    updated_at = case.updated_at
    revise(approved, REFUSED)
    assert fresh(approved).updated_at == updated_at


def test_other_films_after_that_make_it_wait(approved: Case) -> None:
    revise(approved, REFUSED)
    change = revise(approved, SILENT, TWO)
    assert change.is_reopened
    assert fresh(approved).is_waiting_for_consent


def test_films_alone_after_that_make_it_wait(approved: Case, film: Callable[..., bytes]) -> None:
    revise(approved, REFUSED)
    changes.revise(
        case_id=approved.pk,
        person=None,
        images=[IncomingImage(content=film(7))],
        is_complete=False,
    )
    assert fresh(approved).is_waiting_for_consent


def test_undoing_a_decision_whose_consent_was_taken_back_makes_it_wait(
    approved: Case, approver: Any, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 60
    revise(approved, REFUSED)
    assert review.undo(case_id=approved.pk, by=approver).is_waiting_for_consent


@pytest.mark.parametrize("person", [REFUSED, SILENT, None])
def test_a_held_case_waits_as_its_source_says(db: None, person: Person | None) -> None:
    case = receive(REFUSED, hold=True)
    assert whats(case) == [What.RECEIVED]
    if person is None:
        changes.confirm(case_id=case.pk)
    else:
        revise(case, person)
    asks = person is not SILENT
    assert fresh(case).is_waiting_for_consent == asks
    assert (What.CONSENT_MISSING in whats(case)) == asks
    assert OrmQ.objects.count() == (not asks)


def test_a_case_without_any_film_has_failed_and_still_waits(db: None, approver: Any) -> None:
    case = intake.receive(
        source=Case.Source.JOTFORM, images=[], person=REFUSED, submission_id="1"
    ).case
    assert (case.status, case.awaits_consent) == (Status.FAILED, True)
    assert review.retry(case_id=case.pk, by=approver).is_waiting_for_consent
    assert not OrmQ.objects.exists()


# What staff does


def test_an_approver_records_a_consent_and_the_case_goes_on(
    waiting: Case, approver: Any, process: Callable[[Case], Case]
) -> None:
    case = consent.record(case_id=waiting.pk, by=approver)
    assert (case.awaits_consent, case.consent_version) == (False, TERMS_VERSION)
    event = case.events.get(what=What.CONSENT_RECORDED)
    assert (event.actor_label, event.details) == ("brenda", {"version": TERMS_VERSION})
    assert OrmQ.objects.count() == 1
    assert process(case).status == Status.PENDING


@pytest.mark.parametrize("person", [REFUSED, SILENT])
def test_a_recorded_consent_stays_when_the_sender_edits_something_else(
    waiting: Case, approver: Any, person: Person
) -> None:
    at = consent.record(case_id=waiting.pk, by=approver).consent_at
    assert revise(waiting, replace(person, tooth=27)).fields == ("tooth",)
    assert (fresh(waiting).consent_at, fresh(waiting).awaits_consent) == (at, False)


def test_a_consent_that_the_form_gives_later_can_be_taken_back_there(
    waiting: Case, approver: Any
) -> None:
    consent.record(case_id=waiting.pk, by=approver)
    assert revise(waiting, given()).fields == ("consent_at",)
    assert not revise(waiting, given())
    revise(waiting, REFUSED)
    assert fresh(waiting).is_waiting_for_consent


def test_a_consent_is_recorded_only_where_it_is_missing(approver: Any, approved: Case) -> None:
    with pytest.raises(StateConflict):
        consent.record(case_id=approved.pk, by=approver)
    with pytest.raises(Case.DoesNotExist):
        consent.record(case_id=0, by=approver)


def test_a_waiting_case_can_be_rejected_and_the_rejection_undone(
    waiting: Case, approver: Any, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 60
    case = review.reject(case_id=waiting.pk, reason="Falta o consentimento", reviewer=approver)
    assert (case.status, case.awaits_consent) == (Status.REJECTED, True)
    with pytest.raises(StateConflict):
        consent.record(case_id=waiting.pk, by=approver)
    assert review.undo(case_id=waiting.pk, by=approver).is_waiting_for_consent


def test_a_consent_that_comes_after_the_rejection_opens_the_case_again(
    waiting: Case, approver: Any, process: Callable[[Case], Case]
) -> None:
    review.reject(case_id=waiting.pk, reason="Falta o consentimento", reviewer=approver)
    assert not revise(waiting, REFUSED)
    change = revise(waiting, given())
    assert (change.is_reopened, change.is_after_decision) == (True, True)
    case = process(waiting)
    assert (case.status, case.decided_at, case.decision_reason) == (Status.PENDING, None, "")


def test_another_received_case_cannot_be_rejected(approver: Any) -> None:
    with pytest.raises(StateConflict):
        review.reject(case_id=receive(given()).pk, reason="x", reviewer=approver)
    held = intake.receive(
        source=Case.Source.JOTFORM,
        images=[IncomingImage(source_url=ONE)],
        person=REFUSED,
        submission_id="2",
        hold=True,
    ).case
    with pytest.raises(StateConflict):
        review.reject(case_id=held.pk, reason="x", reviewer=approver)


@pytest.mark.django_db(transaction=True)
def test_consent_and_rejection_at_once_end_in_one_of_the_two(waiting: Case, approver: Any) -> None:
    import threading

    came: list[str] = []

    def attempt(what: str, do: Callable[[], Any]) -> None:
        try:
            do()
            came.append(what)
        except StateConflict:
            pass
        finally:
            connection.close()

    both = [
        threading.Thread(
            target=attempt,
            args=("consent", lambda: consent.record(case_id=waiting.pk, by=approver)),
        ),
        threading.Thread(
            target=attempt,
            args=(
                "rejection",
                lambda: review.reject(case_id=waiting.pk, reason="x", reviewer=approver),
            ),
        ),
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(came) == 1
    assert fresh(waiting).status == (Status.RECEIVED if came == ["consent"] else Status.REJECTED)
