from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ops.demo import xyz
from ops.demo.chronicle import Story
from ops.demo.verb import kept_day, players
from ops.demo.world import world
from ops.ports import free_port
from shared.contracts.orders.requests import PlaceOrder
from tests.contract.test_seed_examples import documented, members_of
from tests.support.command_line import customers_api
from tests.support.eventually import eventually
from tests.support.shapes import exact
from tests.support.system import Composed

BROKEN_OFF_AFTER = 20
DOCUMENTED = members_of(documented("GET /api/customers/:id/analytics")).keys()


async def look(app: Composed, path: str) -> Any:
    answer = await app.http.get(f"/api/customers/{path}")
    assert answer.status_code == 200, answer.text
    return exact(answer.text)


def shown_of(analytics: Any) -> Any:
    """What the documentation shows of analytics: two months and one product."""
    history, products = analytics["order_history"][:2], analytics["top_products"][:1]
    shown = {**analytics, "order_history": history, "top_products": products}
    return {name: value for name, value in shown.items() if name in DOCUMENTED}


def documented_on(today: date) -> Any:
    """The documentation's example as of a day, with the dates of that day."""
    newest = today - timedelta(days=xyz.NEWEST)
    before = newest.replace(day=1) - timedelta(days=1)
    told = exact(documented("GET /api/customers/:id/analytics"))["data"]
    for shown, month in zip(told["order_history"], (newest, before), strict=True):
        shown["month"] = f"{month:%Y-%m}"
    ordered = max(
        step.command.order_date for step in xyz.story(today).steps if isinstance(step.command, PlaceOrder)
    )
    told["overview"] |= {
        "last_order_date": f"{ordered:%Y-%m-%dT%H:%M:%SZ}",
        "customer_since": f"{today - timedelta(days=xyz.TENURE_DAYS)}T00:00:00Z",
    }
    return told


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
    await eventually(
        lambda: look(composed, f"{xyz.CUSTOMER_ID}/analytics"),
        lambda found: shown_of(found["data"]) == documented_on(today),
    )


@pytest.mark.parametrize("options", [[], ["--slowly"]])
async def test_where_no_broker_is_one_line_says_so_and_what_to_do(options: list[str]) -> None:
    port = free_port()

    ended = await customers_api("demo", *options, KAFKA_PORT=str(port))

    assert (ended.code, ended.output) == (2, "")
    assert ended.errors == f"error: no Kafka answers at 127.0.0.1:{port} (is it running? make run)\n"
