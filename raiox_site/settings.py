"""Settings of Raiox AI. Everything that differs between machines comes from the environment
(or `.env`), is listed in `.env.example`, and is checked here at start."""

import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from integrations.jotform.roles import ANSWER_ROLES, JOTFORM_ROLES
from integrations.spaces import spaces_hosts, spaces_storage
from raiox_site import environment, log_lines
from raiox_site.configuration import api, login
from raiox_site.environment import integer, rate, secret, words

BASE_DIR = Path(__file__).resolve().parent.parent
# Tests must not depend on what a developer keeps in `.env`, nor reach what it names.
if os.environ.get("RAIOX_ENV") != "test":
    environ.Env.read_env(os.environ.get("RAIOX_ENV_FILE") or BASE_DIR / ".env")

VERSION = "0.1.0"
RAIOX_ENV = os.environ.get("RAIOX_ENV", "development")
if RAIOX_ENV not in environment.ENVIRONMENTS:
    raise ImproperlyConfigured(f"RAIOX_ENV must be one of {', '.join(environment.ENVIRONMENTS)}")
PRODUCTION = RAIOX_ENV == "production"
DEPLOYED = RAIOX_ENV in ("staging", "production")
DEBUG = False
VAR_DIR = Path(os.environ.get("RAIOX_VAR_DIR") or BASE_DIR / "var").resolve()

SECRET_KEY = secret("SECRET_KEY")
ALLOWED_HOSTS = words("ALLOWED_HOSTS", "" if DEPLOYED else "localhost,127.0.0.1,[::1]")
DATABASE_URL = secret("DATABASE_URL")
DB_HOST = os.environ.get("DB_HOST", "")
SPACES_KEY = secret("DO_SPACES_KEY")
SPACES_SECRET = secret("DO_SPACES_SECRET")
SPACES_BUCKET = os.environ.get("DO_SPACES_BUCKET") or "raiox-images"
SPACES_REGION = os.environ.get("DO_SPACES_REGION") or "nyc3"
REDIS_URL = secret("REDIS_URL")

JF_SECRET = secret("JF_SECRET")
JOTFORM_API_KEY = secret("JOTFORM_API_KEY")
JOTFORM_API_BASE = (os.environ.get("JOTFORM_API_BASE") or "https://api.jotform.com").rstrip("/")
JOTFORM_WEBHOOK_URL = secret("JOTFORM_WEBHOOK_URL")
RAIOX_WEBHOOK_TOKEN = environment.webhook_token(
    secret("RAIOX_WEBHOOK_TOKEN"), JOTFORM_WEBHOOK_URL, JF_SECRET
)
# The variable names either our own door (then it holds the secret) or who gets a copy.
JOTFORM_COPY_URL = (
    "" if environment.is_own_door(JOTFORM_WEBHOOK_URL) else JOTFORM_WEBHOOK_URL.strip()
)
JOTFORM_FORM_IDS = words("JOTFORM_FORM_IDS")
JOTFORM_FIELDS = environment.json_object("JOTFORM_FIELDS", known=JOTFORM_ROLES)
environment.require_distinct("JOTFORM_FIELDS", JOTFORM_FIELDS, written=ANSWER_ROLES)
JOTFORM_TRANSPORT = environment.choice("JOTFORM_TRANSPORT", ("form", "multipart", "query"))
JOTFORM_SET_FLAG = environment.choice("JOTFORM_SET_FLAG", ("", "0", "1"))
JOTFORM_SET_NEW = environment.choice("JOTFORM_SET_NEW", ("", "0", "1"))
# Where uploaded files lie, and who may therefore see the API key.
JOTFORM_FILE_HOSTS = environment.jotform_file_hosts(JOTFORM_API_BASE)
RAIOX_JOTFORM_SYNC_MINUTES = integer("RAIOX_JOTFORM_SYNC_MINUTES", 15)

