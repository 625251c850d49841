import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from cases import review
from cases.models import Case, CaseEvent, Result
from cases.panel.addresses import VIEWS
from cases.tests.making_cases import (
    act,
    choice,
    film_url,
    html,
    make_case,
    make_implant,
    page,
    queue,
    status_of,
    told,
)

Event = CaseEvent.What
pytestmark = pytest.mark.django_db


def test_the_queue_shows_the_cases_awaiting_review(client, reviewer, implants, case):
    make_case(implants, status=Case.Status.REJECTED, decided_at=timezone.now())

    response = client.get(queue())

    assert [row.pk for row in response.context["cl"].result_list] == [case.pk]


def test_a_reader_sees_the_case_without_any_way_to_decide(client, reader, case):
    client.force_login(reader)

    response = client.get(page(case))

    assert response.status_code == 200
    assert "Linha Um" in html(response)
    main = html(response).partition("<main")[2]
    assert "<form" not in main
    assert 'type="submit"' not in main
    assert 'type="checkbox"' not in main


@pytest.mark.parametrize("name", sorted(set(VIEWS) - {"review", "implants", "candidates"}))
def test_a_reader_cannot_do_anything_to_a_case(client, reader, implants, case, name):
    client.force_login(reader)

    response = client.post(
        act(name, case), {"choice": choice(case, implants[0]), "reason": "Sem implante."}
    )

    assert response.status_code == 403
    assert status_of(case) == Case.Status.PENDING


@pytest.mark.parametrize(
    "url",
    [
        lambda case: queue(),
        page,
        film_url,
        lambda case: reverse("admin:cases_case_change", args=[case.pk]),
        lambda case: act("implants", case),
    ],
)
def test_a_curator_cannot_see_cases(client, curator, case, url):
    client.force_login(curator)

    assert client.get(url(case)).status_code == 403


def test_a_film_is_shown_to_a_reader_and_not_kept_by_shared_caches(client, reader, film):
    client.force_login(reader)
    case = make_case([], film=film())

    response = client.get(film_url(case))

    assert response["Content-Type"] == "image/jpeg"
    assert "private" in response["Cache-Control"]
    assert b"".join(response.streaming_content) == film()


def test_a_film_is_not_shown_to_strangers_nor_under_another_case(client, implants, case, reader):
    assert client.get(film_url(case)).status_code == 302

    client.force_login(reader)
    other = make_case(implants)
    foreign = reverse("admin:cases_case_film", args=[other.pk, case.images.get().pk])
    assert client.get(foreign).status_code == 404


def test_a_film_that_was_never_read_is_not_shown(client, reader, case):
    client.force_login(reader)
    case.images.update(width=None, height=None)

    assert client.get(film_url(case)).status_code == 404


def test_approving_a_candidate_is_recorded_and_leads_to_the_next_case(
    client, reviewer, implants, case
):
    other = make_case(implants)

    response = client.post(act("approve", case), {"choice": choice(case, implants[1])})

    assert response.url == f"{reverse('admin:cases_case_next')}?after={case.pk}"
    response = client.get(response.url)
    assert response.url == page(other)
    approved = Result.objects.get(approved=True)
    assert (approved.implant, approved.rank) == (implants[1], 2)
    assert approved.approved_by == reviewer
    content = html(client.get(response.url))
    assert page(case) in content
    assert f'data-decided="{reviewer.pk}-{case.pk}"' in content


def test_several_implants_can_be_approved_at_once(client, reviewer, implants, case):
    client.post(
        act("approve", case),
        {"choice": [choice(case, implants[0]), choice(case, implants[2])]},
    )

    approved = Result.objects.filter(approved=True).values_list("implant", flat=True)
    assert set(approved) == {implants[0].pk, implants[2].pk}


def test_another_implant_of_the_catalogue_is_approved_without_a_rank(client, reviewer, case):
    other = make_implant("Linha Rara")

    client.post(act("approve", case), {"choice": choice(case, other)})

    approved = Result.objects.get(approved=True)
    assert (approved.implant, approved.rank, approved.similarity) == (other, None, None)


def test_approving_nothing_is_refused_and_keeps_what_was_typed(client, reviewer, case):
    response = client.post(act("approve", case), {"reason": "Filme cortado no ápice."})

    assert response.status_code == 200
    assert "Filme cortado no ápice." in html(response)
    assert status_of(case) == Case.Status.PENDING


