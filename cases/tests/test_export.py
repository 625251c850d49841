"""What a person gets who asks for a copy of all that is held about them."""

import io
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from PIL import Image

from cases import intake, review
from cases.export import Asked, NothingHeld, StorageFailed, export
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import AuditEvent, Case, CaseAccess, CaseEvent, CaseImage
from cases.review import Choice
from cases.tests.making_cases import act, html, make_case, make_implant, page

DENTIST = Person(
    dentist_name="Dra. Exemplo",
    dentist_email="dentista@example.com",
    patient_name="Paciente Fictício",
    tooth=26,
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def take_in(film: Callable[..., bytes]) -> Callable[..., Case]:
    def take_in(seed: int = 0, person: Person = DENTIST, content: bytes = b"") -> Case:
        return intake.receive(
            source=Case.Source.JOTFORM,
            images=[IncomingImage(content=content or film(seed))],
            person=person,
            submission_id=f"600000000000000000{seed}",
        ).case

    return take_in


def exported(by: Any = None, **asked: Any) -> dict[str, bytes]:
    out = io.BytesIO()
    export(asked=Asked(**asked), out=out, by=by)
    with ZipFile(out) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def data(files: dict[str, bytes]) -> Any:
    return json.loads(files["data.json"])


def test_the_copy_holds_data_films_and_an_explanation(
    take_in: Callable[..., Case], catalogue: list[Any], approver: Any
) -> None:
    case = intake.process(case_id=take_in().pk)
    implant = case.images.get().findings.get().results.all()[0].implant
    review.approve(
        case_id=case.pk, choices=[Choice(implant.pk)], reviewer=approver, note="Uma observação"
    )
    review.set_internal_note(case_id=case.pk, text="Só para nós", by=approver)

    files = exported(email="DENTISTA@example.com ", by=approver)

    (told,) = data(files)["cases"]
    assert (told["dentist_name"], told["patient_name"]) == ("Dra. Exemplo", "Paciente Fictício")
    assert (told["dentist_email"], told["tooth"]) == ("dentista@example.com", 26)
    assert (told["status"], told["note"]) == ("approved", "Uma observação")
    assert told["internal_note"] == "Só para nós"
    (shown,) = told["films"]
    (fixture,) = shown["fixtures"]
    assert len(fixture["vector"]) == 512
    assert [one["implant"] for one in fixture["candidates"] if one["approved"]] == [str(implant)]
    assert [one["what"] for one in told["history"]][:2] == ["received", "matched"]
    image = Image.open(io.BytesIO(files[shown["file"]]))
    assert (image.format, image.mode, image.getexif()) == ("JPEG", "L", {})
    assert set(files) == {"data.json", "leia-me.txt", shown["file"]}
    assert "LGPD" in files["leia-me.txt"].decode()


def test_every_column_of_a_case_is_told(take_in: Callable[..., Case]) -> None:
    """A column that is added one day is told too, unless it is about staff."""
    take_in()
    (told,) = data(exported(email=DENTIST.dentist_email))["cases"]
    columns = {field.attname for field in Case._meta.concrete_fields}
    assert columns - set(told) == {"decided_by_id"}
    films = {field.attname for field in CaseImage._meta.concrete_fields}
    assert films - set(told["films"][0]) == {"thumbnail"}


def test_of_staff_only_the_role_is_told(
    take_in: Callable[..., Case], client: Client, approver: Any, make_user: Any
) -> None:
    case = take_in()
    former = make_user("approver", username="saiu", first_name="Fulana")
    for user in (approver, former):
        client.force_login(user)
        client.get(page(case))
    former.delete()

    files = exported(case_id=case.pk, by=approver)

    (told,) = data(files)["cases"]
    assert {one["who"] for one in told["seen_by"]} == {"approver", "staff"}
    assert {one["who"] for one in told["history"]} == {"system"}
    for name in ("brenda", "saiu", "Fulana"):
        assert name not in files["data.json"].decode()


def test_only_whom_it_is_about_is_told(take_in: Callable[..., Case]) -> None:
    mine = take_in(1)
    take_in(2, Person("Dr. Outro", "outro@example.com", "Outro Paciente"))

    by_dentist = exported(email="dentista@example.com")
    by_patient = exported(patient="PACIENTE  ficticio")

    for files in (by_dentist, by_patient):
        assert [one["id"] for one in data(files)["cases"]] == [mine.pk]
        assert b"outro" not in files["data.json"].lower()
        assert [name for name in files if name.startswith("films/")] == [
            f"films/case-{mine.pk}-film-{mine.images.get().pk}.jpg"
        ]


@pytest.mark.parametrize(
    "asked",
    [
        {"email": "ninguem@example.com"},
        {"email": " "},
        {"patient": "Ninguém"},
        {"patient": "\u0301"},
        {"patient": "\u0301", "email": "dentista@example.com"},
        {"case_id": 999_999},
        {},
    ],
)
def test_of_whom_nothing_is_held_there_is_no_copy(
    take_in: Callable[..., Case], asked: dict[str, Any]
) -> None:
    take_in()
    with pytest.raises(NothingHeld):
        exported(**asked)
    assert not AuditEvent.objects.filter(what="exported").exists()


def test_that_it_was_exported_is_written_down_without_saying_about_whom(
    take_in: Callable[..., Case], approver: Any
) -> None:
    case = take_in()
    exported(email="dentista@example.com", by=approver)

    assert case.events.get(what=CaseEvent.What.EXPORTED).actor_label == "brenda"
    assert CaseAccess.objects.get(how=CaseAccess.How.EXPORT).case == case
    record = AuditEvent.objects.get(what="exported")
    assert (record.actor_label, record.details) == ("brenda", {"basis": "dentist", "cases": 1})
    assert "dentista" not in f"{record.target}{record.details}"


def test_what_is_no_image_is_not_handed_out_and_said_to_be_missing(
    take_in: Callable[..., Case],
) -> None:
    case = take_in(content=b"<html>no film</html>")
    files = exported(case_id=case.pk)
    assert data(files)["cases"][0]["films"][0]["file"] is None
    assert set(files) == {"data.json", "leia-me.txt"}
    assert ": 1. Eles" in files["leia-me.txt"].decode()


def test_a_film_that_was_not_read_yet_is_handed_out_without_its_metadata(
    take_in: Callable[..., Case], film: Callable[..., bytes]
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Paciente Fictício, 26"
    tagged = io.BytesIO()
    Image.open(io.BytesIO(film())).save(tagged, "JPEG", exif=exif)
    case = take_in(content=tagged.getvalue())

    files = exported(case_id=case.pk)

    (name,) = (name for name in files if name.startswith("films/"))
    assert b"Paciente" not in files[name]
    assert Image.open(io.BytesIO(files[name])).format == "JPEG"


def test_a_film_that_is_gone_from_the_storage_does_not_stop_the_rest(
    take_in: Callable[..., Case],
) -> None:
    gone, kept = take_in(1), take_in(2)
    image = gone.images.get()
    image.file.storage.delete(image.file.name)
    files = exported(email="dentista@example.com")
    assert [one["films"][0]["file"] for one in data(files)["cases"]] == [
        None,
        f"films/case-{kept.pk}-film-{kept.images.get().pk}.jpg",
    ]


def test_a_storage_that_fails_hands_out_nothing_and_nothing_is_written_down(
    take_in: Callable[..., Case], private_media: Path, approver: Any
) -> None:
    image = take_in().images.get()
    path = private_media / image.file.name
    path.unlink()
    # A folder in its place fails as a broken disk does: with an OSError that is no "not found".
    path.mkdir()
    with pytest.raises(StorageFailed):
        exported(email="dentista@example.com", by=approver)
    assert not AuditEvent.objects.filter(what="exported").exists()
    assert not CaseEvent.objects.filter(what=CaseEvent.What.EXPORTED).exists()


def test_many_cases_take_few_queries(
    take_in: Callable[..., Case], django_assert_max_num_queries: Any
) -> None:
    for seed in range(8):
        take_in(seed)
    with django_assert_max_num_queries(40 + 8 * 5):
        exported(email="dentista@example.com")


def ask(client: Client, **fields: Any) -> Any:
    return client.post(reverse("admin:cases_case_export"), fields)


def archived(response: Any) -> list[str]:
    content = b"".join(response.streaming_content)
    with ZipFile(io.BytesIO(content)) as archive:
        return sorted(archive.namelist())


def test_an_approver_downloads_the_copy_of_a_case(
    client: Client, approver: Any, take_in: Callable[..., Case]
) -> None:
    client.force_login(approver)
    case = take_in()
    linked = client.get(reverse("admin:cases_case_export"), {"case": case.pk})
    assert 'name="confirm"' in html(linked), "the link of a case leads to the box at once"

    answer = ask(client, case=case.pk, confirm="1", numbers=str(case.pk))

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert answer["Content-Disposition"] == 'attachment; filename="raiox-dados.zip"'
    assert "no-store" in answer["Cache-Control"]
    assert "data.json" in archived(answer)


def test_homonyms_are_seen_before_anything_is_handed_out(
    client: Client, approver: Any, take_in: Callable[..., Case]
) -> None:
    client.force_login(approver)
    hers, other = take_in(), take_in(1, replace(DENTIST, dentist_name="Dr. Outro Exemplo"))

    shown = ask(client, patient="paciente ficticio")

    assert shown["Content-Type"].startswith("text/html")
    for said in (f"#{hers.pk}", f"#{other.pk}", "Dra. Exemplo", "Dr. Outro Exemplo", "26"):
        assert said in html(shown)
    assert f'name="numbers" value="{hers.pk},{other.pk}"' in html(shown)
    assert not AuditEvent.objects.filter(what="exported").exists()
    assert CaseAccess.objects.filter(how=CaseAccess.How.LIST).count() == 2


@pytest.mark.parametrize("numbers", ["other", "", "x"])
def test_other_cases_than_those_that_were_shown_are_shown_again(
    client: Client, approver: Any, take_in: Callable[..., Case], numbers: str
) -> None:
    client.force_login(approver)
    hers = take_in()
    later = take_in(1)
    told = str(hers.pk) if numbers == "other" else numbers
    shown = ask(client, email="dentista@example.com", confirm="1", numbers=told)
    assert shown["Content-Type"].startswith("text/html")
    assert f"#{later.pk}" in html(shown)
    assert not AuditEvent.objects.filter(what="exported").exists()


def test_nothing_held_is_said_and_not_downloaded(client: Client, approver: Any) -> None:
    client.force_login(approver)
    answer = ask(client, email="ninguem@example.com", confirm="1", numbers="")
    assert 'role="alert"' in html(answer)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"email": "a@example.com", "case": 1},
        {"case": "0"},
        {"case": "x"},
        {"case": str(10**30)},
        {"patient": "x\x00y"},
    ],
)
def test_the_page_says_what_is_wrong(client: Client, approver: Any, fields: Any) -> None:
    client.force_login(approver)
    answer = ask(client, **fields)
    assert answer.status_code == 200
    assert 'role="alert"' in html(answer)


