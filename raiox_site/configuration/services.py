"""The database, the cache and the storage that a process works with."""

import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from integrations.spaces import spaces_storage
from raiox_site.environment import Environment, Secret

ENGINE = "django.db.backends.postgresql"
PARTS = ("DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD")
# A host that was cut off gives its connection up after 15 s, before the server frees the locks
# of its sessions (`raiox_site.database_sessions`): whoever takes its work over is alone with it.
KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
# PostgreSQL cuts longer names off.
NAME_LENGTH = 63


def database(env: Environment, *, is_needed: bool) -> dict[str, Any] | None:
    """The database that the environment names, None where it names none (`is_needed` refuses
    that). Its address is never quoted: a password is in it."""
    url = env.secret("DATABASE_URL")
    given = {name: env.secret(name) if name == "DB_PASSWORD" else env.text(name) for name in PARTS}
    if url:
        return _of_address(env, "DATABASE_URL", url)
    if given["DB_HOST"]:
        for name, value in given.items():
            env.require(value or not is_needed, f"{name} is not set, and DB_HOST is")
        port = env.integer("DB_PORT", 0)
        return {"PORT": str(port or "")} | {name[3:]: value for name, value in given.items()}
    env.require(not is_needed, f"DATABASE_URL (or {', '.join(PARTS)}) is not set")
    return None


def replica(env: Environment) -> dict[str, dict[str, Any]]:
    """Django's entry of the read replica for the vector search; none where none is named."""
    url = env.secret("RAIOX_SEARCH_DATABASE_URL")
    config = _of_address(env, "RAIOX_SEARCH_DATABASE_URL", url) if url else None
    return {"replica": for_replica(config)} if config else {}


def for_replica(config: dict[str, Any]) -> dict[str, Any]:
    """As `complete`. The primary answers in its place: nobody waits for a replica."""
    found = complete(config)
    found["OPTIONS"] |= {"connect_timeout": 2, "tcp_user_timeout": 2_000}
    return found | {"TEST": {"MIRROR": "default"}}


def _of_address(env: Environment, name: str, url: str) -> dict[str, Any] | None:
    try:
        config = dict(environ.Env.db_url_config(url))
        is_postgres = urlsplit(url).scheme in ("postgres", "postgresql")
    except ValueError:
        config, is_postgres = {}, False
    if not is_postgres or not config.get("NAME"):
        env.refuse(f"{name} must name a PostgreSQL database (postgresql://user:…@host/name)")
        return None
    return {**config, "PASSWORD": Secret(config.get("PASSWORD") or "")}


def embedded_database(data_dir: Path) -> dict[str, Any]:
    """The embedded server's database; starts the server. Raises EmbeddedPostgresError."""
    from raiox_site import embedded_postgres

    return dict(environ.Env.db_url_config(embedded_postgres.database_url(data_dir)))


def complete(config: dict[str, Any]) -> dict[str, Any]:
    """Django's entry of a database, with what every connection of ours needs."""
    return {
        **config,
        "ENGINE": ENGINE,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": application_name(sys.argv),
            **KEEPALIVES,
            "connect_timeout": 5,
            **config.get("OPTIONS", {}),
        },
    }


def application_name(arguments: Sequence[str]) -> str:
    """By which the sessions of a process are told apart in pg_stat_activity: its kind and host."""
    name = f"raiox-{process_kind(arguments)}@{socket.gethostname()}"
    return re.sub(r"[^A-Za-z0-9@._-]", "-", name)[:NAME_LENGTH]


def process_kind(arguments: Sequence[str]) -> str:
    """`web`, `worker`, or the name of the command that a process runs."""
    program = Path(arguments[0] if arguments else "")
    if "gunicorn" in (program.name, program.parent.name):
        return "web"
    if program.name != "manage.py" or len(arguments) < 2:
        return program.stem or "python"
    return {"qcluster": "worker", "worker": "watcher"}.get(arguments[1], arguments[1])


def cache(env: Environment) -> dict[str, Any]:
    """Redis where REDIS_URL names one, else a table of the database."""
    url = env.secret("REDIS_URL")
    if not url:
        return {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "raiox_cache"}
    if not url.startswith(("redis://", "rediss://", "unix://")):
        env.refuse("REDIS_URL must be like redis://host:6379/0 (or rediss, unix)")
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }


def film_cache(env: Environment) -> dict[str, Any]:
    """The same store, for bytes alone."""
    store = cache(env)
    if "OPTIONS" not in store:
        backend = "raiox_site.byte_caches.ByteDatabaseCache"
        return {"BACKEND": backend, "LOCATION": "raiox_film_cache"}
    options = {**store["OPTIONS"], "serializer": "raiox_site.byte_caches.Bytes"}
    return {**store, "KEY_PREFIX": "films", "OPTIONS": options}


def storage(
    env: Environment, *, bucket: str, region: str, media: Path, is_needed: bool
) -> dict[str, Any]:
    """The private bucket where a key is set, else files that only this user can read;
    `is_needed` refuses the latter."""
    key, word = env.secret("DO_SPACES_KEY"), env.secret("DO_SPACES_SECRET")
    endpoint = env.address("DO_SPACES_ENDPOINT")
    for name, value, other in (("KEY", key, word), ("SECRET", word, key)):
        missing = f"DO_SPACES_{name} is not set (private storage)"
        env.require(value or not (is_needed or other), missing)
    if key:
        return spaces_storage(key=key, secret=word, bucket=bucket, region=region, endpoint=endpoint)
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": media,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }
