"""Undoing a decision on the pages, and what the page of an undone case begins with."""

import re

import pytest
from django.utils import timezone

from cases import review
from cases.models import Case, CaseEvent, Finding
from cases.tests.making_cases import (
    act,
    choice,
    finding_of,
    html,
    make_case,
    page,
    queue,
    set_facts,
    status_of,
    told,
)

pytestmark = pytest.mark.django_db
BOX = {"x": 30, "y": 40, "width": 20, "height": 50, "angle": 0}


@pytest.fixture
def held_back(settings):
    """Answers wait before they leave."""
    settings.RAIOX_UNDO_SECONDS = 20


@pytest.fixture
def undone(client, reviewer, implants, case, held_back):
    """A case whose approval this reviewer took back."""
    client.post(
        act("decide", case), {"choice": choice(case, implants[1]), "note": "Veja o parafuso."}
    )
    client.post(act("undo", case))
    return case


def ticked(content):
    return re.findall(r'name="choice" value="([^"]+)"[^>]* checked', content)


def note(content):
    return re.search(r'<textarea id="note"[^>]*>([^<]*)</textarea>', content)[1]


def test_my_last_decision_can_be_undone_from_every_page_that_follows(
    client, reviewer, implants, case, held_back
):
    other = make_case(implants)
    client.post(act("decide", case), {"choice": choice(case, implants[0])})

    for url in (page(other), page(other), queue(), queue()):
        content = html(client.get(url))
        assert f'action="{act("undo", case)}"' in content
        seconds = int(re.search(r'data-undo-seconds="(\d+)"', content)[1])
        assert 0 < seconds <= 20


def test_a_decision_of_somebody_else_is_not_mine_to_undo_from_the_next_page(
    client, reviewer, implants, case, colleague, held_back
):
    review.approve(case_id=case.pk, choices=[review.Choice(implants[0].pk)], reviewer=colleague)

    for url in (page(make_case(implants)), queue()):
        assert act("undo", case) not in html(client.get(url))
    # On its own page it may be undone, but by no key that is pressed in passing.
    content = html(client.get(page(case)))
    assert act("undo", case) in content
    assert 'data-key="u"' not in content


def test_my_own_decision_has_one_button_and_one_key_on_its_page(
    client, reviewer, implants, case, held_back
):
    client.post(act("decide", case), {"choice": choice(case, implants[0])})

    content = html(client.get(page(case)))

    assert content.count('data-key="u"') == content.count(f'action="{act("undo", case)}"') == 1


def test_a_decision_whose_time_is_over_is_not_offered_any_more(
    client, reviewer, implants, case, held_back
):
    client.post(act("decide", case), {"choice": choice(case, implants[0])})
    set_facts(case, decided_at=timezone.now() - timezone.timedelta(seconds=30))

    assert act("undo", case) not in html(client.get(queue()))


def test_undoing_leads_back_to_the_case_with_choice_and_note_as_they_were(
    client, reviewer, implants, case, held_back
):
    client.post(
        act("decide", case), {"choice": choice(case, implants[1]), "note": "Veja o parafuso."}
    )
    assert act("undo", case) in html(client.get(page(case)))

    response = client.post(act("undo", case), follow=True)

    assert response.redirect_chain[-1][0] == page(case)
    content = html(response)
    assert f'data-undone="{reviewer.pk}-{case.pk}"' in content
    assert ticked(content) == [choice(case, implants[1])]
    assert note(content) == "Veja o parafuso."
    assert status_of(case) == Case.Status.PENDING


def test_every_fixture_begins_with_the_verdict_that_was_undone(
    client, reviewer, implants, case, held_back
):
    first = finding_of(case)
    Finding.objects.filter(pk=first.pk).update(box=BOX)
    other = Finding.objects.create(case_image=first.case_image, box=BOX | {"x": 55})
    client.post(
        act("decide", case),
        {
            "choice": f"{first.pk}:{implants[2].pk}",
            f"outcome-{other.pk}": "unreadable",
            f"reason-{other.pk}": "O ápice está fora do filme.",
            f"seen-{other.pk}-collar": "machined",
        },
    )

    content = html(client.post(act("undo", case), follow=True))

    assert ticked(content) == [f"{first.pk}:{implants[2].pk}"]
    assert re.search(rf'name="outcome-{other.pk}" value="unreadable"[^>]* checked', content)
    assert "O ápice está fora do filme." in content
    assert 'value="machined" selected' in content


def test_the_reason_of_a_failed_case_is_still_there(client, reviewer, implants, held_back):
    case = make_case([], status=Case.Status.FAILED, failure="Uma falha")
    Finding.objects.all().delete()
    client.post(act("reject", case), {"reason": "Outra imagem, por favor."})

    content = html(client.post(act("undo", case), follow=True))

    assert re.search(r'<textarea id="reason"[^>]*>Outra imagem, por favor.</textarea>', content)


def test_nobody_begins_with_the_choices_of_another_reviewer(
    client, undone, colleague, reviewer, implants
):
    client.force_login(colleague)
    content = html(client.get(page(undone)))
    assert ticked(content) == []
    assert note(content) == ""

    client.force_login(reviewer)
    assert ticked(html(client.get(page(undone)))) == [choice(undone, implants[1])]


def test_what_a_colleague_undoes_is_still_the_choice_of_who_decided(
    client, reviewer, implants, case, colleague, held_back
):
    client.post(act("decide", case), {"choice": choice(case, implants[1])})
    client.force_login(colleague)

    assert ticked(html(client.post(act("undo", case), follow=True))) == []

    client.force_login(reviewer)
    assert ticked(html(client.get(page(case)))) == [choice(case, implants[1])]


def test_the_reason_of_another_reviewer_does_not_stand_in_the_way_of_an_approval(
    client, reviewer, implants, case, colleague, held_back
):
    pk = finding_of(case).pk
    client.post(
        act("decide", case), {f"outcome-{pk}": "unreadable", f"reason-{pk}": "Escura demais."}
    )
    client.post(act("undo", case))

    client.force_login(colleague)
    content = html(client.get(page(case)))

    assert "Escura demais." not in content


@pytest.mark.parametrize("what", ["updated", "matched", "fixture_marked", "fixture_removed"])
def test_what_was_ticked_for_another_film_or_place_is_not_ticked_again(client, undone, what):
    undone.record(CaseEvent.What(what))

    content = html(client.get(page(undone)))

    assert ticked(content) == []
    assert note(content) == "Veja o parafuso."


def test_what_was_unticked_since_stays_so_when_the_page_is_shown_again(client, undone):
    content = html(client.post(page(undone), {"note": "Outra."}))

    assert ticked(content) == []
    assert note(content) == "Outra."


def test_a_decision_that_can_no_longer_be_undone_says_so(client, reviewer, implants, case):
    client.post(act("decide", case), {"choice": choice(case, implants[0])})
    Case.objects.update(decided_at=timezone.now() - timezone.timedelta(hours=1))

    assert act("undo", case) not in html(client.get(page(case)))
    response = client.post(act("undo", case))

    assert response.url == page(case)
    assert told(response)
    assert status_of(case) == Case.Status.APPROVED


def test_undoing_what_is_not_decided_changes_nothing(client, reviewer, case):
    assert client.post(act("undo", case)).url == page(case)
    assert status_of(case) == Case.Status.PENDING
