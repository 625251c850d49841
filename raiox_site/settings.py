"""Settings of Raiox AI. Everything that differs between machines comes from the environment
(or `.env`), is listed in `.env.example`, and is checked here at start."""

import os
from pathlib import Path
from typing import Any

import environ

from integrations.jotform.roles import ANSWER_ROLES, JOTFORM_ROLES
from integrations.spaces import spaces_hosts
from raiox_site import log_lines
from raiox_site.configuration import (
    api,
    backup,
    jotform,
    login,
    mail,
    processors,
    release,
    requirements,
    services,
    web,
)
from raiox_site.configuration.keys import KEY_LENGTH, TOKEN_LENGTH, derived_key, machine_secret
from raiox_site.environment import ENVIRONMENTS, Environment

BASE_DIR = Path(__file__).resolve().parent.parent
# Tests must not depend on what a developer keeps in `.env`, nor reach what it names.
if os.environ.get("RAIOX_ENV") != "test":
    environ.Env.read_env(os.environ.get("RAIOX_ENV_FILE") or BASE_DIR / ".env")
env = Environment(os.environ)

VERSION = release.version(env, "0.1.0", base=BASE_DIR)
RAIOX_ENV = env.choice("RAIOX_ENV", ENVIRONMENTS)
PRODUCTION = RAIOX_ENV == "production"
DEPLOYED = RAIOX_ENV in ("staging", "production")
DEBUG = False
VAR_DIR = Path(env.text("RAIOX_VAR_DIR") or BASE_DIR / "var").resolve()

