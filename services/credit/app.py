"""The credit service as a process: `python -m shared.serve credit`."""

from faststream import FastStream
from pydantic import Field, SecretStr

from services.credit.handlers import handlers
from services.credit.policy import CreditPolicy
from shared.application import new_application
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, where this one's database is, and its policy."""

    database_url: SecretStr = Field(validation_alias="DATABASE_URL_CREDIT")
    past_due_block_days: int = Field(default=CreditPolicy.past_due_block_days, ge=0)

    @property
    def policy(self) -> CreditPolicy:
        """What of it decides something."""
        return CreditPolicy(self.past_due_block_days)


def create_app(settings: Settings | None = None) -> FastStream:
    """The application; None reads the environment."""
    settings = settings or Settings.from_environment()
    return new_application(handlers, settings, policy=settings.policy, asks_owners=True)
