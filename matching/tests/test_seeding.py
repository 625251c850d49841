import io
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django_q.models import OrmQ
from moto.server import ThreadedMotoServer
from PIL import Image

from implants.models import Implant, ReferenceImage
from integrations.spaces import spaces_storage
from matching import encoder as encoder_module
from matching import radiograph, seeding
from matching.encoder import get_encoder
from matching.matcher import match
from matching.models import Embedding
from matching.seeding import SeedReport, files_in_folder, files_in_storage, seed

pytestmark = pytest.mark.django_db

BUCKET = "raiox-images"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "reference films"
    path.mkdir()
    return path


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def seeded(folder: Path) -> SeedReport:
    return seed(files_in_folder(folder))


def counts(report: SeedReport) -> tuple[int, int, int, int]:
    return report.added, report.unchanged, report.new_implants, len(report.skipped)


def lines() -> list[str]:
    return [str(implant) for implant in Implant.objects.all()]


def test_films_named_in_both_ways_become_references_with_vectors(
    folder: Path, film: Callable[..., bytes]
) -> None:
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(folder, "STRAUMANN_BLX_4.5mm_12.png", film(seed=2, kind="PNG"))
    put(folder, "straumann/bone_level_tapered_01.jpg", film(seed=3))
    put(folder, "neodent/helix_gm_3.75mm_01.webp", film(seed=4, kind="WEBP"))
    assert counts(seeded(folder)) == (4, 0, 3, 0)
    assert lines() == [
        "Neodent Helix GM 3,75 mm",
        "Straumann BLX 4,5 mm",
        "Straumann Bone Level Tapered",
    ]
    blx = Implant.objects.get(name="BLX")
    assert blx.diameter_mm == Decimal("4.5")
    assert "to be verified" in blx.source
    assert [r.note for r in blx.references.all()] == [
        "STRAUMANN_BLX_4.5mm_11.jpg",
        "STRAUMANN_BLX_4.5mm_12.png",
    ]
    for reference in ReferenceImage.objects.all():
        (row,) = reference.embeddings.all()
        assert row.encoder == get_encoder().id
        assert reference.error == ""
        assert str(reference.file.name).startswith("referencia/")
        assert str(reference.thumbnail.name).startswith("derivados/")
        with reference.thumbnail.open("rb") as small:
            assert radiograph.load(small.read()).width == 120
    # Indexed on the spot: nothing is left for the queue.
    assert not OrmQ.objects.exists()
    candidates = match(radiograph.load(film(seed=3)))
    assert str(candidates[0].implant) == "Straumann Bone Level Tapered"


def test_a_second_run_changes_nothing(folder: Path, film: Callable[..., bytes]) -> None:
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(folder, "straumann/bone_level_tapered_01.jpg", film(seed=2))
    seeded(folder)
    before = list(ReferenceImage.objects.values()), list(Implant.objects.values())
    assert counts(seeded(folder)) == (0, 2, 0, 0)
    assert (list(ReferenceImage.objects.values()), list(Implant.objects.values())) == before
    assert Embedding.objects.count() == 2


def test_a_second_run_adds_what_is_new(folder: Path, film: Callable[..., bytes]) -> None:
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    seeded(folder)
    put(folder, "STRAUMANN_BLX_4.5mm_12.jpg", film(seed=2))
    assert counts(seeded(folder)) == (1, 1, 0, 0)


def test_more_films_than_one_batch_are_all_indexed(
    folder: Path, film: Callable[..., bytes]
) -> None:
    for number in range(9):
        put(folder, f"straumann/blx_{number:02}.jpg", film(seed=number, size=(60 + number, 90)))
    assert seeded(folder).added == 9
    assert Embedding.objects.count() == 9


def test_the_catalogue_s_implant_is_found_by_line_and_diameter(
    folder: Path, film: Callable[..., bytes]
) -> None:
    narrow, wide = (
        Implant.objects.create(
            manufacturer="Straumann", name="BLX (RB)", diameter_mm=diameter, length_mm="10"
        )
        for diameter in ("3.75", "4.5")
    )
    active = Implant.objects.create(
        manufacturer="Nobel Biocare", name="NobelActive", diameter_mm="4.3"
    )
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(folder, "straumann/blx_3.75mm_01.jpg", film(seed=2))
    put(folder, "NOBEL_ACTIVE_4.3mm_01.jpg", film(seed=3))
    put(folder, "nobel_biocare/nobelactive_02.jpg", film(seed=4))
    assert counts(seeded(folder)) == (4, 0, 0, 0)
    assert [implant.references.count() for implant in (narrow, wide, active)] == [1, 1, 2]


