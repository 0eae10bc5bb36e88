"""One-shot jobs that every image can run: `python -m shared.jobs topics`, `… migrate SERVICE`."""

import asyncio
import os
import sys
from pathlib import Path

from shared import contracts
from shared.database import migrate
from shared.kafka import create_topics
from shared.settings import read

USAGE = "usage: python -m shared.jobs topics | migrate SERVICE"


def run_job(arguments: list[str]) -> None:
    """Run the job that the arguments name.

    Raises:
        SystemExit: with what is missing, where the arguments or the environment lack something.
    """
    match arguments:
        case ["topics"]:
            asyncio.run(create_topics(_needed("KAFKA_BOOTSTRAP_SERVERS"), contracts.TOPICS.values()))
        case ["migrate", service]:
            migrations = Path(__file__).parent.parent / "services" / service / "migrations"
            if not migrations.is_dir():
                raise SystemExit(f"there is no service {service!r} with migrations here")
            migrate(_needed(f"DATABASE_OWNER_URL_{service.upper()}"), migrations)
        case _:
            raise SystemExit(USAGE)


def _needed(variable: str) -> str:
    value = read(variable, os.environ)
    if value is None:
        raise SystemExit(f"{variable} is not set")
    return value


if __name__ == "__main__":
    run_job(sys.argv[1:])
