"""A service in the process of the test, on a real broker and a real database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from shared.application import new_application
from shared.handlers import Handlers
from shared.settings import ServiceSettings
from tests.support.postgres import Database


@asynccontextmanager
async def running(handlers: Handlers, kafka: str, database: Database, **settings: Any) -> AsyncIterator[None]:
    """One process of the service works within the block; `settings`: beside where its servers are."""
    where: dict[str, Any] = {"kafka_bootstrap_servers": kafka, "database_url": SecretStr(database.runtime)}
    app = new_application(handlers, ServiceSettings(**where, **settings))
    async with app.lifespan_context():
        await app.start()
        try:
            yield
        finally:
            await app.stop()
