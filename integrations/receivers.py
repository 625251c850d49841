"""What this layer does when a case is decided or erased."""

from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import receiver

from cases.models import Case
from cases.signals import case_decided
from integrations.jotform import returns
from integrations.models import JotformDelivery
from matching.queue import on_worker_start


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


on_worker_start(returns.send_due)
on_worker_start(returns.requeue_lost)
