"""Filling the catalogue from a folder of canonical reference radiographs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from implants import filenames, naming
from implants.filenames import NamedImplant, NameNotUnderstood
from implants.models import Implant, ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import indexing, radiograph
from matching.radiograph import Radiograph, RadiographError

CANONICAL_FOLDER = "referencia/"


@dataclass(frozen=True)
class ReferenceFile:
    """A file below the reference folder: its path there, and how to get its bytes."""

    path: str
    read: Callable[[], bytes]
    stored_name: str = ""


@dataclass
class SeedReport:
    """`skipped` holds (path, reason) pairs."""

    added: int = 0
    unchanged: int = 0
    new_implants: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)


class AmbiguousName(ValueError):
    """The name fits several implants of the catalogue."""


def files_in_folder(folder: Path) -> list[ReferenceFile]:
    """Every visible file below a local folder, by name. Raises NotADirectoryError."""
    if not folder.is_dir():
        raise NotADirectoryError(folder)
    return [
        ReferenceFile(path.relative_to(folder).as_posix(), path.read_bytes)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _is_hidden(path.relative_to(folder))
    ]


def files_in_storage(prefix: str = CANONICAL_FOLDER) -> list[ReferenceFile]:
    """Every object below the reference folder of the configured storage, by name."""
    return [
        ReferenceFile(name.removeprefix(prefix), _reader(name), stored_name=name)
        for name in sorted(_walk(prefix.rstrip("/")))
    ]


def seed(files: Iterable[ReferenceFile]) -> SeedReport:
    """Add the references that the catalogue does not hold yet, with their vectors.

    Idempotent: a file is known again by the sha256 of its bytes. Files that are skipped are
    reported with the reason and change nothing. References that a killed run left without a
    vector get theirs.
    """
    report = SeedReport()
    list(indexing.index_references(_new_references(files, report)))
    unfinished = ReferenceImage.objects.filter(embeddings=None, error="")
    list(indexing.index_references(unfinished.iterator(chunk_size=200)))
    return report


def _new_references(files: Iterable[ReferenceFile], report: SeedReport) -> Iterator[ReferenceImage]:
    references = list(ReferenceImage.objects.select_related("implant"))
    known = {reference.sha256: reference.implant for reference in references}
    stored = {text for one in references for text in (one.file.name, one.note)}
    copies = {one.file.name for one in references if one.note.startswith(CANONICAL_FOLDER)}
    for file in files:
        # The clean copy of another object of the folder.
        if file.stored_name and file.stored_name in copies:
            continue
        # Uploaded by the catalogue staff or added by an earlier run: no need to fetch it.
        if file.stored_name and {file.stored_name, _origin(file)} & stored:
            report.unchanged += 1
            continue
        try:
            reference = _add(file, known, report)
        except (NameNotUnderstood, AmbiguousName, RadiographError, *STORAGE_ERRORS) as error:
            report.skipped.append((_printable(file.path), str(error) or type(error).__name__))
            continue
        if reference is not None:
            yield reference


def _add(
    file: ReferenceFile, known: dict[str, Implant], report: SeedReport
) -> ReferenceImage | None:
    named = filenames.parse(file.path, manufacturers=_manufacturers())
    content = file.read()
    sha256 = radiograph.digest(content)
    if sha256 in known:
        _explain_duplicate(file, named, known[sha256], report)
        return None
    film = radiograph.load(content)
    implant = _implant(named, report)
    reference = ReferenceImage(implant=implant, sha256=sha256, note=_origin(file))
    # The file itself stays where it is: what is shown to people is never what somebody sent.
    reference.file.save("", ContentFile(film.clean_copy()), save=False)
    _save(reference, film)
    known[sha256] = implant
    report.added += 1
    return reference


def _origin(file: ReferenceFile) -> str:
    """Where the film was found; an object of the storage is known again by it."""
    return (file.stored_name or file.path)[-255:]


def _save(reference: ReferenceImage, film: Radiograph) -> None:
    reference.thumbnail.save("", ContentFile(film.thumbnail()), save=False)
    # The importer indexes in batches: the signal need not queue a task for each film.
    reference.indexed_by_importer = True  # type: ignore[attr-defined]
    reference.save()


def _explain_duplicate(
    file: ReferenceFile, named: NamedImplant, implant: Implant, report: SeedReport
) -> None:
    same_maker = filenames.key(implant.manufacturer) == filenames.key(named.manufacturer)
    if same_maker and naming.fitting(named, naming.of_line(named, [implant])):
        report.unchanged += 1
    else:
        report.skipped.append((file.path, f"the same film already stands for {implant}"))


def _manufacturers() -> list[str]:
    return list(Implant.objects.order_by().values_list("manufacturer", flat=True).distinct())


def _implant(named: NamedImplant, report: SeedReport) -> Implant:
    """The catalogue's implant of that name and diameter, or a new one whose facts are unknown."""
    line = naming.of_line(named, Implant.objects.filter(manufacturer__iexact=named.manufacturer))
    fitting = naming.fitting(named, line)
    if len(fitting) > 1:
        raise AmbiguousName("fits several implants: " + "; ".join(map(str, fitting)))
    if fitting:
        return fitting[0]
    report.new_implants += 1
    return Implant.objects.create(
        manufacturer=line[0].manufacturer if line else named.manufacturer,
        name=line[0].name if line else named.name,
        diameter_mm=named.diameter_mm,
        source="Name of the reference file; every other fact is to be verified.",
    )


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _printable(path: str) -> str:
    """The path with each byte that is not UTF-8 written as `\\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _reader(name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        with default_storage.open(name, "rb") as file:
            return bytes(file.read())

    return read


def _walk(prefix: str) -> Iterator[str]:
    folders, names = default_storage.listdir(prefix)
    yield from (f"{prefix}/{name}" for name in names if name and not name.startswith("."))
    for folder in folders:
        if not folder.startswith("."):
            yield from _walk(f"{prefix}/{folder}")
