"""Films on which the finder sees fixtures: each is compared by itself, and binds nobody."""

import re
from functools import cache
from typing import Any

import pytest

from cases import findings, intake, review
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseImage, Finding, Result
from cases.panel.desk import RANKED_AT_ONCE
from cases.tests.making_cases import act, finding_of, html, make_case, matched_case, page, queue
from cases.verdicts import Choice, ReviewError, Verdict
from implants.catalogue import demo_catalogue
from matching import calibration, finder
from matching.boxes import Box
from matching.calibration import Limits, Measured
from matching.encoder import get_encoder
from matching.phantoms import as_jpeg, render_film
from matching.radiograph import load

pytestmark = pytest.mark.django_db
LEFT, RIGHT = Box(20, 48, 17, 40), Box(46, 48, 17, 40)


@cache
def two_fixtures() -> bytes:
    first, second = demo_catalogue()[:2]
    return as_jpeg(render_film(first, seed=300_000, others=[second], pixels_per_mm=12).image)


@pytest.fixture
def case(catalogue: list[Any]) -> Case:
    return matched_case(two_fixtures())


@pytest.fixture
def two_found(implants: list[Any]) -> Case:
    """A case as if the finder had seen two fixtures, with the same candidates for both."""
    case = make_case(implants)
    finding_of(case).delete()
    image = case.images.get()
    for box, score in ((RIGHT, 0.9), (LEFT, 0.7)):
        found = Finding.objects.create(case_image=image, box=box.as_json(), found_score=score)
        for rank, implant in enumerate(implants, start=1):
            Result.objects.create(
                finding=found, implant=implant, rank=rank, similarity=1 - rank / 10, encoder="e"
            )
    return case


def on_film(case: Case) -> list[Finding]:
    return list(Finding.objects.filter(case_image__case=case).order_by("pk"))


def identified(finding: Finding) -> Verdict:
    first = finding.results.get(rank=1)
    return Verdict(finding.pk, Finding.Outcome.IDENTIFIED, (first.implant_id,))


def test_every_fixture_that_the_finder_sees_has_its_own_candidates(case: Case) -> None:
    seen = finder.find(load(two_fixtures()).image)

    found = on_film(case)

    assert len(seen) == 2
    assert [one.box for one in found] == [one.box.as_json() for one in seen]
    assert [one.found_score for one in found] == [one.score for one in seen]
    assert {one.proposed_by for one in found} == {"finder"}
    assert all([r.rank for r in one.results.all()] == [1, 2, 3] for one in found)
    assert list(found[0].vector or []) != list(found[1].vector or [])
    event = case.events.get(what="matched")
    assert event.details == {"films": 1, "fixtures": 2}


def test_a_run_that_comes_again_finds_nothing_twice(case: Case) -> None:
    before = on_film(case)
    intake.process(case_id=case.pk)
    Case.objects.update(status=Case.Status.RECEIVED)
    intake.process(case_id=case.pk)
    assert on_film(case) == before


def test_a_film_without_a_fixture_is_compared_as_a_whole_and_the_page_says_so(
    client: Any, reviewer: Any, catalogue: list[Any], film: Any
) -> None:
    case = matched_case(film())

    assert [(one.box, one.found_score) for one in on_film(case)] == [(None, None)]
    assert 'class="nothing-found"' in html(client.get(page(case)))


def test_a_film_with_fixtures_does_not_say_that_none_was_found(
    client: Any, reviewer: Any, two_found: Case
) -> None:
    content = html(client.get(page(two_found)))

    assert "nothing-found" not in content
    assert content.count("data-found ") == 2
    assert content.count('data-key="d"') == 2


def test_one_fixture_is_enough_for_a_decision_and_the_others_are_not_named(
    two_found: Case, approver: Any
) -> None:
    first, second = on_film(two_found)

    case = review.decide(case_id=two_found.pk, verdicts=[identified(first)], reviewer=approver)

    second.refresh_from_db()
    assert case.status == Case.Status.APPROVED
    assert (second.outcome, second.results.filter(approved=True).exists()) == ("", False)


