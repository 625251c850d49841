"""A certificate of erasure in words: for a page, and for the API."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from cases import certificates
from cases.models import Case, Erasure


@dataclass(frozen=True)
class Kept:
    """What was not erased, and on what ground."""

    what: str
    ground: str


@dataclass(frozen=True)
class Certificate:
    id: int
    basis: str
    basis_text: str
    asked_at: datetime
    completed_at: datetime | None
    by: str
    cases: list[int]
    erased: dict[str, int]
    kept: list[Kept]
    elsewhere: list[str]
    jotform_submissions: list[str]
    code: str

    @property
    def is_complete(self) -> bool:
        return self.completed_at is not None

    @property
    def lines(self) -> list[tuple[str, int]]:
        """What went, in words, with its number."""
        names = _names()
        return [(names.get(kind, kind), number) for kind, number in self.erased.items()]


def of(row: Erasure) -> Certificate:
    cases = Case.objects.filter(pk__in=row.case_ids).exclude(jotform_submission_id=None)
    known = [str(one) for one in cases.values_list("jotform_submission_id", flat=True)]
    return Certificate(
        id=row.pk,
        basis=row.basis,
        basis_text=str(row.get_basis_display()),
        asked_at=row.asked_at,
        completed_at=row.completed_at,
        by=row.actor_label,
        cases=sorted(row.case_ids),
        erased=dict(row.counts),
        kept=_kept(row),
        elsewhere=_elsewhere(),
        jotform_submissions=sorted(known),
        code=certificates.code(row),
    )


def _names() -> dict[str, str]:
    return {
        "films": _("films"),
        "thumbnails": _("small copies of films"),
        "vectors": _("vectors computed from films"),
        "boxes": _("marks on films"),
        "addresses": _("addresses of films at their source"),
        "fields": _("personal fields and free texts"),
        "deliveries": _("deliveries as they came"),
        "references": _("references of the catalogue made from the films"),
        "logins": _("attempts to log in"),
    }


def _kept(row: Erasure) -> list[Kept]:
    kept = [
        Kept(
            _("Number of the case, dates, tooth, decision, candidates: nobody is named."),
            _("Anonymous figures are no personal data (LGPD, art. 12; art. 16, IV)."),
        ),
        Kept(
            _("Number of the submission at Jotform."),
            _("So that it does not come back with a repeated delivery (LGPD, art. 18, VI)."),
        ),
        Kept(
            _("What the staff did and saw, naming no patient or dentist, for %(days)d days.")
            % {"days": settings.RAIOX_ACCESS_LOG_DAYS},
            _("Record of the processing (LGPD, art. 37)."),
        ),
        Kept(
            _("This certificate."),
            _("Proof that the request was fulfilled (LGPD, art. 16, I)."),
        ),
    ]
    if not certificates.is_asked(row):
        kept.append(
            Kept(
                _("References of the catalogue that a curator took over with consent."),
                _("They hold no personal data and name nobody (LGPD, art. 12)."),
            )
        )
    return kept


def _elsewhere() -> list[str]:
    return [
        _("The submission at Jotform itself, with its files: delete it there."),
        _("The answer that the dentist has received already."),
        _("Backups of the database and of the storage: they end with their own retention."),
    ]
