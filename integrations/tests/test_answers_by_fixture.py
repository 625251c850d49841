"""What the dentist reads of a case with several fixtures."""

from typing import Any

import pytest

from cases import review
from cases.models import Case, Finding, Result
from cases.review import Verdict
from integrations.jotform.outgoing import answer, copies
from integrations.jotform.outgoing.identified import Confidence
from integrations.jotform.simulation.standin import JotformStandIn
from integrations.models import ResultReturn
from integrations.tests.answering import SUBMISSION, TEXT, Status, make_implant, send
from matching.boxes import Box

pytestmark = pytest.mark.django_db(transaction=True)

NOT_IN_CATALOGUE = str(Finding.Outcome.NOT_IN_CATALOGUE.label)
UNREADABLE = str(Finding.Outcome.UNREADABLE.label)


@pytest.fixture
def implant(case: Case) -> Any:
    Result.objects.update(encoder="ViT-B-32/openai@1")
    return Result.objects.get().implant


def marked(case: Case, x: float, **facts: Any) -> Finding:
    box = Box(x, 100, 40, 90).as_json()
    given = {"proposed_by": Finding.ProposedBy.PERSON, **facts}
    return Finding.objects.create(case_image=case.images.earliest("pk"), box=box, **given)


def text_of(case: Case, **more: Any) -> list[str]:
    case.refresh_from_db()
    case = Case.objects.get(pk=case.pk)
    return answer._texts(case)["answer"].split("\n")


def test_each_fixture_has_its_own_line(
    jotform: JotformStandIn, case: Case, approver: Any, implant: Any
) -> None:
    Finding.objects.all().delete()
    right, left = marked(case, 200, tooth=46), marked(case, 50, tooth=44)
    last = marked(case, 300, tooth=47)
    verdicts = [
        Verdict(right.pk, "not_in_catalogue", reason="Linha antiga."),
        Verdict(left.pk, "identified", [implant.pk]),
        Verdict(last.pk, "unreadable", reason="Cortada."),
    ]
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver, note="Até logo.")

    assert send(ResultReturn.objects.get()).status == Status.SENT

    lines = jotform.shown(SUBMISSION, "10").split("\n")
    assert lines[0].startswith(f"1. {TEXT};") and " 44;" in lines[0]
    assert lines[1].endswith(f" 46: {NOT_IN_CATALOGUE}. Linha antiga.")
    assert lines[2].endswith(f" 47: {UNREADABLE}. Cortada.")
    assert [line[:2] for line in lines[:3]] == ["1.", "2.", "3."]
    assert lines[3].endswith("Até logo.") and len(lines) == 4


def test_where_only_the_order_tells_them_apart_the_answer_says_so(
    case: Case, approver: Any, implant: Any
) -> None:
    Finding.objects.all().delete()
    verdicts = [
        Verdict(marked(case, 200).pk, "unreadable", reason="Cortada."),
        Verdict(marked(case, 50).pk, "identified", [implant.pk]),
    ]
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    heading, first, second = text_of(case)
    assert first.startswith(f"1. {TEXT};")
    assert second == f"2. {UNREADABLE.capitalize()}. Cortada."
    assert not heading.startswith("1.")


def test_two_implants_of_one_fixture_are_alternatives(
    case: Case, approver: Any, implant: Any
) -> None:
    other = make_implant("Straumann", "BLX")
    whole = Finding.objects.get()
    verdicts = [
        Verdict(whole.pk, "identified", [implant.pk, other.pk], tooth=46),
        Verdict(marked(case, 50, tooth=44).pk, "unreadable", reason="Cortada."),
    ]
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    first, alternative, second = text_of(case)
    assert first.startswith("1. Neodent")
    assert alternative.startswith("   ") and "Straumann, BLX" in alternative
    assert second.startswith("2. ")


def test_what_holds_for_every_fixture_is_said_once(case: Case, approver: Any) -> None:
    verdicts = [
        Verdict(one.pk, "unreadable", reason="Cortada.")
        for one in (Finding.objects.get(), marked(case, 50))
    ]
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    assert text_of(case) == ["Cortada."]


def test_a_single_fixture_that_is_not_in_the_catalogue_is_answered_without_a_number(
    case: Case, approver: Any
) -> None:
    verdict = Verdict(Finding.objects.get().pk, "not_in_catalogue")
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver)
    (line,) = text_of(case)
    assert line and not line.startswith("1.")


def test_one_fixture_on_two_films_is_said_once(case: Case, approver: Any, implant: Any) -> None:
    first = Finding.objects.get()
    again = Finding.objects.create(case_image=case.images.create())
    verdicts = [Verdict(one.pk, "identified", [implant.pk]) for one in (first, again)]
    result = Result.objects.get()
    Result.objects.create(
        finding=again,
        implant=implant,
        rank=1,
        similarity=result.similarity,
        encoder=result.encoder,
    )
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    (line,) = text_of(case)
    assert line.startswith(TEXT)


def test_the_internal_note_leaves_by_no_channel(case: Case, approver: Any, implant: Any) -> None:
    verdict = Verdict(Finding.objects.get().pk, "identified", [implant.pk])
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=approver, internal_note="SECRETO")
    case.refresh_from_db()
    assert "SECRETO" not in str(answer._texts(case))
    assert "SECRETO" not in str(copies.content(case))


def test_the_copy_tells_of_each_fixture_without_free_text(
    case: Case, approver: Any, implant: Any
) -> None:
    verdicts = [
        Verdict(Finding.objects.get().pk, "identified", [implant.pk]),
        Verdict(marked(case, 50, tooth=44).pk, "unreadable", reason="Paciente mexeu."),
    ]
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)
    case.refresh_from_db()
    content = copies.content(case)
    told = [(one["outcome"], one["tooth"], len(one["implants"])) for one in content["fixtures"]]
    assert told == [("identified", None, 1), ("unreadable", 44, 0)]
    assert "Paciente" not in str(content)


def test_what_only_the_finder_saw_is_not_named(case: Case, approver: Any, implant: Any) -> None:
    Finding.objects.all().delete()
    decided = marked(case, 200)
    marked(case, 50, proposed_by=Finding.ProposedBy.FINDER, found_score=0.8)
    verdicts = [Verdict(decided.pk, "identified", [implant.pk])]
    review.decide(case_id=case.pk, verdicts=verdicts, reviewer=approver)

    (line,) = text_of(case)
    assert line.startswith(TEXT)
    assert [one["outcome"] for one in copies.content(Case.objects.get())["fixtures"]] == [
        "identified"
    ]


def test_what_the_comparison_held_to_be_unknown_is_the_reviewer_s_word(
    case: Case, approver: Any, implant: Any
) -> None:
    Finding.objects.update(is_unknown=True)
    choices = [review.Choice(implant.pk)]
    review.approve(case_id=case.pk, choices=choices, reviewer=approver)

    (line,) = text_of(case)
    assert line.endswith(str(Confidence.REVIEWER.label))
