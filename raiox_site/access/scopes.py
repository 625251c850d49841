"""What a token may be used for: the user's roles, or the part of them that was asked for."""

from collections.abc import Collection

from django.contrib.auth.models import User

from cases.permissions import roles_of, with_implied


def scope_of(user: User, *, asked: Collection[str] | None = None) -> str:
    """The user's roles at this moment as a space-separated scope, sorted. With `asked`, only
    those of them that were asked for, of which none may be had: then it is empty."""
    roles = roles_of(user)
    granted = roles if asked is None else with_implied(roles) & set(asked)
    return " ".join(sorted(granted))
