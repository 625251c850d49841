"""What is written to the log: no secret of the webhook, whoever asks with it."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from raiox_site.log_json import JsonFormatter

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


def test_a_line_of_json_has_the_id_of_its_request_and_nothing_of_the_request_itself() -> None:
    formatter = JsonFormatter()
    record = logging.makeLogRecord(
        {
            "name": "django.request",
            "levelname": "ERROR",
            "msg": "it\nfailed: %s",
            "args": ("é",),
            "correlation_id": "abc",
            "status": 500,
            "request": "Maria da Silva",
        }
    )
    text = formatter.format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert "Maria" not in text
    assert (line["message"], line["correlation_id"]) == ("it\nfailed: é", "abc")
    assert (line["level"], line["logger"], line["status"]) == ("ERROR", "django.request", 500)


def test_a_traceback_of_json_has_lost_its_secrets(settings: Any) -> None:
    settings.RAIOX_WEBHOOK_TOKEN = SECRET
    handler = logging.getLogger("django").handlers[0]
    before = handler.formatter
    handler.setFormatter(JsonFormatter())
    try:
        raise ValueError(f"https://example.org/{SECRET}")
    except ValueError:
        line = json.loads(said("integrations", "it failed", exc_info=sys.exc_info()))
    finally:
        handler.setFormatter(before)
    assert "ValueError: https://example.org/[redacted]" in line["exception"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_both_forms_are_a_configuration_that_logging_takes(form: str) -> None:
    code = (
        "import logging.config, sys; from raiox_site import log_lines\n"
        "logging.config.dictConfig(log_lines.of_first_process(sys.argv[1]) or {'version': 1})\n"
        "logging.getLogger('gunicorn.error').info('Booting')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, form], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if form == "json":
        assert json.loads(done.stderr)["correlation_id"] == "-"


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_journal_is_told_the_level_of_every_line_and_nobody_else(
    form: str, tmp_path: Path
) -> None:
    code = (
        "import logging.config, sys; from raiox_site import log_lines\n"
        "known = log_lines.configuration(level='INFO', form=sys.argv[1])\n"
        "del known['filters'], known['handlers']['console']['filters']\n"
        "known['formatters']['line'].pop('fmt', None)\n"
        "known['loggers'] = {}\n"
        "logging.config.dictConfig(known)\n"
        "logging.warning('late')\n"
        "try: raise ValueError('wrong')\n"
        "except ValueError: logging.exception('broken')\n"
    )
    for is_read in (True, False):
        with (tmp_path / "journal").open("w+") as file:
            about = os.fstat(file.fileno())
            stream = f"{about.st_dev}:{about.st_ino if is_read else 0}"
            environment = {**os.environ, "JOURNAL_STREAM": stream}
            command = [sys.executable, "-c", code, form]
            subprocess.run(command, stderr=file, env=environment, check=True, timeout=60)
            file.seek(0)
            late, *broken = file.read().splitlines()
        assert late.startswith("<4>") == is_read
        assert broken
        assert all(line.startswith("<3>") == is_read for line in broken)
