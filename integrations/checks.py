"""System checks of the channels that lead outside."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, Warning, register

from integrations import notify


@register()
def channels_are_whole(**kwargs: Any) -> list[CheckMessage]:
    """Deployed, the settings refuse to start with half a channel; here it is only said."""
    return [
        Warning(
            f"{given} is set without {missing}: nobody is told that way.",
            hint=f"Set {missing}, or clear {given}.",
            id=f"integrations.W00{number}",
        )
        for number, (given, missing) in enumerate(
            [
                ("RAIOX_NOTIFY_EMAILS", "EMAIL_URL"),
                ("RAIOX_TELEGRAM_TOKEN", "RAIOX_TELEGRAM_CHAT"),
                ("RAIOX_TELEGRAM_CHAT", "RAIOX_TELEGRAM_TOKEN"),
            ],
            start=1,
        )
        if getattr(settings, given) and not getattr(settings, missing)
    ]


@register()
def links_lead_somewhere(**kwargs: Any) -> list[CheckMessage]:
    is_address = settings.RAIOX_PUBLIC_URL.startswith(("https://", "http://"))
    if is_address or not notify.configured():
        return []
    return [
        Warning(
            "Notices to staff carry no links: RAIOX_PUBLIC_URL is not an address.",
            hint="Set RAIOX_PUBLIC_URL=https://<host>.",
            id="integrations.W004",
        )
    ]


@register()
def consent_is_asked(**kwargs: Any) -> list[CheckMessage]:
    """An Info only: a form need not ask, and `check --deploy` fails on warnings. The webhook's
    token alone says nothing of a form: the plain webhook has it too."""
    has_form = settings.JOTFORM_FORM_IDS or settings.JOTFORM_FIELDS or settings.JOTFORM_WEBHOOK_URL
    is_known = settings.JOTFORM_API_KEY or str(settings.JOTFORM_FIELDS.get("consent", "")).strip()
    if is_known or not has_form:
        return []
    return [
        Info(
            "A box of consent that a dentist leaves empty cannot be seen: Jotform's webhook leaves "
            "it out, and such a case is not held.",
            hint='Set JOTFORM_API_KEY, or name the question: JOTFORM_FIELDS={"consent": "<id>"}.',
            id="integrations.I005",
        )
    ]
