"""Rate limits: exact under load, across processes, and for the address that really asks."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.test import Client, RequestFactory

from integrations.client_address import client_address, counted_address
from integrations.models import RequestCount
from integrations.throttles import count_request

# One window per test run, but for the minute around midnight.
LIMIT = "20/day"


def knock(client: Client, address: str = "198.51.100.7", **headers: str) -> int:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post(
        "/webhook", {}, content_type="application/json", REMOTE_ADDR=address, headers=names
    )
    return answer.status_code


def knock_apart(number: int) -> int:
    """A knock from a thread with a connection of its own, with another forged address each."""
    try:
        return knock(Client(), X_Forwarded_For=f"203.0.113.{number}")
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_of_fifty_requests_at_the_same_moment_exactly_as_many_pass_as_are_allowed(
    settings: Any,
) -> None:
    settings.RAIOX_WEBHOOK_RATE = LIMIT
    with ThreadPoolExecutor(25) as pool:
        codes = Counter(pool.map(knock_apart, range(50)))
    assert codes == {400: 20, 429: 30}


def test_over_the_limit_the_answer_says_truly_when_to_come_back(
    client: Client, db: None, settings: Any
) -> None:
    settings.RAIOX_WEBHOOK_RATE = "1/min"
    assert [knock(client), knock(client)] == [400, 429]
    answer = client.post(
        "/webhook", {}, content_type="application/json", REMOTE_ADDR="198.51.100.7"
    )
    wait = int(answer["Retry-After"])
    row = RequestCount.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s - extract(epoch FROM statement_timestamp() - %s)", [60, row.window]
        )
        left = float(cursor.fetchone()[0])
    assert 1 <= wait <= 60
    assert 0 <= wait - left <= 1


def test_in_the_next_window_requests_pass_again(client: Client, db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_RATE = "1/day"
    assert [knock(client), knock(client)] == [400, 429]
    RequestCount.objects.update(window=F("window") - timedelta(days=1))
    assert knock(client) == 400


def test_doors_count_apart(client: Client, db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_RATE = settings.RAIOX_UPLOAD_RATE = settings.RAIOX_API_RATE = "1/day"
    address = {"REMOTE_ADDR": "198.51.100.7"}
    assert [knock(client), knock(client)] == [400, 429]
    assert [client.post("/upload", **address).status_code for _ in range(2)] == [400, 429]
    assert [client.get("/implants", **address).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    "path",
    ["/implants", "/openapi.json", "/docs", "/cases", "/nowhere", "/admin/login/"],
)
def test_every_other_call_has_a_limit_too(
    client: Client, db: None, settings: Any, path: str
) -> None:
    settings.RAIOX_API_RATE = "2/day"
    answers = [client.get(path, HTTP_ACCEPT="application/json") for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert int(answers[2]["Retry-After"]) > 0
    assert answers[2].json()["detail"]


def test_monitors_and_whoever_is_logged_in_are_not_counted(
    client: Client, reader: Any, settings: Any
) -> None:
    settings.RAIOX_API_RATE = "1/day"
    client.force_login(reader)
    for path in ("/ping", "/ping", "/admin/", "/admin/"):
        assert client.get(path).status_code == 200
    assert not RequestCount.objects.exists()


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/uploadx", "/pingx", "/jotform/a/b"])
@pytest.mark.parametrize("cookie", ["", "made-up", "of-nobody"])
def test_a_cookie_that_is_nobody_s_session_and_a_name_like_a_doors_lift_no_limit(
    client: Client, db: None, settings: Any, path: str, cookie: str
) -> None:
    settings.RAIOX_API_RATE = "2/day"
    if cookie:
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    if cookie == "of-nobody":
        # A session there is, as between the password and the code, but nobody is logged in.
        session = client.session
        session["second_step_due"] = {}
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    answers = [client.get(path).status_code == 429 for _ in range(3)]
    assert answers == [False, False, True]


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/login/code/", "/admin/logout/"])
def test_the_doorstep_of_the_panel_is_counted_for_everybody(
    client: Client, reader: Any, settings: Any, path: str
) -> None:
    settings.RAIOX_API_RATE = "2/day"
    client.force_login(reader)
    answers = [client.get(path).status_code == 429 for _ in range(3)]
    assert answers == [False, False, True]


@pytest.mark.parametrize("path", ["/upload/", "/webhook", "/jotform", "/jotform/a-token/"])
def test_the_doors_are_not_counted_twice(
    client: Client, db: None, settings: Any, path: str
) -> None:
    settings.RAIOX_API_RATE = "1/day"
    assert [client.put(path).status_code for _ in range(3)].count(429) == 0


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError])
def test_while_nothing_can_be_counted_calls_are_answered_as_without_a_limit(
    client: Client, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch, failure: type
) -> None:
    def down(self: Any) -> Any:
        raise failure("the server closed the connection")

    settings.RAIOX_API_RATE = "1/day"
    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", down)
        codes = [client.get(path).status_code for path in ("/healthcheck", "/implants", "/docs")]
    assert codes == [503, 503, 200]


def test_no_address_is_stored(client: Client, db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_RATE = LIMIT
    knock(client)
    row = RequestCount.objects.get()
    assert len(row.key) == 64
    assert "198.51" not in str(RequestCount.objects.values())
    count_request("webhook|198.51.100.7", seconds=86400)
    row.refresh_from_db()
    assert row.count == 2


FORGED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP")


@pytest.mark.parametrize("header", FORGED)
@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_a_forged_header_is_no_new_client(
    client: Client, db: None, settings: Any, header: str, proxies: int
) -> None:
    settings.RAIOX_WEBHOOK_RATE, settings.RAIOX_PROXY_COUNT = "2/day", proxies
    codes = []
    for number in range(4):
        forged = f"for=203.0.113.{number}" if header == "Forwarded" else f"203.0.113.{number}"
        passed = ["192.0.2.1", "10.0.0.1"][:proxies]
        chain = {"X-Forwarded-For": ", ".join(passed)} if proxies else {}
        if header == "X-Forwarded-For":
            forged = ", ".join([forged, *passed])
        headers = {**chain, header: forged}
        codes.append(
            client.post(
                "/webhook",
                {},
                content_type="application/json",
                REMOTE_ADDR="198.51.100.7",
                headers=headers,
            ).status_code
        )
    assert codes == [400, 400, 429, 429]


def test_behind_a_proxy_clients_count_apart(client: Client, db: None, settings: Any) -> None:
    settings.RAIOX_WEBHOOK_RATE, settings.RAIOX_PROXY_COUNT = "1/day", 1
    codes = [
        knock(client, "10.0.0.1", X_Forwarded_For=f"1.1.1.1, 203.0.113.{number}")
        for number in (1, 2, 2, 1)
    ]
    assert codes == [400, 400, 429, 429]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "", "198.51.100.7"),
        (0, "203.0.113.1", "198.51.100.7"),
        (1, "", "198.51.100.7"),
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "9.9.9.9, 203.0.113.1", "203.0.113.1"),
        (1, "9.9.9.9, garbage", "198.51.100.7"),
        (1, "9.9.9.9,", "198.51.100.7"),
        (1, "203.0.113.1:4711", "203.0.113.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "::ffff:203.0.113.1", "203.0.113.1"),
        (1, "fe80::1%eth0", "fe80::1"),
        (2, "9.9.9.9, 203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (2, "203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (2, "10.0.0.1", "10.0.0.1"),
        (2, "9.9.9.9, garbage, 203.0.113.1", "203.0.113.1"),
        (2, "\N{SNOWMAN}' OR 1=1 --, \x00", "198.51.100.7"),
    ],
)
def test_the_address_is_the_one_that_our_outermost_proxy_saw(
    rf: RequestFactory, settings: Any, proxies: int, forwarded: str, found: str
) -> None:
    settings.RAIOX_PROXY_COUNT = proxies
    extra = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(rf.get("/", REMOTE_ADDR="198.51.100.7", **extra)) == found


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
    ],
)
def test_an_ipv6_network_counts_as_one_client(
    rf: RequestFactory, address: str, counted: str
) -> None:
    assert counted_address(rf.get("/", REMOTE_ADDR=address)) == counted
