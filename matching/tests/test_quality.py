from dataclasses import replace

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from PIL import Image

from implants.models import Implant, ReferenceImage
from implants.reference_state import Doubt, doubts_in_words
from matching import alike, finder, indexing, quality, recheck, tasks
from matching.boxes import Box
from matching.quality import film_doubts, in_words
from matching.tests.pictures import FACTS, jpeg, page, phantom, resized, smaller


def boxes_of(film):
    return [one.box for one in film.fixtures]


def box_of(width, height):
    """Where the fixture of the usual phantom lies, in another size."""
    return replace(phantom().fixtures[0].box, width=width, height=height)


@pytest.mark.parametrize("difficulty", ["clean", "clinic"])
@pytest.mark.parametrize("number", range(0, len(FACTS), 4))
def test_a_film_as_it_was_taken_is_beyond_doubt(number, difficulty):
    film = phantom(number, 1, difficulty)

    assert film_doubts(film.image, boxes_of(film)) == []
    assert film_doubts(film.image, []) == []


def test_few_pixels_are_noticed_on_the_fixture():
    film = phantom().image

    assert film_doubts(film, [box_of(50, 150)]) == ["too_small"]
    assert film_doubts(film, [box_of(59, 199)]) == ["too_small"]
    assert film_doubts(film, [box_of(59, 200)]) == []


def test_a_short_implant_is_no_small_one():
    film = phantom().image

    assert film_doubts(film, [box_of(90, 88)]) == []


def test_few_pixels_are_noticed_on_a_film_without_a_fixture():
    assert film_doubts(resized(phantom().image, 0.4, 0.4), []) == ["too_small"]
    assert film_doubts(resized(phantom().image, 0.5, 0.5), []) == []


def test_a_stretched_film_is_noticed():
    film = phantom()

    assert film_doubts(resized(film.image, 1.4, 1), boxes_of(film)) == ["stretched"]


