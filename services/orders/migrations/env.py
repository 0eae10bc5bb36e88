"""Alembic's entry: the revisions beside this file are run against the tables of orders."""

from services.orders.tables import metadata
from shared.database import run_migrations

run_migrations(metadata)
