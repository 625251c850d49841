"""Marking fixtures on the open case page, and ranking by what one sees."""

import re

import pytest

from cases.models import Case, CaseAccess, Finding
from cases.tests.making_cases import act, finding_of, html, matched_case, page, told
from implants.models import Implant

pytestmark = pytest.mark.django_db
BOX = {"x": 60, "y": 100, "width": 50, "height": 120, "angle": 0}
OTHER = {"x": 30, "y": 100, "width": 40, "height": 100, "angle": "12,5"}


@pytest.fixture
def case(catalogue, film):
    """A case with one film, 120 × 200, that awaits review."""
    return matched_case(film())


def drawn(case, box=BOX, **fields):
    image = case.images.get()
    numbers = {f"box-{image.pk}-{name}": value for name, value in box.items()}
    return {"image": image.pk, **numbers, **fields}


def test_a_marked_fixture_comes_back_with_its_candidates(client, reviewer, case):
    finding = finding_of(case)

    response = client.post(act("mark", case), drawn(case, piece="1"))

    finding.refresh_from_db()
    content = html(response)
    assert response.status_code == 200
    assert finding.box == {name: float(value) for name, value in BOX.items()}
    assert f'id="fixture-{finding.pk}"' in content
    assert f'data-finding="{finding.pk}"' in content
    assert content.count('data-candidate="1"') == 1
    assert "<html" not in content


def test_the_pieces_that_come_back_are_in_the_access_log(client, reviewer, case):
    client.post(act("mark", case), drawn(case, piece="1"))

    assert (CaseAccess.objects.get().case, CaseAccess.objects.get().how) == (case, "page")


def test_a_second_box_is_a_fixture_of_its_own_and_leaves_the_first_alone(client, reviewer, case):
    client.post(act("mark", case), drawn(case, piece="1"))

    content = html(client.post(act("mark", case), drawn(case, OTHER, piece="1")))

    left, right = sorted(Finding.objects.all(), key=lambda one: one.box["x"])
    assert f'id="fixture-{left.pk}"' in content
    assert f'id="fixture-{right.pk}"' not in content
    names = re.findall(r'data-tab="(\d+)" data-name="([^"]+)"', content)
    assert [int(pk) for pk, _ in names] == [left.pk, right.pk]


def test_moving_a_box_keeps_what_was_said_about_its_fixture(client, reviewer, case):
    client.post(act("mark", case), drawn(case))
    finding = finding_of(case)
    implant = Implant.objects.first()

    content = html(
        client.post(
            act("mark", case),
            drawn(
                case,
                OTHER,
                piece="1",
                finding=finding.pk,
                choice=f"{finding.pk}:{implant.pk}",
                **{f"reason-{finding.pk}": "Um texto."},
            ),
        )
    )

    finding.refresh_from_db()
    assert finding.box["angle"] == 12.5
    assert re.search(rf'value="{finding.pk}:{implant.pk}"[^>]* checked', content)
    assert "Um texto." in content


@pytest.mark.parametrize(
    ("box", "status"),
    [(BOX | {"width": 3}, 400), (BOX | {"x": "links"}, 400), (BOX | {"x": 4000}, 400)],
)
def test_a_box_that_shows_no_fixture_is_refused_in_place(client, reviewer, case, box, status):
    response = client.post(act("mark", case), drawn(case, box, piece="1"))

    assert response.status_code == status
    assert "data-problem" in html(response)
    assert finding_of(case).box is None


def test_marking_a_case_that_was_decided_meanwhile_is_a_conflict(client, reviewer, case):
    Case.objects.update(status=Case.Status.REJECTED, decided_at=case.created_at)

    response = client.post(act("mark", case), drawn(case, piece="1"))

    assert response.status_code == 409
    assert "data-problem" in html(response)


def test_a_film_of_another_case_cannot_be_marked(client, reviewer, case):
    response = client.post(act("mark", case), drawn(case, piece="1") | {"image": "987654"})

    assert response.status_code == 400
    assert client.post(act("mark", case).replace(str(case.pk), "987654")).status_code == 404


def test_marking_without_javascript_shows_the_whole_page_with_what_was_typed(
    client, reviewer, case
):
    response = client.post(act("mark", case), drawn(case, note="Uma observação."))

    assert "<html" in html(response)
    assert "Uma observação." in html(response)
    assert finding_of(case).box is not None

    refused = client.post(act("mark", case), drawn(case, BOX | {"width": 3}, note="De novo."))
    assert told(refused)
    assert "De novo." in html(refused)


