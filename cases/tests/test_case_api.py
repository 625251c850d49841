from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from cases import intake, retention, review
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case

Headers = Callable[[Any], dict[str, str]]


@pytest.fixture
def case(catalogue: list[Any], film: Callable[..., bytes]) -> Case:
    received = intake.receive(
        source=Case.Source.JOTFORM,
        submission_id="5501",
        images=[IncomingImage(content=film())],
        person=Person("Dra. Exemplo", "exemplo@example.org", "Paciente Fictício", 26),
    ).case
    return intake.process(case_id=received.pk)


def first_implant(case: Case) -> int:
    return case.images.get().findings.get().results.get(rank=1).implant_id


def test_a_reader_sees_pending_cases_with_films_and_flat_results(
    client: Client, case: Case, reader: Any, bearer: Headers
) -> None:
    answer = client.get("/cases?status=pending", headers=bearer(reader))
    assert answer.status_code == 200
    (found,) = answer.json()
    assert (found["id"], found["status"], found["tooth"]) == (case.pk, "pending", 26)
    assert [result["rank"] for result in found["images"][0]["results"]] == [1, 2, 3]
    film = client.get(found["images"][0]["image_url"], headers=bearer(reader))
    assert film.status_code == 200
    assert b"".join(film.streaming_content).startswith(b"\xff\xd8")


def test_the_status_filter_filters(
    client: Client, case: Case, reader: Any, bearer: Headers
) -> None:
    assert client.get("/cases/?status=approved", headers=bearer(reader)).json() == []
    assert client.get("/cases?status=nonsense", headers=bearer(reader)).status_code == 400


