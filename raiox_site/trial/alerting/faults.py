"""Which fault has to bring which alert, and in which order they are provoked.

Nothing is faked between the fault and the message. Where an alert is about an age of hours or
days, the moment that it is counted from is set back in the database: `what` says so.
"""

from dataclasses import dataclass

from raiox_site.backup import record
from raiox_site.trial.alerting import acts, material
from raiox_site.trial.alerting.acts import Act
from raiox_site.trial.alerting.scene import Scene


@dataclass(frozen=True)
class Fault:
    """`alert` has to come of it within `seconds`; where it `resolves`, its end is told too. What
    is only over an hour after the last error cannot be waited for."""

    alert: str
    what: str
    provoke: Act
    mend: Act
    seconds: float = 60.0
    resolves: bool = True
    needs: str = ""


SCHEDULE: tuple[tuple[Fault, ...], ...] = (
    (
        Fault(
            "RaioxBackupOld",
            "the last good backup is of three days ago (its time is set back)",
            acts.date_back(record.BACKUP, days=3),
            acts.good(record.BACKUP),
        ),
        Fault(
            "RaioxRestoreDrillOld",
            "the last drill is of 120 days ago (its time is set back)",
            acts.date_back(record.DRILL, days=120),
            acts.good(record.DRILL),
            seconds=120,
        ),
        Fault(
            "RaioxAnswersLate",
            "Jotform answers with 500; the answer's time is set back by two hours",
            acts.answer_is_late,
            acts.answers_go_out,
        ),
        Fault(
            "RaioxReviewsWaiting",
            "nobody decides; the case's time is set back by two days",
            acts.review_is_late,
            acts.review_is_done,
        ),
    ),
    (
        Fault(
            "RaioxAnswerGivenUp",
            "Jotform says that the answer cannot be taken (400)",
            acts.answer_is_refused,
            acts.answers_go_out,
            resolves=False,
        ),
        Fault(
            "RaioxCasesFailing",
            "three films are no images",
            lambda scene: [material.received_case(content=b"no image") for _ in range(3)],
            acts.nothing,
            resolves=False,
        ),
        Fault(
            "RaioxTasksFailing",
            "tasks for rows that are not there",
            acts.tasks_fail,
            acts.nothing,
            resolves=False,
        ),
        Fault(
            "RaioxNoticesStuck",
            "Telegram refuses the bot that tells staff; the notice's time is set back by an hour",
            acts.notices_are_refused,
            acts.notices_go_out,
        ),
        Fault(
            "RaioxAgreementLow",
            "reviewers approve what was not the first candidate, 30 times",
            material.disagreements,
            material.forget_disagreements,
            # It is counted every five minutes.
            seconds=480,
            resolves=False,
        ),
    ),
    (
        Fault(
            "RaioxJotformRefusesKey",
            "Jotform does not know the API key any more",
            acts.key_is_refused,
            acts.key_is_good,
            resolves=False,
        ),
        Fault(
            "RaioxStorageErrors",
            "the folder of films cannot be written",
            acts.uploads_are_gone,
            acts.swap_back("uploads"),
            resolves=False,
        ),
        Fault(
            "RaioxHelperDown",
            "Redis is stopped",
            Scene.stop_redis,
            Scene.start_redis,
            needs="redis-server",
        ),
    ),
    (
        Fault(
            "RaioxStorageDown",
            "the storage is gone as a whole",
            acts.storage_is_gone,
            acts.swap_back(""),
        ),
    ),
    (
        Fault(
            "RaioxDiskFilling",
            "the disk has 12 % left",
            lambda scene: scene.fill_disk("filling"),
            acts.nothing,
            resolves=False,
            needs="disk",
        ),
    ),
    (
        Fault(
            "RaioxDiskFull",
            "the disk has 2 % left",
            lambda scene: scene.fill_disk("full"),
            Scene.empty_disk,
            needs="disk",
        ),
    ),
    (
        Fault(
            "RaioxEncoderBroken",
            "the web process starts with weights that are not there",
            lambda scene: scene.restart_web(RAIOX_ENCODER="ViT-B-32/nowhere.pt"),
            lambda scene: scene.restart_web(RAIOX_ENCODER="raiox-fixture/bundled"),
        ),
    ),
    (
        Fault(
            "RaioxServerErrors",
            "a table is missing, as after a migration that was not run",
            acts.break_requests,
            acts.mend_requests,
            resolves=False,
        ),
    ),
    (
        Fault(
            "RaioxFiguresMissing",
            "a table that is counted is missing, while the service answers",
            acts.break_figures,
            acts.mend_figures,
            seconds=90,
        ),
    ),
    (
        Fault(
            "RaioxSlowRequests",
            "a table is locked for four seconds while somebody asks",
            acts.hold_up_requests,
            acts.nothing,
            resolves=False,
        ),
    ),
    (
        Fault(
            "RaioxSlowEncoder",
            "the worker gets the processor for moments only",
            acts.starve_worker,
            acts.nothing,
            seconds=90,
            resolves=False,
        ),
    ),
    (
        Fault(
            "RaioxQueueStuck",
            "all processes of the worker are frozen; the tasks' times are set back by six minutes,"
            " that of its last sign by two",
            acts.fill_queue,
            acts.empty_queue,
        ),
    ),
    (
        Fault(
            "RaioxDatabaseDown",
            "PostgreSQL is stopped",
            Scene.stop_database,
            Scene.start_database,
        ),
    ),
    (
        Fault(
            "RaioxDown",
            "kill -9 of the web processes",
            lambda scene: scene.web.kill_all(),
            lambda scene: scene.web.start(),
        ),
    ),
    (
        Fault(
            "RaioxWorkerHostDown",
            "kill -9 of all processes of the worker",
            acts.kill_worker,
            acts.nothing,
            resolves=False,
        ),
    ),
    (
        Fault(
            "RaioxWorkersStopped",
            "no worker for four minutes, while cases come in",
            acts.worker_is_gone_for_minutes,
            lambda scene: scene.worker.start(),
            seconds=300,
        ),
    ),
    (
        Fault(
            "RaioxSlowCases",
            "the cases of these minutes have waited",
            acts.wait_for_cases,
            acts.nothing,
            seconds=120,
            resolves=False,
        ),
    ),
)
