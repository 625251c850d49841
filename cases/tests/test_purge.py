"""The nightly run: what is due goes, whatever happens meanwhile, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.utils import timezone
from django_q.models import OrmQ, Task

from cases import certificates, erasers, leftovers, nightly, records, retention, tasks
from cases.models import Case, CaseEvent, Erasure
from cases.tests.making_cases import make_case
from cases.tests.old_rows import OLD, YOUNG, old_tasks

pytestmark = pytest.mark.django_db


def make(number: int, *, at: Any = OLD) -> list[Case]:
    cases = [make_case([], dentist_email=f"d{one}@example.com") for one in range(number)]
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(created_at=at)
    return cases


def archived() -> set[int]:
    return set(Case.objects.filter(status="archived").values_list("pk", flat=True))


def files() -> int:
    try:
        folders = default_storage.listdir("uploads")[0]
    except FileNotFoundError:
        return 0
    return sum(len(default_storage.listdir(f"uploads/{one}")[1]) for one in folders)


class Killed(BaseException):
    """A process that ends with no chance to clean up."""


def run_tasks() -> int:
    """What the worker does, until nothing is on the queue; how many tasks there were."""
    count = 0
    while entry := OrmQ.objects.order_by("pk").first():
        task = entry.task
        entry.delete()
        getattr(tasks, task["func"].rpartition(".")[2])(*task["args"])
        count += 1
    return count


def test_the_run_works_in_portions_until_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    due, kept = make(7), make(2, at=YOUNG)
    monkeypatch.setattr(nightly, "SECONDS", 0)
    monkeypatch.setattr(leftovers, "ROWS_AT_ONCE", 1)
    old_tasks(3)
    tasks.purge_expired()
    assert run_tasks() > 7, "one portion after the other"
    assert archived() == {case.pk for case in due}
    assert files() == len(kept)
    assert not Task.objects.exists()
    assert not Erasure.objects.filter(completed_at=None).exists()


def test_a_portion_does_at_least_one_case(monkeypatch: pytest.MonkeyPatch) -> None:
    make(2)
    report = retention.purge(seconds=0)
    assert report.erased == 1
    assert report.rest is not None


def test_many_cases_are_fetched_in_portions(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(retention, "CASES_AT_ONCE", 2)
    monkeypatch.setattr(certificates, "CASES_ON_A_PAGE", 3)
    cases = make(7)
    assert retention.purge().erased == 7
    assert archived() == {case.pk for case in cases}
    assert sorted(len(row.case_ids) for row in Erasure.objects.all()) == [1, 3, 3]
    assert {row.basis for row in Erasure.objects.all()} == {"retention"}


@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_a_run_that_is_killed_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    cases = make(4)
    delete, calls = default_storage.delete, [0]

    def die(name: str) -> None:
        calls[0] += 1
        if place == "after" and calls[0] == 2:
            delete(name)
        if calls[0] == 2:
            raise Killed
        delete(name)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if place == "before":
            patch.setattr(retention, "_delete_files", lambda *args, **kwargs: die("") or None)
        else:
            patch.setattr(default_storage._wrapped, "delete", die)
        if place == "before":
            calls[0] = 1
        retention.purge()
    assert Erasure.objects.filter(completed_at=None).exists()
    call_command("purge_uploads")
    assert archived() == {case.pk for case in cases}
    assert files() == 0
    assert not Erasure.objects.filter(completed_at=None).exists()
    counted = [row.counts.get("films", 0) for row in Erasure.objects.all()]
    assert sum(counted) == 4, "each film is counted once"


def test_an_error_of_the_database_in_one_case_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = make(3)
    wrong, erase = cases[1].pk, erasers.erase_of_case

    def fail(case: Case) -> Any:
        if case.pk == wrong:
            raise DatabaseError("deadlock detected")
        return erase(case)

    with monkeypatch.context() as patch:
        patch.setattr(erasers, "erase_of_case", fail)
        with pytest.raises(CommandError, match="next run"):
            call_command("purge_uploads")
    said = capsys.readouterr().out
    assert "cases due: 3" in said
    assert "cases erased: 2" in said
    assert f"#{wrong}" in said
    assert archived() == {cases[0].pk, cases[2].pk}
    assert Case.objects.get(pk=wrong).dentist_email, "nothing of it was half done"
    call_command("purge_uploads")
    assert archived() == {case.pk for case in cases}


def test_the_storage_refusing_everything_keeps_no_name_in_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = make(3)

    def refuse(name: str) -> None:
        raise PermissionError("the bucket says no")

    with monkeypatch.context() as patch:
        patch.setattr(default_storage._wrapped, "delete", refuse)
        with pytest.raises(CommandError):
            call_command("purge_uploads")
    assert archived() == {case.pk for case in cases}
    assert not Case.objects.exclude(dentist_email="", client_hash="", patient_name="").exists()
    assert files() == 3
    assert Erasure.objects.get().completed_at is None
    call_command("purge_uploads")
    assert files() == 0
    assert Erasure.objects.get().completed_at


def test_a_dry_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    make(2)
    old_tasks(3)
    before = list(Case.objects.order_by("pk").values())
    call_command("purge_uploads", dry_run=True)
    said = capsys.readouterr().out
    assert "cases that would be erased: 2" in said
    assert "tasks 3" in said
    assert list(Case.objects.order_by("pk").values()) == before
    assert (files(), Task.objects.count(), Erasure.objects.count()) == (2, 3, 0)


def test_the_number_of_days_is_said_and_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    make(1, at=YOUNG)
    call_command("purge_uploads")
    assert not archived()
    call_command("purge_uploads", days=30)
    assert len(archived()) == 1
    with pytest.raises(CommandError, match="at least 1"):
        call_command("purge_uploads", days=0)


def test_a_purge_with_nothing_to_do_leaves_no_certificate() -> None:
    make(1, at=YOUNG)
    call_command("purge_uploads")
    assert not Erasure.objects.exists()


def test_the_history_has_a_period_of_its_own(settings: Any) -> None:
    (case,) = make(1)
    event = case.record(CaseEvent.What.NOTED)
    with records.unlocked():
        CaseEvent.objects.filter(pk=event.pk).update(
            created_at=timezone.now() - timedelta(days=1000)
        )
    call_command("purge_uploads")
    assert CaseEvent.objects.filter(pk=event.pk).exists()
    settings.RAIOX_ACCESS_LOG_DAYS = 999
    call_command("purge_uploads")
    assert not CaseEvent.objects.filter(pk=event.pk).exists()
    assert Erasure.objects.exists(), "certificates stay"
