from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_SKIP = 2**31 - 1
# int() itself refuses thousands of digits.
MAX_DIGITS = 18


class SkipLimitPagination(BasePagination):
    """`?skip=` and `?limit=`; the answer is a bare list, its total in X-Total-Count.

    A value that is no whole number is refused; one answer holds at most MAX_LIMIT rows,
    however large `limit` is.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        skip = _number(request, "skip", 0, MAX_SKIP)
        limit = _number(request, "limit", DEFAULT_LIMIT, MAX_LIMIT)
        self.total = queryset.count()
        return list(queryset[skip : skip + limit])

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data, headers={"X-Total-Count": str(self.total)})

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        at_most = f"How many rows to answer with; more than {MAX_LIMIT} are never given at once."
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": description,
                "schema": {"type": "integer", "minimum": 0, "default": default},
            }
            for name, default, description in (
                ("skip", 0, "How many rows to leave out at the beginning."),
                ("limit", DEFAULT_LIMIT, at_most),
            )
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema


def _number(request: Request, name: str, default: int, maximum: int) -> int:
    """Raises ValidationError for what is no whole number, and for two values at once."""
    values = request.query_params.getlist(name)
    if not values:
        return default
    (text, *more) = values
    if more or not (text.isascii() and text.isdecimal()):
        raise ValidationError({name: [_("Give one whole number, 0 or more.")]})
    return min(int(text), maximum) if len(text) <= MAX_DIGITS else maximum
