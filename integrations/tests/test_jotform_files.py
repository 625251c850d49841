"""What shared/jotform.md §3 says about uploaded files."""

import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from cases.films import ImageUnavailable
from integrations.jotform import files
from integrations.jotform.simulation.standin import (
    API_KEY,
    JotformStandIn,
    Late,
    Recorded,
    SimulatedSubmission,
)
from integrations.tests.servers import dripping, sending, serving
from matching.radiograph import ImageTooLarge, NotAnImage


@pytest.fixture(autouse=True)
def loopback_is_listed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RAIOX_FETCH_ALLOW_HOSTS = ["127.0.0.1"]
    settings.JOTFORM_API_KEY = API_KEY
    monkeypatch.setattr(files, "PAUSES", (0.05, 0.1))


@pytest.fixture
def jotform(settings: Any) -> Iterator[JotformStandIn]:
    with JotformStandIn() as standin:
        settings.JOTFORM_API_BASE = standin.base
        yield standin


@pytest.fixture
def upload(jotform: JotformStandIn, film: Callable[..., bytes]) -> str:
    """The address of an uploaded film."""
    return add(jotform, "radiografia.png", film())


def add(jotform: JotformStandIn, name: str, content: bytes) -> str:
    submission = SimulatedSubmission("1", upload_base=jotform.base)
    jotform.add(submission, **{name: content})
    return jotform.base + submission.upload_path(name)


def keys(request: Recorded) -> tuple[bool, bool]:
    """Whether a request had the key in its header, in its address."""
    return request.headers.get("apikey") == API_KEY, API_KEY in request.target


IN_HEADER, IN_ADDRESS, NO_KEY = (True, False), (False, True), (False, False)


def test_an_uploaded_file_is_asked_for_with_the_key_in_the_header(
    jotform: JotformStandIn, upload: str, film: Callable[..., bytes]
) -> None:
    assert files.fetch_film(upload) == film()
    assert [keys(request) for request in jotform.requests] == [IN_HEADER]


@pytest.mark.parametrize(
    ("walls", "expected"),
    [
        pytest.param({}, [IN_HEADER], id="Auth: default = anyone with the URL"),
        pytest.param({"need_login": True}, [IN_HEADER], id="`APIKEY:` request header also works"),
        pytest.param(
            {"need_login": True, "key_in_header_works": False},
            [IN_HEADER, IN_ADDRESS],
            id="ends as 200 text/html; `?apiKey=<key>` on the upload URL works",
        ),
        pytest.param(
            {"need_login": True, "key_in_header_works": False, "login_by_redirect": True},
            [IN_HEADER, NO_KEY, IN_ADDRESS],
            id="anonymous GET redirects to login",
        ),
        pytest.param(
            {"need_login": True, "signed_redirect": True},
            [IN_HEADER, NO_KEY],
            id="with apiKey -> 302 to a short-lived signed URL on the same host",
        ),
        pytest.param(
            {"need_login": True, "key_in_header_works": False, "signed_redirect": True},
            [IN_HEADER, IN_ADDRESS, NO_KEY],
            id="`?apiKey=` works with redirects followed",
        ),
    ],
)
def test_a_file_behind_a_login_is_reached(
    jotform: JotformStandIn,
    upload: str,
    film: Callable[..., bytes],
    walls: dict[str, bool],
    expected: list[tuple[bool, bool]],
) -> None:
    for name, value in walls.items():
        setattr(jotform.file_host, name, value)
    assert files.fetch_film(upload) == film()
    assert [keys(request) for request in jotform.requests] == expected


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_header_is_asked_again_by_the_address(
    film: Callable[..., bytes], settings: Any, status: int
) -> None:
    asked = []

    def answer(handler: Any) -> None:
        asked.append(handler.path)
        answered = sending(film()) if "?apiKey=" in handler.path else sending(b"", status=status)
        answered(handler)

    with serving(answer) as base:
        settings.JOTFORM_API_BASE = base
        assert files.fetch_film(f"{base}/uploads/a/1/2/x.png") == film()
    assert asked == ["/uploads/a/1/2/x.png", f"/uploads/a/1/2/x.png?apiKey={API_KEY}"]


@pytest.mark.parametrize("header_works", [True, False])
def test_a_signed_address_on_another_host_gets_no_key(
    film: Callable[..., bytes], jotform: JotformStandIn, upload: str, header_works: bool
) -> None:
    seen = []

    def signed(handler: Any) -> None:
        seen.append((handler.headers["APIKEY"], API_KEY in str(handler.headers) + handler.path))
        sending(film())(handler)

    jotform.file_host.need_login = jotform.file_host.signed_redirect = True
    jotform.file_host.key_in_header_works = header_works
    with serving(signed) as base:
        jotform.file_host.signed_base = base
        assert files.fetch_film(upload) == film()
    assert seen == [(None, False)]


