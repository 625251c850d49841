"""The films of the demo catalogue."""

import pytest

from implants.models import Implant, ReferenceImage
from matching import demo, finder, radiograph
from matching.boxes import Box
from matching.demo import REFERENCES
from matching.encoder import get_encoder
from matching.finding.geometry import overlap
from matching.models import Embedding
from matching.phantoms import as_jpeg, phantom_jpeg
from matching.quality import film_doubts

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_lines(monkeypatch):
    """The demo catalogue, cut down to two lines of two manufacturers."""
    facts = demo.demo_catalogue()
    monkeypatch.setattr(demo, "demo_catalogue", lambda: [facts[0], facts[-1]])


@pytest.fixture
def rendered(two_lines):
    assert not [one.error for one in demo.render_references(demo.missing_phantoms()) if one.error]
    return list(Implant.objects.order_by("pk"))


def test_the_demo_lacks_five_phantoms_of_each_implant_at_first(two_lines):
    due = demo.missing_phantoms()

    assert [seed for _implant, seed in due] == [*range(5), *range(5)]
    assert Implant.objects.count() == 2
    assert not ReferenceImage.objects.exists()


def test_they_show_both_jaws_a_bare_fixture_a_cap_and_a_crown():
    facts = demo.demo_catalogue()[0]

    films = [demo.reference_film(facts, seed) for seed in range(len(REFERENCES))]

    assert [(one.fixtures[0].jaw, one.fixtures[0].restoration) for one in films] == [*REFERENCES]
    assert {jaw for jaw, _restoration in REFERENCES} == {"lower", "upper"}
    assert len({restoration for _jaw, restoration in REFERENCES}) == 3


@pytest.mark.parametrize("place", [0, -1])
def test_each_phantom_has_a_row_a_film_its_fixture_and_a_vector(rendered, place):
    references = list(rendered[place].references.order_by("pk"))

    assert len(references) == 5
    for seed, reference in enumerate(references):
        with reference.file.open("rb") as file:
            film = radiograph.load(file.read())
        truth = demo.reference_film(rendered[place], seed)
        assert radiograph.digest(as_jpeg(truth.image)) == film.sha256 == reference.sha256
        assert overlap(Box.of(reference.crop), truth.fixtures[0].box) >= demo.LEAST_OVERLAP
        assert film_doubts(film.image, [Box.of(reference.crop)]) == reference.warnings == []
        assert (reference.provenance, reference.error) == ("phantom", "")
        assert reference.thumbnail
    assert set(Embedding.objects.values_list("encoder", flat=True)) == {get_encoder().id}
    assert Embedding.objects.count() == 10


def test_where_the_finder_misses_the_fixture_it_is_marked_all_the_same(two_lines, monkeypatch):
    monkeypatch.setattr(finder, "_find", lambda image: [finder.Found(Box(40, 60, 30, 90), 0.9)])

    list(demo.render_references(demo.missing_phantoms()[:1]))

    fixture = demo.reference_film(demo.demo_catalogue()[0], 0).fixtures[0]
    assert ReferenceImage.objects.get().crop == fixture.box.as_json()


def test_a_second_run_finds_nothing_to_do(rendered):
    before = list(ReferenceImage.objects.values("pk", "sha256"))

    assert demo.missing_phantoms() == []

    assert list(ReferenceImage.objects.values("pk", "sha256")) == before
    assert Implant.objects.count() == 2


def test_a_phantom_that_was_deleted_is_rendered_again(rendered):
    lost = rendered[1].references.order_by("pk")[3]
    sha256 = lost.sha256
    lost.delete()

    due = demo.missing_phantoms()
    list(demo.render_references(due))

    assert due == [(rendered[1], 3)]
    assert rendered[1].references.filter(sha256=sha256).exists()
    assert demo.missing_phantoms() == []


def test_films_of_patients_do_not_stand_in_for_phantoms(rendered):
    ReferenceImage.objects.filter(implant=rendered[0]).update(provenance="clinic")

    assert len(demo.missing_phantoms()) == 5


def test_phantoms_of_an_older_demo_are_not_searched_beside_the_new_ones(rendered):
    old, *others = rendered[0].references.order_by("pk")
    ReferenceImage.objects.filter(pk=old.pk).update(note="phantom, seed 0, easy")

    assert demo.missing_phantoms() == [(rendered[0], 0)]

    old.refresh_from_db()
    assert not old.is_active
    assert all(ReferenceImage.objects.get(pk=one.pk).is_active for one in others)


def test_no_film_of_another_seed_is_one_that_the_catalogue_holds(rendered):
    known = set(ReferenceImage.objects.values_list("sha256", flat=True))

    query = phantom_jpeg(rendered[0], seed=100_000, difficulty=demo.REFERENCE_DIFFICULTY)

    assert radiograph.digest(query) not in known


def test_only_active_implants_with_phantoms_are_those_of_the_demo(rendered):
    Implant.objects.create(manufacturer="Maker", name="Without films")
    assert demo.demo_implants() == rendered

    Implant.objects.filter(pk=rendered[0].pk).update(is_active=False)

    assert demo.demo_implants() == [rendered[1]]