def test_what_a_person_marked_may_not_stay_without_a_decision(
    two_found: Case, approver: Any
) -> None:
    first, second = on_film(two_found)
    Finding.objects.filter(pk=second.pk).update(proposed_by=Finding.ProposedBy.PERSON)

    with pytest.raises(ReviewError, match="1"):
        review.decide(case_id=two_found.pk, verdicts=[identified(first)], reviewer=approver)
    assert Case.objects.get().status == Case.Status.PENDING


def test_nothing_said_about_any_fixture_decides_nothing(two_found: Case, approver: Any) -> None:
    with pytest.raises(ReviewError):
        review.decide(case_id=two_found.pk, verdicts=[], reviewer=approver)


def test_an_answer_without_a_fixture_goes_to_the_one_that_the_finder_was_surest_of(
    two_found: Case, approver: Any
) -> None:
    first, second = on_film(two_found)
    implant = first.results.get(rank=1).implant

    review.approve(case_id=two_found.pk, choices=[Choice(implant.pk)], reviewer=approver)

    first.refresh_from_db()
    assert first.outcome == "identified"
    assert second.results.filter(approved=True).count() == 0


def test_a_box_drawn_over_the_finder_s_takes_its_place(case: Case, approver: Any) -> None:
    first, second = on_film(case)
    box = Box.of(first.box or {})
    drawn = Box(box.x + 4, box.y - 3, box.width * 1.2, box.height, box.angle)

    marked = findings.mark(case_id=case.pk, image_id=first.case_image_id, box=drawn, by=approver)

    stored = Finding.objects.get(pk=first.pk)
    assert marked.pk == first.pk
    assert (stored.box, stored.proposed_by, stored.found_score) == (
        drawn.as_json(),
        "person",
        None,
    )
    assert on_film(case) == [first, second]


def test_a_box_drawn_beside_the_finder_s_is_another_fixture(case: Case, approver: Any) -> None:
    first, _second = on_film(case)
    image = first.case_image
    drawn = Box(30, 40, 40, 60)

    findings.mark(case_id=case.pk, image_id=image.pk, box=drawn, by=approver)

    assert len(on_film(case)) == 3


def test_false_ones_are_removed_and_the_last_leaves_the_whole_film(
    case: Case, approver: Any
) -> None:
    first, second = on_film(case)

    findings.remove(case_id=case.pk, finding_id=first.pk, by=approver)
    assert on_film(case) == [second]
    findings.remove(case_id=case.pk, finding_id=second.pk, by=approver)

    left = on_film(case)
    assert [(one.box, one.found_score, one.proposed_by) for one in left] == [(None, None, "finder")]
    assert left[0].results.count() == 3


def test_the_band_of_the_case_is_the_lowest_of_its_fixtures(case: Case, approver: Any) -> None:
    first, second = on_film(case)
    Finding.objects.filter(pk=first.pk).update(band="high")
    Finding.objects.filter(pk=second.pk).update(band="medium")
    image = first.case_image

    calibration.save(Measured(get_encoder().id, Limits()))
    findings.mark(case_id=case.pk, image_id=image.pk, box=Box(30, 40, 40, 60), by=approver)
    assert Case.objects.get().band == "low"
    added = Finding.objects.latest("pk")
    findings.remove(case_id=case.pk, finding_id=added.pk, by=approver)
    assert Case.objects.get().band == "medium"


def test_doubts_about_the_film_are_kept_and_shown(
    client: Any, reviewer: Any, catalogue: list[Any], film: Any
) -> None:
    case = matched_case(film())
    doubts = case.images.get().doubts

    assert "too_small" in (doubts or [])
    assert 'class="film-doubts"' in html(client.get(page(case)))


def test_a_film_without_doubts_says_nothing_of_them(
    client: Any, reviewer: Any, two_found: Case
) -> None:
    CaseImage.objects.update(doubts=[])
    assert "film-doubts" not in html(client.get(page(two_found)))


@pytest.mark.parametrize(("is_unknown", "is_said"), [(True, True), (False, False), (None, False)])
def test_what_is_probably_not_in_the_catalogue_is_said_and_nothing_is_chosen(
    client: Any, reviewer: Any, two_found: Case, is_unknown: bool | None, is_said: bool
) -> None:
    first, _second = on_film(two_found)
    Finding.objects.filter(pk=first.pk).update(is_unknown=is_unknown)

    content = html(client.get(page(two_found)))
    candidates = content.partition(f'id="candidates-{first.pk}"')[2].partition("</ol>")[0]

    assert ("data-unknown" in candidates) is is_said
    assert ("unknown-implant" in candidates) is is_said
    assert " checked" not in candidates


