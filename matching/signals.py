from typing import Any

from django.db import transaction
from django.db.models.signals import post_save, pre_delete, pre_save
from django.dispatch import receiver

from implants.models import ReferenceImage
from matching import compared, indexing, twins
from matching.encoder import load_in_background
from matching.models import Embedding
from matching.queue import INDEX_TASK, enqueue, on_worker_start


@receiver(pre_save, sender=ReferenceImage)
def note_what_it_showed(
    sender: type[ReferenceImage], instance: ReferenceImage, raw: bool = False, **kwargs: Any
) -> None:
    """Whether a film that is indexed is now to show something else: only its row knows."""
    stored = None if raw or instance.pk is None else sender.objects.filter(pk=instance.pk).first()
    instance.shows_another = stored is not None and (  # type: ignore[attr-defined]
        compared.what_it_shows(stored) != compared.what_it_shows(instance)
    )


@receiver(post_save, sender=ReferenceImage)
def index_when_saved(
    sender: type[ReferenceImage],
    instance: ReferenceImage,
    raw: bool = False,
    **kwargs: Any,
) -> None:
    """A new film needs a vector, one that was cropped or turned another one. Bulk imports index
    as they go and opt out by setting `indexed_by_importer` on the instance."""
    if raw or getattr(instance, "indexed_by_importer", False):
        return
    if getattr(instance, "shows_another", False):
        indexing.reindex(reference_id=instance.pk)
        return
    with transaction.atomic():
        if not Embedding.objects.filter(reference_image=instance).exists():
            enqueue(INDEX_TASK, instance.pk)


@receiver(pre_delete, sender=ReferenceImage)
def let_go_of_twins(sender: type[ReferenceImage], instance: ReferenceImage, **kwargs: Any) -> None:
    twins.forget(reference_id=instance.pk)


# A task process begins with it before its first film arrives.
on_worker_start(load_in_background)
