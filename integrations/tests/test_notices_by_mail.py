"""E-mail as a channel, the command that tries the channels, and the warnings about them."""

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from integrations import checks
from integrations.models import StaffNotice
from integrations.tests.channels import (
    CHAT,
    PUBLIC,
    RECIPIENTS,
    TOKEN,
    MailServer,
    new_case,
    row,
    run,
)

pytestmark = pytest.mark.django_db(transaction=True)

Channel = StaffNotice.Channel
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def test_a_mail_server_that_fails_does_not_hold_telegram(telegram, by_mail, settings):
    settings.EMAIL_BACKEND = SMTP
    with MailServer(refusal=b"451 later") as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        new_case()
        run()
    assert len(telegram.messages) == 1
    assert "SMTPRecipientsRefused" in row(Channel.EMAIL).last_error


def test_one_mail_goes_to_everyone_by_smtp(by_mail, settings):
    settings.EMAIL_BACKEND, settings.DEFAULT_FROM_EMAIL = SMTP, "Raiox <raiox@clinica.example>"
    with MailServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        case = new_case()
        run()
    ((recipients, message),) = server.mails
    assert recipients == RECIPIENTS
    assert message["From"] == settings.DEFAULT_FROM_EMAIL
    assert message["Subject"].startswith("Raiox AI: ")
    assert f"/admin/cases/case/{case.pk}/review/" in message.get_content()
    assert row(Channel.EMAIL).sent_at is not None


@pytest.mark.parametrize(
    "broken",
    [
        {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": 9},
        {"EMAIL_HOST": "no.such.host.invalid", "EMAIL_PORT": 25},
    ],
    ids=["nobody listens", "no such host"],
)
def test_a_mail_that_cannot_go_is_tried_again(by_mail, settings, broken):
    settings.EMAIL_BACKEND, settings.EMAIL_HOST_PASSWORD = SMTP, "the password"
    for name, value in broken.items():
        setattr(settings, name, value)
    new_case()
    run()
    failed = row(Channel.EMAIL)
    assert (failed.attempts, failed.sent_at) == (1, None)
    assert "(" in failed.last_error
    assert "the password" not in failed.last_error


@pytest.mark.parametrize("sender", ["a\nb@c", "no address at all", ""])
def test_a_sender_that_is_none_is_an_error_like_any_other(by_mail, settings, sender):
    settings.EMAIL_BACKEND, settings.DEFAULT_FROM_EMAIL = SMTP, sender
    with MailServer(refusal=b"553 no such sender") as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        new_case()
        run()
    failed = row(Channel.EMAIL)
    assert (failed.attempts, failed.sent_at) == (1, None)
    assert "(" in failed.last_error


def test_nothing_is_sent_in_the_clear_where_tls_was_asked_for(by_mail, settings):
    settings.EMAIL_BACKEND, settings.EMAIL_USE_TLS = SMTP, True
    with MailServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        new_case()
        run()
    assert server.mails == []
    assert "SMTPNotSupportedError" in row(Channel.EMAIL).last_error


def test_the_command_tries_every_channel_and_says_what_happened(telegram, by_mail, capsys):
    call_command("notify_test")
    assert capsys.readouterr().out.splitlines() == ["telegram: sent", "email: sent"]
    assert len(mail.outbox) == len(telegram.messages) == 1
    assert not StaffNotice.objects.exists()


def test_the_command_fails_when_a_channel_does(telegram, by_mail, capsys):
    telegram.refuse(403, times=2)
    new_case()
    run()
    with pytest.raises(CommandError):
        call_command("notify_test")
    first, second, stuck = capsys.readouterr().out.splitlines()
    assert first.startswith("telegram: ")
    assert "403" in first
    assert second == "email: sent"
    assert stuck.startswith("telegram: 1 notice(s) not sent. ")
    assert "403" in stuck


def test_the_command_says_that_nothing_is_configured():
    with pytest.raises(CommandError, match="No channel"):
        call_command("notify_test")


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, []),
        ({"RAIOX_NOTIFY_EMAILS": RECIPIENTS}, ["integrations.W001"]),
        ({"RAIOX_TELEGRAM_TOKEN": TOKEN}, ["integrations.W002"]),
        ({"RAIOX_TELEGRAM_CHAT": CHAT}, ["integrations.W003"]),
        ({"RAIOX_NOTIFY_EMAILS": RECIPIENTS, "EMAIL_URL": "smtp://x"}, ["integrations.W004"]),
        (
            {
                "RAIOX_NOTIFY_EMAILS": RECIPIENTS,
                "EMAIL_URL": "smtp://x",
                "RAIOX_PUBLIC_URL": PUBLIC,
            },
            [],
        ),
    ],
)
def test_half_a_channel_is_warned_of(settings, values, ids):
    for name, value in values.items():
        setattr(settings, name, value)
    found = [*checks.channels_are_whole(), *checks.links_lead_somewhere()]
    assert [message.id for message in found] == ids
