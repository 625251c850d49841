from typing import Any

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

    A value that is no number counts as left out; values are cut to what is allowed.
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
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": {"type": "integer", "minimum": 0, "default": default},
            }
            for name, default in (("skip", 0), ("limit", DEFAULT_LIMIT))
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema


def _number(request: Request, name: str, default: int, maximum: int) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdecimal()):
        return default
    return min(int(text), maximum) if len(text) <= MAX_DIGITS else maximum
