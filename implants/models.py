"""The catalogue: implant lines and their reference radiographs."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.core.files.base import File
from django.db import models
from django.utils.translation import gettext_lazy as _

from implants.vocabulary import (
    FEATURES,
    Apex,
    BodyShape,
    Collar,
    Connection,
    Level,
    PlatformSwitching,
    Thread,
)

# Of a size as dentists write it, `4,3 x 10 mm`, only the numbers are looked for.
_BETWEEN_NUMBERS = re.compile(r"(?<=\d) ?(?:(?:mm ?)?[x×] ?(?=\d)|mm\b)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{1,2})?")
# What a condition costs grows with the square of its words.
MAX_WORDS = 50


def fits(seen: Mapping[str, str], *, prefix: str = "") -> models.Q:
    """The condition that nothing seen (feature → word) contradicts an implant, whose fields
    stand behind `prefix`. What is not known of an implant never counts against it."""
    return models.Q(
        *(
            (f"{prefix}{feature}__in", ["", word])
            for feature, word in seen.items()
            if feature in FEATURES
        )
    )


class ImplantQuerySet(models.QuerySet["Implant"]):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def fitting(self, seen: Mapping[str, str]) -> Self:
        """Those that nothing seen (feature → word) contradicts."""
        return self.filter(fits(seen))

    def with_references(self) -> Self:
        return self.prefetch_related("references")

    def search(self, text: str) -> Self:
        """Every word must occur in the manufacturer, the line or the type; a number may be
        the diameter or the length instead: `Helix 4,3 x 10` finds the line in that size. More
        words than any line has find nothing."""
        found = self
        words = dict.fromkeys(_BETWEEN_NUMBERS.sub(" ", " ".join(text.split())).lower().split())
        if len(words) > MAX_WORDS:
            return self.none()
        for word in words:
            asked = (
                models.Q(manufacturer__icontains=word)
                | models.Q(name__icontains=word)
                | models.Q(type__icontains=word)
            )
            if _NUMBER.fullmatch(word):
                number = Decimal(word.replace(",", "."))
                asked |= models.Q(diameter_mm=number) | models.Q(length_mm=number)
            found = found.filter(asked)
        return found


class Implant(models.Model):
    """One implant line in one size, with what can be seen of it on a film.

    Facts that are not known stay empty (or null) and never count against the implant.
    """

    manufacturer = models.CharField(_("manufacturer"), max_length=100)
    name = models.CharField(_("line"), max_length=150)
    type = models.CharField(
        _("type"), max_length=100, blank=True, help_text=_("For example: Cone Morse")
    )
    diameter_mm = models.DecimalField(
        _("diameter (mm)"), max_digits=4, decimal_places=2, null=True, blank=True
    )
    length_mm = models.DecimalField(
        _("length (mm)"), max_digits=4, decimal_places=1, null=True, blank=True
    )
    platform_diameter_mm = models.DecimalField(
        _("platform diameter (mm)"), max_digits=4, decimal_places=2, null=True, blank=True
    )
    body_shape = models.CharField(
        _("body shape"), max_length=20, choices=BodyShape, blank=True, default=""
    )
    connection = models.CharField(
        _("connection"), max_length=20, choices=Connection, blank=True, default=""
    )
    level = models.CharField(_("level"), max_length=20, choices=Level, blank=True, default="")
    collar = models.CharField(_("collar"), max_length=20, choices=Collar, blank=True, default="")
    collar_height_mm = models.DecimalField(
        _("collar height (mm)"), max_digits=4, decimal_places=2, null=True, blank=True
    )
    thread = models.CharField(_("thread"), max_length=20, choices=Thread, blank=True, default="")
    thread_pitch_mm = models.DecimalField(
        _("thread pitch (mm)"), max_digits=4, decimal_places=2, null=True, blank=True
    )
    thread_leads = models.PositiveSmallIntegerField(_("thread leads"), null=True, blank=True)
    apex = models.CharField(_("apex"), max_length=20, choices=Apex, blank=True, default="")
    platform_switching = models.CharField(
        _("platform switching"),
        max_length=3,
        choices=PlatformSwitching,
        blank=True,
        default="",
        db_default="",
    )
    is_active = models.BooleanField(_("active"), default=True)
    source = models.TextField(
        _("source"), blank=True, help_text=_("Where the facts come from, and what is unverified")
    )

    objects = ImplantQuerySet.as_manager()

    class Meta:
        verbose_name = _("implant")
        verbose_name_plural = _("implants")
        ordering = ["manufacturer", "name", "diameter_mm", "length_mm"]
        constraints = [
            models.UniqueConstraint(
                fields=["manufacturer", "name", "diameter_mm", "length_mm"],
                nulls_distinct=False,
                name="implant_unique_line_and_size",
                violation_error_message=_("This line in this size is already in the catalogue."),
            ),
            models.CheckConstraint(
                condition=~models.Q(manufacturer="") & ~models.Q(name=""),
                name="implant_named",
                violation_error_message=_("The manufacturer and the line are needed."),
            ),
            models.CheckConstraint(
                condition=models.Q(diameter_mm__isnull=True)
                | models.Q(diameter_mm__gt=0, diameter_mm__lt=20),
                name="implant_diameter_plausible",
                violation_error_message=_("The diameter must lie between 0 and 20 mm."),
            ),
            models.CheckConstraint(
                condition=models.Q(length_mm__isnull=True)
                | models.Q(length_mm__gt=0, length_mm__lt=80),
                name="implant_length_plausible",
                violation_error_message=_("The length must lie between 0 and 80 mm."),
            ),
        ]

    def __str__(self) -> str:
        return " ".join(part for part in (self.manufacturer, self.name, self.size) if part)

    @property
    def size(self) -> str:
        """Diameter and length as dentists write them: `4,3 × 10 mm`, empty when unknown."""
        numbers = [_plain(value) for value in (self.diameter_mm, self.length_mm) if value]
        return f"{' × '.join(numbers)} mm" if numbers else ""

    def contradictions(self, seen: Mapping[str, str]) -> list[str]:
        """The features of `seen` (feature → word) whose word is known to be another here."""
        return [
            feature
            for feature in FEATURES
            if feature in seen and getattr(self, feature) not in ("", seen[feature])
        ]

    def agreements(self, seen: Mapping[str, str]) -> list[str]:
        """The features of `seen` (feature → word) whose word is known to be the same here."""
        return [
            feature
            for feature in FEATURES
            if feature in seen and getattr(self, feature) == seen[feature]
        ]

    @property
    def picture(self) -> "ReferenceImage | None":
        """The first reference that can be read (uses a prefetch when there is one)."""
        return next((one for one in self.references.all() if not one.error), None)

    @property
    def public_picture(self) -> "ReferenceImage | None":
        """The first reference that can be read and was not cut out of a case's film: what anybody
        may see of an implant that is offered (uses a prefetch when there is one)."""
        if not self.is_active:
            return None
        case = ReferenceImage.Provenance.CASE
        readable = (one for one in self.references.all() if not one.error)
        return next((one for one in readable if one.provenance != case), None)


def _plain(value: Decimal) -> str:
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".").replace(".", ",") if "." in text else text


def reference_path(instance: "ReferenceImage", filename: str) -> str:
    """Storage name of an uploaded reference: no part of the client's file name is kept."""
    return f"referencia/{uuid.uuid4().hex}.jpg"


