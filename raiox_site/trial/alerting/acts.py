"""What is done to the running system, and how it is mended."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import requests
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ

from cases.models import Case
from implants.models import Implant
from integrations.jotform.simulation.standin import Fault as Refusal
from integrations.models import ResultReturn, StaffNotice
from matching.queue import enqueue
from raiox_site import heartbeat, running
from raiox_site.backup import record
from raiox_site.models import Heartbeat
from raiox_site.processes import wait_until
from raiox_site.trial.alerting import material
from raiox_site.trial.alerting.scene import Scene

Act = Callable[[Scene], object]
# How long a frozen process stays so, and how long it runs between.
FROZEN_S, RUNNING_S = 2.5, 0.04
LOCKED_S = 4.0
SCRAPED_S = 6.0
# For what has to happen before the alert can.
PATIENCE_S = 120.0


def nothing(scene: Scene) -> None:
    pass


def date_back(name: str, **age: int) -> Act:
    def act(scene: Scene) -> None:
        Heartbeat.objects.update_or_create(
            name=name, defaults={"at": timezone.now() - timedelta(**age)}
        )

    return act


def good(name: str) -> Act:
    return lambda scene: record.good(name)


def answer_is_late(scene: Scene) -> None:
    scene.standin.misbehave(Refusal.STATUS, code=500, times=1000)
    answer = material.decided_case(scene)
    running.wait_for(lambda: row(answer).attempts, PATIENCE_S)
    ResultReturn.objects.filter(pk=answer).update(created_at=timezone.now() - timedelta(hours=2))


def row(pk: int) -> ResultReturn:
    return ResultReturn.objects.get(pk=pk)


def answers_go_out(scene: Scene) -> None:
    with scene.standin.lock:
        scene.standin.faults.clear()
    for answer in ResultReturn.objects.unsent():
        ResultReturn.objects.filter(pk=answer.pk).update(next_try_at=timezone.now())
        enqueue("integrations.tasks.send_return", answer.pk)


def answer_is_refused(scene: Scene) -> None:
    scene.standin.misbehave(Refusal.ENVELOPE, code=400, times=1000)
    answer = material.decided_case(scene)
    running.wait_for(lambda: row(answer).status == ResultReturn.Status.GIVEN_UP, PATIENCE_S)


def key_is_refused(scene: Scene) -> None:
    scene.standin.api_key = "another key altogether"
    material.decided_case(scene)


def key_is_good(scene: Scene) -> None:
    scene.standin.api_key = scene.variables["JOTFORM_API_KEY"]
    answers_go_out(scene)


def tasks_fail(scene: Scene) -> None:
    for number in range(4):
        enqueue("cases.tasks.finish_erasure", 900_000 + number)


def notices_are_refused(scene: Scene) -> None:
    scene.telegram.refuses = True
    material.waiting_case(scene)
    failed = StaffNotice.objects.filter(sent_at=None, attempts__gt=0)
    running.wait_for(failed.exists, PATIENCE_S)
    failed.update(created_at=timezone.now() - timedelta(hours=1))


def notices_go_out(scene: Scene) -> None:
    scene.telegram.refuses = False
    StaffNotice.objects.filter(sent_at=None).update(next_try_at=timezone.now())
    enqueue("integrations.tasks.send_notices")


def review_is_late(scene: Scene) -> None:
    case = material.waiting_case(scene)
    Case.objects.filter(pk=case).update(created_at=timezone.now() - timedelta(days=2))


def review_is_done(scene: Scene) -> None:
    Case.objects.awaiting_review().update(created_at=timezone.now())


def uploads_are_gone(scene: Scene) -> None:
    """The folder of films is gone, though the storage as a whole is not, when a worker takes up
    a case."""
    scene.freeze(scene.worker)
    material.received_case()
    swap(scene, "uploads")
    scene.thaw()


def storage_is_gone(scene: Scene) -> None:
    swap(scene, "")


def swap(scene: Scene, name: str) -> None:
    """A file stands where the folder was; `swap_back` is its end."""
    place = scene.media / name
    place.rename(scene.media.with_name("aside"))
    place.touch()


def swap_back(name: str) -> Act:
    def act(scene: Scene) -> None:
        place = scene.media / name
        place.unlink()
        scene.media.with_name("aside").rename(place)

    return act


def hold_up_requests(scene: Scene) -> None:
    """A table is locked for four seconds, as by a migration, while somebody asks."""
    number = Implant.objects.values_list("pk", flat=True)[0]
    address = f"{scene.base}/implants/{number}"
    # Only what comes after a first one, and a scrape, is an increase.
    requests.get(address, timeout=30)
    time.sleep(SCRAPED_S)
    asking = threading.Thread(target=requests.get, args=[address])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE implants_implant IN ACCESS EXCLUSIVE MODE")
        asking.start()
        time.sleep(LOCKED_S)
    asking.join()


def starve_worker(scene: Scene) -> None:
    """The worker runs for moments only, while films wait to be compared."""
    cases = [material.received_case() for _film in range(4)]
    open_cases = Case.objects.filter(pk__in=cases, status=Case.Status.RECEIVED)
    until = time.monotonic() + 150
    while open_cases.exists() and time.monotonic() < until:
        scene.freeze(scene.worker)
        time.sleep(FROZEN_S)
        scene.thaw()
        time.sleep(RUNNING_S)


def break_requests(scene: Scene) -> None:
    """A table is missing, as after a migration that was not run."""
    rename("implants_implant", "implants_lost")
    for _time in range(60):
        requests.get(f"{scene.base}/implants", timeout=30)
        time.sleep(0.1)


def rename(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{old}" RENAME TO "{new}"')


def mend_requests(scene: Scene) -> None:
    rename("implants_lost", "implants_implant")


def break_figures(scene: Scene) -> None:
    rename("integrations_staffnotice", "integrations_lost")


def mend_figures(scene: Scene) -> None:
    rename("integrations_lost", "integrations_staffnotice")


def fill_queue(scene: Scene) -> None:
    scene.freeze(scene.worker)
    for _time in range(100):
        enqueue("raiox_site.heartbeat.beat")
    OrmQ.objects.filter(lock__lte=timezone.now()).update(lock=F("lock") - timedelta(minutes=6))
    Heartbeat.objects.filter(name=heartbeat.WORKER).update(at=F("at") - timedelta(minutes=2))


def empty_queue(scene: Scene) -> None:
    scene.thaw()


def kill_worker(scene: Scene) -> None:
    scene.worker.kill_all()


def worker_is_gone_for_minutes(scene: Scene) -> None:
    kill_worker(scene)
    for _film in range(3):
        material.received_case()


def wait_for_cases(scene: Scene) -> None:
    waiting = Case.objects.due().filter(status=Case.Status.RECEIVED)
    wait_until(lambda: not waiting.exists(), 90, pause=1.0)
