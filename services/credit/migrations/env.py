"""Alembic's entry: the revisions beside this file are run against the tables of credit."""

from services.credit.tables import metadata
from shared.database import run_migrations

run_migrations(metadata)
