import re
from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cases import erasure, review
from cases.models import Case, CaseImage, Finding, ReferenceProposal, Result
from cases.tests.making_cases import html, make_case, make_implant
from implants.models import Implant, ReferenceImage
from integrations.models import ResultReturn
from matching.calibration import LEAST_DECISIONS
from matching.encoder import get_encoder
from matching.models import Calibration
from raiox_site import dashboard
from raiox_site.bench.filling import fill
from raiox_site.dashboard import agreement, desk
from raiox_site.dashboard.reliability import Unknown

pytestmark = pytest.mark.django_db
Status, Outcome = Case.Status, Finding.Outcome
TRAINED, RANDOM = "ViT-B-32/openai@abc/pad-v1", "ViT-B-32/random@abc/pad-v1"


def first_page(client, user):
    client.force_login(user)
    return client.get(reverse("admin:index"))


def main(response):
    return html(response).partition("<main")[2].partition("</main>")[0]


def decided(*, at, took=timedelta(minutes=30), status=Status.APPROVED, outcome=Outcome.IDENTIFIED):
    case = Case.objects.create(
        source=Case.Source.UPLOAD, status=status, outcome=outcome, decided_at=at
    )
    Case.objects.filter(pk=case.pk).update(created_at=at - took)
    return case


def identified(approved, implants, *, encoder=TRAINED, at=None):
    """A decided case whose only fixture had these candidates, and these approved implants."""
    # Received and decided on one local day, also shortly after midnight.
    at = at or timezone.localtime().replace(hour=12)
    case = decided(at=at)
    image = CaseImage.objects.create(case=case, file="films/a.jpg", width=64, height=96)
    finding = Finding.objects.create(case_image=image, outcome=Outcome.IDENTIFIED)
    marks = {"approved": True, "approved_at": at}
    for rank, implant in enumerate(implants, start=1):
        Result.objects.create(
            finding=finding,
            implant=implant,
            rank=rank,
            similarity=0.9,
            encoder=encoder,
            **(marks if implant in approved else {}),
        )
    for implant in set(approved) - set(implants):
        Result.objects.create(finding=finding, implant=implant, **marks)
    return case


@pytest.fixture
def implants():
    return [make_implant(f"Linha {number}") for number in range(5)]


def test_a_reviewer_lands_on_the_dashboard_with_the_next_case_one_click_away(
    client, approver, implants
):
    for _number in range(3):
        make_case(implants)
    response = client.post(
        reverse("admin:login"),
        {"username": "brenda", "password": "a password of the test", "next": "/admin/"},
        follow=True,
    )
    assert response.redirect_chain[-1][0] == "/admin/"
    button = re.search(r'<a class="button dash-button" href="([^"]+)">([^<]+)</a>', main(response))
    assert button and button[1] == reverse("admin:cases_case_next")
    assert "3" in button[2]


def test_a_reader_sees_the_numbers_and_the_queue_but_no_button_to_review(client, reader, implants):
    make_case(implants)
    content = main(first_page(client, reader))
    assert reverse("admin:cases_case_changelist") in content
    assert reverse("admin:cases_case_next") not in content


def test_catalogue_staff_see_the_catalogue_and_nothing_of_the_cases(client, curator, implants):
    case = identified([implants[0]], implants[:3])
    ReferenceProposal.objects.create(finding=Finding.objects.get(), implant=implants[0])
    response = first_page(client, curator)
    board = response.context["board"]
    assert (board.waiting, board.decisions, board.days) == (None, None, ())
    assert (board.report, board.undelivered) == (None, None)
    assert (board.stock.implants, board.stock.unfound, board.proposals) == (5, 5, 1)
    assert "/cases/case/" not in html(response)
    assert f"#{case.pk}" not in main(response)


def test_whoever_has_no_role_is_told_so(client, make_user):
    response = first_page(client, make_user())
    assert response.context["board"] == dashboard.Dashboard()
    assert 'class="nothing-here"' in main(response)


@pytest.mark.parametrize("who", ["approver", "reader", "curator"])
def test_an_empty_database_shows_no_plot_and_no_made_up_number(client, request, who):
    response = first_page(client, request.getfixturevalue(who))
    content = main(response)
    assert response.status_code == 200
    assert 'class="nothing-here"' in content
    assert not re.search(r"<svg|\d+\s?%|None|NaN", content)


