"""Whether everything is as it must be once all is at rest. Each finding is a sentence."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from django_q.models import OrmQ, Task

from cases.models import Case, CaseEvent
from cases.models.case import CaseQuerySet
from integrations.models import JotformDelivery, ResultReturn
from raiox_site.trial.desk import ANSWER, MANUFACTURER, MARK, STATUS, Truth
from raiox_site.trial.evidence import Evidence

MARKS = re.compile(r"\bT\d{6}\b")
TOOTH = re.compile(r"; dente \d+")
DECISIONS = (CaseEvent.What.APPROVED, CaseEvent.What.REJECTED)
DECIDED = (Case.Status.APPROVED, Case.Status.REJECTED)
# How many edits more than decisions a killed process or a failure of Jotform may cause.
EDITS_PER_SETBACK = 1
Findings = Iterator[str]


def violations(evidence: Evidence) -> list[str]:
    return [finding for check in CHECKS for finding in check(evidence)]


def came_to_rest(evidence: Evidence) -> Findings:
    yield from (f"not finished in time: {what}" for what in evidence.unrest)


def one_case_each(evidence: Evidence) -> Findings:
    cases = Counter(Case.objects.values_list("jotform_submission_id", flat=True))
    for submission_id in evidence.submissions:
        if cases[submission_id] != 1:
            yield f"submission {submission_id} has {cases[submission_id]} cases"
    for unknown in cases.keys() - set(evidence.submissions):
        yield f"there is a case of {unknown}, which nobody submitted"


def cases_say_what_jotform_says(evidence: Evidence) -> Findings:
    for case in _cases(evidence):
        truth = evidence.desk.truth(str(case.jotform_submission_id))
        for name in ("dentist_name", "dentist_email", "patient_name", "tooth"):
            said, true = getattr(case, name), getattr(truth, name)
            if said != true:
                yield f"case {case.pk} says {said!r} for {name}, Jotform {true!r}"
        yield from _wrong_films(case, truth)


def _wrong_films(case: Case, truth: Truth) -> Findings:
    films = {film.source_url: film for film in case.images.all()}
    for url in truth.films.keys() - films.keys():
        yield f"case {case.pk} lacks the film {_name(url)}"
    for url in films.keys() - truth.films.keys():
        yield f"case {case.pk} has the film {_name(url)}, which Jotform does not show"
    for url in films.keys() & truth.films.keys():
        if not films[url].is_readable:
            yield f"case {case.pk}: the film {_name(url)} was not read"
        elif films[url].sha256 != truth.films[url]:
            yield f"case {case.pk}: the film {_name(url)} is not the one that Jotform shows now"


def every_case_is_decided(evidence: Evidence) -> Findings:
    for case in Case.objects.exclude(status__in=DECIDED):
        yield f"case {case.pk} is still {case.status}: {case.failure or 'no reason given'}"


def every_decision_is_confirmed(evidence: Evidence) -> Findings:
    wanted = ResultReturn.Status.SENT if evidence.with_key else ResultReturn.Status.NOT_CONFIGURED
    for case in Case.objects.filter(status__in=DECIDED):
        answers = case.answers.filter(channel=ResultReturn.Channel.JOTFORM)
        found = list(answers.filter(revision=case.revision).values_list("status", flat=True))
        if found != [wanted]:
            yield f"case {case.pk}: its last decision has the answers {found}, not one {wanted}"


def jotform_shows_the_last_decision(evidence: Evidence) -> Findings:
    for case in _cases(evidence).filter(status__in=DECIDED):
        shown = evidence.desk.shown(str(case.jotform_submission_id))
        said, expected = _lines(shown[ANSWER]), _expected(case)
        fits = len(said) == len(expected) and all(
            all(word in line for word in words) for line, words in zip(said, expected, strict=True)
        )
        if not evidence.with_key:
            if any(shown.values()):
                yield f"case {case.pk}: there is an answer at Jotform, without a key"
        elif not fits:
            yield f"case {case.pk}: Jotform shows {shown[ANSWER]!r}, not the decision"
        elif shown[STATUS] != case.get_status_display():
            yield f"case {case.pk}: Jotform shows the status {shown[STATUS]!r}"
        elif _manufacturers(shown[MANUFACTURER]) != _approved_manufacturers(case):
            yield f"case {case.pk}: Jotform shows the manufacturers {shown[MANUFACTURER]!r}"


def _expected(case: Case) -> list[list[str]]:
    """For each line of the answer the words that it must hold; one approved implant a line."""
    if case.status == Case.Status.REJECTED:
        return [[case.decision_reason]]
    results = {result.implant_id: result.implant for result in case.approved_results}
    implants = [[implant.manufacturer, implant.name] for implant in results.values()]
    return [*implants, [case.note]]


def _approved_manufacturers(case: Case) -> Counter[str]:
    results = {result.implant_id: result.implant for result in case.approved_results}
    return Counter(implant.manufacturer for implant in results.values())


def _manufacturers(shown: str) -> Counter[str]:
    return Counter(part for part in shown.split("; ") if part not in ("", "–"))


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def no_decision_is_written_twice(evidence: Evidence) -> Findings:
    """A decision carries a mark of its own; marks count upwards. One is written once more only
    where the sender corrected the tooth that it names."""
    written: dict[str, list[str]] = {}
    for effect in evidence.desk.effects():
        if effect.question == ANSWER:
            if len(MARKS.findall(effect.text)) != 1:
                yield f"submission {effect.submission_id}: {effect.text!r} is no one decision"
            written.setdefault(effect.submission_id, []).append(effect.text)
    for submission_id, texts in written.items():
        marks = [mark for text in texts for mark in MARKS.findall(text)]
        if len(set(texts)) < len(texts) or _rewordings(texts):
            yield f"submission {submission_id}: a decision was written twice: {marks}"
        if marks != sorted(marks):
            yield f"submission {submission_id}: an old decision came after a newer one: {marks}"


def _rewordings(texts: list[str]) -> list[str]:
    """Decisions that were written in two ways which differ in more than the tooth."""
    ways: dict[str, set[str]] = {}
    for text in texts:
        for mark in MARKS.findall(text):
            ways.setdefault(mark, set()).add(TOOTH.sub("", text))
    return [mark for mark, wordings in ways.items() if len(wordings) > 1]


def edits_do_not_loop(evidence: Evidence) -> Findings:
    decisions = CaseEvent.objects.filter(what__in=DECISIONS).count()
    changes = CaseEvent.objects.filter(what=CaseEvent.What.UPDATED)
    corrections = changes.filter(details__fields__contains="tooth").count()
    limit = decisions + corrections + EDITS_PER_SETBACK * evidence.setbacks
    edits = len(evidence.desk.standin.edits())
    if edits > limit:
        yield f"{edits} edits were sent for {decisions} decisions and {evidence.setbacks} setbacks"


def no_task_is_left(evidence: Evidence) -> Findings:
    if left := OrmQ.objects.count():
        yield f"{left} tasks are left in the queue"
    for task in Task.objects.filter(success=False):
        lines = str(task.result or "no reason given").strip().splitlines()
        yield f"the task {task.func} failed: {lines[-1]}"


def every_delivery_is_accepted_and_stored(evidence: Evidence) -> Findings:
    for number in sorted(evidence.sent - evidence.accepted):
        yield f"delivery {number} was never accepted"
    marks = JotformDelivery.objects.values_list(f"fields__{MARK}", flat=True)
    missing = evidence.accepted - {int(mark) for mark in marks if mark}
    # What says of people what their case does not say any more is forgotten, mark and all.
    if len(missing) > JotformDelivery.objects.filter(fields={}).count():
        for number in sorted(missing):
            yield f"delivery {number} was accepted and not stored"


def nobody_got_an_error(evidence: Evidence) -> Findings:
    for status, count in sorted(evidence.answers.items()):
        if status >= 400:
            yield f"{count} deliveries were answered with {status}"
    for status, count in sorted(evidence.decisions.items()):
        if status >= 400 and status != 409:
            yield f"{count} decisions were answered with {status}"


def _cases(evidence: Evidence) -> CaseQuerySet:
    return Case.objects.filter(jotform_submission_id__in=evidence.submissions)


def _name(url: str) -> str:
    return url.rpartition("/")[2]


CHECKS: list[Callable[[Evidence], Findings]] = [
    came_to_rest,
    one_case_each,
    cases_say_what_jotform_says,
    every_case_is_decided,
    every_decision_is_confirmed,
    jotform_shows_the_last_decision,
    no_decision_is_written_twice,
    edits_do_not_loop,
    no_task_is_left,
    every_delivery_is_accepted_and_stored,
    nobody_got_an_error,
]
