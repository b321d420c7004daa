from django.apps import AppConfig


class LiquidationConfig(AppConfig):
    name = "liquidation"
    verbose_name = "Liquidation: what if they do not pay"
