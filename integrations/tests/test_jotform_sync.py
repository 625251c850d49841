"""What no webhook brought is polled for."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from cases import intake, retention
from cases.models import Case
from integrations.jotform.client import JotformError
from integrations.jotform.incoming import readings, sync
from integrations.jotform.simulation.simulator import SimulatedSubmission
from integrations.jotform.simulation.standin import Fault, JotformStandIn
from integrations.models import JotformPoll, JotformSubmission

FORM = SimulatedSubmission("1").form_id
KIRITIMATI, SAMOA = timezone(timedelta(hours=14)), timezone(timedelta(hours=-11))


@pytest.fixture
def jotform(settings: Any) -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        settings.JOTFORM_API_KEY = standin.api_key
        settings.JOTFORM_FORM_IDS = [FORM]
        settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
        yield standin


@pytest.fixture
def add(jotform: JotformStandIn, film: Callable[..., bytes]) -> Callable[..., None]:
    def add(submission_id: str, **facts: Any) -> None:
        submission = SimulatedSubmission(submission_id, upload_base=jotform.base, **facts)
        jotform.add(submission, **{"radiografia.png": film(kind="PNG")})

    return add


def read_all() -> None:
    for row in JotformSubmission.objects.exclude(next_try_at=None):
        readings.read(row_id=row.pk)


def polls(jotform: JotformStandIn) -> list[str]:
    return [one.path for one in jotform.requests if one.path.endswith("/submissions")]


def test_a_submission_without_a_webhook_becomes_a_case(
    catalogue: list[Any], add: Callable[..., None]
) -> None:
    add("101")
    report = sync.sync()
    assert (report.seen, report.asked) == (1, 1)
    read_all()
    case = Case.objects.get()
    assert (case.jotform_submission_id, case.tooth, case.form_id) == ("101", 26, FORM)
    assert intake.process(case_id=case.pk).status == Case.Status.PENDING


def test_what_is_known_already_is_not_read_again(db: None, add: Callable[..., None]) -> None:
    add("101")
    sync.sync()
    read_all()
    report = sync.sync()
    assert (report.seen, report.asked) == (1, 0)


def test_an_edit_that_no_webhook_told_is_followed(
    db: None, jotform: JotformStandIn, add: Callable[..., None]
) -> None:
    add("101")
    sync.sync()
    read_all()
    jotform.edit("101", answers={"6": "37"})
    assert sync.sync().asked == 1
    read_all()
    assert Case.objects.get().tooth == 37


def test_old_submissions_are_left_alone_until_they_are_edited(
    db: None, jotform: JotformStandIn, add: Callable[..., None]
) -> None:
    jotform.clock.now = lambda: datetime.now(UTC) - timedelta(days=30)
    add("101")
    assert sync.sync().seen == 0
    jotform.clock.now = lambda: datetime.now(UTC)
    jotform.edit("101", answers={"6": "37"})
    assert sync.sync().asked == 1


def test_more_days_can_be_asked_for(
    db: None, jotform: JotformStandIn, add: Callable[..., None]
) -> None:
    jotform.clock.now = lambda: datetime.now(UTC) - timedelta(days=30)
    add("101")
    out = StringIO()
    call_command("jotform_sync", days=40, stdout=out)
    assert "1 submissions seen, 1 going to be read" in out.getvalue()


@pytest.mark.parametrize("zone", [KIRITIMATI, SAMOA], ids=["UTC+14", "UTC-11"])
def test_no_time_zone_of_the_account_hides_a_submission(
    db: None, jotform: JotformStandIn, add: Callable[..., None], zone: timezone
) -> None:
    sync.sync()
    jotform.clock.zone = zone
    add("101")
    assert sync.sync().asked == 1


def test_every_page_is_read(
    db: None, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "PAGE", 3)
    for number in range(7):
        add(f"10{number}")
    assert sync.sync().asked == 7


def test_the_task_ends_before_it_is_killed_and_the_command_takes_its_time(
    db: None, jotform: JotformStandIn, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "BUDGET_SECONDS", 0.0)
    add("101")
    sync.sync_due()
    poll = JotformPoll.objects.get()
    assert (poll.polled_until, bool(poll.last_error)) == (None, True)
    assert sync.sync().asked == 1


def test_several_forms_are_polled_and_no_other_one(
    db: None, jotform: JotformStandIn, add: Callable[..., None], settings: Any
) -> None:
    settings.JOTFORM_FORM_IDS = [FORM, "222"]
    add("101")
    add("102", form_id="222")
    add("103", form_id="333")
    sync.sync()
    read_all()
    assert set(Case.objects.values_list("form_id", flat=True)) == {FORM, "222"}


def test_without_a_list_of_forms_the_account_is_asked_and_only_submissions_with_a_film_are_taken(
    db: None, jotform: JotformStandIn, add: Callable[..., None], settings: Any
) -> None:
    settings.JOTFORM_FORM_IDS = []
    add("101")
    add("102", form_id="333", uploads={})
    assert sync.sync().asked == 1
    assert polls(jotform) == ["/user/submissions"] * 2


def test_deleted_and_erased_submissions_are_left_alone(
    db: None, jotform: JotformStandIn, add: Callable[..., None]
) -> None:
    add("101")
    add("102")
    jotform.delete("101")
    sync.sync()
    read_all()
    retention.erase(case_id=Case.objects.get().pk)
    jotform.edit("102", answers={"6": "37"})
    assert sync.sync().asked == 0


def test_a_poll_that_fails_says_so_and_the_next_one_begins_where_the_last_whole_one_did(
    db: None, jotform: JotformStandIn, add: Callable[..., None]
) -> None:
    sync.sync()
    before = JotformPoll.objects.get().polled_until
    jotform.misbehave(Fault.STATUS, path="/form", code=500)
    with pytest.raises(JotformError):
        sync.sync()
    poll = JotformPoll.objects.get()
    assert (poll.polled_until, bool(poll.last_error)) == (before, True)
    sync.sync()
    poll.refresh_from_db()
    assert (poll.polled_until > before, poll.last_error) == (True, "")


def test_the_last_calls_of_the_day_are_left_to_answers(
    db: None, jotform: JotformStandIn, add: Callable[..., None]
) -> None:
    add("101")
    jotform.limit_left = sync.RESERVED_CALLS
    with pytest.raises(JotformError):
        sync.sync()
    assert len(polls(jotform)) == 1


def test_the_schedule_polls_at_its_interval_and_not_more_often_when_polling_fails(
    db: None, jotform: JotformStandIn, settings: Any
) -> None:
    jotform.misbehave(Fault.STATUS, path="/form", code=500)
    sync.sync_due()
    sync.sync_due()
    assert len(polls(jotform)) == 1
    JotformPoll.objects.update(tried_at=now() - timedelta(minutes=16))
    sync.sync_due()
    assert len(polls(jotform)) == 3


@pytest.mark.parametrize(
    ("name", "value"), [("JOTFORM_API_KEY", ""), ("RAIOX_JOTFORM_SYNC_MINUTES", 0)]
)
def test_without_a_key_or_an_interval_nothing_is_polled(
    db: None, jotform: JotformStandIn, settings: Any, name: str, value: Any
) -> None:
    setattr(settings, name, value)
    sync.sync_due()
    assert polls(jotform) == []


def test_the_command_says_clearly_what_is_wrong(
    db: None, jotform: JotformStandIn, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = "another key"
    with pytest.raises(CommandError):
        call_command("jotform_sync")
    settings.JOTFORM_API_KEY = ""
    with pytest.raises(CommandError, match="JOTFORM_API_KEY"):
        call_command("jotform_sync")
