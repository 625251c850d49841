from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CasesConfig(AppConfig):
    name = "cases"
    verbose_name = _("Cases")

    def ready(self) -> None:
        from cases import correlation, reasons, sweep  # noqa: F401

        correlation.travel_with_tasks()
        post_migrate.connect(reasons.ensure, sender=self)
