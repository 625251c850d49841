import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from cases.models import Case, CaseImage, Finding, Result
from cases.panel.desk import find_implants
from cases.tests.making_cases import (
    act,
    choice,
    finding_of,
    html,
    make_case,
    make_implant,
    page,
    queue,
)
from implants.models import Implant, ReferenceImage
from matching.calibration import LEAST_DECISIONS
from matching.models import Calibration

pytestmark = pytest.mark.django_db


def make_reference(implant, content, **facts):
    reference = ReferenceImage(implant=implant, **facts)
    reference.indexed_by_importer = True
    reference.file.save("film.jpg", ContentFile(content), save=False)
    reference.save()
    return reference


def test_the_queue_shows_urgent_cases_first_and_then_the_oldest(client, reviewer, implants):
    younger, older, urgent = (make_case(implants) for _ in range(3))
    Case.objects.filter(pk=older.pk).update(created_at=timezone.now() - timedelta(hours=3))
    Case.objects.filter(pk=urgent.pk).update(priority=Case.Priority.URGENT)

    rows = client.get(queue()).context["cl"].result_list

    assert [row.pk for row in rows] == [urgent.pk, older.pk, younger.pk]


@pytest.mark.parametrize("written", ["{}", "#{}"])
def test_a_search_looks_in_every_status(client, reviewer, implants, written):
    decided = make_case(implants, status=Case.Status.REJECTED, decided_at=timezone.now())

    response = client.get(queue(), {"q": written.format(decided.pk)})

    assert [row.pk for row in response.context["cl"].result_list] == [decided.pk]


def test_the_queue_of_fifty_cases_takes_a_bounded_number_of_queries(
    client, reviewer, implants, django_assert_max_num_queries
):
    for _ in range(50):
        make_case(implants[:1])

    with django_assert_max_num_queries(14):
        response = client.get(queue())

    assert len(response.context["cl"].result_list) == 50


def test_the_case_page_takes_a_bounded_number_of_queries(
    client, reviewer, case, django_assert_max_num_queries
):
    with django_assert_max_num_queries(21):
        client.get(page(case))


def test_the_generic_addresses_lead_to_the_case_page(client, reviewer, case):
    for name in ("change", "history"):
        url = reverse(f"admin:cases_case_{name}", args=[case.pk])
        assert client.get(url).url == page(case)
    assert client.get(reverse("admin:cases_case_add")).status_code == 403
    delete = reverse("admin:cases_case_delete", args=[case.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_similarity_is_written_with_three_decimals_and_no_percent(client, reviewer, case):
    content = html(client.get(page(case)))

    assert "0,986" in content
    assert "%" not in content.partition("<main")[2].partition("</main>")[0]


def test_how_often_such_a_candidate_was_right_is_told_once_200_decisions_say_so(
    client, reviewer, case
):
    encoder = Result.objects.filter(finding__case_image__case=case).first().encoder
    measured = Calibration.objects.create(
        encoder=encoder,
        limits={"probability": [[0.0, 0.83], [2.0, 0.83]]},
        measured={"decisions": LEAST_DECISIONS - 1},
    )
    assert "data-chance" not in html(client.get(page(case)))

    measured.measured = {"decisions": LEAST_DECISIONS}
    measured.save()

    content = html(client.get(page(case)))
    assert "data-chance" in content
    assert "83%" in content


def test_a_phantom_reference_is_named_as_one(client, reviewer, implants, case, film):
    assert "fantoma" not in html(client.get(page(case)))
    reference = make_reference(implants[0], film(), provenance=ReferenceImage.Provenance.PHANTOM)
    Result.objects.filter(implant=implants[0]).update(reference_image=reference)

    content = html(client.get(page(case)))

    assert "fantoma" in content
    assert reverse("admin:implants_referenceimage_file", args=[reference.pk]) in content


def test_random_weights_are_told_on_every_page(client, reviewer, reader, case, settings):
    settings.RAIOX_ENCODER = "ViT-B-32/random"
    for url in (page(case), queue(), reverse("admin:password_change")):
        assert 'class="random-weights"' in html(client.get(url))

    # A reader's page does not begin to load the encoder.
    client.force_login(reader)
    settings.RAIOX_ENCODER = "ViT-B-32/openai"
    content = html(client.get(page(case)))
    assert 'class="random-weights"' not in content
    assert "pesos aleatórios" in content


@pytest.mark.parametrize("status", ["not_configured", "given_up", "queued"])
def test_the_state_of_the_answer_is_on_the_case_page(client, reviewer, implants, case, status):
    client.post(act("approve", case), {"choice": choice(case, implants[0])})
    answers = apps.get_model("integrations", "ResultReturn").objects
    answer, _ = answers.update_or_create(case=case, defaults={"status": status})

    content = html(client.get(page(case))).partition('class="answer"')[2]

    assert answer.get_status_display().lower() in content.lower()
    assert ("notice-bad" in content) == (status != "queued")


def test_pages_hold_no_inline_script_or_style(client, reviewer, implants, case):
    failed = make_case(implants[:1], status=Case.Status.RECEIVED)
    for url in (page(case), page(failed), queue()):
        content = html(client.get(url))
        assert not re.search(r"<script(?![^>]*\bsrc=)", content)
        assert "<style" not in content
        assert not re.search(r"\s(style|on\w+)=", content)


@pytest.mark.parametrize("status", [Case.Status.PENDING, Case.Status.FAILED])
def test_a_draft_can_tell_that_the_case_was_changed(client, reviewer, implants, status):
    case = make_case(implants, status=status, revision=7, failure="Uma falha")

    content = html(client.get(page(case)))

    form = content.partition('<form id="decision"')[2].partition("</form>")[0]
    assert f'data-draft="{reviewer.pk}-{case.pk}"' in form
    assert '<input type="hidden" name="revision" value="7">' in form
    warning = content.partition('<template id="case-changed">')[2].partition("</template>")[0]
    assert re.search(r'role="alert">[^<]+</p>', warning)


def test_pages_are_in_portuguese(client, reviewer, case):
    content = html(client.get(page(case)))

    assert '<html lang="pt-br"' in content
    for words in ("aguardando revisão", "Semelhança", "Observação ao dentista", "Dente"):
        assert words in content


def test_the_search_without_javascript_keeps_what_was_ticked(client, reviewer, implants, case):
    make_implant("Linha Rara")
    finding = finding_of(case).pk

    ticked = choice(case, implants[0])
    content = html(client.post(page(case), {f"q-{finding}": "rara", "choice": ticked}))

    assert choice(case, Implant.objects.get(name="Linha Rara")) in content
    assert re.search(rf'value="{ticked}"[^>]* checked', content)


def test_the_live_search_leaves_out_what_is_a_candidate_already(client, reviewer, implants, case):
    make_implant("Linha Rara")
    finding = finding_of(case).pk
    query = {f"q-{finding}": "linha", "finding": finding}

    content = html(client.get(act("implants", case), query))

    assert "Linha Rara" in content
    assert "Linha Um" not in content


def test_the_live_search_gives_back_what_was_ticked(client, reviewer, implants, case):
    rare = make_implant("Linha Rara")
    query = {"finding": finding_of(case).pk, "choice": [choice(case, rare)]}

    content = html(client.get(act("implants", case), query))

    assert re.search(rf'value="{choice(case, rare)}"[^>]* checked', content)


def test_a_case_in_the_making_promises_candidates_and_denies_none(client, reviewer):
    case = make_case([], status=Case.Status.RECEIVED)
    Finding.objects.all().delete()
    none = "Não há candidatos"
    assert none not in html(client.get(page(case)))

    Case.objects.update(status=Case.Status.PENDING)
    assert none in html(client.get(page(case)))


def test_several_films_are_numbered(client, reviewer, implants, case):
    assert 'class="film-number"' not in html(client.get(page(case)))
    CaseImage.objects.create(case=case, file="films/second.jpg", width=64, height=96)

    assert html(client.get(page(case))).count('class="film-number"') == 2


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("approver", {"case", "implant", "resultreturn"}),
        ("reader", {"case", "implant", "resultreturn"}),
        ("curator", {"implant"}),
    ],
)
def test_the_header_leads_where_the_user_may_go(client, request, who, seen):
    client.force_login(request.getfixturevalue(who))

    content = html(client.get(reverse("admin:index")))
    header = content.partition("<header")[2].partition("</header>")[0]

    assert set(re.findall(r'href="/admin/\w+/(case|implant|resultreturn)/"', header)) == seen


