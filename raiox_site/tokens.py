"""`/auth/token`, `/auth/token/refresh`, `/auth/logout`: JWT with a scope.

Access tokens are short, refresh tokens are used once. What a token is good for is its scope as far
as the user's groups still grant it; a changed password, a deactivated or a deleted account end
both kinds at once.
"""

from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from cases.permissions import SCOPES
from implants.fields import Text
from integrations.throttles import AddressThrottle
from raiox_site import audit
from raiox_site.access.examples import LOGIN, PAIR, REFRESH
from raiox_site.access.scopes import scope_of
from raiox_site.access.sign_in import sign_in
from raiox_site.access.signing import Refresh

# However often a refresh token is renewed, after this long the password is asked again.
LONGEST_SESSION = timedelta(days=7)
# Far longer than any token of ours, and short enough to look at.
LONGEST_TOKEN = 4096


class LoginThrottle(AddressThrottle):
    scope = "login"
    setting = "RAIOX_LOGIN_RATE"


class TokenThrottle(AddressThrottle):
    scope = "token"
    setting = "RAIOX_TOKEN_RATE"


@extend_schema_serializer(examples=[PAIR])
class TokenPairSerializer(serializers.Serializer[dict[str, str]]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    scope = serializers.CharField(allow_blank=True)


_SCOPE = "|".join(sorted(SCOPES))


@extend_schema_field({"type": "string", "maxLength": 100, "pattern": f"^({_SCOPE})( ({_SCOPE}))*$"})
class ScopeField(Text):
    """Names of scopes, with spaces between them."""


@extend_schema_serializer(examples=[LOGIN])
class ScopedTokenSerializer(serializers.Serializer[dict[str, str]]):
    """Credentials; `scope` asks for less than all roles, `otp` is the code of the second step."""

    username = Text(max_length=150)
    password = Text(max_length=1024, trim_whitespace=False, style={"input_type": "password"})
    scope = ScopeField(max_length=100, required=False)
    otp = Text(max_length=20, required=False, allow_blank=True)

    def validate_scope(self, value: str) -> str:
        if unknown := sorted(set(value.split()) - set(SCOPES)):
            raise serializers.ValidationError(
                _("Unknown scope: %(words)s. There are %(known)s.")
                % {"words": " ".join(unknown), "known": ", ".join(sorted(SCOPES))}
            )
        return value

    @classmethod
    def get_token(cls, user: User, asked: list[str] | None = None) -> Refresh:
        """A refresh token of a session that begins; `asked` is what its scope stays within."""
        token = cast(Refresh, Refresh.for_user(user))
        token["scope"] = scope_of(user, asked=asked)
        token["began"] = int(timezone.now().timestamp())
        if asked is not None:
            token["asked"] = sorted(set(asked))
        return token


@extend_schema_serializer(examples=[REFRESH])
class RefreshSerializer(serializers.Serializer[dict[str, str]]):
    refresh = Text(max_length=LONGEST_TOKEN)


def pair(token: Refresh) -> dict[str, str]:
    return {"access": str(token.access_token), "refresh": str(token), "scope": token["scope"]}


@transaction.atomic
def rotate(value: str) -> Refresh:
    """The next refresh token of a session, with the scope its user has now.

    A token is used once, also by requests that come at the same moment. Raises TokenError for a
    token that is not good, or not good any more.
    """
    used = Refresh(cast(Any, value))
    row = OutstandingToken.objects.select_for_update().filter(jti=used["jti"]).first()
    used.check_blacklist()
    user = _owner(used)
    if row is None or user is None or not _is_young(used):
        raise TokenError(_("This token is not valid any more: log in again."))
    used.blacklist()
    token = cast(Refresh, Refresh.for_user(user))
    asked = used.get("asked")
    token["scope"], token["began"] = scope_of(user, asked=asked), used["began"]
    if asked is not None:
        token["asked"] = asked
    return token


def _owner(token: Token) -> User | None:
    """Its user, unless deleted, deactivated, or with another password since."""
    user = User.objects.filter(pk=token.get("user_id") or 0, is_active=True).first()
    is_same = user and token.get("hash_password") == get_md5_hash_password(user.password)
    return user if is_same else None


def _is_young(token: Token) -> bool:
    age = timezone.now().timestamp() - (token.get("began") or 0)
    return bool(age < LONGEST_SESSION.total_seconds())


class Door(APIView):
    """Open to everybody: what is sent in the body is judged."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """Without it DRF would answer a bad token with 403."""
        return 'Bearer realm="api"'


class TokenView(Door):
    """Log in: an access token and a refresh token, with the scope that was granted."""

    throttle_classes = (LoginThrottle,)

    @extend_schema(
        operation_id="auth_token",
        summary="Log in",
        request=ScopedTokenSerializer,
        responses={200: TokenPairSerializer, 401: None},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        body = ScopedTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        user = sign_in(
            request._request,
            username=asked["username"],
            password=asked["password"],
            otp=asked.get("otp", ""),
        )
        words = asked["scope"].split() if "scope" in asked else None
        token = ScopedTokenSerializer.get_token(user, words)
        audit.token_issued(user, request._request, scope=token["scope"])
        return Response(pair(token))


class RefreshView(Door):
    """A new pair of tokens for a refresh token, which is used up by it."""

    throttle_classes = (TokenThrottle,)

    @extend_schema(
        operation_id="auth_refresh",
        summary="Renew the tokens",
        request=RefreshSerializer,
        responses={200: TokenPairSerializer, 401: None},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        body = RefreshSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            return Response(pair(rotate(body.validated_data["refresh"])))
        except TokenError as error:
            raise InvalidToken(str(error)) from error


class LogoutView(Door):
    """Puts a refresh token on the blacklist. Who has the token may end it."""

    throttle_classes = (TokenThrottle,)

    @extend_schema(
        operation_id="auth_logout",
        summary="Log out",
        request=RefreshSerializer,
        responses={204: None, 401: None},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        body = RefreshSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            token = Refresh(body.validated_data["refresh"])
            token.blacklist()
        except TokenError as error:
            raise InvalidToken(str(error)) from error
        audit.token_ended(token.get("user_id"), request._request)
        return Response(status=204)
