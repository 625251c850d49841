import logging
import threading
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from implants.models import ReferenceImage
from matching.encoder import EncoderError, get_encoder
from matching.models import Embedding
from matching.queue import enqueue, on_worker_start

log = logging.getLogger(__name__)


@receiver(post_save, sender=ReferenceImage)
def index_when_saved(
    sender: type[ReferenceImage],
    instance: ReferenceImage,
    raw: bool = False,
    **kwargs: Any,
) -> None:
    """A new or replaced film needs a vector. Bulk imports index as they go and opt out by
    setting `indexed_by_importer` on the instance."""
    if raw or getattr(instance, "indexed_by_importer", False):
        return
    with transaction.atomic():
        if not Embedding.objects.filter(reference_image=instance).exists():
            enqueue("matching.tasks.index_reference", instance.pk)


def load_encoder_ahead() -> None:
    """Loading takes seconds: a task process begins with it before its first film arrives."""
    threading.Thread(target=_load_encoder, name="encoder", daemon=True).start()


def _load_encoder() -> None:
    try:
        get_encoder().load()
    except EncoderError as error:
        log.error("%s", error)


on_worker_start(load_encoder_ahead)
