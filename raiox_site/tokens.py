"""`/auth/token`, `/auth/token/refresh`, `/auth/logout`: JWT with a scope."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.serializers import (
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
)
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, Token
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from integrations.throttles import AddressThrottle
from raiox_site.roles import PERMISSIONS


class LoginThrottle(AddressThrottle):
    scope = "login"
    setting = "RAIOX_LOGIN_RATE"


def scope_of(user: User) -> str:
    """The user's roles as a space-separated scope; a superuser has all of them."""
    if user.is_superuser:
        return " ".join(PERMISSIONS)
    roles = user.groups.filter(name__in=PERMISSIONS).order_by("name")
    return " ".join(roles.values_list("name", flat=True))


class ScopedTokenSerializer(TokenObtainPairSerializer):
    @classmethod
    def get_token(cls, user: Any) -> Token:
        token = super().get_token(user)
        token["scope"] = scope_of(user)
        return token

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        data = super().validate(attrs)
        return {**data, "scope": scope_of(cast(User, self.user))}


class ScopedRefreshSerializer(TokenRefreshSerializer):
    """The scope is computed anew: what a refresh token once allowed may be gone."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        refresh = RefreshToken(attrs["refresh"])
        owner = refresh.payload.get("user_id") or 0
        user = User.objects.filter(pk=owner, is_active=True).first()
        if user is None:
            raise InvalidToken(_("The account of this token does not exist any more."))
        with transaction.atomic():
            # A refresh token is used once, also by requests that come at the same moment.
            OutstandingToken.objects.select_for_update().filter(jti=refresh.payload["jti"]).first()
            refresh.check_blacklist()
            data = super().validate(attrs)
        rotated = RefreshToken(cast(Any, data["refresh"]))
        rotated["scope"] = scope_of(user)
        return {
            "access": str(rotated.access_token),
            "refresh": str(rotated),
            "scope": scope_of(user),
        }


class TokenView(TokenObtainPairView):
    serializer_class = ScopedTokenSerializer
    throttle_classes = (LoginThrottle,)


class RefreshView(TokenRefreshView):
    serializer_class = ScopedRefreshSerializer


class LogoutSerializer(serializers.Serializer[dict[str, str]]):
    refresh = serializers.CharField()


class LogoutView(APIView):
    """Puts a refresh token on the blacklist. Who has the token may end it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """Without it DRF would answer a bad token with 403."""
        return 'Bearer realm="api"'

    @extend_schema(request=LogoutSerializer, responses={204: None}, auth=[])
    def post(self, request: Request) -> Response:
        body = LogoutSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            RefreshToken(body.validated_data["refresh"]).blacklist()
        except TokenError as error:
            raise InvalidToken(str(error)) from error
        return Response(status=204)
