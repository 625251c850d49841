"""Certificates of what was erased: what they count, when they are complete, and their code."""

import hmac
import json
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from cases.models import Case, CaseImage, DoomedFile, Erasure, ReferenceProposal
from cases.models.authored import written_by

CASES_ON_A_PAGE = 100
_SALT = "raiox.erasure-certificate"


def begin(
    *,
    basis: Erasure.Basis,
    by: User | None = None,
    case_ids: Sequence[int] = (),
    counts: Counter[str] | None = None,
) -> Erasure:
    """A certificate that is open until all of its cases are erased (`settle`)."""
    return Erasure.objects.create(
        basis=basis,
        case_ids=list(case_ids),
        counts=_positive(counts or Counter()),
        **written_by(by),
    )


def note(certificate: Erasure | None, case: Case, counts: Counter[str]) -> None:
    """Count what went of a case, in the transaction in which it goes."""
    if certificate is None:
        return
    row = Erasure.objects.select_for_update().get(pk=certificate.pk)
    row.counts = _positive(Counter(row.counts) + counts)
    if case.pk not in row.case_ids:
        row.case_ids.append(case.pk)
    row.save(update_fields=["counts", "case_ids"])


def left(certificate: Erasure) -> QuerySet[Case]:
    """Its cases that still hold something of what it covers."""
    films = CaseImage.objects.filter(case=OuterRef("pk")).exclude(file="", thumbnail="")
    doomed = DoomedFile.objects.filter(case=OuterRef("pk"))
    holding = ~Q(status=Case.Status.ARCHIVED) | Q(Exists(films)) | Q(Exists(doomed))
    if is_asked(certificate):
        made = ReferenceProposal.objects.filter(finding__case_image__case=OuterRef("pk"))
        holding |= Q(Exists(made))
    return Case.objects.filter(holding, pk__in=certificate.case_ids).order_by("pk")


def is_asked(certificate: Erasure) -> bool:
    """Whether a person asked for it: then references made of the films go as well."""
    return certificate.basis != Erasure.Basis.RETENTION


def settle(certificate: Erasure) -> bool:
    """Stamp it when nothing of what it covers is left; whether it is complete."""
    with transaction.atomic():
        row = Erasure.objects.select_for_update().get(pk=certificate.pk)
        if row.completed_at is None and not left(row).exists():
            row.completed_at = timezone.now()
            row.save(update_fields=["completed_at"])
    return row.completed_at is not None


class Book:
    """The certificates of a purge, one for so many cases."""

    def __init__(self) -> None:
        self._page: Erasure | None = None
        self._cases = 0

    def page(self) -> Erasure:
        """Where the next case is counted."""
        if self._page is None or self._cases == CASES_ON_A_PAGE:
            self.close()
            self._page = begin(basis=Erasure.Basis.RETENTION)
        self._cases += 1
        return self._page

    def again(self, case_id: int) -> Erasure | None:
        """The certificate on which a case stands whose films are still there."""
        open_ones = Erasure.objects.filter(completed_at=None, case_ids__contains=[case_id])
        return open_ones.order_by("pk").first()

    def close(self) -> None:
        if self._page is not None:
            _settle_or_drop(self._page)
        self._page, self._cases = None, 0


def _settle_or_drop(page: Erasure) -> None:
    """A purge whose cases could not be erased at all has nothing to certify."""
    if not Erasure.objects.filter(pk=page.pk, case_ids=[]).delete()[0]:
        settle(page)


def code(certificate: Erasure) -> str:
    """What proves a printed certificate, as groups of letters and digits: an HMAC over all it
    says. Empty while it is open, since what it says may still change."""
    if certificate.completed_at is None:
        return ""
    return _code(certificate, settings.SECRET_KEY)


def is_code_of(certificate: Erasure, given: str) -> bool:
    """Whether a printed code belongs to the certificate; also one made under an earlier
    SECRET_KEY that is still among SECRET_KEY_FALLBACKS."""
    if certificate.completed_at is None:
        return False
    plain = "".join(given.split()).replace("-", "").upper()
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    codes = [_code(certificate, key).replace("-", "") for key in keys]
    return any(hmac.compare_digest(one.encode(), plain.encode()) for one in codes)


def _code(certificate: Erasure, key: str) -> str:
    said = json.dumps(
        [
            certificate.pk,
            certificate.basis,
            certificate.actor_label,
            certificate.case_ids,
            certificate.counts,
            certificate.asked_at.isoformat(),
            certificate.completed_at and certificate.completed_at.isoformat(),
        ],
        sort_keys=True,
    )
    digest = salted_hmac(_SALT, said, secret=key, algorithm="sha256").hexdigest()[:32].upper()
    return "-".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def _positive(counts: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in sorted(counts.items()) if number}
