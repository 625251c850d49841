"""Where backups go, how long they stay, and what they are sealed with."""

from dataclasses import dataclass
from pathlib import Path

from raiox_site.environment import Environment, Secret

# https://age-encryption.org: a public key of age itself, or an SSH key.
RECIPIENTS = ("age1", "ssh-ed25519 ", "ssh-rsa ")


@dataclass(frozen=True)
class BackupSettings:
    """`folder` holds the backups where no `bucket` is named, and what is in work. Backups older
    than `days` go, but none of the newest `least`. `programs`: the folder of pg_dump."""

    bucket: str
    key: Secret
    secret: Secret
    region: str
    endpoint: str
    prefix: str
    folder: Path
    days: int
    least: int
    recipient: str
    identity: str
    programs: str


def settings(env: Environment, *, var_dir: Path, name: str) -> BackupSettings:
    """`name` is that of the environment: staging and production may share a bucket."""
    chosen = BackupSettings(
        bucket=env.text("RAIOX_BACKUP_BUCKET"),
        key=env.secret("RAIOX_BACKUP_KEY"),
        secret=env.secret("RAIOX_BACKUP_SECRET"),
        region=env.text("RAIOX_BACKUP_REGION", "nyc3"),
        endpoint=env.address("RAIOX_BACKUP_ENDPOINT"),
        prefix=env.text("RAIOX_BACKUP_PREFIX", name).strip("/"),
        folder=Path(env.text("RAIOX_BACKUP_DIR") or var_dir / "backups").resolve(),
        days=env.integer("RAIOX_BACKUP_DAYS", 30, minimum=1),
        least=env.integer("RAIOX_BACKUP_LEAST", 7, minimum=1),
        recipient=env.text("RAIOX_BACKUP_RECIPIENT"),
        identity=env.text("RAIOX_BACKUP_IDENTITY"),
        programs=env.text("RAIOX_PG_BIN"),
    )
    is_key = not chosen.recipient or chosen.recipient.startswith(RECIPIENTS)
    env.require(is_key, "RAIOX_BACKUP_RECIPIENT must be a public key of age (age1…)")
    if chosen.bucket:
        env.require(chosen.key, "RAIOX_BACKUP_KEY is not set, and RAIOX_BACKUP_BUCKET is")
        env.require(chosen.secret, "RAIOX_BACKUP_SECRET is not set, and RAIOX_BACKUP_BUCKET is")
    return chosen