SECRET_KEY = env.secret("SECRET_KEY")
# Older keys: what they signed stays valid until they are taken out.
SECRET_KEY_FALLBACKS = env.secrets("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if DEPLOYED else "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
SPACES_BUCKET = env.text("DO_SPACES_BUCKET", "raiox-images")
SPACES_REGION = env.text("DO_SPACES_REGION", "nyc3")

JF_SECRET = env.secret("JF_SECRET")
JOTFORM_API_KEY = env.secret("JOTFORM_API_KEY")
JOTFORM_API_BASE = env.address("JOTFORM_API_BASE", "https://api.jotform.com")
JOTFORM_WEBHOOK_URL = env.secret("JOTFORM_WEBHOOK_URL")
RAIOX_WEBHOOK_TOKEN = jotform.webhook_token(
    env.secret("RAIOX_WEBHOOK_TOKEN"), JOTFORM_WEBHOOK_URL, JF_SECRET
)
# The secret before this one, until Jotform and every client send the new one.
RAIOX_WEBHOOK_TOKEN_OLD = env.secret("RAIOX_WEBHOOK_TOKEN_OLD")
# The variable names either our own door (then it holds the secret) or who gets a copy.
JOTFORM_COPY_URL = jotform.copy_address(env, JOTFORM_WEBHOOK_URL)
JOTFORM_FORM_IDS = env.words("JOTFORM_FORM_IDS")
JOTFORM_FIELDS = env.json_object("JOTFORM_FIELDS", known=JOTFORM_ROLES)
jotform.require_distinct(env, "JOTFORM_FIELDS", JOTFORM_FIELDS, written=ANSWER_ROLES)
JOTFORM_TRANSPORT = env.choice("JOTFORM_TRANSPORT", ("form", "multipart", "query"))
JOTFORM_SET_FLAG = env.choice("JOTFORM_SET_FLAG", ("", "0", "1"))
JOTFORM_SET_NEW = env.choice("JOTFORM_SET_NEW", ("", "0", "1"))
# Where uploaded files lie, and who may therefore see the API key.
JOTFORM_FILE_HOSTS = jotform.file_hosts(JOTFORM_API_BASE)
RAIOX_JOTFORM_SYNC_MINUTES = env.integer("RAIOX_JOTFORM_SYNC_MINUTES", 15)

# What a machine without access to a model hub can load. Production names its encoder itself.
USUAL_ENCODER = "raiox-fixture/bundled"
RAIOX_ENCODER = env.text("RAIOX_ENCODER", "" if PRODUCTION else USUAL_ENCODER)
# Views of a fixture whose mean is compared; without it as many as are usual for the encoder.
RAIOX_VIEWS = int(env.choice("RAIOX_VIEWS", ("", "1", "2", "4")) or 0) or None
# How often a process looks which encoder was switched to. A test switches when it says so.
RAIOX_FOLLOW_SECONDS = None if RAIOX_ENV == "test" else 2.0
# Where the encoder computes: `auto` takes the GPU where there is one.
RAIOX_DEVICE = env.choice("RAIOX_DEVICE", ("auto", "cpu", "cuda"))
RAIOX_TORCH_THREADS = env.integer("RAIOX_TORCH_THREADS", 1, minimum=1)
RAIOX_RUNTIME = env.choice("RAIOX_RUNTIME", ("auto", "float32", "int8", "torch"))
# Weights that were fetched, and networks made from weights once.
RAIOX_MODELS_DIR = Path(env.text("RAIOX_MODELS_DIR") or VAR_DIR / "models").resolve()
RAIOX_WEB_PROCESSES = env.integer("RAIOX_WEB_PROCESSES", processors.web_processes(), minimum=1)
RAIOX_ENCODERS_AT_ONCE = processors.encoders_at_once(
    processes=RAIOX_WEB_PROCESSES, threads=RAIOX_TORCH_THREADS
)
RAIOX_WORKERS = env.integer("RAIOX_WORKERS", 2, minimum=1)
RAIOX_WEBHOOK_RATE = env.rate("RAIOX_WEBHOOK_RATE", "30/min")
# The client's own scripts send 60 films a minute.
RAIOX_UPLOAD_RATE = env.rate("RAIOX_UPLOAD_RATE", "120/min" if DEPLOYED else "")
RAIOX_LOGIN_RATE = env.rate("RAIOX_LOGIN_RATE", "10/min")
RAIOX_TOKEN_RATE = env.rate("RAIOX_TOKEN_RATE", "60/min")
RAIOX_REQUIRE_TOTP = env.choice("RAIOX_REQUIRE_TOTP", ("0", "1")) == "1"
RAIOX_API_RATE = env.rate("RAIOX_API_RATE", "600/min" if DEPLOYED else "")
# gunicorn speaks no TLS: where it is deployed, somebody in front of it does.
RAIOX_PROXY_COUNT = env.integer("RAIOX_PROXY_COUNT", 1 if DEPLOYED else 0)
# How long a decision can be undone before its answer may leave.
RAIOX_UNDO_SECONDS = env.integer("RAIOX_UNDO_SECONDS", 20)
RAIOX_RETENTION_DAYS = env.integer("RAIOX_RETENTION_DAYS", 90, minimum=1)
# The history of cases, who saw them, and the audit.
RAIOX_ACCESS_LOG_DAYS = env.integer("RAIOX_ACCESS_LOG_DAYS", 1825, minimum=1)
# Who `/privacidade` names as the controller, and where the person in charge of data is reached.
RAIOX_CONTROLLER_NAME = env.text("RAIOX_CONTROLLER_NAME")
RAIOX_PRIVACY_EMAIL = next(iter(env.email_addresses("RAIOX_PRIVACY_EMAIL")), "")
# A folder on this machine is nobody else's; others may keep films in the same bucket.
OWN_STORAGE = "0" if env.secret("DO_SPACES_KEY") else "1"
RAIOX_PURGE_ORPHANS = env.choice("RAIOX_PURGE_ORPHANS", ("0", "1"), OWN_STORAGE) == "1"
RAIOX_BACKUP = backup.settings(env, var_dir=VAR_DIR, name=RAIOX_ENV)
RAIOX_METRICS_TOKEN = env.secret("RAIOX_METRICS_TOKEN")
# Where a worker tells its figures: for hosts without a web process.
RAIOX_METRICS_LISTEN = env.listener("RAIOX_METRICS_LISTEN")
RAIOX_PUBLIC_URL = env.address("RAIOX_PUBLIC_URL")
RAIOX_NOTIFY_EMAILS = env.email_addresses("RAIOX_NOTIFY_EMAILS")
RAIOX_NOTIFY_PAUSE_SECONDS = env.integer("RAIOX_NOTIFY_PAUSE_SECONDS", 60)
RAIOX_TELEGRAM_TOKEN = env.secret("RAIOX_TELEGRAM_TOKEN")
RAIOX_TELEGRAM_CHAT = env.text("RAIOX_TELEGRAM_CHAT")
RAIOX_TELEGRAM_BASE = env.address("RAIOX_TELEGRAM_BASE", "https://api.telegram.org")
EMAIL_URL = env.secret("EMAIL_URL")
globals().update(mail.settings(env, EMAIL_URL))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "raiox@localhost")
RAIOX_MAX_IMAGE_BYTES = 5 * 1024 * 1024
RAIOX_MAX_IMAGE_PIXELS = 25_000_000
# How long a film may take to be read; nobody waits for the worker, which takes more.
RAIOX_DECODE_SECONDS = env.integer("RAIOX_DECODE_SECONDS", 4, minimum=1)
DEFAULT_FETCH_HOSTS = [
    *JOTFORM_FILE_HOSTS,
    *(f"{name}.jotform.com" for name in ("api", "eu-api", "hipaa-api")),
    *(f"{name}.jotform.com" for name in ("files", "eu-files", "hipaa-files")),
    *spaces_hosts(bucket=SPACES_BUCKET, region=SPACES_REGION),
]
RAIOX_FETCH_ALLOW_HOSTS = [
    host
    for word in env.words("RAIOX_FETCH_ALLOW_HOSTS", "default")
    for host in (DEFAULT_FETCH_HOSTS if word == "default" else [word])
]
# The layer that reaches outside is named here, so that `cases` need not import it.
RAIOX_IMAGE_FETCHER = "integrations.jotform.files.fetch_film"
RAIOX_JWT_KEY = env.secret("RAIOX_JWT_KEY")
# The key before this one, while tokens that it signed are still about (8 hours).
RAIOX_JWT_KEY_OLD = env.secret("RAIOX_JWT_KEY_OLD")
RAIOX_HASH_KEY = env.secret("RAIOX_HASH_KEY")
TIME_ZONE = env.time_zone("TIME_ZONE", "America/Sao_Paulo")
RAIOX_LOG_FORMAT = env.choice("RAIOX_LOG_FORMAT", ("text", "json"))
LOG_LEVEL = env.choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"))

