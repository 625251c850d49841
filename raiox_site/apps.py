import logging

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate, pre_save


class RaioxAdminConfig(AdminConfig):
    default_site = "raiox_site.admin.RaioxAdminSite"


class SiteConfig(AppConfig):
    name = "raiox_site"
    verbose_name = "Raiox AI"

    def ready(self) -> None:
        from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

        from matching import measured
        from matching.queue import on_worker_start
        from raiox_site import (
            audit,
            database_sessions,
            heartbeat,
            measured_tasks,
            plain_admin,
            pulse,
            roles,
            schedules,
        )
        from raiox_site.access.signing import keep_no_token

        database_sessions.connect()
        if settings.RAIOX_LOG_FORMAT == "json":
            logging.captureWarnings(True)
        measured.begin()
        measured_tasks.connect()
        plain_admin.replace_pages()
        audit.connect()
        pre_save.connect(keep_no_token, sender=OutstandingToken)
        post_migrate.connect(roles.grant_permissions, sender=self)
        post_migrate.connect(schedules.register, sender=self)
        on_worker_start(heartbeat.ask_for_one)
        pulse.connect()
        heartbeat.connect()
