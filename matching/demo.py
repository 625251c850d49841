"""The demo catalogue: real lines, their films rendered as phantoms on this machine."""

from collections.abc import Iterator
from dataclasses import asdict

from django.core.files.base import ContentFile

from implants.catalogue import CatalogueFacts, demo_catalogue
from implants.models import Implant, ReferenceImage
from matching import finder, indexing, radiograph
from matching.boxes import Box
from matching.finding.geometry import overlap
from matching.phantoms import FixtureFacts, Phantom, as_jpeg, render_film
from matching.phantoms.levels import BARE, CAP, CROWN

# Jaw and restoration of each reference of an implant; its place is its seed.
REFERENCES = (
    ("lower", BARE),
    ("upper", BARE),
    ("lower", CAP),
    ("upper", CROWN),
    ("lower", CROWN),
)
REFERENCES_PER_IMPLANT = len(REFERENCES)
REFERENCE_DIFFICULTY = "clean"
# Of a proposed box with the fixture (intersection over union), below which nobody accepts it.
LEAST_OVERLAP = 0.3


def missing_phantoms() -> list[tuple[Implant, int]]:
    """(implant, seed) of each reference that the demo catalogue still lacks; creates implants."""
    due = []
    for facts in demo_catalogue():
        implant = _implant(facts)
        phantoms = implant.references.filter(provenance=ReferenceImage.Provenance.PHANTOM)
        wanted = [_note(seed) for seed in range(REFERENCES_PER_IMPLANT)]
        # Films of an older demo were drawn in another way.
        phantoms.filter(note__startswith="phantom, seed").exclude(note__in=wanted).update(
            is_active=False
        )
        notes = set(phantoms.values_list("note", flat=True))
        due += [
            (implant, seed) for seed in range(REFERENCES_PER_IMPLANT) if _note(seed) not in notes
        ]
    return due


def demo_implants() -> list[Implant]:
    """The active implants that have phantom references."""
    return list(
        Implant.objects.active()
        .filter(references__provenance=ReferenceImage.Provenance.PHANTOM)
        .distinct()
    )


def reference_film(facts: FixtureFacts, seed: int) -> Phantom:
    """The film that stands for an implant in the demo catalogue, 0 ≤ seed < len(REFERENCES)."""
    jaw, restoration = REFERENCES[seed]
    return render_film(
        facts, seed=seed, difficulty=REFERENCE_DIFFICULTY, jaw=jaw, restoration=restoration
    )


def render_references(due: list[tuple[Implant, int]]) -> Iterator[indexing.Indexed]:
    """Render, store and index phantoms; yields each as it is done."""
    return indexing.index_references(_rendered(due))


def _rendered(due: list[tuple[Implant, int]]) -> Iterator[ReferenceImage]:
    for implant, seed in due:
        phantom = reference_film(implant, seed)
        content = as_jpeg(phantom.image)
        film = radiograph.load(content)
        if ReferenceImage.objects.filter(sha256=film.sha256).exists():
            continue
        reference = ReferenceImage(
            implant=implant,
            sha256=film.sha256,
            modality=ReferenceImage.Modality.PERIAPICAL,
            crop=_crop(phantom).as_json(),
            provenance=ReferenceImage.Provenance.PHANTOM,
            note=_note(seed),
        )
        reference.file.save("", ContentFile(content), save=False)
        reference.indexed_by_importer = True  # type: ignore[attr-defined]
        reference.save()
        yield reference


def _crop(phantom: Phantom) -> Box:
    """The proposal of the finder, as a curator would accept it (films of cases are cut by it too,
    and it has its habits); where it misses the fixture, the fixture."""
    proposed, fixture = finder.best(phantom.image), phantom.fixtures[0].box
    is_usable = proposed is not None and overlap(proposed, fixture) >= LEAST_OVERLAP
    return proposed if proposed and is_usable else fixture


def _note(seed: int) -> str:
    return f"phantom, seed {seed}, {REFERENCE_DIFFICULTY}"


def _implant(facts: CatalogueFacts) -> Implant:
    values = asdict(facts)
    identity = {
        name: values.pop(name) for name in ("manufacturer", "name", "diameter_mm", "length_mm")
    }
    implant, _created = Implant.objects.get_or_create(**identity, defaults=values)
    return implant
