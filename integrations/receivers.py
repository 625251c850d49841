"""What this layer does when a case awaits review, is decided, undone or erased."""

from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import receiver

from cases.models import Case
from cases.retention import also_erase
from cases.review import Answers, before_undo
from cases.signals import case_decided, case_matched
from integrations import notify
from integrations.jotform.incoming import inbox, readings
from integrations.jotform.outgoing import outbox, undoing
from integrations.models import JotformDelivery
from matching.queue import on_worker_start


@receiver(case_matched)
def tell_the_reviewer(sender: type[Case], case: Case, **kwargs: object) -> None:
    notify.tell_of_new_case(case=case)


@receiver(case_decided)
def queue_the_answer(sender: type[Case], case: Case, **kwargs: object) -> None:
    outbox.queue_return(case=case)


@receiver(post_save, sender=Case)
def forget_deliveries(sender: type[Case], instance: Case, **kwargs: object) -> None:
    """A delivery holds the personal data of its case and goes with it."""
    if instance.status == Case.Status.ARCHIVED:
        # A repeated delivery may not have been tied to its case.
        repeated = Q(submission_id=instance.jotform_submission_id)
        JotformDelivery.objects.filter(Q(case=instance) | repeated).delete()


also_erase(inbox.forget_person)
before_undo(Answers(have_left=undoing.have_left, take_back=undoing.take_back))
on_worker_start(readings.ask_due)
on_worker_start(outbox.send_due)
on_worker_start(outbox.requeue_lost)
