from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.customers.handlers import handlers as customers
from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.orders.handlers import handlers as orders
from services.orders.policy import OrdersPolicy
from shared.contracts.credit.requests import WishedAllocation
from shared.contracts.orders.requests import CancelOrder, PlaceOrder, ReturnOrder, ShipOrder
from shared.contracts.periods import PERIODS
from shared.contracts.values import CENT
from shared.handlers import Service
from tests.e2e.support import a_customer, assert_problem, data, erase, sent
from tests.e2e.test_importing_and_erasing import an_import, imported
from tests.e2e.trading import a_debtor, a_line, a_payment, a_step, an_order, placed, until, yesterday
from tests.support.builders import a_customer_body, a_customer_id
from tests.support.bus import Bus
from tests.support.eventually import eventually
from tests.support.shapes import exact
from tests.support.system import ApplicationUnderTest

MODELS = {"customer_segment": "segments-1.0.0", "risk_score": "tcs-1.0.0"}
WITHIN_S, SILENT_AFTER_S = 10.0, 0.5


def days_ago(days: int) -> datetime:
    """At noon."""
    return yesterday() + timedelta(days=1 - days)


async def analytics_of(app: ApplicationUnderTest, customer_id: str, period: str = "all") -> Any:
    """A customer's analytics; numbers as they are written."""
    answer = await app.http.get(f"/api/customers/{customer_id}/analytics", params={"period": period})
    assert answer.status_code == 200, answer.text
    return exact(answer.text)["data"]


async def until_analytics(app: ApplicationUnderTest, customer_id: str, **figures: str | None) -> Any:
    """A customer's analytics, once these of its figures are so."""

    def shows(found: Any) -> bool:
        return figures.items() <= {**found["overview"], **found["financial_summary"]}.items()

    return await eventually(lambda: analytics_of(app, customer_id), shows)


async def an_old_customer(app: ApplicationUnderTest) -> str:
    """The id of one that has been a customer for years, and may buy on credit."""
    command = an_import(credit_limit=10_000, currency="USD", payment_terms="net_30")
    return str((await imported(app, command))["id"])


def dated(customer_id: str, amount: str, at: datetime, **line: object) -> PlaceOrder:
    """An order of one line."""
    lines = [a_line(unit_price=Decimal(amount), **line)]
    return an_order(customer_id, order_date=at, lines=lines)


def months_of(*ordered: tuple[PlaceOrder, str]) -> list[dict[str, str]]:
    """The months of orders, newest first; each order with its revenue."""
    revenues: dict[str, list[Decimal]] = {}
    for order, revenue in ordered:
        revenues.setdefault(f"{order.order_date:%Y-%m}", []).append(Decimal(revenue))
    return [
        {
            "month": month,
            "orders": str(len(of_month)),
            "revenue": f"{sum(of_month):.2f}",
            "avg_order_value": str(Decimal(sum(of_month) / len(of_month)).quantize(CENT, ROUND_HALF_UP)),
        }
        for month, of_month in sorted(revenues.items(), reverse=True)
    ]


async def test_right_after_a_201_there_is_nothing_and_the_customer_is_new(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app, credit_limit=1000)

    assert await analytics_of(app, customer["id"]) == {
        "customer": {"id": customer["id"], "name": customer["name"]},
        "overview": {
            "lifetime_value": "0.00",
            "total_orders": "0",
            "avg_order_value": "0.00",
            "last_order_date": None,
            "customer_since": customer["customer_since"],
            "days_since_last_order": None,
        },
        "financial_summary": {
            "total_revenue": "0.00",
            "current_balance": "0.00",
            "credit_limit": "1000.00",
            "credit_utilization": "0.0",
            "avg_payment_days": None,
        },
        "order_history": [],
        "top_products": [],
        "customer_segment": "new",
        "risk_score": "medium",
        "currency": customer["currency"],
        "period": {"code": "all", "from": None, "to": None},
        "as_of": None,
        "models": MODELS,
    }


