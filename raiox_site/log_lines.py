"""What is logged, and how a line looks."""

from typing import Any

FORMATTERS = {
    "text": {
        "()": "raiox_site.journal.TextFormatter",
        "fmt": "%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s",
    },
    "json": {"()": "raiox_site.log_json.JsonFormatter"},
}

GUNICORN = {"handlers": ["console"], "level": "INFO", "propagate": False}


def of_first_process(form: str) -> dict[str, Any]:
    """gunicorn's `logconfig_dict`, before the application is loaded; for `json` only."""
    if form != "json":
        return {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": FORMATTERS[form]},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {"gunicorn.error": GUNICORN, "gunicorn.access": GUNICORN},
    }


def configuration(*, level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING; `level` is that of our own packages, `form` is text or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "correlation": {"()": "raiox_site.logs.CorrelationFilter"},
            "secrets": {"()": "raiox_site.logs.SecretsFilter"},
        },
        "formatters": {"line": FORMATTERS[form]},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["correlation", "secrets"],
            }
        },
        # Libraries speak up from WARNING on; open_clip writes to the root logger itself.
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            **{
                package: {"level": level}
                for package in ("implants", "matching", "cases", "integrations", "raiox_site")
            },
            "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
            # They tell of paths, where a secret may be; an error tracker would listen here too.
            "django.request": {"filters": ["secrets"]},
            "django.security.csrf": {"filters": ["secrets"]},
            # Its warnings quote whole addresses, with a key or a patient's name in them.
            "urllib3": {"level": "ERROR"},
            # Its own handlers know no correlation id; they go when a web process is loaded.
            "gunicorn.error": GUNICORN,
            # Where gunicorn's first process is configured it writes them unasked, beside ours.
            "gunicorn.access": {**GUNICORN, "level": "INFO" if form == "text" else "WARNING"},
            # Python's own warnings, where they are written as lines.
            "py.warnings": {"handlers": ["console"], "level": "WARNING", "propagate": False},
            "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        },
    }
