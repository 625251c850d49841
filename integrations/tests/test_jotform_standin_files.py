"""The stand-in as file host, and as the sender of webhooks."""

import json
import time
from typing import Any

import pytest
import requests

from integrations.jotform.simulation.standin import (
    API_KEY,
    LOGIN_PAGE,
    Fault,
    JotformStandIn,
    Late,
    SimulatedSubmission,
)
from integrations.tests.answering import SUBMISSION

KEY = {"APIKEY": API_KEY}


def get(jotform: JotformStandIn, path: str, **how: Any) -> requests.Response:
    how.setdefault("headers", KEY)
    return requests.get(jotform.base + path, timeout=5, **how)


def post(jotform: JotformStandIn, **how: Any) -> requests.Response:
    headers = {**KEY, **how.pop("headers", {})}
    return requests.post(
        f"{jotform.base}/submission/{SUBMISSION}", headers=headers, timeout=5, **how
    )


class TestFiles:
    @pytest.fixture
    def path(self, jotform: JotformStandIn) -> str:
        submission = SimulatedSubmission(SUBMISSION, uploads={"q7_radiografia": ["raio x ã.png"]})
        jotform.add(submission, **{"raio x ã.png": b"film"})
        return submission.upload_path("raio x ã.png")

    def fetch(self, jotform: JotformStandIn, path: str, **how: Any) -> requests.Response:
        how.setdefault("headers", {})
        return get(jotform, path, allow_redirects=False, **how)

    def test_by_default_anyone_with_the_url_may_see_it(
        self, jotform: JotformStandIn, path: str
    ) -> None:
        assert self.fetch(jotform, path).content == b"film"

    @pytest.mark.parametrize("by_redirect", [False, True])
    def test_with_login_required_an_anonymous_request_ends_at_a_web_page(
        self, jotform: JotformStandIn, path: str, by_redirect: bool
    ) -> None:
        jotform.files_need_login = True
        jotform.file_host.login_by_redirect = by_redirect

        assert self.fetch(jotform, path).status_code == (302 if by_redirect else 200)
        last = get(jotform, path, headers={})
        assert (last.status_code, last.content) == (200, LOGIN_PAGE)

    @pytest.mark.parametrize("in_header", [False, True])
    @pytest.mark.parametrize("in_query", [False, True])
    def test_the_key_opens_it_where_it_is_honoured(
        self, jotform: JotformStandIn, path: str, in_header: bool, in_query: bool
    ) -> None:
        jotform.files_need_login = True
        jotform.file_host.key_in_header_works = in_header
        jotform.file_host.key_in_query_works = in_query

        by_header = self.fetch(jotform, path, headers=KEY).content
        by_query = self.fetch(jotform, path, params={"apiKey": API_KEY}).content

        assert (by_header == b"film", by_query == b"film") == (in_header, in_query)

    def test_it_can_lie_at_a_signed_address_for_a_short_time(
        self, jotform: JotformStandIn, path: str
    ) -> None:
        jotform.files_need_login = jotform.file_host.signed_redirect = True

        sent_on = self.fetch(jotform, path, headers=KEY)

        assert sent_on.status_code == 302
        signed = sent_on.headers["Location"]
        assert signed.startswith("/_fs/jufs-") and "?md5=" in signed and "&expires=" in signed
        assert self.fetch(jotform, signed).content == b"film"
        assert self.fetch(jotform, signed.replace("md5=", "md5=x")).status_code == 403
        host = jotform.file_host
        host.signed = {token: (where, time.time() - 1) for token, (where, _) in host.signed.items()}
        assert self.fetch(jotform, signed).status_code == 403

    def test_it_can_be_late(self, jotform: JotformStandIn, path: str) -> None:
        for how in (Late.MISSING, Late.EMPTY, Late.HTML):
            jotform.be_late(path, how)

        seen = [self.fetch(jotform, path) for _ in range(4)]

        assert [one.status_code for one in seen] == [404, 200, 200, 200]
        assert [one.content for one in seen[1:]] == [b"", LOGIN_PAGE, b"film"]


class TestWebhooks:
    def test_an_edit_fires_only_where_that_is_wished(self, jotform: JotformStandIn) -> None:
        with JotformStandIn() as receiver:
            jotform.webhook_url = f"{receiver.base}/jotform"
            jotform.edit(SUBMISSION, answers={"6": "36"})
            assert jotform.wait_for_webhooks() == []

            jotform.refires = True
            jotform.edit(SUBMISSION, answers={"6": "46"})
            post(jotform, data={"submission[10]": "Neodent"})
            post(jotform, data={"submission[98]": "dropped"})

            assert len(jotform.wait_for_webhooks()) == 2
            sent = [json.loads(one.form["rawRequest"]) for one in receiver.edits()]
        assert [one["q6_dente"] for one in sent] == ["46", "46"]
        assert sorted(one.get("q10_resultado", "") for one in sent) == ["", "Neodent"]

    def test_a_webhook_that_nobody_takes_is_no_error(self, jotform: JotformStandIn) -> None:
        jotform.webhook_url, jotform.refires = "http://127.0.0.1:9/jotform", True

        jotform.edit(SUBMISSION, answers={"6": "46"})

        assert jotform.wait_for_webhooks() == [None]


def test_a_fault_befalls_the_calls_it_was_meant_for(jotform: JotformStandIn) -> None:
    jotform.misbehave(Fault.STATUS, path="/user", code=503, times=2, after=1)

    statuses = [get(jotform, path).status_code for path in ("/user", "/form/1", *["/user"] * 3)]

    assert statuses == [200, 401, 503, 503, 200]
