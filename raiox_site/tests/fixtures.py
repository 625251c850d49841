"""Fixtures for every package's tests, loaded as a pytest plugin (see pytest.ini)."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

_vectors: dict[str, list[float]] = {}


@pytest.fixture(autouse=True)
def private_media(tmp_path: Path, settings: Any) -> Path:
    """Each test writes its files into a folder of its own."""
    media = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": media},
        },
    }
    settings.VAR_DIR = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return media


@pytest.fixture(autouse=True)
def no_rate_limits(settings: Any) -> None:
    """Limits are counted in a shared cache: only the tests about them switch them on."""
    settings.RAIOX_WEBHOOK_RATE = settings.RAIOX_UPLOAD_RATE = settings.RAIOX_LOGIN_RATE = ""
    settings.RAIOX_TOKEN_RATE = settings.RAIOX_API_RATE = ""


@pytest.fixture(autouse=True)
def answers_leave_at_once(settings: Any) -> None:
    """Only the tests about undoing a decision hold its answer back."""
    settings.RAIOX_UNDO_SECONDS = 0


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every use of the database fails as after the server was killed."""

    from django.db import OperationalError

    def down(self: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", down)
        yield


@pytest.fixture
def backup_store(settings: Any, tmp_path: Path) -> Any:
    """A folder of the test's own in the place of the backup Space."""
    from raiox_site.backup import stores

    settings.RAIOX_BACKUP = replace(
        settings.RAIOX_BACKUP, folder=tmp_path / "backups", prefix="here", bucket="", recipient=""
    )
    return stores.configured()


@pytest.fixture
def film() -> Callable[..., bytes]:
    """Make the bytes of a small film, different for each `seed`. It shows no fixture, so that it
    is compared as a whole: what the finder sees is for tests of films with fixtures."""

    def make(seed: int = 0, size: tuple[int, int] = (120, 200), kind: str = "JPEG") -> bytes:
        patches = (size[1] // 8 + 1, size[0] // 8 + 1)
        grey = np.random.default_rng(seed).integers(70, 110, patches, dtype=np.uint8)
        image = Image.fromarray(grey).resize(size, Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        image.save(buffer, kind)
        return buffer.getvalue()

    return make


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    """A staff member in the given groups."""
    from django.contrib.auth.models import Group, User

    def make(*roles: str, username: str = "", **fields: Any) -> User:
        user = User.objects.create_user(
            username=username or "-".join(roles) or "nobody",
            password="a password of the test",
            is_staff=True,
            **fields,
        )
        user.groups.set(Group.objects.filter(name__in=roles))
        return user

    return make


@pytest.fixture
def approver(make_user: Callable[..., Any]) -> Any:
    return make_user("approver", username="brenda")


@pytest.fixture
def reader(make_user: Callable[..., Any]) -> Any:
    return make_user("reader", username="leitura")


@pytest.fixture
def curator(make_user: Callable[..., Any]) -> Any:
    return make_user("curator", username="catalogo")


@pytest.fixture
def bearer(make_user: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """Request headers with an access token of a user."""
    from raiox_site.tokens import ScopedTokenSerializer

    def headers(user: Any) -> dict[str, str]:
        token = ScopedTokenSerializer.get_token(user).access_token
        return {"Authorization": f"Bearer {token}"}

    return headers


@pytest.fixture
def catalogue(db: None, film: Callable[..., bytes]) -> list[Any]:
    """Four implants of three manufacturers with two indexed references each."""
    from django.core.files.base import ContentFile

    from implants.models import Implant, ReferenceImage
    from matching.encoder import get_encoder
    from matching.models import Embedding
    from matching.normalisation import normalise
    from matching.radiograph import load

    lines = [
        ("Straumann", "BLX", "4.5"),
        ("Straumann", "Standard", "4.1"),
        ("Neodent", "Helix GM", "4.0"),
        ("Zimmer", "Tapered Screw-Vent", "4.7"),
    ]
    implants = []
    for number, (manufacturer, name, diameter) in enumerate(lines):
        implant = Implant.objects.create(
            manufacturer=manufacturer,
            name=name,
            diameter_mm=diameter,
            length_mm="10",
            type="Cone Morse",
        )
        implants.append(implant)
        for view in range(2):
            content = film(seed=100 + number * 13 + view, size=(100 + 40 * number, 240))
            reference = ReferenceImage(
                implant=implant, provenance=ReferenceImage.Provenance.PHANTOM
            )
            reference.file.save("", ContentFile(content), save=False)
            reference.indexed_by_importer = True  # type: ignore[attr-defined]
            reference.save()
            # The same eight films in every test: each is encoded once per test run.
            if reference.sha256 not in _vectors:
                picture = normalise(load(content).image, None)
                _vectors[reference.sha256] = get_encoder().encode([picture])[0].tolist()
            Embedding.objects.create(
                reference_image=reference,
                encoder=get_encoder().id,
                vector=_vectors[reference.sha256],
            )
    return implants