database = services.database(env, is_needed=DEPLOYED)
replica = services.replica(env)
# How far the replica may be behind the primary and still be searched, in seconds.
RAIOX_SEARCH_LAG_SECONDS = env.integer("RAIOX_SEARCH_LAG_SECONDS", 5)
CACHES = {"default": services.cache(env), "films": services.film_cache(env)}
# How long what was seen on a film is kept for the same film; 0: not at all.
RAIOX_EMBEDDING_CACHE_SECONDS = env.integer("RAIOX_EMBEDDING_CACHE_SECONDS", 86_400)
STORAGES: dict[str, dict[str, Any]] = {
    "default": services.storage(
        env,
        bucket=SPACES_BUCKET,
        region=SPACES_REGION,
        media=VAR_DIR / "media",
        is_needed=PRODUCTION,
    ),
    "staticfiles": {
        "BACKEND": "raiox_site.static_files.ModuleAwareStorage"
        if DEPLOYED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# HS256 is as strong as its key, up to this many bytes.
requirements.require_strength(
    env,
    RAIOX_JWT_KEY=(RAIOX_JWT_KEY, KEY_LENGTH),
    RAIOX_JWT_KEY_OLD=(RAIOX_JWT_KEY_OLD, KEY_LENGTH),
    RAIOX_HASH_KEY=(RAIOX_HASH_KEY, KEY_LENGTH),
    RAIOX_METRICS_TOKEN=(RAIOX_METRICS_TOKEN, TOKEN_LENGTH),
    RAIOX_WEBHOOK_TOKEN_OLD=(RAIOX_WEBHOOK_TOKEN_OLD, TOKEN_LENGTH),
)
if DEPLOYED:
    requirements.require_keys(env, secret_key=SECRET_KEY, older=SECRET_KEY_FALLBACKS)
    requirements.require_hosts(env, ALLOWED_HOSTS)
    requirements.require_channels(
        env,
        emails=RAIOX_NOTIFY_EMAILS,
        email_url=EMAIL_URL,
        telegram=RAIOX_TELEGRAM_TOKEN,
        chat=RAIOX_TELEGRAM_CHAT,
    )
if PRODUCTION:
    requirements.require_webhook_secret(env, RAIOX_WEBHOOK_TOKEN)
    requirements.require_encoder(env, RAIOX_ENCODER)
env.stop_on_problems(RAIOX_ENV)

SECRET_KEY = SECRET_KEY or machine_secret(VAR_DIR / "secret-key")
CLIENT_HASH_KEY = RAIOX_HASH_KEY or derived_key(SECRET_KEY, "client-hash")
DATABASES = {
    "default": services.complete(database or services.embedded_database(VAR_DIR / "postgres")),
    **replica,
}

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
    "raiox_site.measured_requests.measured",
    "raiox_site.middleware.correlation",
    "raiox_site.middleware.probes_by_address",
    "raiox_site.security_headers.sent",
    "raiox_site.errors.with_words",
    "raiox_site.middleware.database_outage",
    "django.middleware.security.SecurityMiddleware",
    "raiox_site.middleware.limited",
    "raiox_site.bodies.bounded",
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

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"

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
    "broker_class": "raiox_site.pulse.ProvenQueue",
    "workers": RAIOX_WORKERS,
    "queue_limit": RAIOX_WORKERS,
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
    login.settings(signing_key=RAIOX_JWT_KEY or derived_key(SECRET_KEY, "jwt"), is_secure=DEPLOYED)
)
globals().update(
    web.settings(is_deployed=DEPLOYED, is_production=PRODUCTION, proxies=RAIOX_PROXY_COUNT)
)
globals().update(api.settings(version=VERSION, proxies=RAIOX_PROXY_COUNT))

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português (Brasil)")]
LOCALE_PATHS = [BASE_DIR / "raiox_site" / "locale"]
USE_TZ = True

LOGGING = log_lines.configuration(level=LOG_LEVEL, form=RAIOX_LOG_FORMAT)
