"""What the settings of Jotform's door and fields mean."""

from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

from raiox_site.environment import Environment, Secret, is_web_address


def webhook_token(explicit: str, webhook_url: str, signing_secret: str) -> Secret:
    """The secret that a delivery to /jotform must carry in its path or as `?token=`.

    Taken from RAIOX_WEBHOOK_TOKEN, else from the address registered at Jotform
    (`…/jotform/<token>` or `…?token=<token>`), else JF_SECRET. Empty: none is set.
    """
    if explicit:
        return Secret(explicit)
    url = urlsplit(webhook_url if is_own_door(webhook_url) else "")
    in_query = parse_qs(url.query).get("token", [""])[0]
    in_path = url.path.rstrip("/").rpartition("/jotform/")[2] if "/jotform/" in url.path else ""
    return Secret(in_query or in_path or signing_secret)


def is_own_door(url: str) -> bool:
    """Whether the address is that of a Raiox webhook (…/jotform or …/jotform/<token>)."""
    try:
        return "jotform" in urlsplit(url).path.split("/")
    except ValueError:
        return False


def copy_address(env: Environment, webhook_url: str) -> Secret:
    """Who gets a copy of every answer: the address, unless it is that of our own door."""
    if not webhook_url or is_own_door(webhook_url):
        return Secret("")
    if not is_web_address(webhook_url):
        env.refuse("JOTFORM_WEBHOOK_URL must be an address such as https://example.org/jotform/…")
    return Secret(webhook_url)


def file_hosts(api_base: str) -> list[str]:
    """Jotform's hosts of uploaded files: those of the regions, and an Enterprise one
    (`https://<name>.jotform.com/API`) where the API base names it."""
    host = (urlsplit(api_base).hostname or "").lower()
    is_enterprise = host.endswith(".jotform.com") and not host.split(".")[0].endswith("api")
    hosts = ["www.jotform.com", "eu.jotform.com", "hipaa.jotform.com"]
    return [*hosts, host] if is_enterprise and host not in hosts else hosts


def require_distinct(
    env: Environment, name: str, fields: dict[str, str], *, written: Collection[str]
) -> None:
    """Refuse a field that is written and has a second role."""
    for role in written:
        others = [one for one, field in fields.items() if one != role and fields.get(role)]
        for other in others:
            if fields[role] in fields[other].split(","):
                env.refuse(f"{name} names one field for {role} and {other}")
