"""The columns of the reviewers' queue. The rows are those of `queue.listed`."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Finding
from cases.panel.presence import name_of
from matching.confidence import Band

NOTHING = SafeString('<span class="nothing">–</span>')


@admin.display(description=_("case"), ordering="pk")
def number(case: Any) -> SafeString:
    """Its film, its number, and whether it is urgent: all of it leads to the case."""
    return format_html(
        '{} <span class="case-number">#{}{}</span>', _film(case), case.pk, _urgent(case)
    )


@admin.display(description=_("tooth"), ordering="tooth")
def tooth(case: Any) -> SafeString:
    return _labelled(gettext("Tooth"), case.tooth or NOTHING)


@admin.display(description=_("dentist"), ordering="dentist_name")
def dentist(case: Any) -> SafeString:
    return format_html(
        '{}<span class="quiet-text second-line">{}</span>',
        case.dentist_name or case.dentist_email or "–",
        case.patient_name,
    )


@admin.display(description=_("waiting"), ordering="created_at")
def waiting(case: Any) -> SafeString:
    return _labelled(gettext("Waiting"), _time(case.created_at, since(case.created_at)))


@admin.display(description=_("received"), ordering="created_at")
def received(case: Any) -> SafeString:
    shown = date_format(localtime(case.created_at), "SHORT_DATETIME_FORMAT")
    return _labelled(gettext("Received"), _time(case.created_at, shown))


@admin.display(description=_("confidence"))
def confidence(case: Any) -> SafeString:
    if not case.band:
        return _labelled(gettext("Confidence"), NOTHING)
    badge = format_html(
        '<span class="badge badge-band badge-band-{}">{}</span>', case.band, Band(case.band).label
    )
    return _labelled(gettext("Confidence"), badge)


@admin.display(description=_("candidate"))
def candidate(case: Any) -> SafeString:
    """What was approved, or why nothing was, else the first candidate of each fixture, and
    whether one is probably not in the catalogue."""
    is_approved = case.status == Case.Status.APPROVED
    picks = [pick for pick in case.picks if pick["approved"] or not is_approved]
    names = dict.fromkeys((pick["manufacturer"], pick["name"]) for pick in picks)
    if case.status == Case.Status.REJECTED and case.outcome:
        return format_html("{}", Finding.Outcome(case.outcome).label)
    shown = format_html_join(
        "", '<span class="pick"><span class="pick-maker">{}</span> {}</span>', names
    )
    if case.has_unknown and not case.is_decided:
        unknown = gettext("probably not in the catalogue")
        shown += format_html('<span class="pick pick-unknown">{}</span>', unknown)
    return shown or NOTHING


@admin.display(description=_("looking now"))
def looking(case: Any) -> SafeString:
    names = [(name_of(User(**one)),) for one in case.lookers]
    if not names:
        return NOTHING
    badges = format_html_join(" ", '<span class="badge badge-looking">{}</span>', names)
    return _labelled(gettext("Looking now"), badges)


@admin.display(description=_("source"), ordering="source")
def source(case: Any) -> SafeString:
    return _labelled(gettext("Source"), case.get_source_display())


@admin.display(description=_("status"), ordering="status")
def state(case: Any) -> SafeString:
    return format_html(
        '<span class="badge badge-{}">{}</span>{}{}',
        case.status,
        case.get_status_display(),
        format_html('<span class="second-line">{}</span>', case.failure)
        if case.status == Case.Status.FAILED
        else _waiting_badge(case),
        format_html('<span class="quiet-text second-line">{}</span>', name_of(case.decided_by))
        if case.decided_by and case.is_decided
        else "",
    )


@admin.display(description=_("decided"), ordering="decided_at")
def decided(case: Any) -> SafeString:
    if case.decided_at is None:
        return NOTHING
    return format_html(
        '{}<span class="quiet-text second-line">{}</span>',
        _time(case.decided_at, date_format(localtime(case.decided_at), "SHORT_DATETIME_FORMAT")),
        name_of(case.decided_by) if case.decided_by else NOTHING,
    )


@admin.display(description=_("what happens now"))
def progress(case: Any) -> str:
    if case.is_held:
        return gettext("Waits for the confirmation of its source.")
    if case.is_waiting_for_consent:
        return gettext("Waits for the patient's consent.")
    if case.next_try_at:
        when = date_format(localtime(case.next_try_at), "SHORT_DATETIME_FORMAT")
        return gettext("Its film is looked for again: %(when)s.") % {"when": when}
    return gettext("Is being processed.")


@admin.display(description=_("again"))
def again(case: Any) -> SafeString:
    """The button sends the form that surrounds the list, with its protection against forgery."""
    return format_html(
        '<button type="submit" class="button" formaction="{}">{} '
        '<span class="visually-hidden">#{}</span></button>',
        reverse("admin:cases_case_retry", args=[case.pk]),
        gettext("Try again"),
        case.pk,
    )


def since(moment: datetime) -> str:
    """How long ago, in words: `3 hours`."""
    if timezone.now() - moment < timedelta(minutes=1):
        return gettext("just now")
    return timesince(moment, depth=1).replace("\xa0", " ")


def _waiting_badge(case: Any) -> SafeString:
    if not case.is_waiting_for_consent:
        return SafeString("")
    return format_html(
        ' <span class="badge badge-no-consent">{}</span>', gettext("waits for consent")
    )


def _film(case: Any) -> SafeString:
    if case.film_id is None:
        return format_html('<span class="case-film no-film">{}</span>', gettext("no film"))
    return format_html(
        '<img class="case-film" src="{}?thumb=1" width="64" height="64" loading="lazy" alt="{}">',
        reverse("admin:cases_case_film", args=[case.pk, case.film_id]),
        gettext("Film"),
    )


def _urgent(case: Any) -> SafeString:
    if case.priority != Case.Priority.URGENT:
        return SafeString("")
    label = case.get_priority_display()
    return format_html(' <span class="badge badge-urgent">{}</span>', label)


def _labelled(label: str, value: Any) -> SafeString:
    """On a phone, where the head of the table is not seen, a value says what it is."""
    return format_html('<span class="cell-label">{}</span> {}', label, value)


def _time(moment: datetime, shown: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        date_format(localtime(moment), "SHORT_DATETIME_FORMAT"),
        shown,
    )
