"""What this layer does when a case is decided or erased."""

import logging

from django.db import DatabaseError
from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import receiver
from django_q.signals import post_spawn

from cases.models import Case
from cases.signals import case_decided
from integrations.jotform import returns
from integrations.models import JotformDelivery

log = logging.getLogger(__name__)


@receiver(case_decided)
def queue_the_answer(sender: type[Case], case: Case, **kwargs: object) -> None:
    returns.queue_return(case=case)


@receiver(post_save, sender=Case)
def forget_deliveries(sender: type[Case], instance: Case, **kwargs: object) -> None:
    """A delivery holds the personal data of its case and goes with it."""
    if instance.status == Case.Status.ARCHIVED:
        # A repeated delivery may not have been tied to its case.
        repeated = Q(submission_id=instance.jotform_submission_id)
        JotformDelivery.objects.filter(Q(case=instance) | repeated).delete()


@receiver(post_spawn)
def send_when_a_worker_starts(sender: str, proc_name: str, **kwargs: object) -> None:
    """A worker that starts may replace one that was killed while it was sending."""
    try:
        returns.send_due()
        returns.requeue_lost()
    except DatabaseError:
        log.exception("answers were not looked for at worker start; the schedule does it")