async def test_figures_of_the_period_follow_it_and_all_others_do_not(app: ApplicationUnderTest) -> None:
    customer_id = await an_old_customer(app)
    recent = dated(customer_id, "30.00", days_ago(20), quantity=10)
    earlier = dated(customer_id, "250.00", days_ago(40), product_id="prod_7", product_name="Gauge")
    last_year = dated(customer_id, "1000.00", days_ago(400), product_name="Widget", quantity=2)
    late = dated(customer_id, "0.01", days_ago(45), product_id="prod_7", product_name="Old gauge")
    for order in (recent, earlier, last_year, late):  # not as they were ordered
        await placed(app, order)
    await ship_and_pay(app, earlier, "250.00", days=5)
    await ship_and_pay(app, recent, "300.00", days=12)

    found = await until_analytics(app, customer_id, total_orders="4", avg_payment_days="9")

    periods = {period: await analytics_of(app, customer_id, period) for period in PERIODS}
    of_90_days = [(recent, "300.00"), (earlier, "250.00"), (late, "0.01")]
    gauges = {
        "product_id": "prod_7",
        "product_name": "Gauge",
        "quantity_ordered": "2",
        "revenue": "250.01",
    }
    widgets = gauges | {"product_id": "prod_123", "product_name": "Smart Widget"}
    ten = widgets | {"quantity_ordered": "10", "revenue": "300.00"}
    twelve = widgets | {"quantity_ordered": "12", "revenue": "2300.00"}
    assert {period: shown["financial_summary"]["total_revenue"] for period, shown in periods.items()} == {
        "30d": "300.00",
        "90d": "550.01",
        "1y": "550.01",
        "all": "2550.01",
    }
    assert {period: shown["financial_summary"]["avg_payment_days"] for period, shown in periods.items()} == {
        "30d": "12",
        "90d": "9",
        "1y": "9",
        "all": "9",
    }
    assert {period: shown["order_history"] for period, shown in periods.items()} == {
        "30d": months_of((recent, "300.00")),
        "90d": months_of(*of_90_days),
        "1y": months_of(*of_90_days),
        "all": months_of(*of_90_days, (last_year, "2000.00")),
    }
    assert {period: shown["top_products"] for period, shown in periods.items()} == {
        "30d": [ten],
        "90d": [ten, gauges],
        "1y": [ten, gauges],
        "all": [twelve, gauges],
    }
    assert [unscoped(each) for each in periods.values()] == [unscoped(found)] * 4
    assert found["overview"] == {
        "lifetime_value": "2550.01",
        "total_orders": "4",
        "avg_order_value": "637.50",
        "last_order_date": f"{recent.order_date:%Y-%m-%dT%H:%M:%SZ}",
        "customer_since": "2019-06-15T00:00:00Z",
        "days_since_last_order": "20",
    }
    assert found["customer_segment"] == "regular"
    assert found["as_of"] is not None


async def ship_and_pay(app: ApplicationUnderTest, order: PlaceOrder, amount: str, days: int) -> None:
    """Shipped a day after it was ordered, paid so many days later."""
    shipped = order.order_date + timedelta(days=1)
    await sent(app, a_step(ShipOrder, order, ship_date=shipped))
    await until(app, order, "shipped")
    wished = WishedAllocation(external_ref=order.external_ref, amount=Decimal(amount))
    paid = {"received_at": shipped + timedelta(days=days), "allocations": [wished]}
    await sent(app, a_payment(order.customer_id, amount, **paid))


def unscoped(analytics: Any) -> Any:
    """What no period changes."""
    scoped = ("total_revenue", "avg_payment_days")
    summary = {name: value for name, value in analytics["financial_summary"].items() if name not in scoped}
    kept = {"customer", "overview", "customer_segment", "risk_score", "currency", "as_of", "models"}
    return summary, {name: analytics[name] for name in kept}


async def test_a_period_begins_and_ends_at_the_instants_it_tells(app: ApplicationUnderTest) -> None:
    customer_id = await an_old_customer(app)
    now, moment = datetime.now(UTC), timedelta(minutes=30)
    for amount, at in (
        ("1.00", now - timedelta(days=30) - moment),
        ("20.00", now - timedelta(days=30) + moment),
        ("300.00", now - moment),
        ("4000.00", now + moment),
    ):
        await placed(app, dated(customer_id, amount, at))

    shown = await analytics_of(app, customer_id, "30d")

    begin, end = (datetime.fromisoformat(shown["period"][bound]) for bound in ("from", "to"))
    assert shown["financial_summary"]["total_revenue"] == "320.00"
    assert end - begin == timedelta(days=30)
    assert now - moment < end < now + moment
    whole = await analytics_of(app, customer_id)
    assert whole["financial_summary"]["total_revenue"] == "4321.00"
    assert whole["overview"]["days_since_last_order"] == "0"


