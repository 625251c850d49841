"""Giving cases of an earlier version what newer ones get as they are processed."""

import logging
import time

from django.db import transaction

from cases import candidates, films
from cases.models import Case, CaseImage
from implants.storage import STORAGE_ERRORS
from matching import finder, radiograph
from matching.radiograph import DecoderBusy, RadiographError

FILMS_AT_ONCE = 20
CASES_AT_ONCE = 200
# A task is killed after 60 seconds.
BUDGET_SECONDS = 20.0
log = logging.getLogger(__name__)


def catch_up() -> int:
    """Give cases that await review and have none their band, and their films thumbnails and
    suggested boxes: a few of them, the others by the next runs; how many there were.

    Safe to repeat and at once with anything else that is done to a case.
    """
    return _rate_cases() + _prepare_films()


def _rate_cases() -> int:
    unrated = Case.objects.awaiting_review().filter(band="")
    ranked = unrated.filter(images__findings__results__rank__isnull=False).distinct()
    return sum(map(_rate, list(ranked.values_list("pk", flat=True)[:CASES_AT_ONCE])))


def _rate(case_id: int) -> int:
    with transaction.atomic():
        unrated = Case.objects.awaiting_review().filter(pk=case_id, band="")
        case = unrated.select_for_update().first()
        return unrated.update(band=candidates.band_of(case)) if case else 0


def _prepare_films() -> int:
    unprepared = CaseImage.objects.filter(
        case__status=Case.Status.PENDING,
        width__isnull=False,
        thumbnail="",
        suggested_boxes__isnull=True,
    ).exclude(file="")
    end = time.monotonic() + BUDGET_SECONDS
    count = 0
    # By chance: films that the storage refuses must not keep the others from their turn.
    for image in unprepared.order_by("?")[:FILMS_AT_ONCE]:
        if time.monotonic() > end:
            break
        count += _prepare(image)
    return count


def _prepare(image: CaseImage) -> int:
    try:
        with image.file.open("rb") as file:
            film = radiograph.load(file.read())
    except DecoderBusy:
        log.warning("no decoder was free for film %s; a later run retries", image.pk)
        return 0
    except (RadiographError, FileNotFoundError):
        log.warning("film %s cannot be prepared: it is gone or damaged", image.pk)
        CaseImage.objects.filter(pk=image.pk, thumbnail="").update(suggested_boxes=[])
        return 0
    except STORAGE_ERRORS:
        log.exception("film %s could not be read; a later run retries", image.pk)
        return 0
    films.prepare(image, film, suggested=finder.propose(film.image))
    return 1
