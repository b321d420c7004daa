from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Surety"

    def ready(self) -> None:
        """Every process knows the broker, so that any of them can wake a worker."""
        import config.celery  # noqa: F401, PLC0415 - needs the settings that are ready only now