async def test_what_is_cancelled_or_sent_back_is_taken_out_again(app: ApplicationUnderTest) -> None:
    customer_id = await an_old_customer(app)
    cancelled, in_part, wholly = (
        dated(customer_id, amount, days_ago(days), product_id=f"prod_{days}")
        for amount, days in (("300.00", 10), ("200.00", 20), ("100.00", 21))
    )
    for order in (cancelled, in_part, wholly):
        await placed(app, order)
    assert (await until_analytics(app, customer_id, total_orders="3"))["overview"][
        "lifetime_value"
    ] == "600.00"

    await sent(app, a_step(CancelOrder, cancelled))
    for order in (in_part, wholly):
        await sent(app, a_step(ShipOrder, order, ship_date=days_ago(5)))
    await sent(app, a_step(ReturnOrder, in_part, amount=Decimal("50.00"), returned_at=days_ago(2)))
    await sent(app, a_step(ReturnOrder, wholly, returned_at=days_ago(2)))

    for period in ("30d", "all"):
        await until_analytics(app, customer_id, total_orders="2", current_balance="150.00")
        found = await analytics_of(app, customer_id, period)
        assert found["overview"]["lifetime_value"] == found["financial_summary"]["total_revenue"] == "150.00"
        assert found["overview"]["last_order_date"] == f"{in_part.order_date:%Y-%m-%dT%H:%M:%SZ}"
        assert found["order_history"] == months_of((in_part, "150.00"), (wholly, "0.00"))
        assert [(each["product_id"], each["revenue"]) for each in found["top_products"]] == [
            ("prod_20", "200.00")
        ]


async def test_the_risk_and_what_is_owed_are_those_of_now(app: ApplicationUnderTest) -> None:
    customer_id = await a_debtor(app, credit_limit=400, payment_terms="net_30")
    order = an_order(customer_id, "100.00")
    await placed(app, order)
    await sent(app, a_step(ShipOrder, order, ship_date=yesterday()))

    found = await until_analytics(app, customer_id, current_balance="100.00")

    summary = found["financial_summary"]
    assert (summary["credit_limit"], summary["credit_utilization"]) == ("400.00", "25.0")
    checked = data(await app.http.post(f"/api/customers/{customer_id}/credit-check"))
    assert found["risk_score"] == checked["risk_assessment"]
    await app.http.put(f"/api/customers/{customer_id}", json={"credit_limit": 80})
    await until_analytics(app, customer_id, credit_limit="80.00", credit_utilization="125.0")


async def test_of_a_customer_that_is_not_there_or_no_longer_there_is_nothing(
    app: ApplicationUnderTest,
) -> None:
    customer_id = await a_debtor(app)
    path = f"/api/customers/{customer_id}/analytics"
    assert (await app.http.get(path)).status_code == 200

    await erase(app, customer_id)

    gone: httpx.Response = await eventually(
        lambda: app.http.get(path), lambda answer: answer.status_code == 404
    )
    assert_problem(gone, 404, "customer_not_found")
    nobody = f"/api/customers/{a_customer_id()}/analytics"
    assert_problem(await app.http.get(nobody), 404, "customer_not_found")
    assert (await app.http.head(nobody)).status_code == 404


@pytest.mark.parametrize("query", ["period=2d", "period=", "period=all&period=all", "page=1"])
async def test_a_period_that_there_is_not_is_refused(app: ApplicationUnderTest, query: str) -> None:
    path = f"/api/customers/{a_customer_id()}/analytics"

    assert_problem(await app.http.get(f"{path}?{query}"), 400, "invalid_parameter")


def calling(bus: Bus, deadline_s: float) -> httpx.AsyncClient:
    """A client of a gateway that asks this bus."""
    settings = GatewaySettings(kafka_bootstrap_servers="in-process:0", deadline_s=deadline_s)
    app = create_app(settings, rpc=bus)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar's ASGI types are narrower
    return httpx.AsyncClient(transport=transport, base_url="http://gateway.test")


@pytest.mark.integration
async def test_one_owner_that_is_away_is_504_for_the_whole(
    engine: AsyncEngine, orders_engine: AsyncEngine
) -> None:
    bus = Bus([Service(customers, engine), Service(orders, orders_engine, OrdersPolicy())])

    async with calling(bus, deadline_s=WITHIN_S) as http:
        created = await http.post("/api/customers", json=a_customer_body())
    async with calling(bus, deadline_s=SILENT_AFTER_S) as http:
        answer = await http.get(f"{created.headers['Location']}/analytics")

    assert_problem(answer, 504, "upstream_timeout")
