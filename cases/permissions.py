"""API rights: the token's scope, as far as the user's groups grant it now."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import Token

# scope → the permission its holder must have at the time of the request
SCOPES = {"reader": "cases.view_case", "approver": "cases.decide_case"}


class HasScope(BasePermission):
    """`required_scope` of the view must be in the token, and the user must still have it.

    A reviewer may also read, so the scope `approver` serves where `reader` is asked for.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        required: str = getattr(view, "required_scope", "approver")
        granted = set(_token_scope(request))
        if required == "reader" and "approver" in granted:
            granted.add("reader")
        return required in granted and request.user.has_perm(SCOPES[required])


def _token_scope(request: Request) -> list[str]:
    claim = request.auth.get("scope", "") if isinstance(request.auth, Token) else ""
    return claim.split() if isinstance(claim, str) else []
