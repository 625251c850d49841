"""API rights: the token's scope, as far as the user's groups grant it now."""

from collections.abc import Collection
from typing import cast

from django.contrib.auth.models import AnonymousUser, User
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import Token

# role, which is a group and a word of a token's scope → the permission that makes it useful
SCOPES = {
    "reader": "cases.view_case",
    "approver": "cases.decide_case",
    "curator": "implants.change_implant",
}


def roles_of(user: User | AnonymousUser) -> set[str]:
    """The roles that a user has at this moment, by groups; a superuser has all. Whether the
    account may open the panel (`is_staff`) is no matter: a program needs no panel."""
    if not user.is_active:
        return set()
    if user.is_superuser:
        return set(SCOPES)
    return set(user.groups.filter(name__in=SCOPES).values_list("name", flat=True))


def with_implied(roles: Collection[str]) -> set[str]:
    """A reviewer may also read: `approver` serves where `reader` is asked for."""
    return {*roles, "reader"} if "approver" in roles else set(roles)


class HasScope(BasePermission):
    """`required_scope` of the view must be in the token, and the user must still have that role.

    A view may name a `required_permission` of its own, beyond what the role is known by.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        required: str = getattr(view, "required_scope", "approver")
        permission: str = getattr(view, "required_permission", SCOPES[required])
        user = cast(User, request.user)
        granted = with_implied(_token_scope(request)) & with_implied(roles_of(user))
        return required in granted and user.has_perm(permission)


def _token_scope(request: Request) -> list[str]:
    claim = request.auth.get("scope", "") if isinstance(request.auth, Token) else ""
    return claim.split() if isinstance(claim, str) else []
