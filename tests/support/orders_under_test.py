"""The orders service as tests drive it: on a real database, told and asked without a broker."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.orders.handlers import handlers
from services.orders.policy import OrdersPolicy
from shared.consumer import Consumer
from shared.contracts.orders.requests import PlaceOrder, placed_id
from shared.contracts.orders.topics import COMMANDS
from shared.database import reading
from shared.handlers import Service
from shared.messaging import Answer, Command, Event, Query, State
from shared.owners import Owners
from shared.queries import Queries
from tests.support.builders import a_record, an_asking_envelope, an_envelope
from tests.support.kafka import Published
from tests.support.known_customers import Customers
from tests.support.mailbox import Mailbox
from tests.support.order_builders import ERP, a_customer_state, a_placement, a_reservation
from tests.support.passing_time import pass_time


@dataclass
class Orders:
    """The orders service on a database of the test."""

    engine: AsyncEngine
    service: Service
    mailbox: Mailbox
    customers: Customers
    consumer: Consumer
    queries: Queries

    async def has_customer(self, **customer: object) -> str:
        """The id of a customer that orders has heard of; changes are the customer's."""
        heard = a_customer_state(**customer)
        await self.hears(heard)
        return heard.customer_id

    async def has_order(self, status: str = "pending", **placement: object) -> PlaceOrder:
        """An order of a customer, pending or confirmed; changes are the placement's."""
        customer_id = placement.pop("customer_id", None) or await self.has_customer()
        placed = a_placement(str(customer_id), **placement)
        await self.does(placed)
        if status == "confirmed":
            await self.hears(a_reservation(placed))
        return placed

    async def hears(self, message: Event | State, **envelope: object) -> None:
        """Something was said on a topic it follows; changes are the envelope's."""
        await self.takes(a_record(message, an_envelope(message, **envelope)))

    async def is_told(self, command: Command[Any], **envelope: object) -> Answer[Any]:
        """The answer to a command, which is asked for."""
        asking = an_asking_envelope(command, **{"source": ERP, **envelope})
        await self.takes(a_record(command, asking))
        return self.mailbox.answer_to(asking)

    async def does(self, command: Command[Any], **envelope: object) -> dict[str, Any]:
        """The body of the answer to a command that is not refused."""
        answer = await self.is_told(command, **envelope)
        assert "refusal" not in answer.facts, answer.body
        standing: dict[str, Any] = json.loads(answer.body)
        return standing

    async def refuses(self, command: Command[Any], **envelope: object) -> str:
        """The code with which a command is refused."""
        return (await self.is_told(command, **envelope)).facts["refusal"]

    async def sets_aside(self, command: Command[Any], **envelope: object) -> None:
        """A command is not answered: it waits."""
        await self.takes(a_record(command, an_envelope(command, **{"source": ERP, **envelope})))
        waiting = await self.rows("select 1 from waiting where key = :key", key=command.record_key)
        assert waiting

    async def takes(self, record: Published) -> None:
        """A record comes, and is no dead letter."""
        await self.consumer.handle(record)
        assert self.mailbox.letters == []

    async def takes_what_it_sent_again(self) -> None:
        """What it put onto its own commands topic comes, until nothing is left."""
        statement = "delete from outbox where topic = :topic returning id, topic, key, value, headers"
        while rows := await self._changed(statement, topic=COMMANDS.name):
            for row in sorted(rows, key=lambda row: row["id"]):
                headers = tuple((name, value.encode()) for name, value in json.loads(row["headers"]).items())
                await self.takes(Published(row["topic"], row["key"], row["value"], headers))

    async def is_asked(self, query: Query[Any]) -> Answer[Any]:
        """The answer to a query."""
        asking = an_asking_envelope(query)
        await self.queries.take([a_record(query, asking)])
        await self.queries.finish()
        return self.mailbox.answer_to(asking)

    async def passes_time(self, now: datetime) -> None:
        """What is done as time passes, as of `now`."""
        await pass_time(self.service, now, self.mailbox.wake_relay)

    async def order(self, placed: PlaceOrder) -> dict[str, Any]:
        """The row of an order; amounts as texts."""
        (row,) = await self.rows(
            "select *, cast(returned_amount as text) as returned, cast(total_amount as text) as total"
            " from orders where order_id = :id",
            id=placed_id(ERP, placed.external_ref),
        )
        return row

    async def totals(self, customer_id: str) -> tuple[str, int, datetime | None]:
        """Value, number and last date of the customer's accepted orders."""
        (row,) = await self.rows(
            "select cast(lifetime_value as text) as value, total_orders, last_order_date from totals"
            " where customer_id = :id",
            id=customer_id,
        )
        return row["value"], row["total_orders"], row["last_order_date"]

    async def said(self) -> list[dict[str, Any]]:
        """Everything that was said: bodies with their `type` and headers, in their order."""
        return [
            {"type": headers["ce_type"], "headers": headers, **json.loads(row["value"])}
            for row in await self.rows("select * from outbox order by id")
            for headers in [json.loads(row["headers"])]
        ]

    async def types_said(self) -> list[str]:
        """The types of it."""
        return [each["type"] for each in await self.said()]

    async def rows(self, statement: str, **values: object) -> list[dict[str, Any]]:
        """What a statement finds."""
        async with reading(self.engine).connect() as db:
            return [dict(row._mapping) for row in await db.execute(text(statement), values)]

    async def _changed(self, statement: str, **values: object) -> list[dict[str, Any]]:
        async with self.engine.begin() as db:
            return [dict(row._mapping) for row in await db.execute(text(statement), values)]


def orders_on(engine: AsyncEngine) -> Orders:
    """One process of the service."""
    service, mailbox, customers = Service(handlers, engine, OrdersPolicy()), Mailbox(), Customers()
    owners = Owners(service, customers, mailbox.wake_relay)  # type: ignore[arg-type]  # asked for one thing only
    return Orders(
        engine=engine,
        service=service,
        mailbox=mailbox,
        customers=customers,
        consumer=Consumer(service, mailbox, owners),
        queries=Queries(service, mailbox, owners),
    )
