from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImplantsConfig(AppConfig):
    name = "implants"
    verbose_name = _("Catalogue")
