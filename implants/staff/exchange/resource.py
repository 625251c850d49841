"""The catalogue's table, line by line: which implant it means, and what it would change."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from import_export import resources
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader

from implants.models import Implant
from implants.staff.exchange.cells import (
    Leads,
    Millimetres,
    Text,
    Word,
    YesOrNo,
    with_plain_breaks,
)
from implants.staff.exchange.tables import guarded
from implants.vocabulary import FEATURES

KEY = ("manufacturer", "name", "diameter_mm", "length_mm")
COLUMNS = (
    *KEY,
    "type",
    "platform_diameter_mm",
    "connection",
    "level",
    "platform_switching",
    "collar",
    "collar_height_mm",
    "body_shape",
    "thread",
    "thread_pitch_mm",
    "thread_leads",
    "apex",
    "is_active",
    "source",
)
# A diameter and a length that the database takes; everything else of an implant is smaller.
MAX_DIAMETER_MM, MAX_LENGTH_MM = 20, 80


def _widget(column: str) -> Any:
    field = Implant._meta.get_field(column)
    if column in FEATURES:
        return Word(FEATURES[column])
    if isinstance(field, models.DecimalField):
        below = MAX_LENGTH_MM if column == "length_mm" else MAX_DIAMETER_MM
        return Millimetres(places=field.decimal_places, below=below)
    if isinstance(field, models.BooleanField):
        return YesOrNo()
    if isinstance(field, models.PositiveSmallIntegerField):
        return Leads()
    is_named = column in ("manufacturer", "name")
    return Text(longest=getattr(field, "max_length", None), is_required=is_named)


class OnceLoader(BaseInstanceLoader):
    """Finds implants by line and size, in one reading of the catalogue."""

    def __init__(self, resource: Any, dataset: Any = None) -> None:
        super().__init__(resource, dataset)
        self.held = {
            tuple(getattr(implant, name) for name in KEY): implant
            for implant in resource.get_queryset()
        }

    def get_instance(self, row: Mapping[str, str]) -> Implant | None:
        return self.held.get(self.resource.key(row))


class ImplantResource(resources.ModelResource):
    """Rows are found again by manufacturer, line, diameter and length; nothing is deleted.

    A column that the table does not have is left as it is; an empty cell means unknown.
    `lines` are the file's own numbers of the rows.
    """

    class Meta:
        model = Implant
        fields = COLUMNS
        import_order = COLUMNS
        export_order = COLUMNS
        import_id_fields = KEY
        instance_loader_class = OnceLoader
        skip_unchanged = True
        report_skipped = True
        skip_html_diff = True
        store_instance = True

    @classmethod
    def field_from_django_field(cls, field_name: str, django_field: Any, readonly: bool) -> Field:
        return Field(
            attribute=field_name,
            column_name=field_name,
            widget=_widget(field_name),
            saves_null_values=field_name != "is_active",
        )

    def __init__(self, *, lines: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lines = lines
        self._rows: dict[tuple[Any, ...], int] = {}
        self._columns: list[str] = []

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        self._columns = [name for name in COLUMNS if name in dataset.headers]

    def key(self, row: Mapping[str, str]) -> tuple[Any, ...] | None:
        """None where a cell of the key cannot be read: the row is refused for that cell."""
        try:
            return tuple(self.fields[name].clean(row) for name in KEY)
        except ValueError:
            return None

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        key = self.key(row)
        if key is None:
            return
        line = self._lines[kwargs["row_number"] - 1]
        first = self._rows.setdefault(key, line)
        if first != line:
            raise ValidationError(
                _("This line in this size stands in line %(first)d already.") % {"first": first}
            )

    def import_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        stored = instance.source
        super().import_instance(instance, row, **kwargs)
        if with_plain_breaks(stored) == instance.source:
            instance.source = stored

    def do_instance_save(self, instance: Any, is_create: bool) -> None:
        """Only the table's columns: another may have been changed since it was read."""
        instance.save(update_fields=None if is_create else self._columns)

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        if not kwargs.get("dry_run"):
            super().save_instance(instance, is_create, row, **kwargs)

    def export_field(self, field: Field, instance: Any, **kwargs: Any) -> Any:
        return guarded(super().export_field(field, instance, **kwargs))
