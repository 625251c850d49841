"""Queue entries of this layer: ids in, a service called."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from integrations.jotform import returns
from integrations.models import JotformDelivery


def send_return(return_id: int) -> None:
    returns.send(return_id=return_id)


def purge_deliveries() -> None:
    limit = timezone.now() - timedelta(days=settings.RAIOX_RETENTION_DAYS)
    JotformDelivery.objects.filter(received_at__lt=limit).delete()


def send_due_returns() -> None:
    returns.send_due()
