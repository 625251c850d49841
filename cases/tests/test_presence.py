"""Who has a case open: two reviewers see each other, and are told what became of it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext

from cases import records, review
from cases.models import Case, Presence
from cases.panel import presence
from cases.tests.making_cases import act, choice, html, make_case, page, queue

pytestmark = pytest.mark.django_db


def looking(client, case, **posted):
    return client.post(act("looking", case), posted)


def test_two_reviewers_of_one_case_see_each_other(client, reviewer, case, colleague):
    assert looking(client, case).json()["others"] == []

    client.force_login(colleague)
    seen = looking(client, case).json()
    assert seen["others"] == ["brenda"]
    assert "brenda" in seen["looking"]
    assert "brenda" in html(client.get(page(case))).partition("data-looking")[2][:200]

    client.force_login(reviewer)
    assert looking(client, case).json()["others"] == ["Colega Exemplo"]
    assert "Colega Exemplo" in html(client.get(queue()))


def test_being_seen_again_keeps_one_row_with_the_newest_time(client, reviewer, case):
    looking(client, case)
    Presence.objects.update(seen_at=timezone.now() - timedelta(seconds=30))

    looking(client, case)

    assert Presence.objects.get().seen_at > timezone.now() - timedelta(seconds=20)


def test_whoever_leaves_is_not_seen_any_more(client, reviewer, case, colleague):
    looking(client, case)
    presence.look(case_id=case.pk, user=colleague)

    looking(client, case, leaving="1")

    assert [row.user for row in Presence.objects.all()] == [colleague]
    assert presence.others(case, colleague) == []


def test_a_page_that_says_nothing_any_more_is_closed(client, reviewer, case, colleague):
    presence.look(case_id=case.pk, user=colleague)
    Presence.objects.update(seen_at=timezone.now() - timedelta(seconds=41))

    assert looking(client, case).json()["others"] == []


def test_old_rows_are_swept(client, reviewer, implants, case, colleague):
    old = make_case(implants)
    presence.look(case_id=old.pk, user=colleague)
    Presence.objects.update(seen_at=timezone.now() - timedelta(days=2))

    looking(client, case)

    assert [row.case for row in Presence.objects.all()] == [case]


def test_an_open_page_is_told_that_another_decided(client, reviewer, implants, case, colleague):
    assert looking(client, case).json()["decided"] == ""
    review.approve(
        case_id=case.pk, choices=[review.Choice(implants[0].pk)], reviewer=colleague, revision=1
    )

    told = looking(client, case).json()

    assert told["status"] == Case.Status.APPROVED
    assert "Colega Exemplo" in told["decided"]


def test_an_open_page_is_told_of_a_change_by_the_sender(client, reviewer, case):
    assert looking(client, case).json()["revision"] == 1
    Case.objects.update(revision=2)

    assert looking(client, case).json()["revision"] == 2


def test_the_case_page_holds_what_the_news_are_told_with(client, reviewer, implants, case):
    content = html(client.get(page(case)))

    assert f'action="{act("looking", case)}"' in content
    told = content.partition("<template data-decided-elsewhere>")[2].partition("</template>")[0]
    assert f"{reverse('admin:cases_case_next')}?after={case.pk}" in told


def test_seeing_each_other_does_not_replace_the_lock(client, reviewer, implants, case, colleague):
    looking(client, case)
    review.reject(case_id=case.pk, reason="Ilegível.", reviewer=colleague)

    client.post(act("approve", case), {"choice": choice(case, implants[0]), "revision": "1"})

    case.refresh_from_db()
    assert (case.status, case.decided_by) == (Case.Status.REJECTED, colleague)


def test_a_reader_is_in_nobodys_way_and_sees_who_looks(client, reader, case, colleague):
    presence.look(case_id=case.pk, user=colleague)
    client.force_login(reader)

    assert looking(client, case).json()["others"] == ["Colega Exemplo"]
    assert presence.others(case, colleague) == []


def test_it_takes_a_post_a_login_and_the_right_to_see_cases(client, curator, reader, case):
    assert looking(client, case).status_code == 302
    client.force_login(curator)
    assert looking(client, case).status_code == 403
    client.force_login(reader)
    assert client.get(act("looking", case)).status_code == 405
    assert not Presence.objects.exists()


@pytest.mark.parametrize("number", [987654, 10**30])
def test_a_case_that_does_not_exist_is_not_found(client, reviewer, number):
    url = reverse("admin:cases_case_looking", args=[number])

    assert client.post(url).status_code == 404
    assert client.post(url, {"leaving": "1"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_case_that_is_erased_meanwhile_is_gone(approver, case):
    with records.unlocked():
        Case.objects.filter(pk=case.pk).delete()

    with pytest.raises(Case.DoesNotExist):
        presence.look(case_id=case.pk, user=approver)
    assert not Presence.objects.exists()


def test_names_are_joined_into_one_sentence():
    assert presence.sentence([]) == ""
    looking = ngettext(
        "%(names)s is looking at this case.", "%(names)s are looking at this case.", 2
    )
    assert presence.sentence(["Ana", "Bia"]) == looking % {"names": "Ana, Bia"}
