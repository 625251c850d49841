"""The trial of the whole system: that it runs, and that its verdict finds what is wrong."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Task

from cases import records
from cases.models import Case, CaseEvent, CaseImage, Finding, Result
from implants.models import Implant
from integrations.jotform.simulation.standin import JotformStandIn, Recorded
from integrations.models import JotformDelivery, JotformSubmission, ResultReturn
from raiox_site import running
from raiox_site.trial import plan, rest, verdict
from raiox_site.trial.desk import ANSWER, MARK, Desk
from raiox_site.trial.evidence import Evidence
from raiox_site.trial.plan import Delivery, Edit, Kind, Options, Plan

SUBMISSION = "6400000000000000000"
FIGURE = re.compile(r"^(.+?)\s+(\d+)$", re.MULTILINE)
NOTE = "Conferir a altura, T000007."


@pytest.fixture
def evidence(db: None) -> Iterator[Evidence]:
    """One submission that is as it must be: its case, its film, its decision, its answer."""
    with JotformStandIn() as standin:
        desk = Desk(standin, Plan((SUBMISSION,), frozenset(), ()), seed=0)
        proper_case(desk)
        yield Evidence(desk, [SUBMISSION], sent={0}, accepted={0}, answers=Counter({200: 1, 0: 2}))


def proper_case(desk: Desk) -> Case:
    truth = desk.truth(SUBMISSION)
    case = Case.objects.create(
        jotform_submission_id=SUBMISSION,
        source=Case.Source.JOTFORM,
        status=Case.Status.APPROVED,
        decided_at=timezone.now(),
        revision=2,
        note=NOTE,
        dentist_name=truth.dentist_name,
        dentist_email=truth.dentist_email,
        patient_name=truth.patient_name,
        tooth=truth.tooth,
    )
    for url, sha256 in truth.films.items():
        CaseImage.objects.create(
            case=case, source_url=url, sha256=sha256, file="uploads/film", width=1, height=1
        )
    approve(case, Implant.objects.create(manufacturer="Neodent", name="Helix GM"))
    answer = {"status": ResultReturn.Status.SENT, "sent_at": timezone.now()}
    ResultReturn.objects.create(case=case, revision=2, **answer)
    JotformDelivery.objects.create(case=case, submission_id=SUBMISSION, fields={MARK: "0"})
    write(desk, f"Neodent, Helix GM, 4 mm\nObservação: {NOTE}", "Neodent")
    return case


def approve(case: Case, implant: Implant) -> None:
    finding = Finding.objects.create(case_image=case.images.first())
    Result.objects.create(
        finding=finding, implant=implant, approved=True, approved_at=timezone.now()
    )
    case.record(CaseEvent.What.APPROVED)


def write(desk: Desk, answer: str, manufacturer: str = "Neodent", status: str = "aprovado") -> None:
    """What an edit of ours does."""
    texts = {ANSWER: answer, "11": manufacturer, "12": status}
    desk.store.apply(SUBMISSION, [(f"submission[{key}]", text) for key, text in texts.items()])


def the_case() -> Case:
    return Case.objects.get(jotform_submission_id=SUBMISSION)


def films() -> Any:
    return the_case().images.order_by("pk")


def test_nothing_is_wrong_where_all_is_as_it_must_be(evidence: Evidence) -> None:
    assert verdict.violations(evidence) == []


def no_case(evidence: Evidence) -> None:
    with records.unlocked():
        Case.objects.all().delete()


def foreign_case(evidence: Evidence) -> None:
    Case.objects.create(
        jotform_submission_id="1",
        source="jotform",
        status=Case.Status.REJECTED,
        decided_at=timezone.now(),
    )


def old_tooth(evidence: Evidence) -> None:
    evidence.desk.edit(Edit(0, SUBMISSION, 1, Kind.TOOTH))


def old_patient(evidence: Evidence) -> None:
    evidence.desk.edit(Edit(0, SUBMISSION, 1, Kind.PATIENT))


def old_content(evidence: Evidence) -> None:
    evidence.desk.edit(Edit(0, SUBMISSION, 1, Kind.CONTENT_REPLACED))


def film_added_there(evidence: Evidence) -> None:
    evidence.desk.edit(Edit(0, SUBMISSION, 1, Kind.FILE_ADDED))


def film_added_here(evidence: Evidence) -> None:
    CaseImage.objects.create(case=the_case(), source_url="https://www.jotform.com/alt.png")


def film_not_read(evidence: Evidence) -> None:
    films().update(width=None, height=None)


def undecided(evidence: Evidence) -> None:
    Case.objects.update(status=Case.Status.RECEIVED)


def answer_missing(evidence: Evidence) -> None:
    ResultReturn.objects.all().delete()


def answer_waiting(evidence: Evidence) -> None:
    ResultReturn.objects.update(status=ResultReturn.Status.WAITING)


def answer_of_an_older_revision(evidence: Evidence) -> None:
    ResultReturn.objects.update(revision=1)


def other_text(evidence: Evidence) -> None:
    write(evidence.desk, "Straumann, BLX\nObservação: Conferir a altura, T000009.")


def one_implant_more(evidence: Evidence) -> None:
    implant = Implant.objects.create(manufacturer="Straumann", name="BLX")
    approve(the_case(), implant)


def other_status(evidence: Evidence) -> None:
    Case.objects.update(status=Case.Status.REJECTED, decision_reason=f"Helix GM {NOTE}")
    write(evidence.desk, f"Helix GM {NOTE}", "–", "aprovado")


def other_manufacturer(evidence: Evidence) -> None:
    write(evidence.desk, evidence.desk.shown(SUBMISSION)[ANSWER], "Straumann")


def written_twice(evidence: Evidence) -> None:
    shown = evidence.desk.shown(SUBMISSION)[ANSWER]
    write(evidence.desk, "Filme ilegível, T000008.")
    write(evidence.desk, shown)


def written_in_two_ways(evidence: Evidence) -> None:
    shown = evidence.desk.shown(SUBMISSION)[ANSWER]
    write(evidence.desk, shown.replace("Helix GM", "Drive GM"))


def old_one_after_new_one(evidence: Evidence) -> None:
    write(evidence.desk, "Filme ilegível, T000003.")


def without_a_mark(evidence: Evidence) -> None:
    write(evidence.desk, "")


def endless_edits(evidence: Evidence) -> None:
    evidence.desk.standin.requests += 2 * [request("POST")]


def queued_task(evidence: Evidence) -> None:
    OrmQ.objects.create(key="raiox", payload="x", lock=timezone.now())


def failed_task(evidence: Evidence) -> None:
    now = timezone.now()
    Task.objects.create(
        id="1", name="1", func="a.b", success=False, result="boom", started=now, stopped=now
    )


def not_accepted(evidence: Evidence) -> None:
    evidence.sent.add(1)


def not_stored(evidence: Evidence) -> None:
    JotformDelivery.objects.all().delete()


def error_to_a_sender(evidence: Evidence) -> None:
    evidence.answers[500] += 1


def error_to_a_reviewer(evidence: Evidence) -> None:
    evidence.decisions.update({409: 1, 500: 1})


def unrest(evidence: Evidence) -> None:
    evidence.unrest.append("3 cases are not decided")


def request(method: str) -> Any:
    return Recorded(method, f"/submission/{SUBMISSION}", {}, {})


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (no_case, "has 0 cases"),
        (foreign_case, "nobody submitted"),
        (old_tooth, "for tooth, Jotform"),
        (old_patient, "for patient_name, Jotform 'Paciente Corrigido 1'"),
        (old_content, "is not the one that Jotform shows now"),
        (film_added_there, "lacks the film"),
        (film_added_here, "which Jotform does not show"),
        (film_not_read, "was not read"),
        (undecided, "is still received"),
        (answer_missing, "has the answers [], not one sent"),
        (answer_waiting, "has the answers ['waiting'], not one sent"),
        (answer_of_an_older_revision, "has the answers [], not one sent"),
        (other_text, "T000009.', not the decision"),
        (one_implant_more, "not the decision"),
        (other_status, "Jotform shows the status 'aprovado'"),
        (other_manufacturer, "Jotform shows the manufacturers 'Straumann'"),
        (written_twice, "a decision was written twice"),
        (written_in_two_ways, "a decision was written twice"),
        (old_one_after_new_one, "an old decision came after a newer one"),
        (without_a_mark, "'' is no one decision"),
        (endless_edits, "2 edits were sent for 1 decisions and 0 setbacks"),
        (queued_task, "1 tasks are left in the queue"),
        (failed_task, "the task a.b failed: boom"),
        (not_accepted, "delivery 1 was never accepted"),
        (not_stored, "delivery 0 was accepted and not stored"),
        (error_to_a_sender, "1 deliveries were answered with 500"),
        (error_to_a_reviewer, "1 decisions were answered with 500"),
        (unrest, "not finished in time: 3 cases are not decided"),
    ],
)
def test_the_verdict_finds(
    evidence: Evidence, damage: Callable[[Evidence], None], finding: str
) -> None:
    damage(evidence)
    assert finding in "\n".join(verdict.violations(evidence))


def test_a_tooth_that_was_corrected_is_written_once_more(evidence: Evidence) -> None:
    shown = evidence.desk.shown(SUBMISSION)[ANSWER]
    write(evidence.desk, shown.replace("4 mm", "4 mm; dente 26"))
    assert "twice" not in "\n".join(verdict.violations(evidence))


def test_without_a_key_an_answer_waits_for_one_and_nothing_stands_at_jotform(
    evidence: Evidence,
) -> None:
    evidence.with_key = False
    found = "\n".join(verdict.violations(evidence))
    assert "not one not_configured" in found
    assert "there is an answer at Jotform, without a key" in found


def test_what_is_not_at_rest_is_said(evidence: Evidence) -> None:
    assert rest.unrest(evidence) == []
    Case.objects.update(status=Case.Status.PENDING)
    ResultReturn.objects.update(status=ResultReturn.Status.WAITING)
    JotformSubmission.objects.create(submission_id=SUBMISSION, next_try_at=timezone.now())
    queued_task(evidence)
    evidence.submissions = [SUBMISSION, "6400000000000000001"]
    assert rest.unrest(evidence) == [
        "1 submissions have no case",
        "1 cases are not decided",
        "1 answers are under way",
        "1 submissions are to be read",
        "1 tasks are in the queue",
    ]


def test_a_task_that_a_killed_worker_took_along_comes_back_at_once(evidence: Evidence) -> None:
    later = timezone.now() + timedelta(minutes=5)
    OrmQ.objects.create(key="raiox", payload="x", lock=later)
    assert rest.unrest(evidence) == []
    rest.forget_leases()
    assert rest.unrest(evidence) == ["1 tasks are in the queue"]


def test_a_plan_holds_everything_that_can_happen() -> None:
    drawn = plan.draw(Options(seed=3))
    assert (len(drawn.submissions), len(drawn.deliveries), len(drawn.lost)) == (200, 500, 10)
    delivered = {one.submission_id for one in drawn.deliveries}
    assert delivered == set(drawn.submissions) - drawn.lost
    assert len({one.submission_id for one in drawn.edits}) == 67
    assert {one.kind for one in drawn.edits} == set(Kind)
    assert {one.number for one in drawn.deliveries} == set(range(500))
    assert drawn == plan.draw(Options(seed=3)) != plan.draw(Options(seed=4))


def test_in_a_plan_old_answers_come_after_newer_ones_and_none_before_its_edit() -> None:
    newest: dict[str, int] = {}
    made: dict[str, int] = {}
    stale = 0
    for step in plan.draw(Options()).steps:
        known = made.get(step.submission_id, 0)
        if isinstance(step, Edit):
            assert step.version == known + 1
            made[step.submission_id] = step.version
        else:
            assert step.version <= known
            stale += step.version < newest.get(step.submission_id, 0)
            newest[step.submission_id] = max(step.version, newest.get(step.submission_id, 0))
    assert stale > 5


def test_without_a_key_everything_is_delivered_and_no_content_changes_unseen() -> None:
    drawn = plan.draw(Options(with_key=False))
    assert not drawn.lost
    assert Kind.CONTENT_REPLACED not in {one.kind for one in drawn.edits}
    told = {(one.submission_id, one.version) for one in drawn.deliveries}
    assert {(one.submission_id, one.version) for one in drawn.edits} <= told


def test_a_delivery_says_what_its_version_said_whatever_was_edited_since(db: None) -> None:
    with JotformStandIn() as standin:
        desk = Desk(standin, Plan((SUBMISSION,), frozenset(), ()), seed=0)
        desk.edit(Edit(0, SUBMISSION, 1, Kind.PATIENT))
        old, new = (
            dict(desk.fields(Delivery(0, 5, SUBMISSION, version)))["rawRequest"]
            for version in (0, 1)
        )
    assert "Corrigido 1" in new
    assert "Corrigido 1" not in old


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"deliveries": 3, "submissions": 8}, "deliveries at least"), ({}, "production")],
)
def test_what_cannot_be_tried_is_refused(
    settings: Any, options: dict[str, int], reason: str
) -> None:
    settings.PRODUCTION = not options
    with pytest.raises(CommandError, match=reason):
        call_command("try_jotform", **options)


def begun(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "try_jotform", *options],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": running.database_url("postgres")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def is_gone(said: str) -> bool:
    """Whether neither database nor folder of the trial are left."""
    (name, folder) = re.findall(r"database (\w+), folder (\S+)", said)[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() == (0,) and not Path(folder).exists()


def test_a_small_trial_with_two_kills_ends_well_and_leaves_nothing_behind(db: None) -> None:
    trial = begun("--deliveries", "24", "--submissions", "8", "--kills", "2", "--seed", "1")
    said, _errors = trial.communicate(timeout=300)
    assert "Everything is as it must be." in said
    assert trial.returncode == 0
    figures = {name.strip(): int(figure) for name, figure in FIGURE.findall(said)}
    assert figures["cases"] == 8
    assert 8 <= figures["answers confirmed"] <= 8 + figures["reopened"]
    assert (figures["deliveries"], figures["kills"]) == (24, 2)
    assert is_gone(said)


def test_a_trial_that_is_interrupted_leaves_nothing_behind(db: None) -> None:
    trial = begun()
    assert trial.stdout is not None
    first = trial.stdout.readline()
    # Not SIGINT: who runs the tests in the background of a script has them ignore it.
    trial.send_signal(signal.SIGTERM)
    trial.communicate(timeout=60)
    assert trial.returncode != 0
    assert is_gone(first)
