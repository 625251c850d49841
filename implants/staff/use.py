"""Whether anything outside the catalogue still points at a row of it."""

from typing import Any, cast

from django.db.models import CASCADE, Model
from django.db.models.fields.reverse_related import ForeignObjectRel


def uses(instance: Model) -> int:
    """How many rows of other apps name this implant or reference and are no part of it.

    Asked of Django's own list of relations, so that this layer needs to know none of them.
    """
    if instance.pk is None:
        return 0
    return sum(
        cast(Any, relation.related_model)
        ._base_manager.filter(**{relation.field.name: instance})
        .count()
        for relation in _relations(type(instance))
        if relation.on_delete is not CASCADE
        and cast(Any, relation.related_model)._meta.app_label != instance._meta.app_label
    )


def _relations(model: type[Model]) -> list[ForeignObjectRel]:
    fields = model._meta.get_fields(include_hidden=True)
    return [one for one in fields if isinstance(one, ForeignObjectRel)]
