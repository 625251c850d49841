from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImplantsConfig(AppConfig):
    name = "implants"
    verbose_name = _("Catalogue")

    def ready(self) -> None:
        from implants import receivers  # noqa: F401