def test_what_is_open_is_counted_by_its_state(implants):
    old = make_case(implants, priority=Case.Priority.URGENT)
    make_case(implants)
    make_case([], status=Status.RECEIVED)
    make_case([], status=Status.FAILED, failure="Filme ilegível.")
    make_case([], status=Status.REJECTED, decided_at=timezone.now())
    arrived = timezone.now() - timedelta(hours=5)
    Case.objects.filter(pk=old.pk).update(created_at=arrived)
    assert desk.waiting() == desk.Waiting(pending=2, urgent=1, oldest=arrived, received=1, failed=1)


def local(hour, minute=0, *, day=20):
    return timezone.make_aware(datetime(2026, 11, day, hour, minute))


def test_today_is_the_local_day_and_decisions_are_told_apart_by_their_outcome():
    decided(at=local(0, 5))
    decided(at=local(23, 55, day=19))
    decided(at=local(9), status=Status.REJECTED, outcome=Outcome.NOT_IN_CATALOGUE)
    decided(at=local(10), status=Status.REJECTED, outcome=Outcome.UNREADABLE)
    decided(at=local(11), status=Status.REJECTED, outcome="")
    decided(at=local(12), status=Status.PENDING)
    found = desk.decisions(at=local(23, 30))
    assert (found.today, found.approved, found.not_in_catalogue) == (4, 1, 1)
    assert (found.unreadable, found.other, found.week) == (1, 1, 5)


def test_the_median_is_that_of_the_period_and_none_of_nothing():
    assert desk.decisions(at=local(12)).median_month is None
    for minutes in (10, 20, 60):
        decided(at=local(9), took=timedelta(minutes=minutes))
    decided(at=local(9, day=15), took=timedelta(minutes=100))
    decided(at=local(9, day=1), took=timedelta(minutes=300))
    found = desk.decisions(at=local(12))
    assert found.median_today == timedelta(minutes=20)
    assert found.median_week == timedelta(minutes=40)
    assert found.median_month == timedelta(minutes=60)


def test_days_without_a_case_are_there_with_zeros():
    decided(at=local(9), took=timedelta(days=2))
    days = desk.per_day(at=local(12))
    assert len(days) == 30 and days[-1].day == local(12).date()
    assert [(day.received, day.decided) for day in days[-3:]] == [(1, 0), (0, 0), (0, 1)]
    assert sum(day.received + day.decided for day in days) == 2


def test_answers_that_did_not_arrive_are_counted_and_their_links_list_exactly_them(
    client, approver
):
    for number, status in enumerate(ResultReturn.Status):
        for _number in range(number + 1):
            ResultReturn.objects.create(
                case=decided(at=timezone.now()),
                status=status,
                sent_at=timezone.now() if status == "sent" else None,
            )
    response = first_page(client, approver)
    assert response.context["board"].undelivered == desk.Undelivered(
        waiting=3, given_up=5, not_configured=3
    )
    links = re.findall(r'href="(/admin/integrations/resultreturn/\?[^"]+)"', main(response))
    listed = [client.get(link).context["cl"].result_count for link in links]
    assert listed == [3, 5, 3]


def test_the_place_of_the_approved_candidate_is_counted_for_each_fixture(implants):
    first, second, third, fourth, other = implants
    identified([first], implants[:4])
    identified([third], implants[:4])
    identified([fourth], implants[:4])
    identified([other], implants[:4])
    # It is one of these: the better ranked counts, once.
    identified([other, second], implants[:4])
    found = agreement.report(at=timezone.now())
    assert (found.total, found.untrained) == (agreement.Agreement(n=5, first=1, top=3), 0)
    assert found.total.first_share == 20 and found.total.top_share == 60


def test_a_half_percent_is_the_same_number_wherever_it_stands(client, approver, implants):
    identified([implants[0]], implants[:3])
    for _number in range(7):
        identified([implants[3]], implants[:3])
    shown = main(first_page(client, approver))
    # One of eight.
    assert len(re.findall(r"\b13%", shown)) >= 3
    assert not re.search(r"\b12%", shown)


