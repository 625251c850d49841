"""The one way in which something about a person is kept only to be recognised again."""

import hashlib
import hmac

from django.conf import settings


def keyed_hash(text: str) -> str:
    """HMAC-SHA256 of the text under RAIOX_HASH_KEY, 64 hexadecimal digits."""
    return hmac.new(settings.CLIENT_HASH_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
