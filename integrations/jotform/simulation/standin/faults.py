"""How the stand-in can fail, and what it remembers of a request."""

import enum
from dataclasses import dataclass, field

LOGIN_PAGE = b"<!DOCTYPE html><html><body>Log in</body></html>"


class Fault(enum.Enum):
    REFUSE = "401 as for a bad key, an unknown submission or a read-only key"
    ENVELOPE = "HTTP 200 with a failing, quoted responseCode"
    STATUS = "a failing HTTP status with an envelope"
    DAILY_LIMIT = "429, limit-left is 0"
    DAILY_LIMIT_AT_200 = "HTTP 200 with responseCode 403, limit-left is 0"
    OVER_QUOTA = "HTTP 200 with responseCode 403: Form Over Quota"
    SLOW = "no answer within the client's patience"
    BROKEN_JSON = "HTTP 200 with half an envelope"
    HTML = "a web page"
    RESET = "connection reset before anything is done"
    RESET_AFTER_APPLYING = "the edit is applied, its answer is lost"
    REDIRECT = "302 to somewhere else"
    APPLIED_IN_PART = "only the first answer of the edit is applied, with 200"
    SHOWN_LATE = "the edit is applied, the next `reads` readings still show the old answers"


class Late(enum.Enum):
    """What a file answers that is not there yet."""

    MISSING = "404"
    EMPTY = "200 without a body"
    HTML = "200 with a web page"


@dataclass
class Misbehaviour:
    """What befalls the next `times` calls of a method, below a path, once `after` such calls
    have gone well. `code`, `message` and `retry_after` are what the call answers, `reads` is
    how often old answers are shown."""

    fault: Fault
    method: str = ""
    path: str = ""
    code: int = 500
    message: str = ""
    retry_after: str = ""
    reads: int = 1
    times: int = 1
    after: int = 0

    def concerns(self, method: str, path: str) -> bool:
        if self.method not in ("", method) or not path.startswith(self.path):
            return False
        self.after -= 1
        return self.after < 0


@dataclass
class Recorded:
    """One request. `path` is without the optional `/v1` or `/API`, `target` as it came;
    `form` holds the body's fields."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)
    target: str = ""
    body: bytes = b""
