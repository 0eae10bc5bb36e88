"""The orders service as a process: `python -m shared.serve orders`."""

from decimal import Decimal

from faststream import FastStream
from pydantic import Field, SecretStr

from services.orders.handlers import handlers
from services.orders.policy import DEFAULTS, OrdersPolicy, Thresholds
from shared.application import new_application
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, where this one's database is, and its policy."""

    database_url: SecretStr = Field(validation_alias="DATABASE_URL_ORDERS")
    credit_answer_within_s: int = Field(default=OrdersPolicy.credit_answer_within_s, ge=1)
    order_awaited_within_s: int = Field(default=OrdersPolicy.order_awaited_within_s, ge=1)
    segment_dormant_after_days: int = Field(default=DEFAULTS.dormant_after_days, ge=1)
    segment_established_after_days: int = Field(default=DEFAULTS.established_after_days, ge=0)
    segment_established_from_orders: int = Field(default=DEFAULTS.established_from_orders, ge=2)
    segment_at_risk_after_days: int = Field(default=DEFAULTS.at_risk_after_days, ge=1)
    segment_at_risk_after_gaps: int = Field(default=DEFAULTS.at_risk_after_gaps, ge=1)
    segment_high_value_from: Decimal = Field(default=DEFAULTS.high_value_from, ge=0, decimal_places=2)

    @property
    def policy(self) -> OrdersPolicy:
        """What of it decides something."""
        return OrdersPolicy(self.credit_answer_within_s, self.order_awaited_within_s, self._segments)

    @property
    def _segments(self) -> Thresholds:
        return Thresholds(
            dormant_after_days=self.segment_dormant_after_days,
            established_after_days=self.segment_established_after_days,
            established_from_orders=self.segment_established_from_orders,
            at_risk_after_days=self.segment_at_risk_after_days,
            at_risk_after_gaps=self.segment_at_risk_after_gaps,
            high_value_from=self.segment_high_value_from,
        )


def create_app(settings: Settings | None = None) -> FastStream:
    """The application; None reads the environment."""
    settings = settings or Settings.from_environment()
    return new_application(handlers, settings, policy=settings.policy, asks_owners=True)