def test_removing_a_mark_gives_back_the_fixtures_that_are_left(client, reviewer, case):
    client.post(act("mark", case), drawn(case))
    client.post(act("mark", case), drawn(case, OTHER))
    left, right = sorted(Finding.objects.all(), key=lambda one: one.box["x"])

    content = html(client.post(act("unmark", case), {"unmark": left.pk, "piece": "1"}))

    assert f'id="fixture-{right.pk}"' in content
    assert f'data-tab="{left.pk}"' not in content
    assert not Finding.objects.filter(pk=left.pk).exists()


def test_removing_the_last_mark_leads_back_to_the_whole_film(client, reviewer, case):
    client.post(act("mark", case), drawn(case))

    content = html(client.post(act("unmark", case), {"unmark": finding_of(case).pk, "piece": "1"}))

    assert finding_of(case).box is None
    assert "data-finding=" not in content.partition("data-boxes")[2].partition("</ul>")[0]
    assert client.post(act("unmark", case), {"unmark": "987654"}).status_code == 404


def test_suggested_boxes_are_offered_until_their_fixture_is_marked(client, reviewer, case):
    case.images.update(suggested_boxes=[BOX, BOX | {"x": 10, "y": 20, "height": 30}])
    assert html(client.get(page(case))).count("data-suggested ") == 2

    content = html(client.post(act("mark", case), drawn(case)))

    assert content.count("data-suggested ") == 1


def test_what_is_seen_ranks_again_and_counts_what_fits(client, reviewer, case):
    finding = finding_of(case)
    first = finding.results.get(rank=1).implant
    Implant.objects.update(collar="", apex="", thread="")
    Implant.objects.filter(pk=first.pk).update(collar="machined", apex="flat", thread="v")
    seen = {"collar": "flared", "apex": "narrow", "thread": "square"}
    words = {f"seen-{finding.pk}-{feature}": word for feature, word in seen.items()}

    content = html(client.get(act("candidates", case), {"finding": finding.pk, **words}))

    total = Implant.objects.active().count()
    assert re.search(rf"data-fitting hidden>[^<]*{total - 1}[^<]*{total}", content)
    cards = re.split(r'data-candidate="\d+"', content)
    assert str(first) not in cards[1]
    assert str(first) in cards[-1]
    assert 'class="against"' in cards[-1]
    assert content.count('class="against"') == 1


def test_not_sure_of_anything_changes_nothing(client, reviewer, case):
    finding = finding_of(case)
    asked = {"finding": finding.pk, f"seen-{finding.pk}-collar": ""}

    content = html(client.get(act("candidates", case), asked))

    first = finding.results.get(rank=1).implant
    assert str(first) in re.split(r'data-candidate="\d+"', content)[1]
    assert "data-fitting" not in content


def test_ranking_again_keeps_what_is_ticked(client, reviewer, case):
    finding = finding_of(case)
    ticked = f"{finding.pk}:{finding.results.get(rank=1).implant_id}"
    asked = {"finding": finding.pk, f"seen-{finding.pk}-collar": "flared", "choice": ticked}

    content = html(client.get(act("candidates", case), asked))

    assert len(re.findall(rf'value="{ticked}"[^>]* checked', content)) == 1


def test_the_filter_works_without_javascript(client, reviewer, case):
    finding = finding_of(case)

    content = html(client.post(page(case), {f"seen-{finding.pk}-collar": "flared"}))

    assert "data-fitting" in content
    assert re.search(rf'name="seen-{finding.pk}-collar">.*?value="flared" selected', content, re.S)


def test_a_catalogue_that_cannot_be_compared_leaves_the_first_candidates(client, reviewer, case):
    finding = finding_of(case)
    names = [str(one.implant) for one in finding.results.all()]
    Implant.objects.update(is_active=False)

    content = html(client.get(page(case)))

    assert "warn-text" in content.partition('class="candidates"')[2].partition("</ol>")[0]
    assert all(name in content for name in names)


def test_what_tells_the_first_candidates_apart_is_said_in_words(client, reviewer, case):
    Implant.objects.update(collar="", thread="rounded")
    first, second, _ = finding_of(case).results.all()
    Implant.objects.filter(pk=first.implant_id).update(collar="machined")
    Implant.objects.filter(pk=second.implant_id).update(collar="flared")

    table = html(client.get(page(case))).partition('class="differences"')[2].partition("</table")[0]

    assert "faixa usinada" in table
    assert 'class="unknown"' in table
    assert "rosca arredondada" not in table


def test_the_page_of_several_fixtures_takes_a_bounded_number_of_queries(
    client, reviewer, case, django_assert_max_num_queries
):
    client.post(act("mark", case), drawn(case))
    client.post(act("mark", case), drawn(case, OTHER))

    with django_assert_max_num_queries(40):
        client.get(page(case))
