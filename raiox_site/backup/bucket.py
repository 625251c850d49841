"""Settings of the backup's bucket, and what it can."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings

from raiox_site.backup.stores import Space

# What S3 servers answer to what they do not have; DigitalOcean: NotImplemented.
UNKNOWN = frozenset({"NotImplemented", "MethodNotAllowed", "XNotImplemented", "InvalidRequest"})
UPLOAD_DAYS = 2
Say = Callable[[str], object]


def set_up(space: Space, *, replication: Path | None, say: Say) -> Iterator[str]:
    """Keep versions for as long as backups, end uploads that were given up, and replicate where
    that is asked for. Yields what did not work. Raises ClientError where the bucket itself is
    not there."""
    space.client.head_bucket(Bucket=space.bucket)
    steps = [("versions", _keep_versions), ("lifecycle", _set_lifecycle)]
    for name, step in steps:
        try:
            step(space)
            say(f"{name}: set")
        except ClientError as error:
            yield f"{name}: {_code(error)}"
    if replication:
        yield from _replicate(space, json.loads(replication.read_text()), say)


def _keep_versions(space: Space) -> None:
    """What somebody deletes or writes over with a stolen key can be brought back."""
    space.client.put_bucket_versioning(
        Bucket=space.bucket, VersioningConfiguration={"Status": "Enabled"}
    )


def _set_lifecycle(space: Space) -> None:
    """An erased person must not live on in old versions."""
    rule = {
        "ID": "raiox-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": settings.RAIOX_BACKUP.days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
    }
    space.client.put_bucket_lifecycle_configuration(
        Bucket=space.bucket, LifecycleConfiguration={"Rules": [rule]}
    )


def _replicate(space: Space, rules: Any, say: Say) -> Iterator[str]:
    try:
        space.client.put_bucket_replication(Bucket=space.bucket, ReplicationConfiguration=rules)
    except ClientError as error:
        code = _code(error)
        if code in UNKNOWN:
            yield (
                f"replication: this server has none ({code}). DigitalOcean Spaces does not: put"
                " RAIOX_BACKUP_REGION into another region, which copies every film there nightly."
            )
        else:
            yield f"replication: {code}"
    else:
        say("replication: set")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code") or "no answer")
