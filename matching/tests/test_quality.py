import io

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from PIL import Image

from implants.catalogue import demo_catalogue
from implants.models import Implant, ReferenceImage
from matching import indexing, quality, recheck, tasks
from matching.phantoms import phantom_jpeg

FACTS = demo_catalogue()


def phantom(number=0, seed=0):
    return opened(phantom_jpeg(FACTS[number], seed=seed, difficulty="easy"))


def opened(content):
    return Image.open(io.BytesIO(content)).convert("L")


def jpeg(image, quality=85):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def resized(image, across, along, quality=85):
    size = (round(image.width * across), round(image.height * along))
    return opened(jpeg(image.resize(size, Image.Resampling.BICUBIC), quality))


def doubts(image, crop=None, **facts):
    return [str(doubt) for doubt in quality.doubts(image, crop, Implant(**facts))]


@pytest.mark.parametrize("number", range(0, len(FACTS), 4))
def test_a_film_as_it_was_taken_is_beyond_doubt(number):
    assert doubts(phantom(number)) == []


def test_a_small_film_is_noticed():
    assert doubts(resized(phantom(), 0.5, 0.5)) == ["too_small"]


def test_a_small_fixture_on_a_large_film_is_noticed():
    film = phantom()
    box = {"x": 240, "y": 360, "width": 90, "height": 399, "angle": 0}

    assert "too_small" in doubts(film, box)
    assert "too_small" not in doubts(film, {**box, "height": 420})


@pytest.mark.parametrize(("across", "along"), [(1.3, 1), (1, 1.3), (1.6, 1), (1, 1.6)])
@pytest.mark.parametrize("number", range(0, len(FACTS), 8))
def test_a_film_that_was_stretched_is_noticed(number, across, along):
    assert doubts(resized(phantom(number), across, along)) == ["stretched"]


@pytest.mark.parametrize("times", [0.6, 0.8, 1.5, 2])
def test_a_film_that_was_resized_as_a_whole_is_not_stretched(times):
    assert not quality.is_stretched(resized(phantom(), times, times))


@pytest.mark.parametrize("kept", [40, 60, 95])
def test_a_film_that_was_saved_again_is_not_stretched(kept):
    assert not quality.is_stretched(resized(phantom(), 1, 1, kept))


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_film_without_grain_tells_nothing_of_stretching(grey):
    assert doubts(Image.new("L", (500, 700), grey)) == ["low_contrast"]


def test_a_box_out_of_the_implants_proportions_looks_stretched():
    film = phantom()
    box = {"x": 240, "y": 360, "width": 120, "height": 480, "angle": 0}

    assert doubts(film, box, diameter_mm=4, length_mm=16) == []
    assert doubts(film, box, diameter_mm=4, length_mm=8) == ["stretched"]
    assert doubts(film, box, diameter_mm=4, length_mm=None) == []


def test_little_contrast_is_noticed():
    flat = phantom().point([100 + value // 16 for value in range(256)])

    assert "low_contrast" in doubts(flat)


def test_copies_of_a_film_are_told_from_films_of_others():
    film = phantom()
    own = quality.difference_hash(film)
    copies = [
        resized(film, 0.5, 0.5, 60),
        film.point([min(255, value * 4 // 5 + 20) for value in range(256)]),
    ]
    others = [phantom(number) for number in range(4, len(FACTS), 4)]

    assert max(quality.bits_apart(own, quality.difference_hash(one)) for one in copies) <= 18
    apart = [quality.bits_apart(own, quality.difference_hash(one)) for one in others]
    assert min(apart) > quality.COPY_BITS


def indexed(implant, content):
    reference = ReferenceImage(implant=implant)
    reference.indexed_by_importer = True
    reference.file.save("", ContentFile(content), save=False)
    reference.save()
    indexing.index_reference(reference_id=reference.pk)
    reference.refresh_from_db()
    return reference


@pytest.fixture
def implants(db):
    return [
        Implant.objects.create(manufacturer=manufacturer, name=name)
        for manufacturer, name in (("Neodent", "Helix"), ("Straumann", "BLX"), ("Neodent", "GM"))
    ]


def test_indexing_writes_size_and_warnings(implants):
    reference = indexed(implants[0], jpeg(resized(phantom(), 0.5, 0.5)))

    assert (reference.width, reference.height) == (240, 360)
    assert (reference.warnings, reference.twin) == (["too_small"], None)
    assert indexed(implants[1], jpeg(phantom(8))).warnings == []


def test_a_copy_under_another_manufacturer_is_a_twin(implants):
    first = indexed(implants[0], jpeg(phantom()))

    copy = indexed(implants[1], jpeg(resized(phantom(), 0.8, 0.8), 60))
    of_the_same = indexed(implants[2], jpeg(resized(phantom(), 0.9, 0.9), 60))

    assert "twin" in copy.warnings
    assert copy.twin == first
    assert of_the_same.twin == copy


def test_another_film_is_no_twin(implants):
    indexed(implants[0], jpeg(phantom()))

    assert indexed(implants[1], jpeg(phantom(8))).twin is None


def test_a_twin_whose_film_is_gone_is_not_compared(implants):
    first = indexed(implants[0], jpeg(phantom()))
    first.thumbnail.storage.delete(first.thumbnail.name)

    assert indexed(implants[1], jpeg(resized(phantom(), 0.9, 0.9))).twin is None


def test_references_older_than_the_warnings_are_measured_a_few_at_a_time(implants):
    kept = [indexed(implants[0], jpeg(phantom(number))) for number in (0, 4, 8)]
    ReferenceImage.objects.update(warnings=None, width=None, height=None)

    assert recheck.measure_unmeasured(limit=2) == 2
    assert ReferenceImage.objects.filter(warnings__isnull=True).count() == 1
    tasks.measure_references()

    for reference in kept:
        reference.refresh_from_db()
        assert (reference.width, reference.height, reference.warnings) == (480, 720, [])
    assert recheck.measure_unmeasured() == 0


def test_a_film_that_cannot_be_read_keeps_no_other_from_being_measured(implants):
    lost, held = (indexed(implants[0], jpeg(phantom(number))) for number in (0, 4))
    ReferenceImage.objects.update(warnings=None)
    lost.file.storage.delete(lost.file.name)

    assert recheck.measure_unmeasured() == 1

    held.refresh_from_db()
    assert held.warnings == []


def test_a_reference_that_is_gone_is_left_alone(implants):
    film = phantom()

    quality.check(
        reference_id=10**9,
        film=quality.Radiograph(film, ""),
        vector=np.full(512, 0.04, dtype=np.float32),
    )

    assert not ReferenceImage.objects.exists()


def test_the_command_lists_warnings_and_measures_again(implants, capsys):
    first = indexed(implants[0], jpeg(phantom()))
    copy = indexed(implants[1], jpeg(resized(phantom(), 0.9, 0.9)))
    indexed(implants[2], jpeg(phantom(8)))
    ReferenceImage.objects.update(warnings=None, twin=None)

    # The same film under two brands is a problem of its own.
    with pytest.raises(CommandError):
        call_command("check_catalogue", measure=True)

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert len(lines) == 2
    for line, one, other in zip(lines, (first, copy), (copy, first), strict=True):
        assert f"reference {one.pk} of {one.implant}" in line
        assert line.endswith(f"({other})")
