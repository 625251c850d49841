"""Lists of the panel that are filtered only by what they offer.

Django lets an address filter a list by any column and any lookup: by a pattern that the database
cannot read, or letter by letter through what no page shows.
"""

import logging
from collections.abc import Collection
from functools import cache
from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.core.exceptions import BadRequest, FieldError, ValidationError
from django.db import DataError
from django.http import HttpRequest

log = logging.getLogger(__name__)

UNFIT = (
    IncorrectLookupParameters,
    DisallowedModelAdminLookup,
    FieldError,
    ValidationError,
    DataError,
    ValueError,
    TypeError,
    OverflowError,
)


class StrictChangeList(ChangeList):
    def get_filters(self, request: HttpRequest) -> Any:
        """Raises IncorrectLookupParameters for a parameter that no filter of the list took and
        that is not among the `linked_lookups` of its page, which links of ours use."""
        found = super().get_filters(request)
        allowed = {*getattr(self.model_admin, "linked_lookups", ()), *self._bounds()}
        if foreign := set(found[2]) - allowed:
            raise IncorrectLookupParameters(f"{len(foreign)} parameters are no filter")
        return found

    def _bounds(self) -> Collection[str]:
        """What Django makes of a choice in the hierarchy of dates."""
        day = self.date_hierarchy
        return (f"{day}__gte", f"{day}__lt") if day else ()


class StrictAdmin(admin.ModelAdmin):
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        own: Any = super().get_changelist(request, **kwargs)
        strict_list: type[ChangeList] = _strict_list(own)
        return strict_list

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list with its rows. Raises IncorrectLookupParameters for whatever it cannot be
        filtered by, BadRequest where that would lead back to the same address."""
        try:
            changelist = super().get_changelist_instance(request)
            # The rows are asked for here, where what the database refuses is still caught.
            len(changelist.result_list)
        except UNFIT as error:
            if not {*request.GET} - {ERROR_FLAG}:
                raise
            log.info("a list cannot be filtered like this: %s", type(error).__name__)
            if ERROR_FLAG in request.GET:
                raise BadRequest("no filter of this list") from error
            raise IncorrectLookupParameters from error
        return changelist


def strict(page: type[admin.ModelAdmin]) -> type[admin.ModelAdmin]:
    """The same page of the panel, with a strict list."""
    return page if issubclass(page, StrictAdmin) else _joined(StrictAdmin, page)


@cache
def _strict_list(changelist: Any) -> Any:
    return _joined(StrictChangeList, changelist)


def _joined(strict_class: type, own: type) -> Any:
    told = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    return type(own)(own.__name__, (strict_class, own), told)
