"""How often one client may knock."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView


class AddressThrottle(SimpleRateThrottle):
    """Counts requests of one network address at one kind of door; an empty rate means no limit."""

    setting = ""

    def get_rate(self) -> str | None:
        return getattr(settings, self.setting) or None

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle.{self.scope}.{self.get_ident(request)}"


class WebhookThrottle(AddressThrottle):
    scope = "webhook"
    setting = "RAIOX_WEBHOOK_RATE"


class UploadThrottle(AddressThrottle):
    scope = "upload"
    setting = "RAIOX_UPLOAD_RATE"
