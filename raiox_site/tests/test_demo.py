import stat
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from cases.models import Case, Result
from implants.models import Implant, ReferenceImage
from matching import demo
from matching import encoder as encoder_module
from matching.encoder import ClipEncoder, get_encoder
from matching.models import Embedding
from raiox_site import demo_accounts, demo_cases


def test_the_demo_accounts_have_their_roles_and_a_password_of_this_machine(
    db: None, tmp_path: Path
) -> None:
    path = tmp_path / "var" / "demo-accounts.json"
    passwords = demo_accounts.ensure(path)
    assert set(passwords) == {"brenda", "leitura", "catalogo"}
    assert len(set(passwords.values())) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    brenda = User.objects.get(username="brenda")
    assert brenda.check_password(passwords["brenda"])
    assert brenda.has_perm("cases.decide_case") and brenda.is_staff and not brenda.is_superuser
    assert not User.objects.get(username="leitura").has_perm("cases.decide_case")


def test_a_second_start_keeps_the_passwords(db: None, tmp_path: Path) -> None:
    path = tmp_path / "demo-accounts.json"
    assert demo_accounts.ensure(path) == demo_accounts.ensure(path)


def test_a_lost_file_gives_new_passwords_that_work(db: None, tmp_path: Path) -> None:
    path = tmp_path / "demo-accounts.json"
    first = demo_accounts.ensure(path)
    path.unlink()
    second = demo_accounts.ensure(path)
    assert first["brenda"] != second["brenda"]
    assert User.objects.get(username="brenda").check_password(second["brenda"])


@pytest.mark.parametrize("command", ["setup_demo", "seed_cases"])
def test_nothing_is_made_up_in_production(db: None, settings: Any, command: str) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError):
        call_command(command)


def test_seed_cases_fills_the_queue_with_phantoms(
    catalogue: list[Any], film: Callable[..., bytes]
) -> None:
    call_command("seed_cases", count=3)
    assert Case.objects.count() == 3
    call_command("seed_cases", count=2)
    assert Case.objects.count() == 5
    assert set(Case.objects.values_list("status", flat=True)) == {"received"}
    consents = list(Case.objects.values_list("consent_at", flat=True))
    assert any(consents) and not all(consents)


def test_seed_cases_decides_phantoms_spread_over_a_month(
    catalogue: list[Any], approver: User
) -> None:
    call_command("seed_cases", "--decided", count=8)
    cases = list(Case.objects.order_by("created_at"))
    outcomes = Counter(case.outcome for case in cases)
    assert outcomes == {"identified": 6, "not_in_catalogue": 1, "unreadable": 1}
    assert {case.internal_note for case in cases} == {demo_cases.MARK}
    assert {case.consent_at for case in cases} - {case.created_at for case in cases} == {None}
    assert all(case.patient_name.startswith("Fantoma") for case in cases)
    assert all(case.created_at < case.decided_at < timezone.now() for case in cases)
    assert timedelta(days=20) < cases[-1].decided_at - cases[0].created_at < timedelta(days=30)
    for case in cases:
        written = list(case.events.values_list("created_at", flat=True))
        assert written == sorted(written) and written[-1] == case.decided_at
    approved = Result.objects.filter(approved=True)
    assert approved.count() == 6
    assert not approved.exclude(approved_at__lt=timezone.now() - timedelta(minutes=25)).exists()


def test_seed_cases_needs_somebody_who_decides(catalogue: list[Any]) -> None:
    with pytest.raises(CommandError, match="reviewer"):
        call_command("seed_cases", "--decided", count=1)
    assert not Case.objects.exists()


@pytest.mark.parametrize("count", [0, -3])
def test_seed_cases_refuses_a_count_of_none(catalogue: list[Any], count: int) -> None:
    with pytest.raises(CommandError, match="--count"):
        call_command("seed_cases", count=count)
    assert not Case.objects.exists()


@pytest.fixture
def one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo catalogue, cut down to one implant with one phantom."""
    facts = demo.demo_catalogue()[:1]
    monkeypatch.setattr(demo, "demo_catalogue", lambda: facts)
    monkeypatch.setattr(demo, "REFERENCES_PER_IMPLANT", 1)


def other_encoder(monkeypatch: pytest.MonkeyPatch, settings: Any, name: str) -> ClipEncoder:
    """An encoder in place of the process's, which is put back at the end of the test."""
    monkeypatch.setattr(encoder_module, "_encoder", get_encoder())
    settings.RAIOX_ENCODER = name
    monkeypatch.setattr(encoder_module, "_encoder", None)
    return get_encoder()


def test_setup_demo_loads_no_encoder_when_nothing_is_missing(
    db: None, one_line: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    call_command("setup_demo")
    assert Embedding.objects.count() == 1
    fresh = other_encoder(monkeypatch, settings, settings.RAIOX_ENCODER)
    call_command("setup_demo")
    assert not fresh.is_loaded


@pytest.mark.parametrize(
    "encoder",
    [
        None,
        "ViT-B-32/openai@0123456789ab/pad-v1",
        "ViT-B-16/random@0123456789ab/pad-v1",
        "ViT-B-32/random@0123456789ab/pad-v0",
    ],
)
def test_setup_demo_embeds_what_has_no_vector_of_the_configured_encoder(
    db: None, one_line: None, encoder: str | None
) -> None:
    call_command("setup_demo")
    if encoder:
        Embedding.objects.update(encoder=encoder)
    else:
        Embedding.objects.all().delete()
    call_command("setup_demo")
    assert Embedding.objects.filter(encoder=get_encoder().id).count() == 1


@pytest.mark.parametrize("missing", ["phantoms", "vectors"])
def test_an_encoder_that_cannot_be_loaded_is_an_error_in_one_sentence(
    db: None, one_line: None, monkeypatch: pytest.MonkeyPatch, settings: Any, missing: str
) -> None:
    if missing == "vectors":
        call_command("setup_demo")
    before = ReferenceImage.objects.count()
    other_encoder(monkeypatch, settings, "ViT-B-32/absent.pt")
    with pytest.raises(CommandError, match=r"absent\.pt"):
        call_command("setup_demo")
    assert ReferenceImage.objects.count() == before


def test_setup_demo_gives_thirty_two_implants_three_phantoms_or_more(
    db: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(demo, "REFERENCES_PER_IMPLANT", 1)
    call_command("setup_demo")
    assert Implant.objects.count() == 32
    assert set(ReferenceImage.objects.values_list("provenance", flat=True)) == {"phantom"}
    assert all("phantom" in note for note in ReferenceImage.objects.values_list("note", flat=True))
    call_command("setup_demo")
    assert ReferenceImage.objects.count() == 32
