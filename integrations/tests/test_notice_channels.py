"""What the channels do when they fail: told later, told once, no secret in any error."""

import logging
import os
import signal
import threading
import time
from contextlib import closing, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from django.core import mail
from django.db import connection, connections
from django.utils import timezone

from integrations import notify, tasks
from integrations.jotform.simulation.loopback import LoopbackServer
from integrations.models import StaffNotice
from integrations.notices import telegram as transport
from integrations.tests.channels import (
    CHAT,
    TOKEN,
    new_case,
    row,
    run,
)
from integrations.tests.servers import dripping
from matching.locks import is_locked

pytestmark = pytest.mark.django_db(transaction=True)

Channel = StaffNotice.Channel


def seconds_until(at):
    return (at - timezone.now()).total_seconds()


def test_telegram_gets_one_plain_message(telegram):
    case = new_case()
    run()
    (message,) = telegram.messages
    assert message["chat_id"] == CHAT
    assert message["disable_web_page_preview"] is True
    assert message["text"].endswith(f"/admin/cases/case/{case.pk}/review/")
    assert (row().attempts, row().last_error) == (1, "")


def test_a_channel_that_fails_does_not_hold_the_other(telegram, by_mail):
    telegram.refuse(500, times=3)
    new_case()
    run()
    assert len(mail.outbox) == 1
    assert row(Channel.EMAIL).sent_at is not None
    assert row(Channel.TELEGRAM).sent_at is None
    assert "500" in row(Channel.TELEGRAM).last_error


def test_after_a_failure_everything_waits_and_is_told_together(telegram):
    telegram.refuse(502)
    new_case()
    run()
    new_case()
    run()
    assert telegram.calls == 1
    run(later=timedelta(seconds=30))
    (message,) = telegram.messages
    assert "2" in message["text"].split()
    assert not StaffNotice.objects.filter(sent_at=None).exists()


def test_the_pauses_grow_to_a_quarter_of_an_hour_and_end(telegram):
    telegram.refuse(500, times=1000)
    new_case()
    pauses = []
    for _ in range(notify.MAX_ATTEMPTS + 3):
        run(later=timedelta(hours=1))
        pauses.append(seconds_until(row().next_try_at))
    assert telegram.calls == notify.MAX_ATTEMPTS
    assert 15 < pauses[0] < 30 < pauses[1] < 55
    assert max(pauses[20:90]) <= 15 * 60
    assert row().sent_at is None
    assert "500" in row().last_error


def test_the_wait_that_telegram_asks_for_is_kept(telegram):
    telegram.refuse(429, retry_after=700)
    new_case()
    run()
    assert 600 < seconds_until(row().next_try_at) <= 700
    new_case()
    run(later=timedelta(seconds=300))
    assert telegram.calls == 1
    run(later=timedelta(seconds=401))
    assert len(telegram.messages) == 1


@pytest.mark.parametrize("retry_after", ["soon", -5, 10**30, None, True])
def test_a_senseless_wait_is_not_kept_for_ever(telegram, retry_after):
    telegram.refuse(429, retry_after=retry_after)
    new_case()
    run()
    assert row().next_try_at < timezone.now() + timedelta(hours=7)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_tried_again_after_a_long_pause(telegram, status):
    telegram.refuse(status)
    new_case()
    run()
    assert str(status) in row().last_error
    assert 1700 < seconds_until(row().next_try_at) <= 1800
    new_case()
    run(later=timedelta(minutes=20))
    assert telegram.calls == 1
    run(later=timedelta(minutes=11))
    assert "2" in telegram.messages[0]["text"].split()
    assert not StaffNotice.objects.filter(sent_at=None).exists()


def test_a_token_that_is_replaced_after_two_days_delivers_what_waited(telegram, settings):
    settings.RAIOX_TELEGRAM_TOKEN = f"{TOKEN}-revoked"
    case = new_case()
    for _ in range(95):
        run(later=transport.REFUSED_PAUSE)
    assert telegram.calls == 95
    assert telegram.calls * transport.REFUSED_PAUSE > timedelta(hours=47)
    settings.RAIOX_TELEGRAM_TOKEN = TOKEN
    run(later=transport.REFUSED_PAUSE)
    assert telegram.messages[0]["text"].endswith(f"/admin/cases/case/{case.pk}/review/")


def test_a_text_that_is_too_long_is_cut_and_not_refused(telegram, settings):
    settings.RAIOX_PUBLIC_URL = "https://" + "x" * 5000
    new_case()
    run()
    assert len(telegram.messages[0]["text"]) == 4096


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>a portal</html>"),
        (200, b'{"ok":false}'),
        (200, b"[]"),
        (200, b"[" * 100_000),
        (503, b""),
    ],
)
def test_what_is_no_yes_is_tried_again(telegram, status, body):
    telegram.refuse(status, body=body)
    new_case()
    run()
    assert row().sent_at is None
    run(later=timedelta(seconds=30))
    assert len(telegram.messages) == 1


def test_a_redirect_is_not_followed(telegram):
    telegram.refuse(302, headers=[("Location", f"{telegram.base}/elsewhere")])
    new_case()
    run()
    assert telegram.calls == 1
    assert "302" in row().last_error


def test_no_error_and_no_log_line_shows_the_token(telegram, settings, caplog):
    caplog.set_level(logging.DEBUG, logger="integrations")
    told = []
    telegram.refuse(400, body=f'{{"ok":false,"description":"no {TOKEN}"}}'.encode())
    for base in (telegram.base, "http://127.0.0.1:9", "nonsense", "http://[broken"):
        settings.RAIOX_TELEGRAM_BASE = base
        StaffNotice.objects.all().delete()
        new_case()
        run()
        assert row().sent_at is None
        told.append(row().last_error)
    assert all(told)
    for secret in (TOKEN, TOKEN.partition(":")[2]):
        assert secret not in "".join(told) + caplog.text
    assert len(caplog.records) >= 4


def test_a_telegram_that_drips_is_left_in_bounded_time(telegram, settings, monkeypatch):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            with suppress(ConnectionError):
                dripping(b"HTTP/1.1 200 OK\r\n\r\n")(self)

        def log_message(self, *args):
            pass

    monkeypatch.setattr(transport, "DEADLINE_SECONDS", 0.5)
    with LoopbackServer(Handler) as server:
        settings.RAIOX_TELEGRAM_BASE = server.base
        new_case()
        begin = timezone.now()
        run()
    assert timezone.now() - begin < timedelta(seconds=8)
    assert row().sent_at is None


def test_two_runs_at_once_send_one_message(telegram):
    telegram.hang()
    new_case()
    first = threading.Thread(target=run_in_thread)
    first.start()
    assert telegram.called.wait(10)
    run(later=timedelta(days=1))
    telegram.release.set()
    first.join(10)
    assert telegram.calls == len(telegram.messages) == 1
    assert row().sent_at is not None


def test_a_worker_killed_while_sending_leaves_the_notice_to_the_next(telegram):
    telegram.hang()
    new_case()
    worker = forked_run()
    assert telegram.called.wait(20)
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    assert (row().attempts, row().sent_at) == (1, None)
    assert row().last_error

    wait_until_free(f"{notify.WORK_LOCK}.telegram")
    telegram.release.set()
    run(later=timedelta(seconds=30))
    assert telegram.calls == 2
    assert (row().attempts, row().last_error) == (2, "")
    assert row().sent_at is not None


def run_in_thread():
    with closing(connection):
        run()


def forked_run():
    """A process that sends what is due; its id. It never comes back into the test."""
    pid = os.fork()
    if not pid:
        try:
            # Forgotten, not closed: the parent goes on speaking over it.
            connections["default"] = connections["default"].copy()
            tasks.send_notices()
        finally:
            os._exit(1)
    return pid


def wait_until_free(namespace):
    """PostgreSQL ends the session of a killed process within moments."""
    deadline = time.monotonic() + 10
    while is_locked(namespace, 0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
