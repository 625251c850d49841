"""What is written to the log: no secret of the webhook, whoever asks with it."""

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

SECRET = "sesame-open-now"


@pytest.fixture
def written() -> Iterator[dict[str, io.StringIO]]:
    """What the configured handler writes, and one that somebody adds."""
    logger = logging.getLogger("django")
    configured = logger.handlers[0]
    assert isinstance(configured, logging.StreamHandler)
    texts = {"configured": io.StringIO(), "added": io.StringIO()}
    added = logging.StreamHandler(texts["added"])
    before = configured.setStream(texts["configured"])
    logger.handlers.insert(0, added)
    yield texts
    logger.removeHandler(added)
    configured.setStream(before)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/jotform/{SECRET}", 403),
        (f"/jotform/{SECRET}/", 403),
        (f"/jotform?token={SECRET}", 403),
        ("/jotform/sesame-open-wrong", 401),
        (f"/jotform/{SECRET}/more", 404),
    ],
)
def test_the_webhook_secret_is_not_logged(
    client: Client,
    db: None,
    settings: Any,
    written: dict[str, io.StringIO],
    path: str,
    status: int,
) -> None:
    settings.RAIOX_WEBHOOK_TOKEN, settings.JOTFORM_FORM_IDS = SECRET, ["1"]
    answer = client.post(path, {"submissionID": "77", "formID": "2"})
    assert answer.status_code == status
    for text in written.values():
        assert "/jotform" in text.getvalue()
        assert "sesame" not in text.getvalue()


@pytest.mark.parametrize("logger", ["integrations", "django", "django.request"])
@pytest.mark.parametrize(
    ("message", "args", "line"),
    [
        ("%s gave %d", ("/jotform/abcdef", 500), " /jotform/[redacted] gave 500"),
        ("%s", ("https://h/jotform?a=1&token=abcdef&b=2",), "token=[redacted]&b=2"),
        ("%(path)s", ({"path": "/jotform/abcdef"},), "/jotform/[redacted]"),
        ("100 % of nothing", (), "100 % of nothing"),
        ("%s", ("sesame-open-now",), "[redacted]"),
    ],
)
def test_secrets_are_taken_out_of_message_and_arguments(
    settings: Any, logger: str, message: str, args: tuple[Any, ...], line: str
) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = SECRET
    text = said(logger, message, *args)
    assert line in text
    assert "abcdef" not in text


def test_secrets_are_taken_out_of_tracebacks(settings: Any) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = SECRET
    try:
        raise ValueError(f"https://example.org/{SECRET}")
    except ValueError:
        text = said("integrations", "it failed", exc_info=sys.exc_info())
    assert "ValueError: https://example.org/[redacted]" in text


def test_a_record_that_does_not_fit_its_arguments_raises_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    assert said("integrations", "%d", "x") == ""


def said(name: str, message: str, *args: Any, exc_info: Any = None) -> str:
    """What the configured handler writes of one record."""
    handler = logging.getLogger("django").handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(io.StringIO())
    try:
        logger = logging.getLogger(name)
        handler.handle(logger.makeRecord(name, logging.ERROR, __file__, 1, message, args, exc_info))
        return str(handler.stream.getvalue())
    finally:
        handler.setStream(before)