def test_no_breadcrumb_leads_to_a_page_of_one_app(client, reviewer, implants, case):
    catalogue = reverse("admin:implants_implant_changelist")
    form = reverse("admin:implants_implant_change", args=[implants[0].pk])
    for url in (queue(), page(case), catalogue, form):
        trail = html(client.get(url)).partition('class="breadcrumbs"')[2].partition("</div>")[0]
        assert 'href="/admin/' in trail
        assert 'href="/admin/cases/"' not in trail
        assert 'href="/admin/implants/"' not in trail


def test_no_link_logs_out_by_get(client, reviewer, case):
    for url in (page(case), queue(), reverse("admin:index")):
        content = html(client.get(url))
        assert f'href="{reverse("admin:logout")}' not in content
        assert f'method="post" action="{reverse("admin:logout")}"' in content


def test_an_answer_is_never_sent_again_by_a_get(client, reviewer, implants, case):
    client.post(act("approve", case), {"choice": choice(case, implants[0])})
    answers = apps.get_model("integrations", "ResultReturn").objects
    answer, _ = answers.update_or_create(case=case, defaults={"status": "given_up"})
    url = reverse("admin:integrations_resultreturn_send_again", args=[answer.pk])

    assert client.get(url).url == page(case)
    assert answers.get(pk=answer.pk).status == "given_up"


@pytest.mark.parametrize("finding", ["", "x", "999999", "²"])
def test_the_live_search_of_no_finding_is_not_found(client, reviewer, case, finding):
    url = act("implants", case)

    assert client.get(url, {"finding": finding}).status_code == 404
    assert client.get(act("candidates", case), {"finding": finding}).status_code == 404


@pytest.mark.parametrize(
    "text",
    ["Helix 4,3 x 10", "helix 4.3", "4,3mm Helix 10mm", "fabricante 4,3×10", "4,3 mm x 10 mm"],
)
def test_a_search_understands_sizes(text):
    wanted = make_implant("Helix GM")
    make_implant("Helix GM", diameter="3.5")
    make_implant("Helix GM", diameter="4.3", length="8") if "10" in text else None
    make_implant("Helix GM", length="11.5", diameter="5", is_active=False)

    found, is_cut = find_implants(text)

    assert found == [wanted]
    assert not is_cut


@pytest.mark.parametrize("text", ["", "   ", "\x00", "' OR 1=1 --", "%", "9" * 200])
def test_a_search_for_nothing_finds_nothing(text):
    make_implant("Helix GM")

    assert find_implants(text) == ([], False)
