"""Private object storage on DigitalOcean Spaces (or any S3 endpoint)."""

from typing import Any

from botocore.config import Config

SIGNED_URL_SECONDS = 300


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
