"""Which addresses in a submission are those of its own uploaded files."""

from urllib.parse import quote, unquote, urlsplit

from integrations.fetch import LOOPBACK

MAX_URL = 2000

# Everything printable that an address may hold, `%` included: what is quoted stays as it is.
_KEPT = "".join(map(chr, range(33, 127)))


def is_upload(url: str, *, form_id: str, submission_id: str) -> bool:
    """Whether it is the address of a file of this very submission
    (`https://<region>.jotform.com/uploads/<account>/<form>/<submission>/<file>`).

    Only the downloader knows the hosts; a stand-in on this machine may do without https.
    """
    if not is_web_address(url):
        return False
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or parts.hostname in LOOPBACK
    segments = [unquote(segment) for segment in parts.path.split("/")[1:]]
    if not is_safe or len(segments) < 5 or any(one in ("", ".", "..") for one in segments):
        return False
    folder, _account, form, submission = segments[:4]
    return (folder, form, submission) == ("uploads", form_id, submission_id)


def is_web_address(url: str) -> bool:
    """Whether it is an http(s) address of a plausible length, without a user or password."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.username is None
            and parts.password is None
            and len(url) <= MAX_URL
        )
    except ValueError:
        return False


def tidy_url(url: str) -> str:
    """The address with spaces and letters beyond ASCII percent-encoded, and nothing else:
    so the same file has the same address in a webhook and in the API."""
    return quote(url.strip(), safe=_KEPT)