def test_agreement_is_told_by_manufacturer_and_by_the_week_of_the_decision(implants):
    rare = Implant.objects.create(manufacturer="Outro", name="Rara")
    at = local(12, day=18)
    identified([implants[0]], implants[:3], at=at)
    identified([implants[1]], implants[:3], at=at - timedelta(days=7))
    identified([rare], implants[:3], at=at - timedelta(days=7))
    identified([implants[0]], implants[:3], at=at - timedelta(days=100))
    found = agreement.report(at=at)
    assert found.by_manufacturer == (
        ("Fabricante", agreement.Agreement(2, 1, 2)),
        ("Outro", agreement.Agreement(1, 0, 0)),
    )
    assert len(found.by_week) == 12
    assert found.by_week[-1] == (local(0, day=16).date(), agreement.Agreement(1, 1, 1))
    assert found.by_week[-2] == (local(0, day=9).date(), agreement.Agreement(2, 0, 1))


def test_ranks_of_an_untrained_encoder_give_no_number(client, approver, implants):
    identified([implants[0]], implants[:3], encoder=RANDOM)
    identified([implants[4]], implants[:3], encoder=RANDOM)
    response = first_page(client, approver)
    report = response.context["board"].report
    assert (report.total.n, report.untrained) == (0, 2)
    assert response.context["agreement_plots"] == []
    assert 'class="notice notice-warn"' in main(response)


def test_decisions_that_were_undone_or_rejected_say_nothing_of_the_matcher(implants):
    undone = identified([implants[0]], implants[:3])
    Case.objects.filter(pk=undone.pk).update(status=Status.PENDING)
    decided(at=timezone.now(), status=Status.REJECTED)
    assert agreement.report(at=timezone.now()).total.n == 0


def test_an_erased_case_still_counts(implants):
    case = identified([implants[0]], implants[:3])
    Case.objects.filter(pk=case.pk).update(status=Status.ARCHIVED)
    assert agreement.report(at=timezone.now()).total.n == 1
    assert desk.decisions(at=timezone.now()).today == 1


@pytest.mark.parametrize("outcome", ["", "unreadable", "not_in_catalogue", "identified"])
def test_the_figures_are_the_same_before_and_after_an_erasure(approver, implants, outcome):
    case = make_case(implants[:1])
    if outcome == "identified":
        choices = [review.Choice(implants[0].pk)]
        review.approve(case_id=case.pk, choices=choices, reviewer=approver)
    else:
        review.reject(case_id=case.pk, reason="Sem foco.", outcome=outcome, reviewer=approver)
    now = timezone.now()
    before = desk.decisions(at=now), desk.per_day(at=now), agreement.report(at=now)
    erasure.erase_case(case_id=case.pk)
    assert (desk.decisions(at=now), desk.per_day(at=now), agreement.report(at=now)) == before
    assert before[0].today == 1