def thumbnail_path(instance: "ReferenceImage", filename: str) -> str:
    return f"derivados/{uuid.uuid4().hex}.jpg"


class ReferenceImage(models.Model):
    """A radiograph that shows an implant whose line is known for certain.

    `error` is written by whoever decodes the file (see `matching.indexing`): a reference
    with an error is not searched. `sha256` is the digest of the bytes
    that were sent; `file` is their clean copy.
    """

    class Modality(models.TextChoices):
        PERIAPICAL = "periapical", _("periapical")
        PANORAMIC = "panoramic", _("panoramic")
        EX_SITU = "ex_situ", _("ex situ")

    class Provenance(models.TextChoices):
        PHANTOM = "phantom", _("phantom (rendered)")
        MANUFACTURER = "manufacturer", _("manufacturer")
        CLINIC = "clinic", _("clinic")
        CASE = "case", _("reviewed case")

    implant = models.ForeignKey(
        Implant, on_delete=models.CASCADE, related_name="references", verbose_name=_("implant")
    )
    file = models.ImageField(_("radiograph"), upload_to=reference_path, max_length=255)
    thumbnail = models.FileField(upload_to=thumbnail_path, editable=False, blank=True)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    modality = models.CharField(
        _("modality"), max_length=20, choices=Modality, blank=True, default=""
    )
    crop = models.JSONField(
        _("crop"), null=True, blank=True, help_text=_("Centre, size and angle in film pixels")
    )
    rotation_deg = models.FloatField(_("rotation (degrees)"), default=0)
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("verified by"),
    )
    provenance = models.CharField(
        _("provenance"), max_length=20, choices=Provenance, default=Provenance.CLINIC
    )
    note = models.CharField(_("note"), max_length=255, blank=True)
    # Off: kept, for what was compared with it, but not searched any more.
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    error = models.CharField(_("error"), max_length=255, blank=True, editable=False)
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    # Codes of what is doubtful about the picture, written when it is indexed; null before.
    warnings = models.JSONField(null=True, editable=False)
    # The reference of another manufacturer's implant that it resembles too much.
    twin = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("added at"), auto_now_add=True)

    class Meta:
        verbose_name = _("reference radiograph")
        verbose_name_plural = _("reference radiographs")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.implant} #{self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.sha256 and self.file:
            self.sha256 = file_digest(self.file)
        super().save(*args, **kwargs)

    @property
    def is_phantom(self) -> bool:
        return self.provenance == self.Provenance.PHANTOM


def file_digest(file: "File[Any]") -> str:
    """Hex sha256 of the file's bytes; the read position is put back to the start."""
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()