def test_without_a_key_nothing_is_sent_and_the_login_page_is_no_film(
    jotform: JotformStandIn, upload: str, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = ""
    jotform.files_need_login = True
    with pytest.raises(ImageUnavailable) as error:
        files.fetch_film(upload)
    assert error.value.may_come
    assert [keys(request) for request in jotform.requests] == [NO_KEY] * 3
    assert "apiKey" not in jotform.requests[0].target


@pytest.mark.parametrize(
    "path",
    [
        "/API/user",
        "/submission/1",
        "/uploads/../submission/1",
        "/uploads/%2e%2e/submission/1",
        "/uploads/..%2Fsubmission/1",
        "/uploads/..%5Csubmission/1",
        "/uploadsx",
    ],
)
def test_the_key_goes_with_uploads_only(jotform: JotformStandIn, path: str) -> None:
    with pytest.raises((ImageUnavailable, NotAnImage)):
        files.fetch_film(jotform.base + path)
    assert jotform.requests
    assert {keys(request) for request in jotform.requests} == {NO_KEY}


@pytest.mark.parametrize("setting", ["https://api.jotform.com", "https://127.0.0.1:{port}", ""])
def test_another_host_port_or_scheme_than_jotforms_gets_no_key(
    jotform: JotformStandIn, upload: str, settings: Any, setting: str
) -> None:
    settings.JOTFORM_API_BASE = setting.replace("{port}", jotform.base.rpartition(":")[2])
    files.fetch_film(upload)
    assert [keys(request) for request in jotform.requests] == [NO_KEY]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        pytest.param("https://www.jotform.com/uploads/a/1/2/x.png", True, id="www.jotform.com"),
        pytest.param("https://eu.jotform.com/uploads/a/1/2/x.png", True, id="EU"),
        pytest.param("https://hipaa.jotform.com/uploads/a/1/2/x.png", True, id="HIPAA"),
        pytest.param("https://clinica.jotform.com/uploads/a/1/2/x.png", True, id="Enterprise"),
        pytest.param("https://WWW.Jotform.com:443/uploads/a/1/2/x.png", True, id="as written"),
        pytest.param("https://www.jotform.com:8443/uploads/a/1/2/x.png", False, id="port"),
        pytest.param("http://www.jotform.com/uploads/a/1/2/x.png", False, id="scheme"),
        pytest.param("https://files.jotform.com/uploads/a/1/2/x.png", False, id="signed files"),
        pytest.param("https://other.jotform.com/uploads/a/1/2/x.png", False, id="other account"),
        pytest.param("https://jotform.com.test/uploads/a/1/2/x.png", False, id="look-alike"),
        pytest.param("https://[www.jotform.com/uploads/x.png", False, id="no address"),
    ],
)
def test_the_hosts_that_get_the_key_are_those_of_all_regions(
    settings: Any, url: str, sent: bool
) -> None:
    settings.JOTFORM_API_BASE = "https://clinica.jotform.com/API"
    settings.JOTFORM_FILE_HOSTS = [
        "www.jotform.com",
        "eu.jotform.com",
        "hipaa.jotform.com",
        "clinica.jotform.com",
    ]
    assert files.takes_key(url) == sent


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hipaa.jotform.com/uploads/a/1/2/x.png", True),
        ("https://www.jotform.com/uploads/a/1/2/x.png", False),
    ],
)
def test_on_hipaa_the_query_param_is_not_honoured_header_only(url: str, expected: bool) -> None:
    assert files.reads_header_only(url) == expected


@pytest.mark.parametrize("how", list(Late))
def test_a_file_that_is_not_there_yet_is_looked_for_again(
    jotform: JotformStandIn, upload: str, film: Callable[..., bytes], how: Late
) -> None:
    jotform.be_late(unquote(upload.removeprefix(jotform.base)), how, times=2)
    assert files.fetch_film(upload) == film()
    assert len(jotform.requests) == 3


def test_a_file_that_does_not_come_is_looked_for_three_times(
    jotform: JotformStandIn, upload: str
) -> None:
    jotform.files.clear()
    with pytest.raises(ImageUnavailable) as error:
        files.fetch_film(upload)
    assert error.value.may_come
    assert [keys(request) for request in jotform.requests] == [IN_HEADER, IN_ADDRESS] * 3