def test_rejecting_needs_a_reason_and_keeps_what_was_ticked(client, reviewer, implants, case):
    other = make_implant("Linha Rara")
    ticked = [choice(case, implants[0]), choice(case, other)]

    response = client.post(act("reject", case), {"reason": "  ", "choice": ticked})

    assert response.status_code == 200
    assert status_of(case) == Case.Status.PENDING
    boxes = re.findall(r'name="choice" value="([^"]+)"[^>]* checked', html(response))
    assert sorted(boxes) == sorted(ticked)


def test_a_reason_rejects_the_case(client, reviewer, case):
    client.post(act("reject", case), {"reason": "O filme não mostra o implante."})

    case.refresh_from_db()
    assert case.status == Case.Status.REJECTED
    assert case.decision_reason == "O filme não mostra o implante."
    assert "O filme não mostra o implante." in html(client.get(page(case)))


def test_whoever_decides_second_is_told_so(client, reviewer, implants, case):
    colleague = User.objects.create_user("colega.exemplo")
    first = review.Choice(implants[0].pk)
    review.approve(case_id=case.pk, choices=[first], reviewer=colleague)

    response = client.post(act("reject", case), {"reason": "Tarde demais."})

    assert response.url == page(case)
    assert "outra pessoa" in told(response)
    assert status_of(case) == Case.Status.APPROVED


@pytest.mark.parametrize("value", ["", "1", "x:y", "1:2:3", "9" * 30 + ":1", "1:\x00"])
def test_a_choice_that_is_no_choice_is_refused(client, reviewer, case, value):
    response = client.post(act("approve", case), {"choice": value})

    assert response.status_code == 200
    assert status_of(case) == Case.Status.PENDING


def test_the_enter_key_never_decides(client, reviewer, implants, case):
    content = html(client.get(page(case)))
    # The browser presses the first button of the form, also of those that stand before it.
    before, _form, inside = content.partition('id="decision"')
    button = r'<button type="submit"[^>]*>'
    outside = [one for one in re.findall(button, before) if 'form="decision"' in one]
    default_button = [*outside, *re.findall(button, inside)][0]
    assert f'formaction="{page(case)}"' in default_button

    client.post(page(case), {"choice": choice(case, implants[0]), "reason": "Ilegível."})

    assert status_of(case) == Case.Status.PENDING


@pytest.mark.parametrize("name", sorted(set(VIEWS) - {"review", "implants", "candidates"}))
def test_deciding_takes_a_post_and_a_login_in_between_leads_back(client, reviewer, case, name):
    response = client.get(act(name, case), follow=True)

    assert response.redirect_chain[-1][0] == page(case)
    assert told(response)
    assert status_of(case) == Case.Status.PENDING
    assert client.put(act(name, case)).status_code == 405


def test_a_reason_that_was_typed_is_never_dropped_by_approving(client, reviewer, implants, case):
    ticked = choice(case, implants[0])

    response = client.post(act("approve", case), {"choice": ticked, "reason": "Ilegível."})

    assert told(response)
    assert "Ilegível." in html(response)
    assert f'value="{ticked}" data-name="{implants[0]}" checked' in html(response)
    assert status_of(case) == Case.Status.PENDING


def test_the_missing_reason_is_told_at_its_field(client, reviewer, case):
    content = html(client.post(act("reject", case), {"reason": " "}))

    assert 'id="reason-problem"' in content
    assert re.search(r'<textarea id="reason"[^>]* aria-describedby="reason-problem"', content)


def test_a_case_that_does_not_exist_is_not_found(client, reviewer):
    for name in ("approve", "reject", "retry", "review"):
        for number in (987654, 10**30):
            url = reverse(f"admin:cases_case_{name}", args=[number])
            assert client.post(url, {"choice": "1:1", "reason": "x"}).status_code == 404


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_every_decision_shows_in_the_history_of_the_case(client, reviewer, implants, case, name):
    reason = "Ilegível." if name == "reject" else ""
    client.post(act(name, case), {"choice": choice(case, implants[0]), "reason": reason})

    event = case.events.get(what=Event.APPROVED if name == "approve" else Event.REJECTED)
    assert event.actor == reviewer
    history = html(client.get(page(case))).partition('class="history"')[2]
    assert event.get_what_display() in history
    assert reviewer.get_username() in history