RAIOX_ENCODER = os.environ.get("RAIOX_ENCODER") or ("" if DEPLOYED else "ViT-B-32/random")
RAIOX_TORCH_THREADS = integer("RAIOX_TORCH_THREADS", 1, minimum=1)
RAIOX_WEBHOOK_RATE = rate("RAIOX_WEBHOOK_RATE", "30/min")
RAIOX_UPLOAD_RATE = rate("RAIOX_UPLOAD_RATE", "")
RAIOX_LOGIN_RATE = rate("RAIOX_LOGIN_RATE", "10/min")
RAIOX_PROXY_COUNT = integer("RAIOX_PROXY_COUNT", 0)
# How long a decision can be undone before its answer may leave.
RAIOX_UNDO_SECONDS = integer("RAIOX_UNDO_SECONDS", 20)
RAIOX_RETENTION_DAYS = integer("RAIOX_RETENTION_DAYS", 90, minimum=1)
RAIOX_PURGE_ORPHANS = environment.choice("RAIOX_PURGE_ORPHANS", ("0", "1")) == "1"
RAIOX_METRICS_TOKEN = secret("RAIOX_METRICS_TOKEN")
RAIOX_PUBLIC_URL = (os.environ.get("RAIOX_PUBLIC_URL") or "").rstrip("/")
RAIOX_NOTIFY_EMAILS = environment.email_addresses("RAIOX_NOTIFY_EMAILS")
RAIOX_NOTIFY_PAUSE_SECONDS = integer("RAIOX_NOTIFY_PAUSE_SECONDS", 60)
RAIOX_TELEGRAM_TOKEN = secret("RAIOX_TELEGRAM_TOKEN").strip()
RAIOX_TELEGRAM_CHAT = os.environ.get("RAIOX_TELEGRAM_CHAT", "").strip()
RAIOX_TELEGRAM_BASE = (os.environ.get("RAIOX_TELEGRAM_BASE") or "https://api.telegram.org").rstrip(
    "/"
)
EMAIL_URL = secret("EMAIL_URL").strip()
globals().update(environment.email_settings(EMAIL_URL))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL") or "raiox@localhost"
if DEPLOYED and RAIOX_NOTIFY_EMAILS and not EMAIL_URL:
    raise ImproperlyConfigured("RAIOX_NOTIFY_EMAILS needs EMAIL_URL")
if DEPLOYED and bool(RAIOX_TELEGRAM_TOKEN) != bool(RAIOX_TELEGRAM_CHAT):
    raise ImproperlyConfigured("RAIOX_TELEGRAM_TOKEN and RAIOX_TELEGRAM_CHAT need each other")
RAIOX_MAX_IMAGE_BYTES = 5 * 1024 * 1024
RAIOX_MAX_IMAGE_PIXELS = 25_000_000
DEFAULT_FETCH_HOSTS = [
    *JOTFORM_FILE_HOSTS,
    *(f"{name}.jotform.com" for name in ("api", "eu-api", "hipaa-api")),
    *(f"{name}.jotform.com" for name in ("files", "eu-files", "hipaa-files")),
    *spaces_hosts(bucket=SPACES_BUCKET, region=SPACES_REGION),
]
RAIOX_FETCH_ALLOW_HOSTS = [
    host
    for word in words("RAIOX_FETCH_ALLOW_HOSTS", "default")
    for host in (DEFAULT_FETCH_HOSTS if word == "default" else [word])
]
# The layer that reaches outside is named here, so that `cases` need not import it.
RAIOX_IMAGE_FETCHER = "integrations.jotform.files.fetch_film"

if PRODUCTION:
    environment.require_all(
        {
            "SECRET_KEY": len(SECRET_KEY) >= 32,
            "ALLOWED_HOSTS": bool(ALLOWED_HOSTS) and "*" not in ALLOWED_HOSTS,
            "DATABASE_URL or DB_HOST, DB_NAME, DB_USER, DB_PASSWORD": bool(DATABASE_URL or DB_HOST),
            "DO_SPACES_KEY and DO_SPACES_SECRET (private storage)": bool(
                SPACES_KEY and SPACES_SECRET
            ),
            "RAIOX_WEBHOOK_TOKEN or JOTFORM_WEBHOOK_URL with a token, or JF_SECRET": bool(
                RAIOX_WEBHOOK_TOKEN
            ),
            "RAIOX_ENCODER with trained weights": bool(RAIOX_ENCODER)
            and not RAIOX_ENCODER.endswith("/random"),
        }
    )
