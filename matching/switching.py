"""Switching a running installation to another encoder.

The vectors of the new encoder are made beside those of the old one, which go on being searched;
when none is missing, and the new one is not worse on what is known, one row is written, and
every process follows (`matching.following`). Nothing is deleted: going back is as quick as long
as nobody removes the old vectors (`reembed --forget-others`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from implants.models import ReferenceImage
from matching import indexing, tuned
from matching.encoder import ClipEncoder, EncoderError, get_encoder, is_current, make_encoder
from matching.figures import Figures, Side, compared_in_catalogue
from matching.indexing import Indexed
from matching.locks import work_lock
from matching.models import Embedding, EncoderChoice

LOCK = "switch-encoder"
# Points of top 3 that may be lost to chance: more than that is worse.
TOLERANCE = 0.03
# How long other processes may go on without the new encoder: they look every few seconds, and
# then load it.
SETTLING_SECONDS = 20.0
PAUSE_SECONDS = 4.0
RECENT_SECONDS = 120
CHUNK = 100
Wrap = Callable[[Iterator[Indexed], int], Iterator[Indexed]]
Compare = Callable[[Side, Side], Figures | None]


class SwitchRefused(RuntimeError):
    """Nothing was switched. `str()` is a sentence that says why."""


@dataclass(frozen=True)
class Filled:
    """How many vectors were made, and what became of the references that got none."""

    made: int
    failed: list[Indexed] = field(default_factory=list)


@dataclass(frozen=True)
class Switched:
    """`old` and `new` are encoder ids; `figures` what spoke for the new one, None where there
    was nothing to compare it with."""

    old: str
    new: str
    filled: Filled
    figures: Figures | None


def prepare(name: str) -> ClipEncoder:
    """The encoder of that name, loaded. Raises EncoderError, and SwitchRefused for one that
    production does not take."""
    if len(name) > (EncoderChoice._meta.get_field("name").max_length or 0):
        raise SwitchRefused("The name of the encoder is too long.")
    encoder = make_encoder(name)
    if settings.PRODUCTION and encoder.is_random:
        raise SwitchRefused("Random weights have no skill: production does not take them.")
    encoder.load()
    return encoder


def missing(encoder: str) -> QuerySet[ReferenceImage]:
    """Usable references that have no vector of this encoder id, those that are searched first."""
    have = Embedding.objects.of_encoder(encoder).values("reference_image_id")
    without = ReferenceImage.objects.filter(error="").exclude(pk__in=have)
    return without.order_by("-is_active", "-implant__is_active", indexing.scattered())


def fill(encoder: ClipEncoder, *, wrap: Wrap) -> Filled:
    """Give every usable reference a vector of `encoder`, beside those that it has.

    Can be interrupted, and run again or twice at once: what is stored is not made again.
    References that are added meanwhile are taken in; one that cannot be read is tried once.
    """
    failed: dict[int, Indexed] = {}
    made = 0
    while True:
        due = list(missing(encoder.id).exclude(pk__in=failed).values_list("pk", flat=True))
        if not due:
            return Filled(made, list(failed.values()))
        outcomes = indexing.index_references(_fresh(due), encoder=encoder)
        seen = set()
        for outcome in wrap(outcomes, len(due)):
            seen.add(outcome.reference.pk)
            if outcome.error:
                failed[outcome.reference.pk] = outcome
            else:
                made += 1
        if not seen:
            # All of them were changed while they were read: they are queued by themselves.
            time.sleep(1.0)


def _fresh(ids: list[int]) -> Iterator[ReferenceImage]:
    """The rows as they are when their turn comes."""
    for start in range(0, len(ids), CHUNK):
        rows = ReferenceImage.objects.in_bulk(ids[start : start + CHUNK])
        yield from (rows[pk] for pk in ids[start : start + CHUNK] if pk in rows)


def catch_up(*, limit: int) -> int:
    """Give up to `limit` references the vector of the encoder that was switched to, where a
    process that had not followed yet left it out; returns how many got one.

    Nothing where this process uses another encoder. (Where none was switched to, references
    without a vector may be many: those are for `reembed`, or what is found depends on chance.)
    """
    row = EncoderChoice.objects.filter(instead_of=settings.RAIOX_ENCODER).first()
    if row is None or not is_current(row.encoder):
        return 0
    encoder = get_encoder()
    due = missing(encoder.id)[:limit]
    return sum(not outcome.error for outcome in indexing.index_references(due, encoder=encoder))


def kept_for_return() -> str:
    """The id of the encoder that was in use before the last switch; empty without one."""
    row = EncoderChoice.objects.filter(instead_of=settings.RAIOX_ENCODER).first()
    return str(row.measured.get("before_id", "")) if row else ""


def is_recent() -> bool:
    """Whether some process may still compare films with what was in use before."""
    since = timezone.now() - timedelta(seconds=RECENT_SECONDS)
    return EncoderChoice.objects.filter(switched_at__gt=since).exists()


def fill_only(name: str, *, wrap: Wrap) -> tuple[ClipEncoder, Filled]:
    """Make the vectors ahead, and switch nothing. Raises as `switch`."""
    with _alone():
        encoder = prepare(name)
        return encoder, fill(encoder, wrap=wrap)


def switch(
    name: str,
    *,
    wrap: Wrap,
    compare: Compare = compared_in_catalogue,
    is_forced: bool = False,
    settle_seconds: float = SETTLING_SECONDS,
) -> Switched:
    """Fill, check, write the row, and fill again until every process must have followed.

    `is_forced` skips only the comparison; what was in use before is returned to without one.
    Raises EncoderError, and SwitchRefused: another switch is at work, a reference has no
    vector, or the new encoder is worse.
    """
    with _alone():
        encoder, used = prepare(name), get_encoder()
        is_free = is_forced or _is_return(name)
        if not is_free and tuned.is_worse(encoder.source.checkpoint):
            raise SwitchRefused("It was tuned, and is worse on the part that was held out.")
        filled = fill(encoder, wrap=wrap)
        _check_complete(encoder.id)
        old, new = Side(used.name, _id_of(used)), Side(name, encoder.id)
        figures = None if is_free or old == new else _checked(old, new, compare)
        _flip(old, new, figures)
        later = _settle(encoder, wrap, settle_seconds)
    made = filled.made + sum(one.made for one in later)
    failed = [one for each in (filled, *later) for one in each.failed]
    return Switched(old.id, new.id, Filled(made, failed), figures)


@contextmanager
def _alone() -> Iterator[None]:
    with work_lock(LOCK, 0) as acquired:
        if not acquired:
            raise SwitchRefused("Another switch is at work.")
        yield


def _check_complete(encoder: str) -> None:
    lacking = missing(encoder).count()
    if lacking:
        raise SwitchRefused(
            f"{lacking} references have no vector of this encoder yet: run it again."
        )
    if not Embedding.objects.of_encoder(encoder).searchable().exists():
        raise SwitchRefused("The catalogue has no reference radiograph to compare with.")


def _is_return(name: str) -> bool:
    row = EncoderChoice.objects.filter(instead_of=settings.RAIOX_ENCODER).first()
    return row is not None and name in (row.instead_of, row.measured.get("before"))


def _checked(old: Side, new: Side, compare: Compare) -> Figures | None:
    if not Embedding.objects.of_encoder(old.id).searchable().exists():
        return None
    figures = compare(old, new)
    if figures is None:
        raise SwitchRefused(
            "Nothing says whether the new encoder is worse: no implant has two references, to"
            " look one up by the other. Give --measured FILE, or --force."
        )
    if figures.new < figures.old - TOLERANCE:
        raise SwitchRefused(
            f"The new encoder is worse: top 3 {figures.new:.1%} instead of {figures.old:.1%}"
            f" ({figures.source})."
        )
    return figures


def _id_of(encoder: ClipEncoder) -> str:
    """Of one that cannot be loaded any more, the id that its vectors have."""
    with suppress(EncoderError):
        return encoder.id
    prefix, suffix = encoder.id_without_digest
    own = Embedding.objects.filter(encoder__startswith=prefix, encoder__endswith=suffix)
    return own.values_list("encoder", flat=True).first() or prefix + suffix


def _flip(old: Side, new: Side, figures: Figures | None) -> None:
    EncoderChoice.objects.update_or_create(
        singleton=True,
        defaults={
            "name": new.name,
            "encoder": new.id,
            "instead_of": settings.RAIOX_ENCODER,
            "measured": {
                "before": old.name,
                "before_id": old.id,
                **(asdict(figures) if figures else {}),
            },
        },
    )


def _settle(encoder: ClipEncoder, wrap: Wrap, seconds: float) -> list[Filled]:
    """References that another process still gave a vector of the old encoder get theirs."""
    end = time.monotonic() + seconds
    passes = [fill(encoder, wrap=wrap)]
    while time.monotonic() < end:
        time.sleep(min(PAUSE_SECONDS, max(end - time.monotonic(), 0.0)))
        passes.append(fill(encoder, wrap=wrap))
    return passes
