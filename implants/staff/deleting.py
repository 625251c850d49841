"""What was compared with a case, or answered to a dentist, stays: in words, not as an error."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext

from implants.staff.use import uses


class KeptWhileUsed(ModelAdmin):
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if obj is None or not self.has_delete_permission(request, obj) or not uses(obj):
            return super().delete_view(request, object_id, extra_context)
        messages.warning(request, reason_to_stay(obj))
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", obj.pk)

    def get_deleted_objects(  # type: ignore[override]
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Where several are deleted from the list: one that stays keeps all of them."""
        objs = list(objs)
        staying = [reason_to_stay(obj) for obj in objs if uses(obj)]
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)  # type: ignore[arg-type]
        return deleted, counts, needed, staying or protected  # type: ignore[return-value]


def reason_to_stay(obj: Any) -> str:
    number = uses(obj)
    return ngettext(
        "%(object)s stands in %(number)d finding of a case and cannot be deleted. Deactivate"
        " it instead: it is kept and searched no more.",
        "%(object)s stands in %(number)d findings of cases and cannot be deleted. Deactivate"
        " it instead: it is kept and searched no more.",
        number,
    ) % {"object": obj, "number": number}
