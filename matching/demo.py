"""The demo catalogue: real lines, their films rendered as phantoms on this machine."""

from collections.abc import Iterator
from dataclasses import asdict

from django.core.files.base import ContentFile

from implants.catalogue import CatalogueFacts, demo_catalogue
from implants.models import Implant, ReferenceImage
from matching import indexing, radiograph
from matching.phantoms import phantom_jpeg

REFERENCES_PER_IMPLANT = 4
REFERENCE_DIFFICULTY = "easy"


def missing_phantoms() -> list[tuple[Implant, int]]:
    """(implant, seed) of each reference that the demo catalogue still lacks; creates implants."""
    due = []
    for facts in demo_catalogue():
        implant = _implant(facts)
        phantoms = implant.references.filter(provenance=ReferenceImage.Provenance.PHANTOM)
        notes = set(phantoms.values_list("note", flat=True))
        due += [
            (implant, seed) for seed in range(REFERENCES_PER_IMPLANT) if _note(seed) not in notes
        ]
    return due


def render_references(due: list[tuple[Implant, int]]) -> Iterator[indexing.Indexed]:
    """Render, store and index phantoms; yields each as it is done."""
    return indexing.index_references(_rendered(due))


def _rendered(due: list[tuple[Implant, int]]) -> Iterator[ReferenceImage]:
    for implant, seed in due:
        content = phantom_jpeg(implant, seed=seed, difficulty=REFERENCE_DIFFICULTY)
        film = radiograph.load(content)
        if ReferenceImage.objects.filter(sha256=film.sha256).exists():
            continue
        reference = ReferenceImage(
            implant=implant,
            sha256=film.sha256,
            modality=ReferenceImage.Modality.PERIAPICAL,
            provenance=ReferenceImage.Provenance.PHANTOM,
            note=_note(seed),
        )
        reference.file.save("", ContentFile(content), save=False)
        reference.indexed_by_importer = True  # type: ignore[attr-defined]
        reference.save()
        yield reference


def _note(seed: int) -> str:
    return f"phantom, seed {seed}, {REFERENCE_DIFFICULTY}"


def _implant(facts: CatalogueFacts) -> Implant:
    values = asdict(facts)
    identity = {
        name: values.pop(name) for name in ("manufacturer", "name", "diameter_mm", "length_mm")
    }
    implant, _created = Implant.objects.get_or_create(**identity, defaults=values)
    return implant
