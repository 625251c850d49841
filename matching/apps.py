from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MatchingConfig(AppConfig):
    name = "matching"
    verbose_name = _("Matching")

    def ready(self) -> None:
        from matching import checks, following, signals, staff  # noqa: F401

        staff.tell_the_desk()
        following.install()
