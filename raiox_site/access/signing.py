"""How tokens are signed: with a key of their own, which can be changed without ending sessions."""

from typing import Any

from django.conf import settings
from jwt import InvalidSignatureError
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken


class RotatingBackend(TokenBackend):
    """Signs with one key. While keys are being changed, it also accepts what the former signed:
    tried only where a signature is not ours, never where a token is refused for another reason.
    """

    def __init__(self, *, key: str, former_key: str = "", audience: str, issuer: str) -> None:
        super().__init__("HS256", key, audience=audience, issuer=issuer)
        self.former = (
            TokenBackend("HS256", former_key, audience=audience, issuer=issuer)
            if former_key
            else None
        )

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """Raises TokenBackendError."""
        try:
            return super().decode(token, verify)
        except TokenBackendError as error:
            if self.former is None or not isinstance(error.__cause__, InvalidSignatureError):
                raise
        # A header that is nested a thousand times over, or text that no token consists of.
        except (RecursionError, ValueError, TypeError) as error:
            raise TokenBackendError("Token is invalid") from error
        return self.former.decode(token, verify)


def backend() -> RotatingBackend:
    known = jwt_settings.api_settings
    return RotatingBackend(
        key=known.SIGNING_KEY,
        former_key=settings.RAIOX_JWT_KEY_OLD,
        audience=known.AUDIENCE,
        issuer=known.ISSUER,
    )


class Access(AccessToken):
    @property
    def token_backend(self) -> TokenBackend:
        return backend()


class Refresh(RefreshToken):
    access_token_class = Access

    @property
    def token_backend(self) -> TokenBackend:
        return backend()


def keep_no_token(sender: Any, instance: OutstandingToken, **kwargs: Any) -> None:
    """Only the id of a refresh token is needed to end it: who reads the database gets no key."""
    instance.token = ""