def test_another_diameter_of_a_known_line_is_a_new_implant_under_the_same_name(
    folder: Path, film: Callable[..., bytes]
) -> None:
    Implant.objects.create(manufacturer="Straumann", name="BLX", diameter_mm="3.75")
    put(folder, "STRAUMANN_blx_5.5mm_01.jpg", film(seed=1))
    assert counts(seeded(folder)) == (1, 0, 1, 0)
    assert lines() == ["Straumann BLX 3,75 mm", "Straumann BLX 5,5 mm"]


def test_a_name_that_fits_several_implants_is_left_to_people(
    folder: Path, film: Callable[..., bytes]
) -> None:
    for length in ("10", "12"):
        Implant.objects.create(
            manufacturer="Straumann", name="BLX", diameter_mm="4.5", length_mm=length
        )
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    report = seeded(folder)
    ((path, reason),) = report.skipped
    assert path == "STRAUMANN_BLX_4.5mm_11.jpg"
    assert "Straumann BLX 4,5 × 10 mm; Straumann BLX 4,5 × 12 mm" in reason
    assert not ReferenceImage.objects.exists()


def test_the_line_of_exactly_that_name_goes_before_one_with_more_in_brackets(
    folder: Path, film: Callable[..., bytes]
) -> None:
    exact = Implant.objects.create(manufacturer="Straumann", name="BLX", diameter_mm="4.5")
    Implant.objects.create(manufacturer="Straumann", name="BLX (RB)", diameter_mm="4.5")
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    assert counts(seeded(folder)) == (1, 0, 0, 0)
    assert exact.references.count() == 1


def test_every_file_that_is_skipped_is_reported_with_the_reason(
    folder: Path, film: Callable[..., bytes], settings: Any
) -> None:
    settings.RAIOX_MAX_IMAGE_BYTES = 20_000
    good = film(seed=1)
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", good)
    put(folder, "STRAUMANN_BLX_4.5mm_12.jpg", good[: len(good) // 2])
    put(folder, "STRAUMANN_BLX_4.5mm_13.jpg", b"not a film")
    put(folder, "STRAUMANN_BLX_4.5mm_14.jpg", b"")
    put(folder, "STRAUMANN_BLX_4.5mm_15.jpg", b"\0" * 20_001)
    put(folder, "STRAUMANN_BLX_45mm_16.jpg", film(seed=2))
    put(folder, "film.jpg", film(seed=3))
    put(folder, "straumann/notes.txt", b"notes")
    put(folder, "straumann/.DS_Store", b"hidden")
    report = seeded(folder)
    assert counts(report) == (1, 0, 1, 7)
    reasons = dict(report.skipped)
    assert all(reasons.values())
    assert len({reasons[f"STRAUMANN_BLX_4.5mm_{n}.jpg"] for n in (12, 13, 14, 15)}) == 4
    assert "45 mm" in reasons["STRAUMANN_BLX_45mm_16.jpg"]
    assert "expected" in reasons["film.jpg"]
    assert ".txt" in reasons["straumann/notes.txt"]
    # What was skipped has left nothing behind.
    assert Implant.objects.count() == ReferenceImage.objects.count() == 1


def test_a_name_that_is_not_utf8_is_skipped_and_the_run_goes_on(
    folder: Path, film: Callable[..., bytes]
) -> None:
    put(folder, os.fsdecode(b"ACME_r\xff_4mm.jpg"), film(seed=1))
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=2))
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    call_command("seed_implants", str(folder), quiet=True, stdout=output)
    output.seek(0)
    first, second = output.read().splitlines()
    assert first == "1 added, 0 unchanged, 1 new implants, 1 skipped"
    assert second == r"  skipped ACME_r\xff_4mm.jpg: the name is not UTF-8"
    assert lines() == ["Straumann BLX 4,5 mm"]


def test_hidden_folders_are_left_alone(
    private_media: Path, tmp_path: Path, film: Callable[..., bytes]
) -> None:
    # Only what is below the folder counts: the folder itself may be hidden.
    for folder in (tmp_path / ".films", private_media / "referencia"):
        put(folder, ".hid/STRAUMANN_HID_4mm.jpg", film(seed=1))
        put(folder, "neodent/.trash/deep/helix_01.jpg", film(seed=2))
        put(folder, "neodent/helix_02.jpg", film(seed=3))
    for files in (files_in_folder(tmp_path / ".films"), files_in_storage()):
        assert [file.path for file in files] == ["neodent/helix_02.jpg"]


