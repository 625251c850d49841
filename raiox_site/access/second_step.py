"""The second step of a login: a code from the phone, or one of the codes kept for emergencies.

One TOTP device for each account. Of the backup codes only a keyed hash is stored, and each is good
for one login. Wrong codes are slowed down by django-otp and counted by the lockout.
"""

import math
from base64 import b32encode
from binascii import unhexlify

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from cases.keyed_hash import keyed_hash

BACKUP_CODES = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class CodeRefused(Exception):
    """The code does not open the door; the sentence is for the user."""


def is_on(user: User | AnonymousUser) -> bool:
    """Whether the account has a confirmed device; asked once for each user object."""
    if not hasattr(user, "has_second_step"):
        found = TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).exists()
        user.has_second_step = found  # type: ignore[union-attr]
    return bool(user.has_second_step)  # type: ignore[union-attr]


def is_done(user: User | AnonymousUser) -> bool:
    """Whether the session of this user has passed the second step, where there is one, and
    whether there is one, where every member of staff must have it."""
    if getattr(user, "otp_device", None) is not None:
        return True
    return not (is_on(user) or settings.RAIOX_REQUIRE_TOTP)


def new_key() -> str:
    """A secret for a device that is not there yet: 20 random bytes, hexadecimal."""
    return random_hex(20)


def address_for_app(user: User, key: str) -> str:
    """The otpauth:// address that an authenticator app reads from a QR code."""
    return TOTPDevice(user=user, key=key).config_url


def written_key(key: str) -> str:
    """The secret as it is typed into an app, in groups of four letters."""
    text = b32encode(unhexlify(key)).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


@transaction.atomic
def confirm(*, user: User, key: str, code: str) -> tuple[Device, list[str]]:
    """Switch it on: the device, and the backup codes, which nobody can read again.

    Refresh tokens that were given out for a password alone end. Raises CodeRefused.
    """
    User.objects.select_for_update().get(pk=user.pk)
    if TOTPDevice.objects.filter(user=user, confirmed=True).exists():
        raise CodeRefused(_("The second step is on already."))
    device = TOTPDevice.objects.create(user=user, key=key, name="panel", confirmed=True)
    if not device.verify_token(_plain(code)):
        raise CodeRefused(_("The code does not fit. Check the clock of the phone, and try again."))
    _forget_answer(user)
    end_tokens(user)
    return device, new_codes(user=user)


@transaction.atomic
def new_codes(*, user: User) -> list[str]:
    """Backup codes in place of those there were."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="backup")
    codes = [get_random_string(10, ALPHABET) for _number in range(BACKUP_CODES)]
    for code in codes:
        device.token_set.create(token=_stored(code))
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def codes_left(user: User) -> int:
    return sum(device.token_set.count() for device in StaticDevice.objects.filter(user=user))


@transaction.atomic
def remove(*, user: User) -> None:
    """Switch it off, with its backup codes."""
    for device in (*TOTPDevice.objects.filter(user=user), *StaticDevice.objects.filter(user=user)):
        device.delete()
    _forget_answer(user)


def verify(*, user: User, code: str) -> Device:
    """The device that the code is of; a code is good once. Raises CodeRefused."""
    plain = _plain(code)
    is_totp = plain.isdigit() and len(plain) == 6
    expected = plain if is_totp else _stored(plain)
    with transaction.atomic():
        devices = (TOTPDevice if is_totp else StaticDevice).objects
        device = devices.select_for_update().filter(user=user, confirmed=True).first()
        is_allowed, why = device.verify_is_allowed() if device else (True, None)
        fits = bool(device and is_allowed and device.verify_token(expected))
    if not is_allowed:
        raise CodeRefused(_too_soon(why or {}))
    if not fits or device is None:
        raise CodeRefused(_("The code does not fit, or has been used already."))
    return device


def end_tokens(user: User) -> None:
    """No refresh token of this user is good any more; access tokens run out within minutes."""
    for token in OutstandingToken.objects.filter(user=user, blacklistedtoken=None):
        BlacklistedToken.objects.get_or_create(token=token)


def _too_soon(why: dict[str, object]) -> str:
    until = why.get("locked_until") or timezone.now()
    seconds = max(1, math.ceil((until - timezone.now()).total_seconds()))  # type: ignore[operator]
    return _("The last code was wrong. Wait %(seconds)d seconds, then try again.") % {
        "seconds": seconds
    }


def _forget_answer(user: User) -> None:
    if hasattr(user, "has_second_step"):
        del user.has_second_step


def _plain(code: str) -> str:
    return "".join(letter for letter in code.lower() if letter.isalnum() and letter.isascii())


def _stored(code: str) -> str:
    """What is kept of a backup code: 80 bits of a keyed hash, which is what the column takes."""
    digest = unhexlify(keyed_hash(f"backup-code|{code}"))
    return b32encode(digest[:10]).decode().lower()
