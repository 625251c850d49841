from django.apps import AppConfig
from django.db.models import OrderBy
from django.db.models.functions import Collate
from django.db.models.indexes import IndexExpression
from django.utils.translation import gettext_lazy as _


class MatchingConfig(AppConfig):
    name = "matching"
    verbose_name = _("Matching")

    def ready(self) -> None:
        from django.contrib.postgres.indexes import OpClass

        from matching import checks, encoder, following, signals, staff  # noqa: F401
        from matching.queue import on_worker_start

        # As `django.contrib.postgres` does, which would ask every new session for types besides.
        IndexExpression.register_wrappers(OrderBy, OpClass, Collate)
        staff.tell_the_desk()
        following.install()
        on_worker_start(encoder.load_now)