def test_a_line_is_found_by_its_abbreviation(folder: Path, film: Callable[..., bytes]) -> None:
    Implant.objects.create(
        manufacturer="Zimmer", name="Tapered Screw-Vent (TSV)", diameter_mm="4.1"
    )
    put(folder, "ZIMMER_TSV_3.7mm.jpg", film(seed=1))
    put(folder, "ZIMMER_TSV_4.1mm.jpg", film(seed=2))
    assert counts(seeded(folder)) == (2, 0, 1, 0)
    assert lines() == [
        "Zimmer Tapered Screw-Vent (TSV) 3,7 mm",
        "Zimmer Tapered Screw-Vent (TSV) 4,1 mm",
    ]


def test_one_film_cannot_stand_for_two_brands(folder: Path, film: Callable[..., bytes]) -> None:
    put(folder, "NEODENT_HELIX_4mm_01.jpg", film(seed=1))
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    for added in (1, 0):
        report = seeded(folder)
        assert counts(report) == (added, 1 - added, added, 1)
        ((path, reason),) = report.skipped
        assert path == "STRAUMANN_BLX_4.5mm_11.jpg"
        assert "Neodent Helix 4 mm" in reason
    assert lines() == ["Neodent Helix 4 mm"]


@pytest.mark.parametrize("twin", ["straumann/standard_01.jpg", "STRAUMANN_BLX_5.5mm_01.jpg"])
def test_one_film_cannot_stand_for_two_lines_or_sizes_of_a_brand(
    folder: Path, film: Callable[..., bytes], twin: str
) -> None:
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(folder, twin, film(seed=1))
    report = seeded(folder)
    assert counts(report) == (1, 0, 1, 1)
    assert report.skipped == [(twin, "the same film already stands for Straumann BLX 4,5 mm")]


def test_the_same_film_under_two_names_of_one_implant_is_one_reference(
    folder: Path, film: Callable[..., bytes]
) -> None:
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(folder, "straumann/blx_01.jpg", film(seed=1))
    assert counts(seeded(folder)) == (1, 1, 1, 0)


def test_a_run_that_was_killed_is_finished_by_the_next(
    folder: Path, film: Callable[..., bytes]
) -> None:
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(folder, "STRAUMANN_BLX_4.5mm_12.jpg", film(seed=2))
    # A batch is encoded when it is full: these two rows are written, their vectors not yet.
    interrupted = seeding._new_references(files_in_folder(folder), SeedReport())
    next(interrupted)
    next(interrupted)
    assert (ReferenceImage.objects.count(), Embedding.objects.count()) == (2, 0)
    assert counts(seeded(folder)) == (0, 2, 0, 0)
    assert Embedding.objects.count() == 2


