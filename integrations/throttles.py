"""How often one client may knock."""

import logging
import math

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from cases.keyed_hash import keyed_hash
from integrations.client_address import counted_address

log = logging.getLogger(__name__)

SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
# One statement, so that two requests never read the same count; by the database's clock, so
# that all hosts agree on where a window begins.
COUNT = """
    INSERT INTO integrations_requestcount AS counted (key, "window", count)
    VALUES (%(key)s, to_timestamp(
        floor(extract(epoch FROM statement_timestamp()) / %(seconds)s) * %(seconds)s), 1)
    ON CONFLICT (key, "window") DO UPDATE SET count = counted.count + 1
    RETURNING count,
        %(seconds)s - (extract(epoch FROM statement_timestamp()) - extract(epoch FROM "window"))
"""


def count_request(key: str, *, seconds: int) -> tuple[int, float]:
    """Count one request of `key` in the current window of `seconds` (windows follow each other
    without overlap, the first began in 1970). Returns how many there were, this one included,
    and the seconds until the window ends. Raises django.db.Error.
    """
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"key": keyed_hash(key), "seconds": seconds})
        count, left = cursor.fetchone()
    return int(count), float(left)


class AddressThrottle(BaseThrottle):
    """Counts requests of one network address at one kind of door, in PostgreSQL, so that all
    processes and hosts count together; an empty rate means no limit."""

    scope = ""
    setting = ""
    seconds_left = 0.0

    def allow_request(self, request: Request | HttpRequest, view: APIView | None = None) -> bool:
        rate = getattr(settings, self.setting)
        if not rate:
            return True
        most, period = rate.split("/")
        plain = request._request if isinstance(request, Request) else request
        key = f"{self.scope}|{counted_address(plain)}"
        count, self.seconds_left = count_request(key, seconds=SECONDS[period[0]])
        return count <= int(most)

    def wait(self) -> float:
        """Whole seconds until the next request may pass (Retry-After), at least one."""
        return float(max(1, math.ceil(self.seconds_left)))


class DoorThrottle(AddressThrottle):
    """Lets requests pass while they cannot be counted: a delivery must not be lost for that."""

    def allow_request(self, request: Request | HttpRequest, view: APIView | None = None) -> bool:
        try:
            return super().allow_request(request, view)
        except Error as error:
            log.error("requests are not counted: %s", type(error).__name__)
            return True


class WebhookThrottle(DoorThrottle):
    scope = "webhook"
    setting = "RAIOX_WEBHOOK_RATE"


class UploadThrottle(DoorThrottle):
    scope = "upload"
    setting = "RAIOX_UPLOAD_RATE"


class ApiThrottle(DoorThrottle):
    """Every other call: generous, so that nobody can keep the service busy with reading."""

    scope = "api"
    setting = "RAIOX_API_RATE"