def test_the_list_costs_the_same_number_of_queries_for_many_cases(
    client: Client,
    case: Case,
    reader: Any,
    bearer: Headers,
    film: Callable[..., bytes],
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(5):
        received = intake.receive(
            source=Case.Source.UPLOAD, images=[IncomingImage(content=film(number))], person=Person()
        ).case
        intake.process(case_id=received.pk)
    headers = bearer(reader)
    with django_assert_max_num_queries(16):
        assert len(client.get("/cases", headers=headers).json()) == 6


def test_approve_takes_the_reviewer_from_the_token_and_never_from_the_body(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    answer = client.post(
        f"/cases/{case.pk}/approve",
        {"implant_ids": [first_implant(case)], "reviewer": "somebody"},
        content_type="application/json",
        headers=bearer(approver),
    )
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["decided_by"]) == ("approved", "brenda")


def test_a_case_tells_what_a_decision_on_it_needs_to_know(
    client: Client, case: Case, reader: Any, bearer: Headers
) -> None:
    Case.objects.filter(pk=case.pk).update(
        revision=4,
        note="check",
        consent_at="2031-05-04T12:00Z",
        next_try_at="2031-05-05T12:00Z",
        decided_at="2031-05-05T12:00Z",
    )
    shown = client.get(f"/cases/{case.pk}", headers=bearer(reader)).json()
    assert (shown["revision"], shown["note"]) == (4, "check")
    assert shown["consent_at"].startswith("2031-05-04")
    assert shown["next_try_at"].startswith("2031-05-05")


def test_an_approval_takes_a_note_and_the_revision_it_is_based_on(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    answer = client.post(
        f"/cases/{case.pk}/approve",
        {"implant_ids": [first_implant(case)], "note": " check the platform ", "revision": 1},
        content_type="application/json",
        headers=bearer(approver),
    )
    assert (answer.status_code, answer.json()["note"]) == (200, "check the platform")


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_decision_on_an_outdated_revision_is_a_conflict(
    client: Client, case: Case, approver: Any, bearer: Headers, action: str
) -> None:
    Case.objects.filter(pk=case.pk).update(revision=2)
    body = {"implant_ids": [first_implant(case)], "reason": "blurred", "revision": 1}
    url, headers = f"/cases/{case.pk}/{action}", bearer(approver)
    answer = client.post(url, body, content_type="application/json", headers=headers)
    assert answer.status_code == 409
    assert answer.json()["detail"]
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING
    body["revision"] = 2
    answer = client.post(url, body, content_type="application/json", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": 0},
        {"revision": "x"},
        {"revision": None},
        {"note": "n" * 1001},
        {"note": "\x00"},
    ],
)
def test_a_note_or_revision_that_is_none_is_400(
    client: Client, case: Case, approver: Any, bearer: Headers, wrong: dict[str, Any]
) -> None:
    body = {"implant_ids": [first_implant(case)], **wrong}
    answer = client.post(
        f"/cases/{case.pk}/approve", body, content_type="application/json", headers=bearer(approver)
    )
    assert answer.status_code == 400
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


def test_a_second_decision_is_a_conflict(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    url, headers = f"/cases/{case.pk}/reject", bearer(approver)
    body = {"reason": "blurred"}
    first = client.post(url, body, content_type="application/json", headers=headers)
    second = client.post(url, body, content_type="application/json", headers=headers)
    assert (first.status_code, second.status_code) == (200, 409)
    assert "detail" in second.json()


@pytest.mark.parametrize(
    "body", [{}, {"implant_ids": []}, {"implant_ids": ["x"]}, {"implant_ids": [10**9]}, [1], "x"]
)
def test_approving_nothing_sensible_is_400(
    client: Client, case: Case, approver: Any, bearer: Headers, body: Any
) -> None:
    answer = client.post(
        f"/cases/{case.pk}/approve", body, content_type="application/json", headers=bearer(approver)
    )
    assert answer.status_code == 400
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


@pytest.mark.parametrize("action", ["approve", "reject", "callback"])
def test_a_reader_cannot_decide(
    client: Client, case: Case, reader: Any, bearer: Headers, action: str
) -> None:
    answer = client.post(
        f"/cases/{case.pk}/{action}",
        {"implant_ids": [first_implant(case)], "reason": "blurred"},
        content_type="application/json",
        headers=bearer(reader),
    )
    assert answer.status_code == 403
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


@pytest.mark.parametrize("path", ["/cases", "/cases/{pk}", "/cases/{pk}/films/{image}"])
def test_nobody_sees_a_case_without_a_token_or_as_curator(
    client: Client, case: Case, curator: Any, bearer: Headers, path: str
) -> None:
    url = path.format(pk=case.pk, image=case.images.get().pk)
    assert client.get(url).status_code == 401
    assert client.get(url, headers=bearer(curator)).status_code == 403


def test_who_leaves_the_group_loses_the_right_at_once_although_the_token_still_claims_it(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    headers = bearer(approver)
    approver.groups.clear()
    assert client.get(f"/cases/{case.pk}", headers=headers).status_code == 403


def test_who_joins_a_group_needs_a_new_token(
    client: Client, case: Case, make_user: Callable[..., Any], bearer: Headers
) -> None:
    from django.contrib.auth.models import Group

    user = make_user(username="novata")
    headers = bearer(user)
    user.groups.add(Group.objects.get(name="approver"))
    assert client.get(f"/cases/{case.pk}", headers=headers).status_code == 403


def test_callback_of_an_undecided_case_is_a_conflict(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    answer = client.post(f"/cases/{case.pk}/callback", headers=bearer(approver))
    assert answer.status_code == 409


def test_a_deleted_case_is_erased_and_its_film_gone(
    client: Client, case: Case, approver: Any, reader: Any, bearer: Headers
) -> None:
    film = f"/cases/{case.pk}/films/{case.images.get().pk}"
    assert client.delete(f"/cases/{case.pk}", headers=bearer(reader)).status_code == 403
    assert client.delete(f"/cases/{case.pk}", headers=bearer(approver)).status_code == 204
    shown = client.get(f"/cases/{case.pk}", headers=bearer(approver)).json()
    assert (shown["status"], shown["patient_name"]) == ("archived", "")
    assert client.get(film, headers=bearer(approver)).status_code == 404


def test_erasure_by_the_dentists_address(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    answer = client.post(
        "/privacy/erasure",
        {"email": "EXEMPLO@example.org"},
        content_type="application/json",
        headers=bearer(approver),
    )
    erased = answer.json()
    assert erased == {"cases": 1, "erasure": erased["erasure"], "complete": True}


@pytest.mark.parametrize("path", ["/cases/999999", "/cases/999999/approve"])
def test_an_unknown_case_is_404_with_a_sentence(
    client: Client, approver: Any, bearer: Headers, db: None, path: str
) -> None:
    call = client.post if path.endswith("approve") else client.get
    answer = call(
        path, {"implant_ids": [1]}, content_type="application/json", headers=bearer(approver)
    )
    assert answer.status_code == 404
    assert answer.json()["detail"]


def post(client: Client, case: Case, action: str, body: Any, headers: dict[str, str]) -> Any:
    return client.post(
        f"/cases/{case.pk}/{action}", body, content_type="application/json", headers=headers
    )


def finding_id(case: Case) -> int:
    return case.images.get().findings.get().pk


def test_an_approval_says_of_each_fixture_what_it_is(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    image = case.images.get()
    box = {"x": 60.0, "y": 90.0, "width": 30.0, "height": 80.0, "angle": 0.0}
    other = image.findings.create(box=box)
    body = {
        "verdicts": [
            {
                "finding_id": finding_id_of_whole(case),
                "outcome": "identified",
                "implant_ids": [first_implant_of_whole(case)],
                "seen": {"apex": "flat"},
                "tooth": 26,
            },
            {"finding_id": other.pk, "outcome": "unreadable", "reason": "cut off"},
        ]
    }
    answer = post(client, case, "approve", body, bearer(approver))
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["outcome"], shown["band"]) == (
        "approved",
        "identified",
        case.band,
    )
    first, second = shown["images"][0]["findings"]
    assert (first["outcome"], first["seen"], first["tooth"]) == (
        "identified",
        {"apex": "flat"},
        26,
    )
    assert (second["box"], second["outcome"], second["reason"]) == (box, "unreadable", "cut off")


def finding_id_of_whole(case: Case) -> int:
    return case.images.get().findings.earliest("pk").pk


def first_implant_of_whole(case: Case) -> int:
    return case.images.get().findings.earliest("pk").results.get(rank=1).implant_id


def test_a_rejection_says_of_each_fixture_why(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    verdict = {"finding_id": finding_id(case), "outcome": "not_in_catalogue", "reason": "unknown"}
    answer = post(client, case, "reject", {"verdicts": [verdict]}, bearer(approver))
    shown = answer.json()
    assert (shown["status"], shown["outcome"]) == ("rejected", "not_in_catalogue")
    assert shown["decision_reason"] == "unknown"


def test_a_rejection_takes_an_outcome_and_a_note_for_the_whole_case(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    body = {"reason": "blurred", "outcome": "unreadable", "note": "one more film"}
    shown = post(client, case, "reject", body, bearer(approver)).json()
    assert (shown["outcome"], shown["note"]) == ("unreadable", "one more film")


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        ("approve", {"outcome": "unreadable", "reason": "cut off"}),
        ("reject", {"outcome": "identified", "implant_ids": [1]}),
        ("approve", {"outcome": "identified"}),
        ("approve", {"outcome": "guessed"}),
        ("approve", {"outcome": "identified", "implant_ids": [1], "seen": {"apex": "blue"}}),
        ("approve", {"outcome": "identified", "implant_ids": [1], "tooth": 99}),
        ("reject", {"outcome": "not_in_catalogue", "tooth": 19}),
        ("reject", {"outcome": "not_in_catalogue", "tooth": 50}),
        ("reject", {"outcome": "unreadable"}),
    ],
)
def test_verdicts_that_cannot_be_are_400_and_nothing_changes(
    client: Client, case: Case, approver: Any, bearer: Headers, action: str, verdict: Any
) -> None:
    body = {"verdicts": [{"finding_id": finding_id(case), **verdict}]}
    assert post(client, case, action, body, bearer(approver)).status_code == 400
    case.refresh_from_db()
    assert case.status == Case.Status.PENDING


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({}, (26, {"apex": "flat"})),
        ({"tooth": None, "seen": {}}, (None, None)),
        ({"tooth": 27, "seen": {"apex": "narrow"}}, (27, {"apex": "narrow"})),
    ],
)
def test_what_a_verdict_does_not_speak_of_stays_and_what_it_empties_goes(
    client: Client, case: Case, approver: Any, bearer: Headers, said: Any, kept: Any
) -> None:
    findings = case.images.get().findings
    findings.update(tooth=26, seen={"apex": "flat"})
    verdict = {"finding_id": finding_id(case), "outcome": "not_in_catalogue", **said}

    assert (
        post(client, case, "reject", {"verdicts": [verdict]}, bearer(approver)).status_code == 200
    )

    assert (findings.get().tooth, findings.get().seen) == kept


@pytest.mark.parametrize("action", ["approve", "reject"])
@pytest.mark.parametrize("body", [{}, {"verdicts": []}])
def test_a_decision_about_nothing_is_400(
    client: Client, case: Case, approver: Any, bearer: Headers, action: str, body: Any
) -> None:
    assert post(client, case, action, body, bearer(approver)).status_code == 400


def test_a_decision_is_undone_while_its_answer_is_held_back(
    client: Client, case: Case, approver: Any, reader: Any, bearer: Headers, settings: Any
) -> None:
    settings.RAIOX_UNDO_SECONDS = 20
    body = {"reason": "blurred", "outcome": "unreadable", "note": "a note"}
    decided = post(client, case, "reject", body, bearer(approver)).json()
    assert decided["undo_until"] > decided["decided_at"]
    assert post(client, case, "undo", {}, bearer(reader)).status_code == 403
    answer = post(client, case, "undo", {}, bearer(approver))
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert answer.json()["undo_until"] is None
    assert "blurred" not in answer.content.decode()
    assert "a note" not in answer.content.decode()


def test_undoing_what_is_not_decided_or_too_late_is_a_conflict(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    assert post(client, case, "undo", {}, bearer(approver)).status_code == 409
    Case.objects.filter(pk=case.pk).update(jotform_submission_id=None)
    post(client, case, "reject", {"reason": "blurred"}, bearer(approver))
    answer = post(client, case, "undo", {}, bearer(approver))
    assert (answer.status_code, bool(answer.json()["detail"])) == (409, True)


def test_the_internal_note_is_not_for_the_api(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    Case.objects.filter(pk=case.pk).update(internal_note="SECRETO")
    answer = client.get(f"/cases/{case.pk}", headers=bearer(approver))
    assert "SECRETO" not in answer.content.decode()


@pytest.mark.parametrize("outcome", ["", "unreadable", "identified"])
def test_what_was_decided_is_told_also_after_the_case_was_erased(
    client: Client, case: Case, approver: Any, bearer: Headers, outcome: str
) -> None:
    def told() -> Any:
        return client.get(f"/cases/{case.pk}", headers=bearer(approver)).json()

    assert told()["decision"] == ""
    if outcome == "identified":
        choices = [review.Choice(first_implant(case))]
        review.approve(case_id=case.pk, choices=choices, reviewer=approver)
    else:
        review.reject(case_id=case.pk, reason="Sem foco.", outcome=outcome, reviewer=approver)
    decided = "approved" if outcome == "identified" else "rejected"
    assert told()["decision"] == decided
    retention.erase(case_id=case.pk, by=approver)
    assert (told()["status"], told()["decision"]) == ("archived", decided)


def test_a_case_that_was_erased_before_it_was_decided_has_no_decision(
    client: Client, case: Case, approver: Any, bearer: Headers
) -> None:
    retention.erase(case_id=case.pk, by=approver)
    told = client.get(f"/cases/{case.pk}", headers=bearer(approver)).json()
    assert (told["status"], told["decision"]) == ("archived", "")