if not SECRET_KEY:
    if DEPLOYED:
        raise ImproperlyConfigured("SECRET_KEY is not set")
    SECRET_KEY = environment.machine_secret(VAR_DIR / "secret-key")
RAIOX_ENCODER = RAIOX_ENCODER or "ViT-B-32/openai"
CLIENT_HASH_KEY = secret("RAIOX_HASH_KEY") or environment.derived_key(SECRET_KEY, "client-hash")

INSTALLED_APPS = [
    "raiox_site.apps.RaioxAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_q",
    "import_export",
    "implants",
    "matching",
    "cases",
    "integrations",
    "raiox_site.apps.SiteConfig",
]

MIDDLEWARE = [
    "raiox_site.middleware.correlation",
    "raiox_site.middleware.database_outage",
    "django.middleware.security.SecurityMiddleware",
    "raiox_site.middleware.content_security_policy",
    "raiox_site.middleware.no_nul_in_addresses",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last: it answers for a login that was locked out.
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "raiox_site.urls"
WSGI_APPLICATION = "raiox_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def _database() -> dict[str, Any]:
    if DATABASE_URL:
        if not DATABASE_URL.startswith(("postgres://", "postgresql://")):
            raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database")
        return dict(environ.Env.db_url_config(DATABASE_URL))
    if DB_HOST:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": DB_HOST,
            "PORT": os.environ.get("DB_PORT", ""),
            "NAME": os.environ.get("DB_NAME", ""),
            "USER": os.environ.get("DB_USER", ""),
            "PASSWORD": secret("DB_PASSWORD"),
        }
    if DEPLOYED:
        raise ImproperlyConfigured("Set DATABASE_URL, or DB_HOST, DB_NAME, DB_USER, DB_PASSWORD")
    from raiox_site import embedded_postgres

    return dict(environ.Env.db_url_config(embedded_postgres.database_url(VAR_DIR / "postgres")))


DATABASES = {"default": _database()}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).update(
    {
        # pgvector ignores an unknown name in silence: a test reads these back.
        "options": "-c hnsw.ef_search=100 -c hnsw.iterative_scan=strict_order",
        "connect_timeout": 5,
    }
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "raiox_cache"}
}

STORAGES: dict[str, dict[str, Any]] = {
    "default": spaces_storage(
        key=SPACES_KEY,
        secret=SPACES_SECRET,
        bucket=SPACES_BUCKET,
        region=SPACES_REGION,
        endpoint=os.environ.get("DO_SPACES_ENDPOINT", ""),
    )
    if SPACES_KEY
    else {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": VAR_DIR / "media",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "raiox_site.static_files.ModuleAwareStorage"
        if DEPLOYED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = not DEPLOYED

FILE_UPLOAD_HANDLERS = [
    "integrations.uploads.CappedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# Jotform sends signatures inline as data URIs: they count as form fields, not as files.
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024

Q_CLUSTER = {
    "name": "raiox",
    "orm": "default",
    "workers": integer("RAIOX_WORKERS", 2, minimum=1),
    "queue_limit": integer("RAIOX_WORKERS", 2, minimum=1),
    "bulk": 1,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 3,
    "ack_failures": False,
    "save_limit": 0,
    "catch_up": False,
    "poll": 0.3,
    "recycle": 5000,
    "label": "Django Q",
}

globals().update(
    login.settings(
        signing_key=secret("RAIOX_JWT_KEY") or environment.derived_key(SECRET_KEY, "jwt"),
        is_secure=DEPLOYED,
    )
)
CSRF_FAILURE_VIEW = "raiox_site.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")
SECURE_SSL_REDIRECT = DEPLOYED
SECURE_REDIRECT_EXEMPT = [r"^ping$", r"^health"]
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if RAIOX_PROXY_COUNT else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

globals().update(api.settings(version=VERSION, proxies=RAIOX_PROXY_COUNT))

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português (Brasil)")]
LOCALE_PATHS = [BASE_DIR / "raiox_site" / "locale"]
TIME_ZONE = os.environ.get("TIME_ZONE") or "America/Sao_Paulo"
USE_TZ = True

LOGGING = log_lines.configuration(level=os.environ.get("LOG_LEVEL") or "INFO")
