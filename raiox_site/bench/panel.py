"""The pages of the panel with many cases in the database."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from cases.models import Case, Finding
from implants.models import Implant
from matching.encoder import get_encoder
from matching.models import Embedding
from raiox_site.bench import filling, timing
from raiox_site.bench.timing import Measured

TARGET_MS = 300
_STATIC = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_FILTER = re.compile(r'href="(\?[^"]+)"')
SEARCHES = ("Exemplo 7", "dente 36", "#5", str(filling.FIRST_SUBMISSION + 40))
Page = tuple[str, str]


def run(*, cases: int, times: int, reviewer: User, say: Callable[[str], Any]) -> list[Measured]:
    """Fill the database, then measure each page `times` times.

    Raises NotAnswered when one does not answer.
    """
    say(f"writing {cases} cases")
    filling.fill(cases, reviewer=reviewer)
    filling.analyze()
    client = timing.client_of(reviewer)
    return [
        timing.measure(name, lambda url=url: _got(client, url), times=times)  # type: ignore[misc]
        for name, url in pages(client)
    ]


def _got(client: Client, url: str) -> HttpResponseBase:
    """A page or a file to its last byte."""
    response = client.get(url)
    if response.streaming:
        b"".join(response)  # type: ignore[arg-type]
    return response


def pages(client: Client) -> Iterator[Page]:
    """Name and address of what is measured: each choice of each filter that the queue offers."""
    queue = reverse("admin:cases_case_changelist")
    yield "dashboard", reverse("admin:index")
    yield "queue", queue
    yield "queue, page 2", f"{queue}?p=2"
    yield "queue, every status", f"{queue}?status=all"
    for query in _filters(client, queue):
        yield f"queue {query}", f"{queue}{query}"
    for manufacturer in (
        Implant.objects.order_by().values_list("manufacturer", flat=True).distinct()
    ):
        yield (
            f"queue ?manufacturer={manufacturer}",
            f"{queue}?{urlencode({'manufacturer': manufacturer})}",
        )
    for text in SEARCHES:
        yield f"queue, search “{text}”", f"{queue}?{urlencode({'q': text})}"
    yield "queue, live", reverse("admin:cases_case_live")
    yield "next case", reverse("admin:cases_case_next")
    for status in (Case.Status.PENDING, Case.Status.APPROVED):
        case = _searched(Case.objects.filter(status=status).latest("pk"))
        yield f"case page, {status.value}", reverse("admin:cases_case_review", args=[case.pk])
    for path in _static_files(client, queue):
        yield f"file {path.removeprefix('/static/')}", path


def _searched(case: Case) -> Case:
    """Its fixtures have what they were searched by, as those of real films."""
    vector = Embedding.objects.of_encoder(get_encoder().id).latest("pk").vector
    findings = Finding.objects.filter(case_image__case=case)
    findings.update(vector=vector, encoder=get_encoder().id)
    return case


def _static_files(client: Client, queue: str) -> list[str]:
    """What the queue's page loads, by address."""
    return sorted(set(_STATIC.findall(client.get(queue).content.decode())))


def _filters(client: Client, queue: str) -> list[str]:
    """The links of the filters, as the page has them; those of sorting and paging left out."""
    content = client.get(queue).content.decode()
    found = {unescape(query) for query in _FILTER.findall(content)}
    return sorted(query for query in found if not re.search(r"[?&](o|p|q|all)=", query))
