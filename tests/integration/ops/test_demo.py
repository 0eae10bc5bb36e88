from datetime import UTC, datetime
from typing import Any

import pytest

from ops.demo import xyz
from ops.demo.chronicle import Story
from ops.demo.verb import kept_day, players
from ops.demo.world import world
from ops.ports import free_port
from tests.support.command_line import customers_api
from tests.support.eventually import eventually
from tests.support.shapes import exact
from tests.support.system import Composed

BROKEN_OFF_AFTER = 20


async def look(app: Composed, path: str) -> Any:
    answer = await app.http.get(f"/api/customers/{path}")
    assert answer.status_code == 200, answer.text
    return exact(answer.text)


@pytest.mark.composed
@pytest.mark.slow
async def test_played_at_the_system_the_documented_customer_has_the_documented_figures(
    composed: Composed, kafka: str
) -> None:
    today = await kept_day(kafka) or datetime.now(UTC).date()
    story, at_its_limit = xyz.story(today), next(each for each in world(today) if "limit" in each.known_for)
    steps: list[None] = []

    async with players(kafka, is_resumed=False) as player:
        begun = Story(story.customer, story.steps[:BROKEN_OFF_AFTER])
        assert await player.play([begun], on_step=lambda: steps.append(None)) == []
    async with players(kafka, is_resumed=True) as player:
        assert [player.is_done(each) for each in story.steps].count(True) >= BROKEN_OFF_AFTER
        assert await player.play([story, at_its_limit], on_step=lambda: steps.append(None)) == []

    assert len(steps) == BROKEN_OFF_AFTER + len(story.steps) + len(at_its_limit.steps)
    assert await kept_day(kafka) == today
    detail = await eventually(
        lambda: look(composed, xyz.CUSTOMER_ID),
        lambda found: (found["data"]["total_orders"], found["data"]["current_balance"]) == ("75", "2500.00"),
    )
    assert detail["data"]["lifetime_value"] == "45000.00"
    orders = await look(composed, f"{xyz.CUSTOMER_ID}/orders?limit=1")
    assert orders["meta"]["total"] == "75"
    assert (orders["data"][0]["total_amount"], orders["data"][0]["items_count"]) == ("299.95", "3")
    assert orders["data"][0]["status"] == "delivered"
    rejected = await look(composed, f"{at_its_limit.customer.customer_id}/orders?status=rejected")
    assert [each["status_reason"] for each in rejected["data"]] == ["insufficient_credit"]
    checked = await composed.http.post(f"/api/customers/{xyz.CUSTOMER_ID}/credit-check")
    assert (
        checked.json()["data"] | {"credit_score": 750, "recommended_credit_limit": 15000}
        == (checked.json()["data"])
    )


@pytest.mark.parametrize("options", [[], ["--slowly"]])
async def test_where_no_broker_is_one_line_says_so_and_what_to_do(options: list[str]) -> None:
    port = free_port()

    ended = await customers_api("demo", *options, KAFKA_PORT=str(port))

    assert (ended.code, ended.output) == (2, "")
    assert ended.errors == f"error: no Kafka answers at 127.0.0.1:{port} (is it running? make run)\n"
