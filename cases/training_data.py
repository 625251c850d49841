"""What decisions say of films and of the comparison: for training, evaluation and calibration.

Everything is read in portions, and a film only when it is asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from django.core.files.base import File
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from PIL import Image

from cases.keyed_hash import keyed_hash
from cases.models import Case, CaseImage, Finding, ReferenceProposal, Result
from cases.persons import same_name
from implants.catalogue import CatalogueFacts
from implants.models import Implant, ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import radiograph
from matching.boxes import Box
from matching.encoder import is_untrained
from matching.evaluation.labelled import LabelledFilm, label_of

ROWS_AT_ONCE = 500
COMPARED = ("finding_id", "implant_id", "rank", "similarity", "encoder", "approved")


class FilmGone(OSError):
    """A film cannot be read (any more)."""


@dataclass(frozen=True)
class Decided:
    """What the comparison said of one fixture, and what a person decided.

    `ranking` are (implant id, score) of the candidates as they were found by `encoder`, best
    first; `approved` the ids of the implants it was identified as: empty where it is not in
    the catalogue.
    """

    finding_id: int
    encoder: str
    ranking: tuple[tuple[int, float], ...]
    approved: frozenset[int]
    decided_at: datetime
    has_box: bool

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(score for _implant, score in self.ranking)

    @property
    def similarity(self) -> float:
        return self.ranking[0][1]

    @property
    def gap(self) -> float | None:
        """By how much the first stands before the second; None where it stands alone."""
        return self.ranking[0][1] - self.ranking[1][1] if len(self.ranking) > 1 else None

    @property
    def is_absent(self) -> bool:
        return not self.approved

    @property
    def rank(self) -> int | None:
        """The place of the best approved implant; None where it is not among the candidates."""
        places = (n for n, (pk, _score) in enumerate(self.ranking, start=1) if pk in self.approved)
        return next(places, None)

    @property
    def was_first_right(self) -> bool:
        return self.rank == 1


def decided(*, encoder: str | None = None) -> Iterator[Decided]:
    """Every fixture that was identified, or decided not to be in the catalogue, and that a
    trained encoder (only this one, where it is named) had found candidates for. Those of erased
    cases are among them: figures and decision stay."""
    known = Q(finding__outcome=Finding.Outcome.NOT_IN_CATALOGUE)
    known |= Q(finding__outcome=Finding.Outcome.IDENTIFIED)
    rows = (
        Result.objects.filter(known, Q(rank__isnull=False) | Q(approved=True))
        .filter(finding__case_image__case__decided_at__isnull=False)
        .annotate(decided_at=F("finding__case_image__case__decided_at"), box=F("finding__box"))
        .order_by("finding_id", F("rank").asc(nulls_last=True), "pk")
        .values(*COMPARED, "decided_at", "box")
    )
    stream = rows.iterator(chunk_size=ROWS_AT_ONCE)
    for finding_id, group in groupby(stream, key=lambda row: row["finding_id"]):
        one = _decided(finding_id, list(group))
        if one and not is_untrained(one.encoder) and encoder in (None, one.encoder):
            yield one


def labelled_crops() -> Iterator[LabelledFilm]:
    """Fixtures whose implant a person has approved, none of them twice.

    Of approved cases with consent: the whole film, and the box on it, wherever a fixture is
    marked and exactly one implant was approved. Of other cases, what became a reference: its
    picture and crop. `group` is the same for all films of one patient of one dentist; no name
    can be had from it. `read` raises FilmGone, RadiographError.
    """
    fixtures = _fixtures()
    for result in fixtures.iterator(chunk_size=ROWS_AT_ONCE):
        yield _of_fixture(result)
    for reference in _references(fixtures).iterator(chunk_size=ROWS_AT_ONCE):
        yield _of_reference(reference)


def labelled_count() -> int:
    """How many `labelled_crops` gives."""
    fixtures = _fixtures()
    return fixtures.count() + _references(fixtures).count()


def _decided(finding_id: int, rows: Sequence[dict[str, Any]]) -> Decided | None:
    ranked = [row for row in rows if row["rank"] is not None]
    # A first candidate may be missing where an older version wrote the rows.
    if not ranked or ranked[0]["rank"] != 1:
        return None
    return Decided(
        finding_id=finding_id,
        encoder=ranked[0]["encoder"],
        ranking=tuple((row["implant_id"], row["similarity"]) for row in ranked),
        approved=frozenset(row["implant_id"] for row in rows if row["approved"]),
        decided_at=ranked[0]["decided_at"],
        has_box=ranked[0]["box"] is not None,
    )


def _fixtures() -> QuerySet[Result]:
    approved = Result.objects.filter(finding=OuterRef("finding"), approved=True)
    others = approved.exclude(pk=OuterRef("pk"))
    return (
        Result.objects.filter(
            ~Exists(others),
            approved=True,
            finding__box__isnull=False,
            finding__case_image__in=CaseImage.objects.shown(),
            finding__case_image__case__status=Case.Status.APPROVED,
            finding__case_image__case__consent_at__isnull=False,
        )
        .select_related("implant", "finding__case_image__case")
        .defer("finding__vector")
        .order_by("pk")
    )


def _references(fixtures: QuerySet[Result]) -> QuerySet[ReferenceImage]:
    """Those made of cases whose fixture is not read itself."""
    made = ReferenceProposal.objects.filter(reference=OuterRef("pk"))
    case = "finding__case_image__case"
    return (
        ReferenceImage.objects.filter(
            ~Exists(made.filter(finding__in=fixtures.order_by().values("finding"))),
            provenance=ReferenceImage.Provenance.CASE,
            is_active=True,
            error="",
        )
        .annotate(
            case_id=Subquery(made.values(case)[:1]),
            patient=Subquery(made.values(f"{case}__patient_name")[:1]),
            client=Subquery(made.values(f"{case}__client_hash")[:1]),
        )
        .select_related("implant")
        .order_by("pk")
    )


def _of_fixture(result: Result) -> LabelledFilm:
    finding = result.finding
    image = finding.case_image
    return _labelled(
        result.implant,
        name=f"fixture {finding.pk}",
        group=_group(image.case_id, image.case.patient_name, image.case.client_hash),
        read=partial(_read, image.file),
        box=Box.of(finding.box or {}),
    )


def _of_reference(reference: ReferenceImage) -> LabelledFilm:
    is_linked = reference.case_id is not None  # type: ignore[attr-defined]
    return _labelled(
        reference.implant,
        name=f"reference {reference.pk}",
        group=_group(reference.case_id, reference.patient, reference.client)  # type: ignore[attr-defined]
        if is_linked
        else f"reference {reference.pk}",
        read=partial(_read, reference.file),
        box=Box.of(reference.crop) if reference.crop else None,
    )


def _labelled(implant: Implant, **said: Any) -> LabelledFilm:
    return LabelledFilm(
        label=label_of(implant.manufacturer, implant.name, implant.diameter_mm, implant.length_mm),
        manufacturer=implant.manufacturer,
        line=implant.name,
        connection=implant.connection,
        facts=CatalogueFacts(
            **{one.name: getattr(implant, one.name) for one in fields(CatalogueFacts)}
        ),
        **said,
    )


def _group(case_id: int, patient: str, client: str) -> str:
    name = same_name(patient)
    return keyed_hash(f"patient {client} {name}" if name else f"case {case_id}")[:16]


def _read(file: "File[bytes]") -> Image.Image:
    try:
        with file.open("rb") as stored:
            return radiograph.load(stored.read()).image
    except (ValueError, FileNotFoundError, *STORAGE_ERRORS) as error:
        raise FilmGone(str(error) or type(error).__name__) from error
