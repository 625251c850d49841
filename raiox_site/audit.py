"""What of consequence happens to accounts and in the panel, written to the audit records.

The records outlive the account: they name it by its number and, as who did it, by its user name.
What somebody typed into a login form is never written down.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from axes.signals import user_locked_out
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from cases.records import audit

ACTIONS = {ADDITION: "row_added", CHANGE: "row_changed", DELETION: "row_deleted"}
# What of an account decides who gets in, and as what.
WATCHED = ("username", "password", "is_active", "is_staff", "is_superuser")
M2M = {"post_add": "added", "post_remove": "removed", "post_clear": "cleared"}


def target_of(row: Model) -> str:
    return f"{row._meta.label_lower} {row.pk}"


def door_of(request: HttpRequest | None) -> str:
    return "api" if request is not None and request.path.startswith("/auth/") else "panel"


def logged_in(sender: Any, user: User, request: HttpRequest | None = None, **kwargs: Any) -> None:
    has_code = getattr(user, "otp_device", None) is not None
    audit("login", actor=user, target=target_of(user), door="panel", second_step=has_code)


def logged_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        audit("logout", actor=user, target=target_of(user), door="panel")


def token_issued(user: User, request: HttpRequest, *, scope: str) -> None:
    audit("login", actor=user, target=target_of(user), door="api", scope=scope)


def token_ended(user_id: str | None, request: HttpRequest) -> None:
    user = User.objects.filter(pk=user_id or 0).first()
    audit("logout", actor=user, target=f"auth.user {user_id}", door="api")


def login_failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Only while the door is open: who knocks at a closed one fills no table."""
    if not getattr(request, "axes_locked_out", False):
        _refused("login_failed", credentials.get("username"), request)


def locked_out(sender: Any, username: str, request: HttpRequest, **kwargs: Any) -> None:
    _refused("lockout", username, request)


def failed_code(user: User, request: HttpRequest) -> None:
    audit("second_step_failed", target=target_of(user), door=door_of(request))


def _refused(what: str, username: str | None, request: HttpRequest | None) -> None:
    user = User.objects.filter(username=username or "").first()
    audit(what, target=target_of(user) if user else "", door=door_of(request))


def log_entry(sender: Any, instance: LogEntry, created: bool, **kwargs: Any) -> None:
    """What is done to a row in the panel. Names of fields, never their values."""
    if not created:
        return
    kind = instance.content_type
    target = f"{kind.app_label}.{kind.model} {instance.object_id}" if kind else ""
    what = ACTIONS.get(instance.action_flag, "row_changed")
    audit(what, actor=instance.user, target=target[:100], fields=_fields(instance.change_message))


def _fields(message: str) -> list[str]:
    try:
        parts = json.loads(message)
    except ValueError:
        return []
    changes = [part.get("changed", {}) for part in parts if isinstance(part, dict)]
    return sorted({str(name) for change in changes for name in change.get("fields", [])})


def account_before(
    sender: Any, instance: User, update_fields: Collection[str] | None = None, **kwargs: Any
) -> None:
    instance.audited_before = None  # type: ignore[attr-defined]
    if update_fields is not None and not set(update_fields) & set(WATCHED):
        return
    known = User.objects.filter(pk=instance.pk).values(*WATCHED).first() if instance.pk else None
    instance.audited_before = known  # type: ignore[attr-defined]


def account_saved(sender: Any, instance: User, created: bool, **kwargs: Any) -> None:
    if created:
        audit("account_added", target=target_of(instance))
        return
    before = getattr(instance, "audited_before", None) or {}
    changed = [name for name in before if before[name] != getattr(instance, name)]
    if changed:
        audit("account_changed", target=target_of(instance), fields=changed)


def account_deleted(sender: Any, instance: User, **kwargs: Any) -> None:
    audit("account_deleted", target=target_of(instance))


def roles_changed(
    sender: Any, instance: Model, action: str, pk_set: set[int] | None = None, **kwargs: Any
) -> None:
    """Roles given to an account or taken from it, from either side of the relation."""
    if action not in M2M or pk_set == set():
        return
    label = kwargs["model"]._meta.label_lower
    numbers = sorted(pk_set or ())
    names = Group.objects.filter(pk__in=numbers).values_list("name", flat=True)
    details: dict[str, Any] = {"rows": label, "numbers": numbers}
    if label == "auth.group":
        details["roles"] = sorted(names)
    audit(f"rights_{M2M[action]}", target=target_of(instance), **details)


def step_saved(sender: Any, instance: Any, created: bool, **kwargs: Any) -> None:
    if created:
        audit(_step(sender, "added"), target=f"auth.user {instance.user_id}")


def step_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    audit(_step(sender, "removed"), target=f"auth.user {instance.user_id}")


def _step(sender: Any, what: str) -> str:
    return f"second_step_{what}" if sender is TOTPDevice else f"backup_codes_{what}"


def _many_log_entries() -> None:
    """Django writes the entries of several rows at once, without a signal for each."""
    entries: Any = LogEntry.objects
    write = entries.bulk_create

    def bulk_create(rows: Iterable[LogEntry], *args: Any, **kwargs: Any) -> list[LogEntry]:
        written: list[LogEntry] = write(rows, *args, **kwargs)
        for row in written:
            log_entry(LogEntry, row, created=True)
        return written

    entries.bulk_create = bulk_create


def connect() -> None:
    _many_log_entries()
    user_logged_in.connect(logged_in)
    user_logged_out.connect(logged_out)
    user_login_failed.connect(login_failed)
    user_locked_out.connect(locked_out)
    post_save.connect(log_entry, sender=LogEntry)
    pre_save.connect(account_before, sender=User)
    post_save.connect(account_saved, sender=User)
    post_delete.connect(account_deleted, sender=User)
    # What a group may do is set by `raiox_site.roles` after every migration.
    for through in (User.groups.through, User.user_permissions.through):
        m2m_changed.connect(roles_changed, sender=through)
    for device in (TOTPDevice, StaticDevice):
        post_save.connect(step_saved, sender=device)
        post_delete.connect(step_deleted, sender=device)
