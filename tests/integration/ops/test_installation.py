import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.groups import groups
from ops.installation import Finding, findings
from ops.ports import HOST, free_port
from ops.settings import SERVICES, Settings
from shared.kafka import create_topics
from shared.messaging import timestamp
from shared.outbox import outbox
from tests.support.eventually import eventually
from tests.support.kafka import a_topic, publish
from tests.support.postgres import Database, fresh_databases

NOWHERE = "http://127.0.0.1:1"


async def found_of(
    kafka: str, database: Database, gateway_url: str = NOWHERE, secrets: str = "/nowhere"
) -> dict[str, Finding]:
    environment = {"DATABASE_URL_CUSTOMERS": database.runtime, "SECRETS_DIR": secrets}
    found = await findings(Settings(kafka_bootstrap_servers=kafka), gateway_url, environment)
    return {each.name: each for each in found}


@pytest.mark.kafka
async def test_a_group_that_nobody_is_in_lags_by_all_that_is_on_its_topic(kafka: str) -> None:
    name = f"nobody-{uuid4().hex}"
    topic = a_topic("commands", groups=[name])
    await create_topics(kafka, [topic])
    for number in range(3):
        await publish(kafka, topic.name, f"key-{number}".encode(), b"{}", [])

    (group,) = await groups(kafka, [topic])

    assert (group.name, group.members, group.lag) == (name, 0, 3)
    assert group.state != "Stable"


@pytest.mark.composed
async def test_of_a_system_that_runs_everything_is_well(
    gateway_url: str, kafka: str, customers_database: Database
) -> None:
    found = await eventually(
        lambda: found_of(kafka, customers_database, gateway_url),
        lambda found: not any(each.why for each in found.values()),
    )

    groups_of_all = {f"group {name}{kind}" for name in SERVICES for kind in ("", "-queries")}
    assert set(found) == {"gateway", *groups_of_all, "outbox of customers"}
    assert found["gateway"].shows == "ready"
    assert all(found[f"group {name}"].shows.startswith("1 members, lag ") for name in SERVICES)
    assert found["outbox of customers"].shows == "empty"


@pytest.mark.integration
async def test_the_outbox_of_every_database_in_reach_is_told(postgres_url: str) -> None:
    async with fresh_databases(postgres_url, SERVICES) as databases:
        urls = {f"DATABASE_URL_{name.upper()}": each.runtime for name, each in databases.items()}
        settings = Settings(kafka_bootstrap_servers=f"{HOST}:{free_port()}")
        found = await findings(settings, NOWHERE, {**urls, "SECRETS_DIR": "/nowhere"})

    assert found[-3:] == [Finding(f"outbox of {name}", "empty") for name in SERVICES]


@pytest.mark.integration
async def test_a_row_that_nobody_publishes_is_told_with_its_age(
    customers_database: Database, engine: AsyncEngine
) -> None:
    headers = {"ce_time": timestamp(datetime.now(UTC) - timedelta(seconds=60))}
    async with engine.begin() as db:
        await db.execute(insert(outbox), [{"topic": "t", "headers": json.dumps(headers)}])

    found = (await found_of(f"{HOST}:{free_port()}", customers_database))["outbox of customers"]

    assert found.shows.startswith("1 rows, oldest 6")
    assert found.why == "nobody publishes it"


@pytest.mark.integration
async def test_what_does_not_answer_is_named_and_the_rest_is_told_all_the_same(
    customers_database: Database,
) -> None:
    found = await found_of(f"{HOST}:{free_port()}", customers_database)

    assert found["gateway"].why.startswith("does not answer: ")
    assert found["kafka"].why.startswith("does not answer: ")
    assert found["outbox of customers"] == Finding("outbox of customers", "empty")


@pytest.mark.integration
async def test_a_database_is_found_by_the_file_of_its_url(tmp_path: Path) -> None:
    (tmp_path / "DATABASE_URL_CUSTOMERS").write_text(f"postgresql://someone@{HOST}:{free_port()}/customers")

    settings = Settings(kafka_bootstrap_servers=f"{HOST}:{free_port()}")
    found = await findings(settings, NOWHERE, {"SECRETS_DIR": str(tmp_path)})

    assert found[-1] == Finding(
        "outbox of customers", "-", "the database does not answer: ConnectionRefusedError"
    )
