from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MatchingConfig(AppConfig):
    name = "matching"
    verbose_name = _("Matching")

    def ready(self) -> None:
        from matching import checks, encoder, following, signals, staff  # noqa: F401
        from matching.queue import on_worker_start

        staff.tell_the_desk()
        following.install()
        on_worker_start(encoder.load_now)