def test_whoever_may_not_export_sees_no_page_no_link_and_gets_nothing(
    client: Client, reader: Any, curator: Any
) -> None:
    case = make_case([make_implant("Linha Um")])
    for user in (reader, curator):
        client.force_login(user)
        assert client.get(reverse("admin:cases_case_export")).status_code == 403
        assert ask(client, case=case.pk).status_code == 403
    client.force_login(reader)
    assert reverse("admin:cases_case_export") not in html(client.get(page(case)))
    assert not AuditEvent.objects.filter(what="exported").exists()


def post(client: Client, user: Any, bearer: Any, body: Any) -> Any:
    return client.post(
        "/privacy/export", body, content_type="application/json", headers=bearer(user)
    )


def test_the_api_gives_the_same_copy(
    client: Client, approver: Any, bearer: Any, take_in: Callable[..., Case]
) -> None:
    take_in()
    answer = post(client, approver, bearer, {"email": "dentista@example.com"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert len(archived(answer)) == 3


def test_the_api_refuses_whoever_may_not_and_what_cannot_be(
    client: Client, approver: Any, reader: Any, bearer: Any
) -> None:
    assert client.post("/privacy/export").status_code == 401
    assert post(client, reader, bearer, {"case_id": 1}).status_code == 403
    assert post(client, approver, bearer, {"case_id": 1}).status_code == 404
    for body in ({}, {"case_id": 1, "email": "a@b.org"}, {"case_id": "x"}, []):
        assert post(client, approver, bearer, body).status_code == 400


def test_the_command_writes_a_file_that_only_its_owner_reads(
    take_in: Callable[..., Case], tmp_path: Path
) -> None:
    take_in()
    out = tmp_path / "copia.zip"
    call_command("export_person", email="dentista@example.com", out=out, stdout=io.StringIO())
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "data.json" in ZipFile(out).namelist()
    assert AuditEvent.objects.get(what="exported").actor_label == ""


def test_the_command_overwrites_nothing_and_leaves_nothing_behind(
    take_in: Callable[..., Case], tmp_path: Path
) -> None:
    take_in()
    there, link = tmp_path / "there.zip", tmp_path / "link.zip"
    there.write_bytes(b"mine")
    link.symlink_to(tmp_path / "elsewhere.zip")
    for out in (there, link):
        with pytest.raises(CommandError):
            call_command("export_person", email="dentista@example.com", out=out)
    assert there.read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere.zip").exists()
    nothing = tmp_path / "nothing.zip"
    with pytest.raises(CommandError):
        call_command("export_person", email="ninguem@example.com", out=nothing)
    assert not nothing.exists()
    with pytest.raises(CommandError):
        call_command("export_person", email="a@b.org", case=1, out=nothing)


def test_a_very_large_archive_is_not_held_in_memory(
    take_in: Callable[..., Case], tmp_path: Path
) -> None:
    """Films of 60 MB in all: the peak of what Python holds stays far below."""
    import tracemalloc

    case = take_in()
    for number in range(12):
        image = CaseImage(case=case, width=64, height=96)
        image.file.save("", ContentFile(b"\xff\xd8\xff" + bytes(5_000_000)), save=False)
        image.sha256 = f"{number:064d}"
        image.save()
    with (tmp_path / "large.zip").open("wb") as out:
        tracemalloc.start()
        export(asked=Asked(case_id=case.pk), out=out, by=None)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (tmp_path / "large.zip").stat().st_size > 60_000_000
    assert peak < 20_000_000


def test_the_case_page_leads_to_the_export_and_superusers_to_the_access_log(
    client: Client, approver: Any, admin_user: Any
) -> None:
    case = make_case([make_implant("Linha Um")])
    client.force_login(approver)
    shown = html(client.get(page(case)))
    assert f"{reverse('admin:cases_case_export')}?case={case.pk}" in shown
    assert "caseaccess" not in shown
    client.force_login(admin_user)
    link = f"{reverse('admin:cases_caseaccess_changelist')}?case__id__exact={case.pk}"
    assert link in html(client.get(page(case)))
    assert act("review", case) in html(client.get(link))
