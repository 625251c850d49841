"""Where backups lie: a Space, or a folder of this machine."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from django.conf import settings

from implants.storage import STORAGE_ERRORS
from integrations.spaces import spaces_storage
from raiox_site.backup.errors import BackupError

PIECE = 1024 * 1024
PARTIAL = ".partial"
# Spaces takes at most 10,000 parts.
ERRORS = (*STORAGE_ERRORS, Boto3Error)
TRANSFER = TransferConfig(multipart_threshold=64 * PIECE, multipart_chunksize=64 * PIECE)


@dataclass(frozen=True)
class Stored:
    """One object: `size` in bytes, `at` when it was written."""

    name: str
    size: int
    at: datetime


class Store(Protocol):
    """Names are paths with slashes; what is listed is a folder, a slash at its end. An object is
    there wholly or not at all. Whatever fails raises one of ERRORS."""

    place: str

    def put(self, source: Path, name: str) -> None: ...
    def get(self, name: str, target: Path) -> None: ...
    def read(self, name: str) -> Iterator[bytes]: ...
    def listed(self, folder: str) -> Iterator[Stored]: ...
    def delete(self, name: str) -> None: ...


class Folder:
    """A folder that only this user can read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.place = f"the folder {root}"

    def put(self, source: Path, name: str) -> None:
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target.with_name(f"{target.name}{PARTIAL}")
        try:
            with source.open("rb") as given, partial.open("wb") as written:
                partial.chmod(0o600)
                while piece := given.read(PIECE):
                    written.write(piece)
                written.flush()
                os.fsync(written.fileno())
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def get(self, name: str, target: Path) -> None:
        _write(self.read(name), target)

    def read(self, name: str) -> Iterator[bytes]:
        with (self._root / name).open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def listed(self, folder: str) -> Iterator[Stored]:
        for path in sorted((self._root / folder).rglob("*")):
            if path.is_file() and not path.name.endswith(PARTIAL):
                about = path.stat()
                at = datetime.fromtimestamp(about.st_mtime, UTC)
                yield Stored(path.relative_to(self._root).as_posix(), about.st_size, at)

    def delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            (self._root / name).unlink()


class Space:
    """A bucket at DigitalOcean, or of any S3 server; all names begin with `prefix`."""

    def __init__(self, client: Any, *, bucket: str, prefix: str) -> None:
        self.client, self.bucket, self._prefix = client, bucket, f"{prefix}/"
        self.place = f"the bucket {bucket}, folder {prefix}"

    def put(self, source: Path, name: str) -> None:
        self.client.upload_file(
            str(source),
            self.bucket,
            self._prefix + name,
            ExtraArgs={"ACL": "private"},
            Config=TRANSFER,
        )

    def get(self, name: str, target: Path) -> None:
        _write(self.read(name), target)

    def read(self, name: str) -> Iterator[bytes]:
        body = self.client.get_object(Bucket=self.bucket, Key=self._prefix + name)["Body"]
        yield from body.iter_chunks(PIECE)

    def listed(self, folder: str) -> Iterator[Stored]:
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=self._prefix + folder):
            for one in page.get("Contents", ()):
                name = str(one["Key"]).removeprefix(self._prefix)
                yield Stored(name, int(one["Size"]), one["LastModified"])

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self._prefix + name)


def configured() -> Store:
    if not settings.RAIOX_BACKUP.bucket:
        return Folder(settings.RAIOX_BACKUP.folder / settings.RAIOX_BACKUP.prefix)
    return Space(client(), bucket=settings.RAIOX_BACKUP.bucket, prefix=settings.RAIOX_BACKUP.prefix)


def client() -> Any:
    """An S3 client with the backup's own key, timeouts and retries."""
    options = spaces_storage(
        key=settings.RAIOX_BACKUP.key,
        secret=settings.RAIOX_BACKUP.secret,
        bucket=settings.RAIOX_BACKUP.bucket,
        region=settings.RAIOX_BACKUP.region,
        endpoint=settings.RAIOX_BACKUP.endpoint,
    )["OPTIONS"]
    return boto3.client(
        "s3",
        aws_access_key_id=options["access_key"],
        aws_secret_access_key=options["secret_key"],
        region_name=options["region_name"],
        endpoint_url=options["endpoint_url"],
        config=options["client_config"],
    )


def digest(pieces: Iterator[bytes]) -> str:
    """SHA-256, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return digest(iter(lambda: file.read(PIECE), b""))


def in_words(error: Exception, store: Store) -> BackupError:
    """What a store raised, as a sentence."""
    response = getattr(error, "response", {})
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else ""
    told = code or getattr(error, "strerror", None) or type(error).__name__
    return BackupError(f"{store.place}: {told}.")


def _write(pieces: Iterator[bytes], target: Path) -> None:
    with target.open("wb") as file:
        target.chmod(0o600)
        for piece in pieces:
            file.write(piece)
