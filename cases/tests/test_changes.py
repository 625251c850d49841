"""What happens to a case whose sender changed something."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from cases import changes, intake, retention, review, tasks
from cases.changes import Change
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseEvent, Finding, Result
from cases.review import Choice, StateConflict

DENTIST = Person(
    dentist_name="Dra. Exemplo",
    dentist_email="exemplo@example.org",
    patient_name="Paciente Fictício",
    tooth=26,
)
OTHER_TOOTH = replace(DENTIST, tooth=27)
ONE, TWO, THREE = (f"https://www.jotform.com/uploads/u/1/2/{name}.jpg" for name in "abc")


def addressed(*urls: str) -> list[IncomingImage]:
    return [IncomingImage(source_url=url) for url in urls]


def receive(*urls: str, **options: Any) -> Case:
    return intake.receive(
        source=Case.Source.JOTFORM,
        images=addressed(*urls),
        person=DENTIST,
        submission_id="1",
        **options,
    ).case


def revise(case: Case, *urls: str, person: Person = DENTIST, **options: Any) -> Change:
    return changes.revise(case_id=case.pk, person=person, images=addressed(*urls), **options)


def fresh(case: Case) -> Case:
    return Case.objects.get(pk=case.pk)


def addresses(case: Case) -> set[str]:
    return set(case.images.values_list("source_url", flat=True))


def whats(case: Case) -> list[str]:
    return [event.what for event in case.events.all()]


@pytest.fixture
def fetch(film: Callable[..., bytes]) -> Callable[[str], bytes]:
    return lambda url: film(seed=sum(map(ord, url)) % 50)


@pytest.fixture
def matched(catalogue: list[Any], fetch: Callable[[str], bytes]) -> Callable[..., Case]:
    def make(*urls: str) -> Case:
        return intake.process(case_id=receive(*(urls or (ONE,))).pk, fetch=fetch)

    return make


@pytest.fixture
def approved(matched: Callable[..., Case], approver: Any) -> Callable[..., Case]:
    def make(*urls: str) -> Case:
        case = matched(*urls)
        implant = Result.objects.filter(finding__case_image__case=case)[0].implant_id
        return review.approve(case_id=case.pk, choices=[Choice(implant)], reviewer=approver)

    return make


def test_the_same_once_more_changes_nothing(matched: Callable[..., Case]) -> None:
    case = matched()
    tasks_before, events_before = OrmQ.objects.count(), case.events.count()
    assert not revise(case, ONE)
    after = fresh(case)
    assert (after.status, after.revision, after.updated_at) == (
        Case.Status.PENDING,
        case.revision,
        case.updated_at,
    )
    assert (OrmQ.objects.count(), case.events.count()) == (tasks_before, events_before)


def test_another_tooth_is_on_the_case_and_in_its_history_and_the_candidates_stay(
    matched: Callable[..., Case],
) -> None:
    case = matched()
    change = revise(case, ONE, person=OTHER_TOOTH)
    after = fresh(case)
    assert change.fields == ("tooth",)
    assert (after.tooth, after.status, after.revision) == (27, "pending", case.revision + 1)
    event = after.events.get(what=CaseEvent.What.UPDATED)
    assert event.details == {"fields": ["tooth"], "films_added": 0, "films_removed": 0}
    assert Finding.objects.count() == 1


def test_a_decision_on_what_was_shown_before_the_change_is_refused(
    matched: Callable[..., Case], approver: Any
) -> None:
    case = matched()
    implant = Result.objects.all()[0].implant_id
    revise(case, ONE, person=OTHER_TOOTH)
    with pytest.raises(StateConflict):
        review.approve(
            case_id=case.pk,
            choices=[Choice(implant)],
            reviewer=approver,
            revision=case.revision,
        )
    assert fresh(case).status == Case.Status.PENDING


@pytest.mark.parametrize("field", ["dentist_name", "dentist_email", "patient_name"])
def test_each_field_of_a_person_is_followed(matched: Callable[..., Case], field: str) -> None:
    case = matched()
    value = "outra@example.org" if field == "dentist_email" else "Outro Nome"
    assert revise(case, ONE, person=replace(DENTIST, **{field: value})).fields == (field,)
    after = fresh(case)
    assert getattr(after, field) == value
    assert (after.client_hash != case.client_hash) == (field == "dentist_email")


def test_a_consent_that_is_given_later_counts_once_and_a_withdrawn_one_goes(
    matched: Callable[..., Case],
) -> None:
    case = matched()
    given = timezone.now()
    assert revise(case, ONE, person=replace(DENTIST, consent_at=given)).fields == ("consent_at",)
    assert not revise(case, ONE, person=replace(DENTIST, consent_at=timezone.now()))
    assert fresh(case).consent_at == given
    assert revise(case, ONE)
    assert fresh(case).consent_at is None


def test_one_film_more_is_matched_and_the_other_keeps_its_candidates(
    matched: Callable[..., Case], fetch: Callable[[str], bytes]
) -> None:
    case = matched()
    kept = Finding.objects.get()
    change = revise(case, ONE, TWO)
    assert (change.films_added, change.films_removed) == (1, 0)
    assert fresh(case).status == Case.Status.RECEIVED
    after = intake.process(case_id=case.pk, fetch=fetch)
    assert (after.status, after.revision) == (Case.Status.PENDING, case.revision + 1)
    assert addresses(after) == {ONE, TWO}
    assert Finding.objects.count() == 2
    assert Finding.objects.filter(pk=kept.pk).exists()


def test_a_replaced_film_goes_with_its_candidates_and_its_file(
    matched: Callable[..., Case], fetch: Callable[[str], bytes]
) -> None:
    case = matched()
    name = str(case.images.get().file.name)
    revise(case, TWO)
    assert addresses(case) == {TWO}
    assert not Finding.objects.exists()
    assert "films_removed" in case.events.get(what=CaseEvent.What.UPDATED).details
    assert default_storage.exists(name)
    for row in case.doomed_files.all():
        tasks.delete_film(row.pk)
    assert not default_storage.exists(name)
    assert intake.process(case_id=case.pk, fetch=fetch).status == Case.Status.PENDING
    assert Finding.objects.count() == 1


def test_a_film_taken_back_leaves_the_others_without_matching_them_again(
    matched: Callable[..., Case],
) -> None:
    case = matched(ONE, TWO)
    kept = set(Finding.objects.filter(case_image__source_url=ONE).values_list("pk", flat=True))

    def no_fetch(url: str) -> bytes:
        raise AssertionError("nothing is fetched again")

    revise(case, ONE)
    after = intake.process(case_id=case.pk, fetch=no_fetch)
    assert after.status == Case.Status.PENDING
    assert set(Finding.objects.values_list("pk", flat=True)) == kept


def test_the_same_file_named_on_another_host_is_the_same_film(
    matched: Callable[..., Case],
) -> None:
    case = matched()
    assert not revise(case, ONE.replace("www.", "eu."))
    assert addresses(case) == {ONE}


def test_films_that_are_merely_not_named_stay_where_the_list_is_not_complete(
    matched: Callable[..., Case],
) -> None:
    case = matched()
    assert not revise(case, is_complete=False)
    assert addresses(case) == {ONE}


def test_all_films_taken_back_make_a_failed_case_that_says_so(
    matched: Callable[..., Case], fetch: Callable[[str], bytes]
) -> None:
    case = matched()
    revise(case)
    after = intake.process(case_id=case.pk, fetch=fetch)
    assert (after.status, bool(after.failure)) == (Case.Status.FAILED, True)


def test_another_content_at_the_same_address_is_another_film(
    matched: Callable[..., Case], film: Callable[..., bytes]
) -> None:
    case = matched()
    old = case.images.get()
    revise(case, ONE, replaced=[old.pk])
    after = intake.process(case_id=case.pk, fetch=lambda url: film(seed=99))
    image = after.images.get()
    assert after.status == Case.Status.PENDING
    assert (image.source_url, image.sha256 != old.sha256) == (ONE, True)


def test_a_decided_case_is_reopened_when_its_films_change_and_its_decision_is_taken_back(
    approved: Callable[..., Case], fetch: Callable[[str], bytes]
) -> None:
    case = approved()
    change = revise(case, ONE, TWO)
    assert change.is_after_decision
    after = intake.process(case_id=case.pk, fetch=fetch)
    assert (after.status, after.decided_at, after.decided_by) == (Case.Status.PENDING, None, None)
    assert not after.approved_results.exists()
    assert whats(after) == ["received", "matched", "approved"] + (
        ["answer_queued"] if "answer_queued" in whats(after) else []
    ) + ["updated", "reopened", "matched"]


def test_a_decided_case_stays_decided_when_only_answers_change(
    approved: Callable[..., Case],
) -> None:
    case = approved()
    change = revise(case, ONE, person=OTHER_TOOTH)
    after = fresh(case)
    assert change.is_after_decision
    assert (after.status, after.tooth) == (Case.Status.APPROVED, 27)
    assert after.revision == case.revision
    assert after.approved_results.count() == 1


def test_a_rejected_case_gets_its_film_and_is_reopened(
    db: None, catalogue: list[Any], fetch: Callable[[str], bytes], approver: Any
) -> None:
    case = receive()
    review.reject(case_id=case.pk, reason="Nenhuma radiografia.", reviewer=approver)
    revise(case, ONE)
    after = intake.process(case_id=case.pk, fetch=fetch)
    assert (after.status, after.decision_reason) == (Case.Status.PENDING, "")


def test_a_failed_case_without_a_film_takes_the_film_that_arrives_later(
    catalogue: list[Any], fetch: Callable[[str], bytes]
) -> None:
    case = receive(problem="The answers could not be read.")
    assert case.status == Case.Status.FAILED
    revise(case, ONE, is_complete=False)
    assert intake.process(case_id=case.pk, fetch=fetch).status == Case.Status.PENDING


def test_an_erased_case_takes_nothing_back(matched: Callable[..., Case]) -> None:
    case = matched()
    retention.erase(case_id=case.pk)
    assert not revise(case, TWO, person=OTHER_TOOTH)
    after = fresh(case)
    assert (after.status, after.tooth, after.patient_name) == ("archived", 26, "")
    assert addresses(after) == {""}


@pytest.mark.django_db(transaction=True)
def test_films_that_change_while_the_case_is_processed_are_what_the_reviewer_sees(
    catalogue: list[Any], fetch: Callable[[str], bytes]
) -> None:
    case = receive(ONE)

    def slowly(url: str) -> bytes:
        if url == ONE:
            revise(case, TWO)
            connection.close()
        return fetch(url)

    during = intake.process(case_id=case.pk, fetch=slowly)
    assert during.status == Case.Status.RECEIVED
    assert not Finding.objects.exists()
    queued = OrmQ.objects.count()
    assert queued >= 2, "the change queued its case, and so did the run that met it"
    after = intake.process(case_id=case.pk, fetch=fetch)
    assert (after.status, addresses(after)) == (Case.Status.PENDING, {TWO})


def test_a_held_case_is_not_processed_until_its_source_confirms_it(
    catalogue: list[Any], fetch: Callable[[str], bytes]
) -> None:
    case = receive(ONE, hold=True)
    assert not OrmQ.objects.exists()
    assert intake.process(case_id=case.pk, fetch=fetch).status == Case.Status.RECEIVED
    assert not revise(case, ONE, form_id="77").is_after_decision
    after = intake.process(case_id=case.pk, fetch=fetch)
    assert (after.status, after.form_id) == (Case.Status.PENDING, "77")


def test_what_a_held_case_claimed_is_replaced_without_a_trace_by_what_its_source_says(
    catalogue: list[Any], fetch: Callable[[str], bytes]
) -> None:
    case = receive(ONE, hold=True)
    revise(case, TWO, person=OTHER_TOOTH)
    after = intake.process(case_id=case.pk, fetch=fetch)
    assert (after.status, after.tooth, addresses(after)) == ("pending", 27, {TWO})
    assert whats(after) == ["received", "matched"]


def test_a_held_case_that_failed_waits_for_its_source_again_when_it_is_tried_again(
    catalogue: list[Any], fetch: Callable[[str], bytes], approver: Any
) -> None:
    case = receive(ONE, hold=True)
    intake.fail(case_id=case.pk, reason="Nobody knows this submission.")
    review.retry(case_id=case.pk, by=approver)
    assert Case.objects.held().get() == case
    assert not OrmQ.objects.exists()
    assert intake.process(case_id=case.pk, fetch=fetch).status == Case.Status.RECEIVED
    changes.confirm(case_id=case.pk)
    assert intake.process(case_id=case.pk, fetch=fetch).status == Case.Status.PENDING
