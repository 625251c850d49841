"""What a dentist can see on a film, as controlled vocabularies.

The words follow the feature lists that identification systems share (Sahiwal 2002; the
lists of level, connection, body, collar, thread and apex used for feature search). An
empty value always means "not known": it must never count against an implant.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Level(models.TextChoices):
    BONE = "bone", _("bone level")
    TISSUE = "tissue", _("tissue level")
    MULTI = "multi", _("multi level")


class Connection(models.TextChoices):
    EXTERNAL_HEX = "external_hex", _("external hexagon")
    EXTERNAL_SPLINE = "external_spline", _("external spline")
    INTERNAL_HEX = "internal_hex", _("internal hexagon")
    INTERNAL_OCTAGON = "internal_octagon", _("internal octagon")
    INTERNAL_TRICHANNEL = "internal_trichannel", _("internal tri-channel")
    INTERNAL_CONICAL = "internal_conical", _("internal conical")
    MORSE_TAPER = "morse_taper", _("Morse taper")
    ONE_PIECE = "one_piece", _("one-piece")


class PlatformSwitching(models.TextChoices):
    YES = "yes", _("with platform switching")
    NO = "no", _("without platform switching")


class BodyShape(models.TextChoices):
    PARALLEL = "parallel", _("parallel")
    SEMI_TAPERED = "semi_tapered", _("parallel with a tapered apex")
    TAPERED = "tapered", _("tapered")


class Collar(models.TextChoices):
    NONE = "none", _("no smooth band")
    MACHINED = "machined", _("machined band")
    FLARED = "flared", _("flared, machined (tulip)")
    GROOVED = "grooved", _("grooved or microthreaded")
    BACK_TAPERED = "back_tapered", _("back-tapered")
    SCALLOPED = "scalloped", _("scalloped")
    INTEGRAL = "integral", _("integral abutment")


class Thread(models.TextChoices):
    NONE = "none", _("no thread")
    FINE_V = "fine_v", _("fine V-thread")
    V = "v", _("V-thread")
    ROUNDED = "rounded", _("rounded thread")
    SQUARE = "square", _("square or trapezoidal thread")
    COARSE = "coarse", _("coarse, deep thread")


class Apex(models.TextChoices):
    ROUNDED = "rounded", _("rounded")
    FLAT = "flat", _("flat")
    NARROW = "narrow", _("narrow, tapered")
    CUTTING = "cutting", _("with cutting flutes")
    OPEN = "open", _("open, hollow")


# What a reviewer can say of a fixture on a film; each may be "not sure".
FEATURES: dict[str, type[models.TextChoices]] = {
    "level": Level,
    "connection": Connection,
    "platform_switching": PlatformSwitching,
    "collar": Collar,
    "body_shape": BodyShape,
    "thread": Thread,
    "apex": Apex,
}
