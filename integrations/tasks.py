"""Queue entries of this layer: ids in, a service called."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from cases import correlation
from integrations.jotform import returns
from integrations.models import JotformDelivery


def send_return(return_id: int) -> None:
    correlation.start()
    returns.send(return_id=return_id)


def purge_deliveries() -> None:
    correlation.start()
    limit = timezone.now() - timedelta(days=settings.RAIOX_RETENTION_DAYS)
    JotformDelivery.objects.filter(received_at__lt=limit).delete()


def send_due_returns() -> None:
    correlation.start()
    returns.send_due()
