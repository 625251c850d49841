"""Reading the environment strictly. What is wrong is collected, so that it is said at once."""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

ENVIRONMENTS = ("development", "test", "staging", "production")


class Secret(str):
    """A text that hides itself where values are shown: dumps of settings, tracebacks, `%r`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[secret]'" if self else "''"


class Environment:
    """The variables of one process. A reader that finds a wrong value notes the problem and
    returns something harmless; `stop_on_problems` then names them all. Secrets are never quoted.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def refuse(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def require(self, is_met: object, problem: str) -> None:
        if not is_met:
            self.refuse(problem)

    def stop_on_problems(self, name: str) -> None:
        """Raise one ImproperlyConfigured with every problem found so far."""
        if self.problems:
            found = "; ".join(self.problems)
            raise ImproperlyConfigured(f"Raiox AI cannot start with RAIOX_ENV={name}: {found}")

    def text(self, name: str, default: str = "") -> str:
        return self._variables.get(name, "").strip() or default

    def secret(self, name: str) -> Secret:
        """`name` itself, or the content of the file that `<name>_FILE` names; without the white
        space around it, such as the line break at the end of a file."""
        given, path = self.text(name), self.text(f"{name}_FILE")
        if given and path:
            self.refuse(f"{name} and {name}_FILE are both set, keep one of them")
        return Secret(self._content(f"{name}_FILE", Path(path)) if path else given)

    def _content(self, name: str, path: Path) -> str:
        try:
            content = path.read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            self.refuse(f"{name} cannot be read ({path}): {error.strerror}")
            return ""
        except ValueError:
            self.refuse(f"{name} is not text ({path})")
            return ""
        self.require(content, f"{name} is empty ({path})")
        self.require(len(content.splitlines()) <= 1, f"{name} has more than one line ({path})")
        return content

    def words(self, name: str, default: str = "") -> list[str]:
        """A comma-separated variable as a list without empty items."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def secrets(self, name: str) -> list[Secret]:
        return [Secret(word.strip()) for word in self.secret(name).split(",") if word.strip()]

    def rate(self, name: str, default: str) -> str:
        """A limit such as `30/min`; set but empty means no limit."""
        value = self._variables.get(name, default).strip()
        if value and not re.fullmatch(r"[1-9]\d{0,8}/(s|sec|m|min|h|hour|d|day)", value):
            self.refuse(f"{name} must be like 30/min, not {value!r}")
            return default
        return value

    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        """A variable with few possible values; by default the first one."""
        fallback = next(iter(allowed)) if default is None else default
        value = self.text(name, fallback)
        if value in allowed:
            return value
        self.refuse(f"{name} must be one of {', '.join(filter(None, allowed))}, not {value!r}")
        return fallback

    def integer(self, name: str, default: int, *, minimum: int = 0) -> int:
        value = self.text(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            self.refuse(f"{name} must be a whole number, not {value!r}")
            return default
        self.require(number >= minimum, f"{name} must be at least {minimum}, not {number}")
        return number

    def address(self, name: str, default: str = "") -> str:
        """A web address (http or https, with a host) without a slash at its end."""
        value = self.text(name, default).rstrip("/")
        if value and not is_web_address(value):
            self.refuse(f"{name} must be an address such as https://example.org")
            return default
        return value

    def listener(self, name: str) -> str:
        """An address to listen at, such as 127.0.0.1:9101 or [::1]:9101; empty: none."""
        value = self.text(name)
        host, _colon, port = value.rpartition(":")
        if value and not (host and port.isascii() and port.isdecimal() and int(port) < 65536):
            self.refuse(f"{name} must be like 127.0.0.1:9101, not {value!r}")
            return ""
        return value

    def origins(self, name: str) -> list[str]:
        """A comma-separated variable of origins such as https://raiox.example.org."""
        origins = self.words(name)
        if not all(is_web_address(one) and not urlsplit(one).path for one in origins):
            self.refuse(f"{name} must be origins such as https://example.org")
        return origins

    def time_zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        try:
            ZoneInfo(value)
        except (ValueError, ZoneInfoNotFoundError, OSError):
            self.refuse(f"{name} must be a time zone such as {default}, not {value!r}")
            return default
        return value

    def email_addresses(self, name: str) -> list[str]:
        """A comma-separated variable of plain e-mail addresses."""
        addresses = self.words(name)
        if not all(is_email(address) for address in addresses):
            self.refuse(f"{name} must be addresses such as a@b.org")
        return addresses

    def json_object(self, name: str, *, known: Collection[str]) -> dict[str, str]:
        """A variable that holds a JSON object with keys out of `known`."""
        try:
            value = json.loads(self.text(name, "{}"))
        except ValueError as error:
            self.refuse(f"{name} is not JSON: {error}")
            return {}
        if not isinstance(value, dict):
            self.refuse(f"{name} must be a JSON object")
            return {}
        if unknown := sorted(set(value) - set(known)):
            self.refuse(f"{name} has unknown roles: {', '.join(unknown)}")
        if wrong := sorted(key for key, one in value.items() if not isinstance(one, str | int)):
            self.refuse(f"{name} has no text for: {', '.join(wrong)}")
        return {key: str(one).strip() for key, one in value.items()}


def is_web_address(value: str) -> bool:
    try:
        url = urlsplit(value)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def is_email(value: str) -> bool:
    try:
        validate_email(value)
    except ValidationError:
        return False
    return True
