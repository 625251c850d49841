"""What this layer does when a case awaits review, is decided, undone or erased."""

from collections import Counter
from datetime import timedelta

from django.db.models import QuerySet
from django.dispatch import receiver

from cases.erasers import Eraser, Limits, Store, also_erase, also_purge
from cases.models import Case
from cases.review import Answers, before_undo
from cases.signals import case_decided, case_matched
from integrations import notify
from integrations.jotform.incoming import inbox, readings
from integrations.jotform.outgoing import outbox, undoing
from integrations.models import JotformDelivery, RequestCount, ResultReturn, StaffNotice
from matching.queue import on_worker_start

# No rate has a longer window than a day.
COUNTED_FOR = timedelta(days=2)


@receiver(case_matched)
def tell_the_reviewer(sender: type[Case], case: Case, **kwargs: object) -> None:
    notify.tell_of_new_case(case=case)


@receiver(case_decided)
def queue_the_answer(sender: type[Case], case: Case, **kwargs: object) -> None:
    outbox.queue_return(case=case)


def forget_case(case: Case) -> Counter[str]:
    """The errors of its answers may quote what Jotform said."""
    ResultReturn.objects.filter(case=case).update(last_error="")
    return inbox.forget_case(case)


def _old_counts(limits: Limits) -> QuerySet[RequestCount]:
    return RequestCount.objects.filter(window__lt=limits.now - COUNTED_FOR)


also_erase(Eraser(of_case=forget_case, of_person=inbox.forget_person))
also_purge(
    Store("deliveries", lambda old: JotformDelivery.objects.filter(received_at__lt=old.personal)),
    Store("notices", lambda old: StaffNotice.objects.filter(created_at__lt=old.personal)),
    Store("counts of requests", _old_counts),
)
before_undo(Answers(have_left=undoing.have_left, take_back=undoing.take_back))
on_worker_start(readings.ask_due)
on_worker_start(outbox.send_due)
on_worker_start(outbox.requeue_lost)
