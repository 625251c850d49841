"""Private object storage on DigitalOcean Spaces (or any S3 endpoint)."""

import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SIGNED_URL_SECONDS = 300
_lock = threading.Lock()
_clients: dict[tuple[str, str], Any] = {}


def spaces_storage(
    *, key: str, secret: str, bucket: str, region: str, endpoint: str
) -> dict[str, Any]:
    """The STORAGES entry for a private bucket whose links are signed and short-lived.

    All client behaviour goes into one `client_config`: django-storages ignores its separate
    addressing and signature options once a config is passed. No custom domain, because
    links on a custom domain are not signed.
    """
    # A test server or MinIO on a bare host has no wildcard DNS for bucket sub-domains.
    addressing = "virtual" if not endpoint else "path"
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "access_key": key,
            "secret_key": secret,
            "bucket_name": bucket,
            "region_name": region,
            "endpoint_url": endpoint or f"https://{region}.digitaloceanspaces.com",
            "default_acl": "private",
            "file_overwrite": False,
            "querystring_auth": True,
            "querystring_expire": SIGNED_URL_SECONDS,
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": addressing},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=5,
                read_timeout=20,
                retries={"max_attempts": 3, "mode": "standard"},
            ),
        },
    }


def spaces_hosts(*, bucket: str, region: str) -> list[str]:
    """Host names under which objects of the bucket are fetched."""
    return [f"{bucket}.{region}.digitaloceanspaces.com", f"{region}.digitaloceanspaces.com"]


def ask_for_nothing(storage: Any) -> None:
    """Ask the bucket for an object that need not be there, in three seconds at most. Raises one
    of `implants.storage.STORAGE_ERRORS` where it does not answer, is not there itself, or
    refuses the key."""
    known = storage.endpoint_url, storage.access_key
    with _lock:
        if known not in _clients:
            _clients[known] = _impatient(storage)
        client = _clients[known]
    try:
        # An answer to HEAD has no body: a missing bucket and a missing object are both 404 there.
        client.get_object(Bucket=storage.bucket_name, Key="health")["Body"].close()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "NoSuchKey":
            raise


def _impatient(storage: Any) -> Any:
    config = Config(connect_timeout=1, read_timeout=1.5, retries={"total_max_attempts": 1})
    return boto3.session.Session().client(
        "s3",
        aws_access_key_id=storage.access_key,
        aws_secret_access_key=storage.secret_key,
        region_name=storage.region_name,
        endpoint_url=storage.endpoint_url,
        config=storage.client_config.merge(config),
    )