def test_a_key_that_is_refused_does_not_say_that_a_missing_file_will_not_come(
    settings: Any,
) -> None:
    def answer(handler: Any) -> None:
        sending(b"", status=401 if "?apiKey=" in handler.path else 404)(handler)

    with serving(answer) as base, pytest.raises(ImageUnavailable) as error:
        settings.JOTFORM_API_BASE = base
        files.fetch_film(f"{base}/uploads/a/1/2/x.png")
    assert "404" in str(error.value)
    assert error.value.may_come


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"x" * (5 * 1024 * 1024 + 1), 200, ImageTooLarge),
        (b"%PDF-1.7", 200, NotAnImage),
        (b"", 410, ImageUnavailable),
    ],
)
def test_what_will_not_become_a_film_is_asked_for_once(
    settings: Any, body: bytes, status: int, kind: type[Exception]
) -> None:
    asked = []

    def answer(handler: Any) -> None:
        asked.append(handler.path)
        sending(body, status=status)(handler)

    with serving(answer) as base, pytest.raises(kind):
        settings.JOTFORM_API_BASE = base
        files.fetch_film(f"{base}/uploads/a/1/2/x.png")
    assert asked == ["/uploads/a/1/2/x.png"]


def test_all_tries_together_have_one_deadline(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DEADLINE_SECONDS", 1.0)
    started = time.monotonic()
    with serving(dripping(b"HTTP/1.1 200 OK\r\n\r\n")) as base:
        settings.JOTFORM_API_BASE = base
        with pytest.raises(ImageUnavailable) as error:
            files.fetch_film(f"{base}/uploads/a/1/2/x.png")
    assert time.monotonic() - started < 5
    assert error.value.may_come


def test_no_pause_is_begun_that_ends_after_the_deadline(
    jotform: JotformStandIn, upload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAUSES", (0.05, 30.0))
    jotform.files.clear()
    started = time.monotonic()
    with pytest.raises(ImageUnavailable):
        files.fetch_film(upload)
    assert time.monotonic() - started < 10
    assert len(jotform.requests) == 4


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("raio%20x%20da%20boca.png", id="space -> %20"),
        pytest.param("radiografia%20p%C3%B3s-op.png", id="non-ASCII percent-encoded UTF-8"),
        pytest.param("dente%2326.png", id="#"),
        pytest.param("50%25.png", id="%"),
        pytest.param("a%2520b.png", id="%20 in the name itself"),
        pytest.param("a%2Fb%3Fc%26d.png", id="/ ? &"),
        pytest.param("a+b%2Bc.png", id="+"),
        pytest.param("a_b*(1)!~'.png", id="_ * ( ) ! ~ '"),
        pytest.param("x.png?md5=a%2Fb%3D%3D&expires=1", id="signed"),
    ],
)
@pytest.mark.parametrize("key_in_header_works", [True, False])
def test_names_are_not_quoted_again(
    film: Callable[..., bytes], settings: Any, name: str, key_in_header_works: bool
) -> None:
    asked = []

    def answer(handler: Any) -> None:
        asked.append(handler.path)
        works = key_in_header_works or "apiKey" in handler.path
        sending(film() if works else b"<html>")(handler)

    path = f"/uploads/clinica_exemplo/1/2/{name}"
    with serving(answer) as base:
        settings.JOTFORM_API_BASE = base
        assert files.fetch_film(base + path) == film()
    mark = "&" if "?" in name else "?"
    by_address = [] if key_in_header_works else [f"{path}{mark}apiKey={API_KEY}"]
    assert asked == [path, *by_address]


@pytest.mark.parametrize(
    "walls",
    [
        pytest.param({"need_login": True, "key_in_query_works": False}, id="key refused"),
        pytest.param({"signed_redirect": True, "signed_base": "https://x.test"}, id="sent on"),
    ],
)
def test_the_key_and_the_address_are_never_told(
    jotform: JotformStandIn,
    upload: str,
    caplog: pytest.LogCaptureFixture,
    walls: dict[str, Any],
) -> None:
    jotform.file_host.key_in_header_works = False
    for name, value in walls.items():
        setattr(jotform.file_host, name, value)
    with pytest.raises(ImageUnavailable) as error:
        files.fetch_film(upload)
    assert any(API_KEY in request.target for request in jotform.requests)
    cause: BaseException | None = error.value
    while cause:
        told = "".join(traceback.format_exception(cause)) + caplog.text
        assert API_KEY not in told
        assert "radiografia" not in told
        cause = cause.__context__


def test_the_key_is_not_told_when_the_host_hangs_up(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(handler: Any) -> None:
        if "apiKey" not in handler.path:
            sending(b"<html>")(handler)

    with serving(answer) as base, pytest.raises(ImageUnavailable) as error:
        settings.JOTFORM_API_BASE = base
        files.fetch_film(f"{base}/uploads/a/1/2/x.png")
    assert error.value.__context__ is None
    assert API_KEY not in "".join(traceback.format_exception(error.value)) + caplog.text
