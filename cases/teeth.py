"""Teeth by their FDI numbers."""

from django.utils.translation import gettext as _


def is_tooth(number: int) -> bool:
    """Whether this is an FDI number: 11–48 for permanent teeth, 51–85 for those of children."""
    quadrant, position = divmod(number, 10)
    last = 8 if quadrant <= 4 else 5
    return 1 <= quadrant <= 8 and 1 <= position <= last


def no_tooth() -> str:
    return _("the tooth must be an FDI number from 11 to 85.")
