"""The films of a case: uploaded files, which Jotform may only show to who has the API key."""

import time
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

from cases.films import ImageUnavailable
from integrations.fetch import PORTS, Credential, LoginWall, as_sent, fetch_image, origin

DEADLINE_SECONDS = 15.0
# Seconds before the second and the third try. A file that takes longer to appear is the case's
# business, which looks for it again later.
PAUSES = (1.0, 3.0)
# The key goes with uploaded files only: with it, other addresses of Jotform do things.
UPLOADS = "/uploads/"


def fetch_film(url: str) -> bytes:
    """The bytes of a film, looked for three times within 15 seconds when it may yet come.

    An uploaded file is asked for with JOTFORM_API_KEY in the header APIKEY, and behind a login
    page once more with the key in its address; no other host gets to see the key. Raises
    ImageUnavailable, ImageTooLarge, NotAnImage.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    for pause in PAUSES:
        try:
            return _look(url, deadline)
        except ImageUnavailable as error:
            if not error.may_come or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
    return _look(url, deadline)


def _look(url: str, deadline: float) -> bytes:
    key = settings.JOTFORM_API_KEY.strip()
    if not key or not takes_key(url):
        return fetch_image(url, seconds=deadline - time.monotonic())
    try:
        return fetch_image(
            url,
            credential=Credential(key, "APIKEY", is_for=takes_key),
            seconds=deadline - time.monotonic(),
        )
    except LoginWall as error:
        if reads_header_only(url):
            raise
        wall = error
    try:
        return fetch_image(
            _with_key(url, key), credential=Credential(key), seconds=deadline - time.monotonic()
        )
    except LoginWall as error:
        # A refusal of the key in the address does not say that a missing file will not come.
        raise (error if error.may_come or not wall.may_come else wall) from None


def takes_key(url: str) -> bool:
    """Whether an address is that of a file uploaded to Jotform, who may see the key."""
    try:
        address = as_sent(url)
        is_trusted = origin(address) in {
            *(("https", host, PORTS["https"]) for host in settings.JOTFORM_FILE_HOSTS),
            origin(settings.JOTFORM_API_BASE),
        }
    except ValueError:
        return False
    # Servers may decode a path more than once, or cut parameters off its parts.
    path = unquote(unquote(urlsplit(address).path)).replace("\\", "/")
    leads_out = any(part.partition(";")[0] == ".." for part in path.split("/"))
    return is_trusted and path.startswith(UPLOADS) and not leads_out


def reads_header_only(url: str) -> bool:
    """HIPAA hosts do not honour a key in the address."""
    return origin(as_sent(url))[1] in ("hipaa.jotform.com", "hipaa-api.jotform.com")


def _with_key(url: str, key: str) -> str:
    address = urlsplit(url)
    query = f"{address.query}&" if address.query else ""
    return address._replace(query=f"{query}apiKey={quote(key, safe='')}").geturl()
