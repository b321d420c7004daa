"""Settings. What may differ between machines comes from the environment and is read in one place;
all faults are reported at once (config/environment.py)."""

from __future__ import annotations

from pathlib import Path

from config import database, embedded
from config.environment import read_environment
from config.schedule import BEAT_SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = read_environment(BASE_DIR)

DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key
ALLOWED_HOSTS = ENV.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENV.trusted_origins

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "clearing",
    "accounts",
    "margin",
    "liquidation",
    "config",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.correlation.CorrelationMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "admin:login"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- the record -------------------------------------------------------------------------------

if ENV.embedded:
    _servers = embedded.endpoints(ENV.var)
    DATABASE_URL, BROKER_URL = _servers.database_url, _servers.broker_url
DATABASE_URL = ENV.database_url or DATABASE_URL
BROKER_URL = ENV.broker_url or BROKER_URL

DATABASES = {"default": database.parse(DATABASE_URL)}
DATABASES["default"].setdefault("OPTIONS", {})
if ENV.database_role:
    # The application may add to the log and never change it: it works as this role, whose
    # privileges the migrations set. Only `migrate` works as the owner (manage.py).
    DATABASES["default"]["OPTIONS"]["assume_role"] = ENV.database_role
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

SURETY_VAR = ENV.var
SURETY_EMBEDDED = ENV.embedded
SURETY_JOB_LEASE_SECONDS = ENV.job_lease_seconds
SURETY_CHUNK_ACCOUNTS = ENV.chunk_accounts
SURETY_CHECKPOINT_KEY = ENV.checkpoint_key  # a file; its public half stands beside it

# Each app names what the record must find by name; nothing below imports what is above it.
SURETY_FACTS = (
    "clearing.domain.events",
    "accounts.domain.events",
    "margin.domain.events",
    "liquidation.domain.events",
)
SURETY_PROJECTIONS = (
    "clearing.projections",
    "clearing.projections.trades",
    "accounts.projections",
    "margin.projections",
    "liquidation.projections",
)
SURETY_CHECKS = (  # what `manage.py verify` asks beside the record's own checks
    "clearing.services.price_checks",
    "clearing.services.documents",
    "clearing.services.collateral_checks",
    "margin.checks",
    "liquidation.checks",
)
SURETY_ROUTES = "config.routes"
SURETY_WORDS = "config.desk.wording"  # facts in plain English, also where the record is printed
# The order streams are claimed in: top app first. The part of a stream's name before its first
# dash is its kind.
SURETY_STREAMS = (
    "case",
    "call",
    "run",
    "parameters",
    "credential",
    "user",
    "member",
    "clock",
    "policy",
    "asset",
    "schedule",
    "prices",
    "reconciliation",
    "cycle",
    "instrument",
    "group",
    "trade",
    "account",
)

# --- workers ----------------------------------------------------------------------------------

CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_ALWAYS_EAGER = False  # refused above if the environment asks for it
CELERY_TASK_IGNORE_RESULT = True  # results are rows
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True  # safe: the job row counts attempts
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_max": 0.2}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "retry_on_timeout": True,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False  # leases make it unnecessary
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_WORKER_MAX_TASKS_PER_CHILD = 10_000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1_500_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(ENV.var / "beat-schedule")
CELERY_TIMEZONE = "UTC"

# --- doors ------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.auth.BearerCredential",
        "accounts.auth.OfficerSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["clearing.api.parsers.StrictJSON"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.answers.answer",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Surety",
    "DESCRIPTION": "What a venue, a custodian and a member firm need of their clearinghouse. Amounts"
    " are decimal strings in the asset named beside them; times are RFC 3339 in UTC; every fact has"
    " a sequence.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.with_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "WithdrawalState": "clearing.domain.withdrawal.STATES",
        "SubstitutionState": "clearing.domain.substitution.STATES",
        "CallState": "margin.api.calls.STATES",
        "CaseState": "liquidation.api.cases.STATES",
        "HandoverState": "clearing.api.handovers.STATES",
        "TradeStatus": "clearing.api.register.STATUSES",
        "InstrumentKind": "clearing.api.reference.KINDS",
        "AccountKind": "accounts.domain.members.KINDS",
        "HolderKind": "clearing.api.reconciliations.KINDS",
        "MarginStanding": "margin.api.requirements.STANDINGS",
        "CycleKind": "clearing.api.settlement.KINDS",
        "CycleState": "clearing.api.settlement.STATES",
    },
}
UNFOLD = {
    "SITE_TITLE": "Surety",
    "SITE_HEADER": "Surety",
    "SITE_SYMBOL": "account_balance",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "config.desk.front.front_page",
    "STYLES": ["config.desk.navigation.styles"],
    "SCRIPTS": ["config.desk.navigation.scripts"],
    "COLORS": {"primary": "config.desk.navigation.primary"},
    "SIDEBAR": {"navigation": "config.desk.navigation.sidebar"},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
DATETIME_FORMAT = "Y-m-d H:i:s"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = ENV.var / "static"
WHITENOISE_USE_FINDERS = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"surety": {"level": "INFO"}},
}