def test_an_encoder_that_cannot_be_loaded_is_an_error_in_one_sentence(
    folder: Path, film: Callable[..., bytes], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_module, "_encoder", get_encoder())
    settings.RAIOX_ENCODER = "ViT-B-32/absent.pt"
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    with pytest.raises(CommandError, match=r"absent\.pt"):
        call_command("seed_implants", str(folder), quiet=True)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        files_in_folder(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be listed"):
        call_command("seed_implants", tmp_path / "file", quiet=True)


def test_the_command_says_what_it_did(folder: Path, film: Callable[..., bytes]) -> None:
    put(folder, "STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(folder, "film.jpg", film(seed=2))
    output = io.StringIO()
    call_command("seed_implants", str(folder), quiet=True, stdout=output)
    first, second = output.getvalue().splitlines()
    assert first == "1 added, 0 unchanged, 1 new implants, 1 skipped"
    assert second.startswith("  skipped film.jpg: expected <MANUFACTURER>")


def test_without_a_folder_the_local_storage_is_read(
    private_media: Path, film: Callable[..., bytes]
) -> None:
    put(private_media, "referencia/STRAUMANN_BLX_4.5mm_11.jpg", film(seed=1))
    put(private_media, "uploads/NEODENT_HELIX_4mm_01.jpg", film(seed=2))
    call_command("seed_implants", quiet=True, stdout=io.StringIO())
    assert lines() == ["Straumann BLX 4,5 mm"]
    (reference,) = ReferenceImage.objects.all()
    assert reference.note == "referencia/STRAUMANN_BLX_4.5mm_11.jpg"
    assert reference.file.name != reference.note


def test_of_a_film_with_metadata_only_a_clean_copy_is_stored(
    folder: Path, film: Callable[..., bytes]
) -> None:
    content = io.BytesIO()
    tags = Image.Exif()
    tags[0x010E] = "MARIA-DA-SILVA"
    Image.open(io.BytesIO(film(seed=1))).save(content, "PNG", exif=tags)
    put(folder, "STRAUMANN_BLX_4.5mm_11.png", content.getvalue())
    assert counts(seed(files_in_folder(folder))) == (1, 0, 1, 0)
    reference = ReferenceImage.objects.get()
    with reference.file.open("rb") as file:
        stored = file.read()
    assert stored.startswith(b"\xff\xd8\xff") and b"MARIA" not in stored
    assert reference.sha256 == radiograph.digest(content.getvalue())
    assert counts(seed(files_in_folder(folder))) == (0, 1, 0, 0)


def test_a_storage_without_a_reference_folder_is_an_error() -> None:
    with pytest.raises(CommandError, match="cannot be listed"):
        call_command("seed_implants", quiet=True)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Address of an S3 server that speaks real HTTP."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, settings: Any) -> Iterator[Any]:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": spaces_storage(
            key="key", secret="secret", bucket=BUCKET, region="us-east-1", endpoint=s3
        ),
    }
    resource = boto3.resource(
        "s3",
        endpoint_url=s3,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    bucket = resource.create_bucket(Bucket=BUCKET)
    yield bucket
    bucket.objects.delete()
    bucket.delete()


def object_names(bucket: Any) -> set[str]:
    return {summary.key for summary in bucket.objects.all()}


def test_the_reference_folder_of_a_bucket_becomes_the_catalogue(
    bucket: Any, film: Callable[..., bytes]
) -> None:
    names = [
        "referencia/STRAUMANN_BLX_4.5mm_11.jpg",
        "referencia/neodent/helix_gm_01.jpg",
        "uploads/2026-11/NEODENT_UPLOADED_4mm_01.jpg",
        "clientes/ZIMMER_CLIENT_4mm_01.jpg",
        "ZIMMER_LOOSE_4mm_01.jpg",
    ]
    for seed_number, name in enumerate(names):
        bucket.put_object(Key=name, Body=film(seed=seed_number))
    # What a bucket's web interface leaves behind when somebody makes a folder.
    bucket.put_object(Key="referencia/", Body=b"")
    bucket.put_object(Key="referencia/neodent/", Body=b"")

    assert counts(seed(files_in_storage())) == (2, 0, 2, 0)
    assert lines() == ["Neodent Helix GM", "Straumann BLX 4,5 mm"]
    # The objects stay where they are; clean copies and small pictures are added.
    assert {one.note for one in ReferenceImage.objects.all()} == set(names[:2])
    added = object_names(bucket) - {*names, "referencia/", "referencia/neodent/"}
    shown = {str(one.file.name) for one in ReferenceImage.objects.all()}
    small = {str(one.thumbnail.name) for one in ReferenceImage.objects.all()}
    assert added == shown | small and len(added) == 4
    candidates = match(radiograph.load(film(seed=1)))
    assert str(candidates[0].implant) == "Neodent Helix GM"

    assert counts(seed(files_in_storage())) == (0, 2, 0, 0)
    assert Embedding.objects.count() == 2


def test_films_that_staff_uploaded_into_the_bucket_are_known(
    bucket: Any, film: Callable[..., bytes]
) -> None:
    implant = Implant.objects.create(manufacturer="Straumann", name="BLX")
    reference = ReferenceImage(implant=implant)
    reference.file.save("film.jpg", ContentFile(film(seed=1)), save=True)
    assert object_names(bucket) == {reference.file.name}
    assert counts(seed(files_in_storage())) == (0, 1, 0, 0)


def test_objects_that_are_no_films_are_reported_by_their_place_in_the_bucket(
    bucket: Any, film: Callable[..., bytes]
) -> None:
    bucket.put_object(Key="referencia/STRAUMANN_BLX_4.5mm_11.jpg", Body=b"not a film")
    bucket.put_object(Key="referencia/straumann/list.csv", Body=b"a;b")
    output = io.StringIO()
    call_command("seed_implants", quiet=True, stdout=output)
    assert "0 added, 0 unchanged, 0 new implants, 2 skipped" in output.getvalue()
    assert "skipped STRAUMANN_BLX_4.5mm_11.jpg: " in output.getvalue()
    assert "skipped straumann/list.csv: .csv is not an image name" in output.getvalue()


def test_a_bucket_that_does_not_answer_is_an_error_in_one_sentence(settings: Any) -> None:
    storage = spaces_storage(
        key="key", secret="secret", bucket=BUCKET, region="us-east-1", endpoint="http://127.0.0.1:9"
    )
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    with pytest.raises(CommandError, match="cannot be listed"):
        call_command("seed_implants", quiet=True)


def test_a_bucket_that_is_not_there_is_an_error_in_one_sentence(
    bucket: Any, settings: Any, s3: str
) -> None:
    storage = spaces_storage(
        key="key", secret="secret", bucket="absent", region="us-east-1", endpoint=s3
    )
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    with pytest.raises(CommandError, match="cannot be listed"):
        call_command("seed_implants", quiet=True)
