"""What a reviewer decides about each fixture, on the case page and by its form."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cases import review
from cases.models import Case, CaseEvent, Finding, ReferenceProposal, RejectionReason, Result
from cases.tests.making_cases import (
    act,
    choice,
    finding_of,
    html,
    make_case,
    mark_fixture,
    page,
    set_facts,
    status_of,
    told,
)
from matching.boxes import Box

Outcome = Finding.Outcome
pytestmark = pytest.mark.django_db
BOX = {"x": 30, "y": 40, "width": 20, "height": 50, "angle": 0}


@pytest.fixture
def reason():
    return RejectionReason.objects.create(
        outcome=Outcome.UNREADABLE, label="Cortado (teste)", text="O ápice está fora do filme."
    )


def second_fixture(case, implants):
    """Another marked fixture to the right of the first."""
    first = mark_fixture(case, Box.of(BOX))
    other = Finding.objects.create(
        case_image=first.case_image, box=BOX | {"x": 50}, proposed_by=first.proposed_by
    )
    Result.objects.create(
        finding=other, implant=implants[0], rank=1, similarity=0.9, encoder="e@1/p"
    )
    return first, other


def test_every_fixture_gets_its_own_verdict(client, reviewer, implants, case):
    first, other = second_fixture(case, implants)

    client.post(
        act("decide", case),
        {
            "choice": f"{first.pk}:{implants[1].pk}",
            f"outcome-{other.pk}": Outcome.UNREADABLE,
            f"reason-{other.pk}": "O ápice está fora do filme.",
            f"tooth-{other.pk}": "37",
            f"seen-{first.pk}-collar": "machined",
            f"seen-{first.pk}-thread": "",
            "note": "Veja o parafuso.",
            "internal_note": "Perguntar ao Bruno.",
        },
    )

    case.refresh_from_db()
    first.refresh_from_db()
    other.refresh_from_db()
    assert (case.status, case.note) == (Case.Status.APPROVED, "Veja o parafuso.")
    assert case.internal_note == "Perguntar ao Bruno."
    assert (first.outcome, first.seen) == (Outcome.IDENTIFIED, {"collar": "machined"})
    assert (other.outcome, other.reason) == (Outcome.UNREADABLE, "O ápice está fora do filme.")
    assert other.tooth == 37


def test_the_decided_page_shows_each_verdict_and_what_was_seen(client, reviewer, implants, case):
    finding = finding_of(case)
    client.post(
        act("decide", case),
        {"choice": choice(case, implants[0]), f"seen-{finding.pk}-collar": "machined"},
    )

    shown = html(client.get(page(case))).partition('class="verdict-shown"')[2]

    assert str(implants[0]) in shown
    assert str(Finding.Outcome.IDENTIFIED.label).lower() in shown.lower()
    assert "faixa usinada" in shown


@pytest.mark.parametrize("outcome", [Outcome.NOT_IN_CATALOGUE, Outcome.UNREADABLE])
def test_a_case_of_which_nothing_is_identified_is_rejected(client, reviewer, case, outcome):
    pk = finding_of(case).pk

    client.post(act("decide", case), {f"outcome-{pk}": outcome, f"reason-{pk}": "Sem catálogo."})

    case.refresh_from_db()
    assert (case.status, case.outcome) == (Case.Status.REJECTED, outcome)
    assert case.decision_reason == "Sem catálogo."


def test_a_reason_of_the_list_is_sent_where_no_script_copied_it(client, reviewer, case, reason):
    pk = finding_of(case).pk
    assert reason.label in html(client.get(page(case)))

    client.post(
        act("decide", case), {f"outcome-{pk}": reason.outcome, f"listed-{pk}": str(reason.pk)}
    )

    case.refresh_from_db()
    assert case.decision_reason == reason.text


def test_a_reason_of_the_list_that_was_edited_is_sent_as_edited(client, reviewer, case, reason):
    pk = finding_of(case).pk

    client.post(
        act("decide", case),
        {
            f"outcome-{pk}": reason.outcome,
            f"listed-{pk}": str(reason.pk),
            f"reason-{pk}": "Falta o ápice.",
        },
    )

    case.refresh_from_db()
    assert case.decision_reason == "Falta o ápice."


def test_a_decision_about_nothing_is_refused_and_approves_nothing(client, reviewer, case):
    response = client.post(act("decide", case), {"note": "Uma observação."})

    assert response.status_code == 200
    assert told(response)
    assert "Uma observação." in html(response)
    assert status_of(case) == Case.Status.PENDING
    assert not Result.objects.filter(approved=True).exists()


def test_a_marked_fixture_is_never_left_without_a_verdict(client, reviewer, implants, case):
    first, _other = second_fixture(case, implants)
    ticked = f"{first.pk}:{implants[0].pk}"

    response = client.post(act("decide", case), {"choice": ticked})

    assert "2" in told(response)
    assert re.search(rf'value="{ticked}"[^>]* checked', html(response))
    assert status_of(case) == Case.Status.PENDING


def test_a_refusal_keeps_every_choice_of_every_fixture(client, reviewer, implants, case, reason):
    first, other = second_fixture(case, implants)

    content = html(
        client.post(
            act("decide", case),
            {
                f"outcome-{first.pk}": Outcome.UNREADABLE,
                f"listed-{first.pk}": str(reason.pk),
                f"reason-{first.pk}": "Quase isso.",
                f"seen-{first.pk}-thread": "rounded",
                f"tooth-{first.pk}": "99",
                "choice": f"{other.pk}:{implants[0].pk}",
                "internal_note": "Só para nós.",
            },
        )
    )

    assert re.search(rf'name="outcome-{first.pk}" value="unreadable"[^>]* checked', content)
    assert re.search(rf'value="{reason.pk}" data-text="[^"]*" selected', content)
    assert 'value="rounded" selected' in content
    assert f'name="tooth-{first.pk}" value="99"' in content
    assert re.search(rf'value="{other.pk}:{implants[0].pk}"[^>]* checked', content)
    for typed in ("Quase isso.", "Só para nós."):
        assert typed in content
    assert status_of(case) == Case.Status.PENDING


def test_an_implant_and_a_refusal_of_one_fixture_contradict_each_other(
    client, reviewer, implants, case
):
    pk = finding_of(case).pk

    response = client.post(
        act("decide", case),
        {
            "choice": choice(case, implants[0]),
            f"outcome-{pk}": Outcome.UNREADABLE,
            f"reason-{pk}": "Ilegível.",
        },
    )

    assert told(response)
    assert "Ilegível." in html(response)
    assert status_of(case) == Case.Status.PENDING


def test_a_reason_typed_for_a_fixture_is_never_dropped_by_approving_it(
    client, reviewer, implants, case
):
    data = {"choice": choice(case, implants[0]), f"reason-{finding_of(case).pk}": "Ilegível."}

    response = client.post(act("decide", case), data)

    assert told(response)
    assert "Ilegível." in html(response)
    assert status_of(case) == Case.Status.PENDING


def test_a_choice_for_a_fixture_of_another_case_is_refused(client, reviewer, implants, case):
    other = make_case(implants)

    response = client.post(act("decide", case), {"choice": choice(other, implants[0])})

    assert response.status_code == 200
    assert {status_of(case), status_of(other)} == {Case.Status.PENDING}


def test_a_decision_on_an_outdated_page_is_told_and_keeps_what_was_ticked(
    client, reviewer, implants, case
):
    Case.objects.filter(pk=case.pk).update(revision=2)
    ticked = choice(case, implants[0])

    response = client.post(act("decide", case), {"choice": ticked, "revision": "1"})

    assert told(response)
    assert re.search(rf'value="{ticked}"[^>]* checked', html(response))
    assert status_of(case) == Case.Status.PENDING


def test_the_filters_of_the_queue_go_along_to_the_next_case(client, reviewer, implants, case):
    response = client.post(
        act("decide", case), {"choice": choice(case, implants[0]), "queue": "band=low"}
    )

    query = parse_qs(urlsplit(response.url).query)
    assert query == {"after": [str(case.pk)], "queue": ["band=low"]}
    opened = client.get(page(make_case(implants)), {"queue": "band=low"})
    assert 'name="queue" value="band=low"' in html(opened)


def test_the_priority_is_changed_and_what_was_ticked_is_kept(client, reviewer, implants, case):
    ticked = choice(case, implants[0])

    response = client.post(act("priority", case), {"priority": "1", "choice": ticked})

    case.refresh_from_db()
    assert case.priority == Case.Priority.URGENT
    assert re.search(rf'value="{ticked}"[^>]* checked', html(response))
    assert case.events.filter(what=CaseEvent.What.PRIORITY).exists()


def test_the_internal_note_is_kept_at_once_and_is_no_decision(client, reviewer, implants, case):
    response = client.post(
        act("note", case), {"internal_note": "Só para nós.", "note": "Para o dentista."}
    )

    case.refresh_from_db()
    assert (case.internal_note, case.note) == ("Só para nós.", "")
    assert "Para o dentista." in html(response)
    assert status_of(case) == Case.Status.PENDING


def test_a_note_that_is_too_long_is_refused_and_kept_on_the_page(client, reviewer, case):
    response = client.post(act("note", case), {"internal_note": "x" * 1001})

    assert told(response)
    assert "x" * 1001 in html(response)


def test_a_decided_fixture_is_proposed_as_a_reference(client, reviewer, implants, case):
    case.consent_at = timezone.now()
    case.save()
    mark_fixture(case)
    client.post(act("decide", case), {"choice": choice(case, implants[0])})
    assert act("propose", case) in html(client.get(page(case)))

    client.post(act("propose", case), {"finding": finding_of(case).pk, "implant": implants[0].pk})

    assert ReferenceProposal.objects.get().implant == implants[0]
    assert act("propose", case) not in html(client.get(page(case)))


def test_an_unmarked_fixture_is_not_offered_as_a_reference(client, reviewer, implants, case):
    set_facts(case, consent_at=timezone.now())
    client.post(act("decide", case), {"choice": choice(case, implants[0])})

    shown = html(client.get(page(case)))
    assert 'class="proposal"' in shown
    assert act("propose", case) not in shown
    response = client.post(
        act("propose", case), {"finding": finding_of(case).pk, "implant": implants[0].pk}
    )

    assert told(response)
    assert not ReferenceProposal.objects.exists()


def test_without_consent_the_page_says_why_a_fixture_becomes_no_reference(
    client, reviewer, implants, case
):
    client.post(act("decide", case), {"choice": choice(case, implants[0])})

    assert 'class="proposal"' in html(client.get(page(case)))
    assert act("propose", case) not in html(client.get(page(case)))
    response = client.post(
        act("propose", case), {"finding": finding_of(case).pk, "implant": implants[0].pk}
    )

    assert told(response)
    assert not ReferenceProposal.objects.exists()


def test_a_draft_of_a_case_that_a_colleague_decided_is_told(client, reviewer, implants, case):
    colleague = User.objects.create_user("colega.exemplo")
    review.approve(case_id=case.pk, choices=[review.Choice(implants[0].pk)], reviewer=colleague)

    response = client.post(act("decide", case), {"choice": choice(case, implants[2])})

    assert response.url == page(case)
    assert "outra pessoa" in told(response)
    assert Result.objects.get(approved=True).implant == implants[0]


def test_a_fixture_of_another_case_is_not_proposed_under_this_one(client, reviewer, implants, case):
    other = make_case(implants, consent_at=timezone.now())
    mark_fixture(other)
    client.post(act("decide", other), {"choice": choice(other, implants[0])})

    response = client.post(
        act("propose", case), {"finding": finding_of(other).pk, "implant": implants[0].pk}
    )

    assert told(response)
    assert not ReferenceProposal.objects.exists()
