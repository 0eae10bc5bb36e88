"""The orders service as a process: `python -m shared.serve orders`."""

from faststream import FastStream
from pydantic import Field, SecretStr

from services.orders.handlers import handlers
from services.orders.policy import OrdersPolicy
from shared.application import new_application
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, where this one's database is, and its policy."""

    database_url: SecretStr = Field(validation_alias="DATABASE_URL_ORDERS")
    credit_answer_within_s: int = Field(default=OrdersPolicy.credit_answer_within_s, ge=1)
    order_awaited_within_s: int = Field(default=OrdersPolicy.order_awaited_within_s, ge=1)

    @property
    def policy(self) -> OrdersPolicy:
        """What of it decides something."""
        return OrdersPolicy(self.credit_answer_within_s, self.order_awaited_within_s)


def create_app(settings: Settings | None = None) -> FastStream:
    """The application; None reads the environment."""
    settings = settings or Settings.from_environment()
    return new_application(handlers, settings, policy=settings.policy, asks_owners=True)
