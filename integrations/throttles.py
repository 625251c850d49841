"""How often one client may knock."""

import logging

from django.conf import settings
from django.db import DatabaseError
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

log = logging.getLogger(__name__)

# Whatever cache is configured, a failing one raises one of these.
CACHE_ERRORS = (RedisError, DatabaseError, OSError)


class AddressThrottle(SimpleRateThrottle):
    """Counts requests of one network address at one kind of door; an empty rate means no limit."""

    setting = ""

    def get_rate(self) -> str | None:
        return getattr(settings, self.setting) or None

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle.{self.scope}.{self.get_ident(request)}"


class DoorThrottle(AddressThrottle):
    """Lets requests pass while the cache that counts them is broken."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except CACHE_ERRORS as error:
            # Its words may quote the address of the cache, with a password in it.
            log.error("requests are not counted: %s", type(error).__name__)
            return True


class WebhookThrottle(DoorThrottle):
    scope = "webhook"
    setting = "RAIOX_WEBHOOK_RATE"


class UploadThrottle(DoorThrottle):
    scope = "upload"
    setting = "RAIOX_UPLOAD_RATE"
