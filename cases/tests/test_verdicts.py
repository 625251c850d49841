"""One decision for each fixture of a case."""

from typing import Any

import pytest

from cases import review
from cases.models import Case, CaseEvent, Finding
from cases.review import Outdated, ReviewError, StateConflict, Verdict
from cases.tests.making_cases import finding_of
from cases.verdicts import numbers
from matching.boxes import Box

Outcome = Finding.Outcome
pytestmark = pytest.mark.django_db


def marked(case: Case, x: float = 40, **facts: Any) -> Finding:
    """Another fixture on the film of the case."""
    box = Box(x, 40, 20, 50).as_json()
    by = Finding.ProposedBy.PERSON
    image = case.images.get()
    return Finding.objects.create(case_image=image, box=box, proposed_by=by, **facts)


def identified(finding: Finding, *implants: Any, **more: Any) -> Verdict:
    return Verdict(finding.pk, Outcome.IDENTIFIED, [one.pk for one in implants], **more)


def test_each_fixture_keeps_what_was_decided_about_it(
    case: Case, implants: list[Any], approver: Any
) -> None:
    whole, middle, right = finding_of(case), marked(case, 30), marked(case, 50)
    verdicts = [
        identified(whole, implants[0], seen={"apex": "flat", "smell": "good"}, tooth=46),
        Verdict(middle.pk, Outcome.NOT_IN_CATALOGUE, reason=" Linha antiga. "),
        Verdict(right.pk, Outcome.UNREADABLE, reason="Cortada."),
    ]

    case = review.decide(
        case_id=case.pk, verdicts=verdicts, reviewer=approver, note="a", internal_note="b"
    )

    assert (case.status, case.outcome, case.decided_by) == ("approved", "identified", approver)
    assert (case.note, case.internal_note, case.decision_reason) == ("a", "b", "")
    kept = Finding.objects.values_list("outcome", "reason", "seen", "tooth").order_by("pk")
    assert list(kept) == [
        ("identified", "", {"apex": "flat"}, 46),
        ("not_in_catalogue", "Linha antiga.", None, None),
        ("unreadable", "Cortada.", None, None),
    ]
    assert [one.implant for one in case.approved_results] == [implants[0]]
    assert case.events.last().details == {"implant_ids": [implants[0].pk]}


def test_several_implants_and_one_that_was_not_proposed_can_be_approved(
    case: Case, implants: list[Any], approver: Any
) -> None:
    finding = finding_of(case)
    finding.results.filter(implant=implants[2]).delete()
    review.decide(case_id=case.pk, verdicts=[identified(finding, *implants[1:])], reviewer=approver)
    ranks = case.approved_results.values_list("implant_id", "rank")
    assert set(ranks) == {(implants[1].pk, 2), (implants[2].pk, None)}


def test_without_an_identified_fixture_the_case_is_rejected_with_every_reason_once(
    case: Case, approver: Any
) -> None:
    reasons = ["Cortada.", "Cortada.", "Escura."]
    findings = [finding_of(case), marked(case), marked(case)]
    verdicts = [
        Verdict(finding.pk, Outcome.UNREADABLE, reason=reason)
        for finding, reason in zip(findings, reasons, strict=True)
    ]
    case = review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    assert (case.status, case.outcome) == ("rejected", "unreadable")
    assert case.decision_reason == "Cortada.\nEscura."
    assert case.events.last().what == CaseEvent.What.REJECTED


def test_what_is_not_in_the_catalogue_needs_no_reason_and_weighs_more_than_the_unreadable(
    case: Case, approver: Any
) -> None:
    verdicts = [
        Verdict(finding_of(case).pk, Outcome.NOT_IN_CATALOGUE),
        Verdict(marked(case).pk, Outcome.UNREADABLE, reason="Escura."),
    ]
    case = review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    assert case.outcome == "not_in_catalogue"
    first, second = case.decision_reason.split("\n")
    assert first and second == "Escura."


def test_a_film_as_a_whole_may_stay_undecided_beside_another_fixture(
    case: Case, implants: list[Any], approver: Any
) -> None:
    verdicts = [identified(marked(case), implants[0])]
    case = review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    assert (case.status, finding_of_whole(case).outcome) == ("approved", "")


def finding_of_whole(case: Case) -> Finding:
    return Finding.objects.get(case_image__case=case, box__isnull=True)


@pytest.mark.parametrize("approving", [True, False], ids=["approve", "decide"])
def test_a_marked_fixture_without_a_decision_is_named(
    case: Case, implants: list[Any], approver: Any, approving: bool
) -> None:
    finding, forgotten = finding_of(case), marked(case)
    assert numbers([forgotten, finding]) == {finding.pk: 1, forgotten.pk: 2}
    with pytest.raises(ReviewError, match=" 2"):
        if approving:
            choices = [review.Choice(implants[0].pk, finding.pk)]
            review.approve(case_id=case.pk, choices=choices, reviewer=approver)
        else:
            verdicts = [identified(finding, implants[0])]
            review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    assert_nothing_changed(case)


