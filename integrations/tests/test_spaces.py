"""Films on Spaces: moto's S3 server over real HTTP."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from moto.server import ThreadedMotoServer

from cases import intake, reconcile, retention
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case
from integrations import spaces
from integrations.spaces import SIGNED_URL_SECONDS, spaces_storage

BUCKET = "raiox-images"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, catalogue: list[Any], settings: Any) -> Any:
    """The configured storage is the bucket; the catalogue's own films stay local."""
    requests.post(f"{endpoint}/moto-api/reset", timeout=10)
    storage = spaces_storage(
        key="key", secret="word", bucket=BUCKET, region="nyc3", endpoint=endpoint
    )
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="word",
        region_name="nyc3",
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "nyc3"})
    return client


@pytest.fixture
def case(bucket: Any, film: Callable[..., bytes]) -> Case:
    received = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film())], person=Person()
    ).case
    return intake.process(case_id=received.pk)


def keys(bucket: Any) -> list[str]:
    return [item["Key"] for item in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def stored_of(case: Case) -> list[str]:
    """The names of the case's film and of its thumbnail."""
    image = case.images.get()
    return sorted([str(image.file.name), str(image.thumbnail.name)])


def test_a_film_and_its_thumbnail_are_stored_privately_and_once(case: Case, bucket: Any) -> None:
    assert case.status == Case.Status.PENDING
    assert keys(bucket) == stored_of(case)
    assert len(set(keys(bucket))) == 2
    for key in keys(bucket):
        assert key.startswith("uploads/")
        grants = bucket.get_object_acl(Bucket=BUCKET, Key=key)["Grants"]
        assert grants
        assert all("URI" not in grant["Grantee"] for grant in grants)


def test_a_thumbnail_is_shown_by_a_signed_link_that_ends(
    case: Case, client: Client, approver: Any
) -> None:
    path = f"/admin/cases/case/{case.pk}/films/{case.images.get().pk}/?thumb=1"
    assert "X-Amz" not in client.get(path)["Location"]
    client.force_login(approver)
    link = urlsplit(client.get(path)["Location"])
    assert str(case.images.get().thumbnail.name) in link.path
    assert parse_qs(link.query)["X-Amz-Expires"] == [str(SIGNED_URL_SECONDS)]


def test_people_see_a_signed_link_that_ends(
    case: Case, client: Client, reader: Any, bearer: Callable[..., dict[str, str]]
) -> None:
    path = f"/cases/{case.pk}/films/{case.images.get().pk}"
    assert client.get(path).status_code == 401
    answer = client.get(path, headers=bearer(reader))
    link = answer["Location"]
    query = parse_qs(urlsplit(link).query)
    assert answer.status_code == 302
    assert query["X-Amz-Expires"] == [str(SIGNED_URL_SECONDS)]
    assert requests.get(link, timeout=10).content.startswith(b"\xff\xd8")


def test_without_its_signature_a_link_shows_nothing(
    case: Case, bucket: Any, endpoint: str, client: Client, approver: Any
) -> None:
    client.force_login(approver)
    path = f"/admin/cases/case/{case.pk}/films/{case.images.get().pk}/"
    link = client.get(path)["Location"]
    shown, bare = requests.get(link, timeout=10), link.partition("?")[0]
    assert shown.status_code == 200
    assert shown.headers["Content-Disposition"] == 'inline; filename="film"'
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert requests.get(bare, timeout=10).status_code == 403
    for key in keys(bucket):
        assert requests.get(f"{endpoint}/{BUCKET}/{key}", timeout=10).status_code == 403


def test_every_object_is_put_with_a_private_acl(
    bucket: Any, film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    put = URLLib3Session.send

    def seen(self: Any, request: Any) -> Any:
        if request.method == "PUT":
            acl = request.headers.get("x-amz-acl")
            sent.append(acl.decode() if isinstance(acl, bytes) else acl)
        return put(self, request)

    monkeypatch.setattr(URLLib3Session, "send", seen)
    received = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film())], person=Person()
    ).case
    intake.process(case_id=received.pk)
    assert len(sent) >= 2
    assert set(sent) == {"private"}


def test_links_live_for_five_minutes_at_most() -> None:
    assert SIGNED_URL_SECONDS <= 300


def test_erasing_a_case_empties_the_bucket(case: Case, bucket: Any) -> None:
    retention.erase(case_id=case.pk)
    assert keys(bucket) == []


def test_a_bucket_that_does_not_answer_fails_the_case_with_a_reason(
    case: Case, bucket: Any, film: Callable[..., bytes], settings: Any
) -> None:
    received = intake.receive(
        source=Case.Source.UPLOAD, images=[IncomingImage(content=film(3))], person=Person()
    ).case
    for key in keys(bucket):
        bucket.delete_object(Bucket=BUCKET, Key=key)
    failed = intake.process(case_id=received.pk)
    assert failed.status == Case.Status.FAILED
    assert failed.failure


def test_the_real_bucket_is_addressed_over_https_without_a_public_domain() -> None:
    options = spaces_storage(key="k", secret="w", bucket=BUCKET, region="nyc3", endpoint="")[
        "OPTIONS"
    ]
    assert options["endpoint_url"] == "https://nyc3.digitaloceanspaces.com"
    assert options["default_acl"] == "private"
    assert "custom_domain" not in options


def test_films_that_no_case_names_are_purged_from_the_bucket(
    case: Case, bucket: Any, settings: Any
) -> None:
    settings.RAIOX_PURGE_ORPHANS = True
    lost = f"uploads/2026-01/{'0' * 32}"
    for name in (lost, "uploads/lost", "clientes/a.jpg"):
        bucket.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    assert reconcile.purge_orphans() == 0
    assert reconcile.purge_orphans(at=timezone.now() + timedelta(days=1, minutes=1)) == 1
    assert sorted(keys(bucket)) == sorted([*stored_of(case), "clientes/a.jpg", "uploads/lost"])


def test_a_bucket_that_answers_is_told_from_one_that_is_not_there(bucket: Any) -> None:
    spaces.ask_for_nothing(default_storage)
    bucket.delete_bucket(Bucket=BUCKET)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        spaces.ask_for_nothing(default_storage)
