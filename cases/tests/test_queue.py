"""The reviewers' queue: what its rows show, its filters, its search, and the next case."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import records
from cases.models import Case, Finding, Presence
from cases.tests.making_cases import (
    act,
    film_url,
    finding_of,
    html,
    make_case,
    make_implant,
    page,
    queue,
    set_facts,
)
from implants.models import Implant
from matching.confidence import Band

pytestmark = pytest.mark.django_db


def listed(client, **query):
    """The numbers of the cases on a list."""
    return [row.pk for row in client.get(queue(), query).context["cl"].result_list]


def row(content, case):
    """The row of a case; empty where the list has none."""
    found = [part for part in content.split("<tr>") if f"{page(case)}" in part]
    return found[0] if found else ""


def test_a_row_shows_what_a_reviewer_chooses_by(client, reviewer, implants, case, colleague):
    set_facts(case, band=Band.LOW, priority=1, created_at=timezone.now() - timedelta(hours=3))
    Presence.objects.create(case=case, user=colleague)

    shown = row(html(client.get(queue())), case)

    assert f"{film_url(case)}?thumb=1" in shown
    facts = (f"#{case.pk}", "</span> 36<", "Dra. Exemplo", "3 horas", "Fabricante</span> Linha Um")
    assert [text for text in facts if text not in shown] == []
    assert str(Band.LOW.label) in shown
    assert str(Case.Priority.URGENT.label) in shown
    assert "Colega Exemplo" in shown
    assert "Linha Dois" not in shown


def test_the_reviewer_herself_is_not_among_those_who_look(client, reviewer, case):
    Presence.objects.create(case=case, user=reviewer)

    assert "badge-looking" not in html(client.get(queue()))


def test_every_fixture_of_a_case_names_its_first_candidate(client, reviewer, implants, case):
    second = Finding.objects.create(case_image=finding_of(case).case_image)
    second.results.create(implant=implants[2], rank=1, similarity=0.5, encoder="e")

    shown = row(html(client.get(queue())), case)

    assert "Linha Um" in shown
    assert "Linha Três" in shown


def test_an_approved_case_shows_what_was_approved_and_a_rejected_one_why(
    client, reviewer, implants
):
    approved, rejected = (make_case(implants) for _number in range(2))
    finding_of(approved).results.filter(rank=2).update(approved=True, approved_at=timezone.now())
    decided = {"decided_at": timezone.now(), "decided_by": reviewer}
    set_facts(approved, status=Case.Status.APPROVED, **decided)
    set_facts(rejected, status=Case.Status.REJECTED, outcome="unreadable", **decided)

    shown = row(html(client.get(queue(), {"status": "approved"})), approved)
    assert "Linha Dois" in shown
    assert "Linha Um" not in shown
    shown = row(html(client.get(queue(), {"status": "rejected"})), rejected)
    assert str(Finding.Outcome.UNREADABLE.label) in shown


def test_a_small_copy_is_shown_where_there_is_one_else_the_film(client, reviewer, case):
    def small():
        answer = client.get(film_url(case), {"thumb": "1"})
        return b"".join(answer.streaming_content)

    assert small() == b"a film"
    image = case.images.get()
    image.thumbnail.save("", ContentFile(b"small"))

    assert small() == b"small"
    assert b"".join(client.get(film_url(case)).streaming_content) == b"a film"


def test_a_case_whose_film_is_not_there_yet_says_so(client, reviewer, case):
    case.images.update(width=None, height=None)

    shown = row(html(client.get(queue())), case)

    assert "<img" not in shown
    assert "no-film" in shown


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ({"manufacturer": "Fabricante"}, 0),
        ({"manufacturer": "Outra Marca"}, 1),
        ({"band": "high"}, 0),
        ({"band": "low"}, 1),
        ({"source": "upload"}, 0),
        ({"source": "jotform"}, 1),
        ({"source": "jotform", "band": "low", "q": "exemplo", "status": "pending"}, 1),
    ],
)
def test_filters_narrow_the_list_and_work_together(client, reviewer, two_makers, query, position):
    set_facts(two_makers[0], band=Band.HIGH)
    set_facts(two_makers[1], band=Band.LOW, source=Case.Source.JOTFORM)

    assert listed(client, **query) == [two_makers[position].pk]


def test_a_filter_that_nothing_fits_leaves_nothing(client, reviewer, two_makers):
    assert listed(client, band="high", source="jotform") == []
    assert listed(client, manufacturer="Desconhecida") == []


def test_the_manufacturer_of_what_was_approved_counts_too(client, reviewer, implants, two_makers):
    case, other = two_makers
    added = make_implant("Outra Linha")
    Implant.objects.filter(pk=added.pk).update(manufacturer="Terceira")
    finding_of(case).results.create(implant=added, approved=True, approved_at=timezone.now())

    assert listed(client, manufacturer="Terceira") == [case.pk]
    assert listed(client, manufacturer="Fabricante") == [case.pk]
    assert listed(client, manufacturer="Outra Marca") == [other.pk]


@pytest.mark.parametrize("status", Case.Status.values)
def test_every_status_has_its_list(client, reviewer, implants, status):
    case = make_case(implants)
    set_facts(case, status=status, decided_at=timezone.now(), failure="Uma falha")

    assert listed(client, status=status) == [case.pk]
    assert listed(client, status="all") == [case.pk]
    assert listed(client) == ([case.pk] if status == "pending" else [])


def test_what_is_no_filter_is_ignored(client, reviewer, case):
    assert listed(client, band="purple", source="moon", status="lost") == [case.pk]


@pytest.mark.parametrize(
    "text",
    [
        "6412345678901234567",
        "exemplo dra",
        "ARROBA@EXEMPLO",
        "fictício",
        "36",
        "dente 36",
        "Dente: 36",
        "tooth 3.6",
        "dente 36 exemplo",
        '"Dra. Exemplo"',
    ],
)
def test_a_search_finds_submission_dentist_patient_and_tooth(client, reviewer, implants, text):
    case, other = make_case(implants), make_case([])
    set_facts(
        case, jotform_submission_id="6412345678901234567", dentist_email="arroba@exemplo.com.br"
    )
    set_facts(other, tooth=11, dentist_name="Dr. Outro", patient_name="Outra")

    assert listed(client, q=text) == [case.pk]


def test_a_number_finds_both_the_case_and_the_tooth(client, reviewer, implants):
    tooth = make_case(implants)
    numbered = Case.objects.create(pk=36, source="upload", status="pending", tooth=11)

    assert set(listed(client, q="36")) == {tooth.pk, numbered.pk}
    assert listed(client, q="#36") == [numbered.pk]
    assert listed(client, q="dente 36") == [tooth.pk]


@pytest.mark.parametrize(
    "text", ["#9", "99", "dente 99", "%", "9" * 30, "#" + "9" * 30, "zz " * 99]
)
def test_a_search_that_nothing_fits_finds_nothing(client, reviewer, case, text):
    with records.unlocked():
        Case.objects.filter(pk=9).delete()

    assert listed(client, q=text) == []


def test_an_empty_queue_tells_of_the_last_decisions(client, reviewer, implants):
    content = html(client.get(queue()))
    assert _("Nothing is waiting") in content
    assert _("No case has been decided yet.") in content

    case = make_case(implants)
    set_facts(case, status="rejected", decided_at=timezone.now(), decided_by=reviewer)
    content = html(client.get(queue()))

    assert _("Nothing is waiting") in content
    assert page(case) in content.partition("empty-list")[2]


def test_a_search_without_result_says_what_was_asked_and_leads_back(client, reviewer, case):
    asked = {"q": "ninguém <b>", "band": "low", "status": "pending"}

    content = html(client.get(queue(), asked)).partition('class="empty-list"')[2]

    assert "ninguém &lt;b&gt;" in content
    assert str(Band.LOW.label) in content
    assert 'href="?status=pending"' in content
    del asked["status"]
    assert 'href="?"' in html(client.get(queue(), asked)).partition('class="empty-list"')[2]


def test_a_page_that_is_gone_shows_the_first_one(client, reviewer, case):
    assert listed(client, p="7") == [case.pk]


def test_a_failed_case_can_be_tried_again_from_the_list_by_whoever_may(client, reviewer, reader):
    case = make_case([], status=Case.Status.FAILED, failure="Uma falha")
    button = f'formaction="{act("retry", case)}"'
    assert button in html(client.get(queue(), {"status": "failed"}))

    client.force_login(reader)

    content = html(client.get(queue(), {"status": "failed"}))
    assert "Uma falha" in content
    assert button not in content


def test_cases_in_the_works_say_what_happens_now(client, reviewer, implants):
    held, postponed, working = (make_case([], status=Case.Status.RECEIVED) for _n in range(3))
    set_facts(held, queued_at=None)
    set_facts(postponed, next_try_at="2031-05-04T18:30:00Z")

    content = html(client.get(queue(), {"status": "received"}))

    assert _("Waits for the confirmation of its source.") in row(content, held)
    assert "04/05/2031 15:30" in row(content, postponed)
    assert _("Is being processed.") in row(content, working)


def test_a_long_list_takes_no_more_queries_than_a_short_one(
    client, reviewer, implants, colleague, django_assert_max_num_queries
):
    for _number in range(30):
        case = make_case(implants)
        Presence.objects.create(case=case, user=colleague)

    for query in ({}, {"manufacturer": "Fabricante", "q": "exemplo"}, {"status": "all"}):
        with django_assert_max_num_queries(14):
            assert len(listed(client, **query)) == 30
