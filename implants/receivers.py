from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from implants.models import ReferenceImage


@receiver(post_delete, sender=ReferenceImage)
def delete_files(sender: type[ReferenceImage], instance: ReferenceImage, **kwargs: Any) -> None:
    """A reference's film and thumbnail go with it, once its deletion is certain."""
    for file in (instance.file, instance.thumbnail):
        if file:
            transaction.on_commit(partial(file.storage.delete, str(file.name)), robust=True)