class Page(HTMLParser):
    """What the tests need of a page: its tables, attributes and links."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.attributes, self.links, self.svgs = [], set(), [], []
        self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.attributes |= set(given)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
            self._cell = self.tables[-1][-1]
        elif tag == "svg" and "role" in given:
            self.svgs.append(given)
        elif tag == "a":
            self.links.append(given["href"])

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell[-1] += data


def test_each_plot_is_an_image_with_a_text_and_a_table_of_the_same_numbers(
    client, approver, implants
):
    identified([implants[0]], implants[:3])
    identified([implants[4]], implants[:3])
    page = Page(main(first_page(client, approver)))
    assert len(page.svgs) == len(page.tables) == 3
    assert all(svg["role"] == "img" and svg["aria-describedby"] for svg in page.svgs)
    assert "style" not in page.attributes
    weeks, manufacturers, days = page.tables
    assert weeks[-1][1:] == ["2", "50%", "50%"]
    assert weeks[1][1:] == ["0", "–", "–"]
    assert manufacturers[1] == ["Fabricante", "2", "50%", "50%"]
    assert (days[-1][1:], len(days)) == (["2", "2"], 31)


def test_no_link_of_the_dashboard_is_broken(client, approver, make_user, implants):
    make_case(implants)
    identified([implants[0]], implants[:3])
    for user in (approver, make_user("approver", "curator", username="both")):
        links = {link for link in Page(main(first_page(client, user))).links if link[0] == "/"}
        broken = {link for link in links if client.get(link, follow=True).status_code != 200}
        assert len(links) > 8 and broken == set()


def test_the_number_of_queries_does_not_grow_with_the_cases(client, approver, implants):
    counts = []
    for number in (10, 50):
        fill(number, reviewer=approver)
        client.force_login(approver)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(reverse("admin:index")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20


def test_references_are_counted_as_their_list_counts_them(client, approver, catalogue):
    broken, off, *_others = ReferenceImage.objects.order_by("pk")
    ReferenceImage.objects.filter(pk=broken.pk).update(error="Não é uma imagem.")
    ReferenceImage.objects.filter(pk=off.pk).update(is_active=False, warnings=["too_small"])
    stock = first_page(client, approver).context["board"].stock
    assert (stock.implants, stock.unfound) == (4, 1)
    assert (stock.searchable, stock.unusable, stock.inactive, stock.waiting) == (6, 1, 1, 0)
    assert stock.doubtful == 1


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("admin:index", "/admin/"),
        ("admin:cases_case_changelist", "/admin/cases/case/"),
        ("admin:help_reviewers", "/admin/help/reviewers/"),
    ],
)
def test_the_header_says_which_page_this_is(client, approver, url, label):
    client.force_login(approver)
    header = html(client.get(reverse(url))).partition("<header")[2].partition("</header>")[0]
    assert re.findall(r'href="([^"]+)" aria-current="page"', header) == [label]


@pytest.fixture
def trained(settings):
    """The id of the configured encoder, which has (by its name) trained weights."""
    settings.RAIOX_ENCODER = "ViT-B-32/openai"
    prefix, suffix = get_encoder().id_without_digest
    return f"{prefix}abc{suffix}"


def test_before_enough_decisions_the_page_says_how_many_are_missing(
    client, approver, implants, trained
):
    identified([implants[0]], implants[:3], encoder=trained)
    identified([implants[0]], implants[:3], encoder=TRAINED)

    response = first_page(client, approver)

    told = response.context["board"].reliability
    assert (told.decisions, told.missing) == (1, LEAST_DECISIONS - 1)
    assert response.context["reliability_plot"] is None
    assert str(LEAST_DECISIONS - 1) in main(response)


def test_a_probability_is_shown_beside_what_came_true_once_it_was_measured(
    client, approver, implants, trained
):
    case = identified([implants[0]], implants[:3], encoder=trained)
    finding = Finding.objects.get(case_image__case=case)
    more = [Finding(case_image=finding.case_image, outcome="identified") for _ in range(199)]
    rows = [
        Result(finding=one, implant=implants[0], rank=1, similarity=0.9, encoder=trained)
        for one in Finding.objects.bulk_create(more)
    ]
    Result.objects.bulk_create(rows)
    bins = [
        {"low": 0.5, "high": 0.75, "predicted": 0.625, "observed": 0.55, "count": 40},
        {"low": 0.75, "high": 1.0, "predicted": 0.9, "observed": 0.925, "count": 60},
    ]
    measured = {"decisions": 200, "reliability": bins}
    Calibration.objects.create(encoder=trained, limits={}, measured=measured)

    response = first_page(client, approver)

    assert response.context["board"].reliability.missing == 0
    table = Page(main(response)).tables[2]
    assert table[1] == ["50–75%", "40", "63%", "55%"]
    assert table[2] == ["75–100%", "60", "90%", "93%"]


def test_what_was_held_to_be_unknown_counts_as_no_proposal(implants):
    identified([implants[0]], implants[:3])
    wrong = identified([implants[0]], implants[:3])
    Finding.objects.filter(case_image__case=wrong).update(is_unknown=True)
    right = identified([], implants[:3])
    Case.objects.filter(pk=right.pk).update(status=Status.REJECTED)
    Finding.objects.filter(case_image__case=right).update(
        is_unknown=True, outcome=Outcome.NOT_IN_CATALOGUE
    )
    missed = identified([], implants[:3])
    Finding.objects.filter(case_image__case=missed).update(
        is_unknown=False, outcome=Outcome.NOT_IN_CATALOGUE
    )

    found = agreement.report(at=timezone.now() + timedelta(days=1))

    assert found.total == agreement.Agreement(n=2, first=1, top=1)
    assert found.unknown == Unknown(said=2, right=1, absent=2)
