"""Telling staff by e-mail, through Django's backend (EMAIL_URL)."""

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from integrations.notices.transport import Message, NotSent


def is_configured() -> bool:
    """EMAIL_BACKEND alone says nothing: Django always has one."""
    return bool(settings.EMAIL_URL and settings.RAIOX_NOTIFY_EMAILS)


def send(message: Message) -> None:
    """One e-mail to everyone in RAIOX_NOTIFY_EMAILS. Raises NotSent, and nothing else."""
    try:
        send_mail(
            message.subject, message.text, settings.DEFAULT_FROM_EMAIL, settings.RAIOX_NOTIFY_EMAILS
        )
    except (OSError, ValueError) as error:
        # smtplib's errors are OSErrors and quote the server, which may quote the password;
        # a password or sender that cannot be written into a mail is a ValueError.
        code = getattr(error, "smtp_code", "")
        kind = f"{type(error).__name__} {code}".strip()
        raise NotSent(_("The mail server did not take it (%(kind)s).") % {"kind": kind}) from None
