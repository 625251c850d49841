"""What staff is told: how many, where to look, and nothing about the patient.

Everything here is made of a notice's kind and its case's number; nothing else of a case is
read.
"""

from collections.abc import Iterator, Sequence

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from cases.models import Case
from integrations.models import StaffNotice
from integrations.notices.transport import Message

Kind = StaffNotice.Kind
# Telegram takes 4,096 characters; the rest of a long list is in the panel.
LINES_PER_KIND = 5
# What is told of each case: of the first ones, and of the others together.
_ALERTS = {
    Kind.ANSWER_GIVEN_UP: (
        gettext_lazy("The answer to case %(number)d could not be delivered."),
        ngettext_lazy(
            "The answer to %(count)d more case could not be delivered.",
            "The answers to %(count)d more cases could not be delivered.",
            "count",
        ),
    ),
    Kind.ANSWER_LATE: (
        gettext_lazy("The answer to case %(number)d has been waiting for a day."),
        ngettext_lazy(
            "The answer to %(count)d more case has been waiting for a day.",
            "The answers to %(count)d more cases have been waiting for a day.",
            "count",
        ),
    ),
    Kind.CHANGED_AFTER_DECISION: (
        gettext_lazy("Case %(number)d was changed by its sender after the decision."),
        ngettext_lazy(
            "%(count)d more case was changed after the decision.",
            "%(count)d more cases were changed after the decision.",
            "count",
        ),
    ),
}


def message(notices: Sequence[StaffNotice]) -> Message:
    """One message about all of them (at least one)."""
    entries = list(_entries(notices))
    subject = entries[0][0].rstrip(".") if len(entries) == 1 else _("attention is needed")
    return Message(
        subject=f"Raiox AI: {subject}",
        text="\n\n".join(f"{sentence}\n{link}" for sentence, link in entries),
    )


def trial() -> Message:
    """What `notify_test` sends."""
    sentence = _("This is a test: notices of Raiox AI arrive here.")
    return Message(subject=_("Raiox AI: test"), text=f"{sentence}\n{_queue()}")


def _entries(notices: Sequence[StaffNotice]) -> Iterator[tuple[str, str]]:
    """Sentences, each with its link."""
    if new := _cases(notices, Kind.NEW_CASE):
        yield _new_cases(len(new)), _page(new[0]) if len(new) == 1 else _queue()
    if failed := _cases(notices, Kind.FAILED_CASE):
        link = _page(failed[0]) if len(failed) == 1 else f"{_queue()}?status={Case.Status.FAILED}"
        yield _failed_cases(len(failed)), link
    if any(notice.kind == Kind.JOTFORM_REFUSES for notice in notices):
        yield (
            _("Jotform refuses the API key: answers wait until it is replaced."),
            _link("admin:integrations_resultreturn_changelist"),
        )
    for kind in _ALERTS:
        yield from _alerts(kind, _cases(notices, kind))


def _alerts(kind: StaffNotice.Kind, cases: Sequence[int]) -> Iterator[tuple[str, str]]:
    one, others = _ALERTS[kind]
    for case_id in cases[:LINES_PER_KIND]:
        yield one % {"number": case_id}, _page(case_id)
    if more := len(cases[LINES_PER_KIND:]):
        yield others % {"count": more}, _queue()


def _new_cases(count: int) -> str:
    sentence = ngettext(
        "%(count)d new case awaits review.", "%(count)d new cases await review.", count
    )
    return sentence % {"count": count}


def _failed_cases(count: int) -> str:
    sentence = ngettext(
        "%(count)d case could not be processed and waits for you.",
        "%(count)d cases could not be processed and wait for you.",
        count,
    )
    return sentence % {"count": count}


def _cases(notices: Sequence[StaffNotice], kind: StaffNotice.Kind) -> list[int]:
    """Case numbers, each once, in the order they came."""
    numbers = (notice.case_id for notice in notices if notice.kind == kind)
    return list(dict.fromkeys(number for number in numbers if number))


def _page(case_id: int) -> str:
    return _link("admin:cases_case_review", case_id)


def _queue() -> str:
    return _link("admin:cases_case_changelist")


def _link(name: str, *args: int) -> str:
    return f"{settings.RAIOX_PUBLIC_URL}{reverse(name, args=args)}"