def test_little_contrast_is_noticed_on_the_fixture():
    film = phantom()
    flat = film.image.point([100 + value // 16 for value in range(256)])

    assert "low_contrast" in film_doubts(flat, boxes_of(film))
    # Dark and bright parts elsewhere do not make up for it.
    framed = Image.new("L", (2 * flat.width, flat.height), 0)
    framed.paste(flat, (0, 0))
    assert "low_contrast" in film_doubts(framed, boxes_of(film))


def test_several_fixtures_are_noticed():
    film = phantom().image

    first, second = box_of(90, 250), replace(box_of(90, 250), x=80)
    assert film_doubts(film, [first, second]) == ["several_fixtures"]
    assert film_doubts(film, [first]) == []


def test_what_may_be_no_radiograph_is_noticed():
    assert film_doubts(page(), []) == ["not_radiograph"]


@pytest.mark.parametrize("size", [(64, 64), (64, 640), (25, 400)])
def test_a_film_of_any_shape_is_judged(size):
    assert "too_small" in film_doubts(phantom().image.resize(size), [Box(10, 10, 16, 40, 170)])


def test_each_doubt_about_a_film_has_a_sentence_and_a_short_word():
    codes = [str(doubt) for doubt in Doubt if doubt != Doubt.TWIN]

    sentences = in_words(codes)

    assert len(set(sentences)) == len(codes) == 5
    assert all(sentence.endswith(".") for sentence in sentences)
    assert len(set(doubts_in_words(codes))) == 5
    assert in_words(["gone since", "twin"]) == []


def test_a_box_out_of_the_implants_proportions_looks_stretched():
    film = phantom().image
    box = Box(240, 360, 120, 480)

    def doubts(crop=True, **facts):
        reference = ReferenceImage(
            implant=Implant(diameter_mm=4, **facts), crop=box.as_json() if crop else None
        )
        return quality.reference_doubts(film, [box], reference)

    assert doubts(length_mm=16) == []
    assert doubts(length_mm=8) == ["stretched"]
    assert doubts(length_mm=None) == []
    # What the finder proposes is not measured so finely.
    assert doubts(length_mm=8, crop=False) == []


def indexed(implant, number=0, *, times=1.0, kept=85, **values):
    """A reference that shows a phantom in another size, its fixture marked."""
    film = phantom(number)
    reference = ReferenceImage(implant=implant)
    reference.crop = smaller(film.fixtures[0].box, times).as_json()
    for name, value in values.items():
        setattr(reference, name, value)
    content = jpeg(resized(film.image, times, times, kept), kept)
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
    good, small = indexed(implants[0]), indexed(implants[2], times=0.5)

    assert (good.width, good.height) == phantom().image.size
    assert (good.warnings, good.twin) == ([], None)
    assert small.warnings == ["too_small"]


def test_a_film_with_several_fixtures_none_of_them_marked_is_noticed(implants, monkeypatch):
    box = phantom().fixtures[0].box
    found = [finder.Found(box, 0.9), finder.Found(replace(box, x=80), 0.8)]
    monkeypatch.setattr(finder, "_find", lambda image: found)

    assert indexed(implants[0], crop=None).warnings == ["several_fixtures"]
    assert indexed(implants[2], kept=70).warnings == []


def test_a_copy_under_another_manufacturer_is_a_twin(implants):
    first = indexed(implants[0])

    copy = indexed(implants[1], times=0.8, kept=60)
    of_the_same = indexed(implants[2], times=0.9, kept=60)

    assert "twin" in copy.warnings
    assert copy.twin == first
    assert of_the_same.twin == copy


def test_another_film_is_no_twin(implants):
    indexed(implants[0])

    assert indexed(implants[1], 8).twin is None


def test_a_twin_whose_film_is_gone_is_not_compared(implants, monkeypatch):
    # Their vectors, which would tell too, count for nothing here.
    monkeypatch.setattr(alike, "TWIN_COSINE", 2.0)
    first = indexed(implants[0])
    first.thumbnail.storage.delete(first.thumbnail.name)

    assert indexed(implants[1], times=0.9).twin is None


def test_references_older_than_the_warnings_are_measured_a_few_at_a_time(implants):
    kept = [indexed(implants[0], number) for number in (0, 4, 8)]
    sizes = [(one.width, one.height) for one in kept]
    ReferenceImage.objects.update(warnings=None, width=None, height=None)

    assert recheck.measure_unmeasured(limit=2) == 2
    assert ReferenceImage.objects.filter(warnings__isnull=True).count() == 1
    tasks.measure_references()

    for reference, size in zip(kept, sizes, strict=True):
        reference.refresh_from_db()
        assert ((reference.width, reference.height), reference.warnings) == (size, [])
    assert recheck.measure_unmeasured() == 0


def test_a_film_that_cannot_be_read_keeps_no_other_from_being_measured(implants):
    lost, held = (indexed(implants[0], number) for number in (0, 4))
    ReferenceImage.objects.update(warnings=None)
    lost.file.storage.delete(lost.file.name)

    assert recheck.measure_unmeasured() == 1

    held.refresh_from_db()
    assert held.warnings == []


def test_a_reference_that_is_gone_is_left_alone(implants):
    quality.check(
        reference_id=10**9,
        film=quality.Radiograph(phantom().image, ""),
        vector=np.full(512, 0.04, dtype=np.float32),
    )

    assert not ReferenceImage.objects.exists()


def test_the_command_lists_warnings_and_measures_again(implants, capsys):
    first, copy = indexed(implants[0]), indexed(implants[1], kept=95)
    indexed(implants[2], 8)
    ReferenceImage.objects.update(warnings=None, twin=None)

    # The same film under two brands is a problem of its own.
    with pytest.raises(CommandError):
        call_command("check_catalogue", measure=True)

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert len(lines) == 2
    for line, one, other in zip(lines, (first, copy), (copy, first), strict=True):
        assert f"reference {one.pk} of {one.implant}" in line
        assert line.endswith(f"({other})")
