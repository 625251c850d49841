"""A bucket of a trial's own: moto, in a process of its own."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import requests

from raiox_site import running
from raiox_site.trial.cluster import free_port

NAME, REGION = "raiox-trial", "us-east-1"


@dataclass(frozen=True)
class Bucket:
    endpoint: str
    key: str = field(default_factory=secrets.token_hex)
    secret: str = field(default_factory=secrets.token_hex, repr=False)

    def variables(self) -> dict[str, str]:
        """The settings by which Raiox uses it."""
        return {
            "DO_SPACES_KEY": self.key,
            "DO_SPACES_SECRET": self.secret,
            "DO_SPACES_BUCKET": NAME,
            "DO_SPACES_REGION": REGION,
            "DO_SPACES_ENDPOINT": self.endpoint,
        }

    def names(self) -> set[str]:
        """Of everything that it holds."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=NAME)
        return {one["Key"] for page in pages for one in page.get("Contents", ())}

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )


@contextmanager
def served(address: str, *, log: Path) -> Iterator[Bucket]:
    """Raises TimeoutError when it does not start."""
    port = free_port(address)
    command = ("-m", "moto.server", "-H", address, "-p", str(port))
    found = Bucket(f"http://{address}:{port}")
    with running.process(*command, environment=dict(os.environ), log=log):
        running.wait_for(lambda: _answers(found.endpoint), 60)
        found.client().create_bucket(Bucket=NAME)
        yield found


def _answers(endpoint: str) -> bool:
    try:
        return requests.get(endpoint, timeout=2).status_code < 500
    except requests.RequestException:
        return False
