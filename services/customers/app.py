"""The customers service as a process: `python -m shared.serve customers`."""

from faststream import FastStream
from pydantic import Field, SecretStr

from services.customers.handlers import handlers
from shared.application import new_application
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and where this one's database is."""

    database_url: SecretStr = Field(validation_alias="DATABASE_URL_CUSTOMERS")


def create_app(settings: Settings | None = None) -> FastStream:
    """The application; None reads the environment."""
    return new_application(handlers, settings or Settings.from_environment())