def test_the_queue_proposes_nothing_for_what_is_probably_not_in_the_catalogue(
    client: Any, reviewer: Any, two_found: Case, implants: list[Any]
) -> None:
    on_film(two_found)[0].results.all()
    Finding.objects.update(is_unknown=True)

    row = html(client.get(queue())).partition('id="result_list"')[2]
    assert implants[0].name not in row
    assert "pick-unknown" in row
    by_maker = client.get(queue(), {"manufacturer": implants[0].manufacturer})
    assert two_found not in by_maker.context["cl"].result_list


def test_the_rule_of_the_bands_stands_in_words_beside_the_band(
    client: Any, reviewer: Any, two_found: Case
) -> None:
    Case.objects.update(band="low")
    rule = html(client.get(page(two_found))).partition('class="band-rule"')[2].partition("</ul>")[0]
    assert len(re.findall(r"<li>[^<]{20,}</li>", rule)) >= 1


def test_look_alikes_among_the_first_candidates_are_named_together(
    client: Any, reviewer: Any, two_found: Case, implants: list[Any]
) -> None:
    for implant, name in zip(implants, ("Helix GM", "SuperLine", "Outra"), strict=True):
        implant.name = name
        implant.manufacturer = "Neodent" if name != "SuperLine" else "Dentium"
        implant.save()

    content = html(client.get(page(two_found)))

    alike = re.findall(r'class="look-alikes">(.*?)</p>', content)
    assert len(alike) == 2
    assert "Helix GM" in alike[0] and "SuperLine" in alike[0] and "Outra" not in alike[0]


def test_of_many_fixtures_the_page_ranks_only_the_first_ones_at_once(
    client: Any, reviewer: Any, case: Case, django_assert_max_num_queries: Any
) -> None:
    first, _second = on_film(case)
    for place in range(10):
        one = Finding.objects.get(pk=first.pk)
        one.pk, one.box = None, Box(40 + place, 40, 40, 90).as_json()
        one.save()
        implant = first.results.get(rank=1).implant
        Result.objects.create(
            finding=one, implant=implant, rank=1, similarity=0.9, encoder=one.encoder
        )

    with django_assert_max_num_queries(60):
        content = html(client.get(page(case)))
    assert content.count("data-brief") == 12 - RANKED_AT_ONCE

    last = Finding.objects.latest("pk")
    asked = html(client.get(act("candidates", case), {"finding": last.pk}))
    assert "data-brief" not in asked
    assert 'data-candidate="2"' in asked


def test_the_api_tells_of_each_fixture_what_the_comparison_says(
    client: Any, reader: Any, bearer: Any, two_found: Case
) -> None:
    first, second = on_film(two_found)
    Finding.objects.filter(pk=first.pk).update(is_unknown=True, band="low")

    shown = client.get(f"/cases/{two_found.pk}", headers=bearer(reader)).json()["images"][0]

    assert [one["id"] for one in shown["findings"]] == [first.pk, second.pk]
    told = shown["findings"][0]
    assert (told["is_unknown"], told["band"], told["found_score"]) == (True, "low", 0.9)
    places = [(one["finding_id"], one["rank"]) for one in shown["results"]]
    assert places == [(pk, rank) for pk in (first.pk, second.pk) for rank in (1, 2, 3)]


def test_a_film_that_comes_late_is_searched_for_fixtures_too(
    catalogue: list[Any], film: Any
) -> None:
    url = "https://example.org/late.jpg"
    case = intake.receive(
        source=Case.Source.JOTFORM,
        images=[IncomingImage(content=film()), IncomingImage(source_url=url)],
        person=Person(),
        submission_id="9",
    ).case
    assert intake.process(case_id=case.pk, fetch=lambda _url: two_fixtures()).status == "pending"
    assert [one.findings.count() for one in case.images.order_by("pk")] == [1, 2]
