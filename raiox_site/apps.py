from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class RaioxAdminConfig(AdminConfig):
    default_site = "raiox_site.admin.RaioxAdminSite"


class SiteConfig(AppConfig):
    name = "raiox_site"
    verbose_name = "Raiox AI"

    def ready(self) -> None:
        from matching.queue import on_worker_start
        from raiox_site import heartbeat, plain_admin, roles, schedules

        plain_admin.replace_pages()
        post_migrate.connect(roles.grant_permissions, sender=self)
        post_migrate.connect(schedules.register, sender=self)
        on_worker_start(heartbeat.ask_for_one)