def assert_nothing_changed(case: Case) -> None:
    case.refresh_from_db()
    assert (case.status, case.outcome, case.note) == (Case.Status.PENDING, "", "")
    assert not case.approved_results.exists()
    assert not Finding.objects.exclude(outcome="").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": Outcome.IDENTIFIED},
        {"outcome": Outcome.IDENTIFIED, "implant_ids": [10**9]},
        {"outcome": Outcome.UNREADABLE},
        {"outcome": Outcome.UNREADABLE, "reason": " \n"},
        {"outcome": Outcome.UNREADABLE, "reason": "r" * 2001},
        {"outcome": Outcome.NOT_IN_CATALOGUE, "implant_ids": [1]},
        {"outcome": "guessed", "reason": "r"},
        {"outcome": "", "reason": "r"},
        {"outcome": Outcome.UNREADABLE, "reason": "r", "tooth": 99},
        {"outcome": Outcome.UNREADABLE, "reason": "r", "finding_id": 10**9},
    ],
)
def test_a_verdict_that_cannot_be_is_refused_and_nothing_changes(
    case: Case, approver: Any, wrong: dict[str, Any]
) -> None:
    verdict = Verdict(**{"finding_id": finding_of(case).pk, **wrong})
    with pytest.raises(ReviewError):
        review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver, note="n")
    assert_nothing_changed(case)


def test_no_verdict_or_two_about_one_fixture_are_refused(case: Case, approver: Any) -> None:
    verdict = Verdict(finding_of(case).pk, Outcome.UNREADABLE, reason="r")
    for verdicts in ([], [verdict, verdict]):
        with pytest.raises(ReviewError):
            review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    assert_nothing_changed(case)


def test_a_case_that_changed_or_was_decided_meanwhile_is_not_decided(
    case: Case, implants: list[Any], approver: Any
) -> None:
    verdicts = [identified(finding_of(case), implants[0])]
    with pytest.raises(Outdated):
        review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver, revision=2)
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver, revision=1)
    with pytest.raises(StateConflict):
        review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver, revision=1)


def test_a_rejection_says_for_every_fixture_why(case: Case, approver: Any) -> None:
    marked(case)
    case = review.reject(
        case_id=case.pk,
        reason="Escura.",
        reviewer=approver,
        outcome=Outcome.UNREADABLE,
        internal_note="x",
    )
    assert (case.outcome, case.internal_note) == ("unreadable", "x")
    said = set(Finding.objects.values_list("outcome", "reason"))
    assert said == {("unreadable", "Escura.")}


def test_a_case_cannot_be_rejected_as_identified(case: Case, approver: Any) -> None:
    with pytest.raises(ReviewError):
        review.reject(case_id=case.pk, reason="r", reviewer=approver, outcome=Outcome.IDENTIFIED)
    assert_nothing_changed(case)


def test_fixtures_are_numbered_film_by_film_from_left_to_right(case: Case) -> None:
    right, left = marked(case, 50), marked(case, 10)
    late = Finding.objects.create(case_image=case.images.create())
    found = numbers(Finding.objects.filter(case_image__case=case))
    assert [found[one.pk] for one in (finding_of_first(case), left, right, late)] == [1, 2, 3, 4]


def finding_of_first(case: Case) -> Finding:
    return Finding.objects.filter(case_image__case=case, box__isnull=True).earliest("pk")


def test_the_internal_note_and_the_priority_are_changed_with_a_line_in_the_history(
    case: Case, approver: Any
) -> None:
    for _ in range(2):
        review.set_internal_note(case_id=case.pk, text=" ligar antes ", by=approver)
        review.set_priority(case_id=case.pk, priority=Case.Priority.URGENT, by=approver)
    case.refresh_from_db()
    assert (case.internal_note, case.priority) == ("ligar antes", Case.Priority.URGENT)
    assert list(case.events.values_list("what", flat=True)) == ["noted", "priority"]
    assert "ligar" not in str(list(case.events.values_list("details", flat=True)))


def test_a_note_too_long_and_no_priority_are_refused(case: Case, approver: Any) -> None:
    with pytest.raises(ReviewError):
        review.set_internal_note(case_id=case.pk, text="n" * 1001, by=approver)
    with pytest.raises(ReviewError):
        review.set_priority(case_id=case.pk, priority=7, by=approver)


def test_nothing_is_written_to_an_erased_case(case: Case, approver: Any) -> None:
    Case.objects.update(status=Case.Status.ARCHIVED)
    with pytest.raises(StateConflict):
        review.set_internal_note(case_id=case.pk, text="n", by=approver)
    with pytest.raises(StateConflict):
        review.set_priority(case_id=case.pk, priority=1, by=approver)
