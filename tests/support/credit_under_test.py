"""The credit service as tests drive it: on a real database, told and asked without a broker."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.handlers import handlers
from services.credit.policy import CreditPolicy
from shared.consumer import Consumer
from shared.contracts.customers.events import CustomerErased
from shared.database import reading
from shared.handlers import Service
from shared.messaging import Answer, Command, Event, Query, State
from shared.owners import Owners
from shared.queries import Queries
from tests.support.builders import a_record, an_asking_envelope, an_envelope
from tests.support.credit_builders import a_customer_state
from tests.support.known_customers import Customers
from tests.support.mailbox import Mailbox
from tests.support.passing_time import pass_time


@dataclass
class Credit:
    """The credit service on a database of the test."""

    engine: AsyncEngine
    service: Service
    mailbox: Mailbox
    customers: Customers
    consumer: Consumer
    queries: Queries

    async def opens_account(self, **customer: object) -> str:
        """The id of a customer that credit has heard of; changes are the customer's."""
        heard = a_customer_state(**customer)
        await self.hears(heard)
        return heard.customer_id

    async def hears(self, message: Event | State, **envelope: object) -> None:
        """Something was said on a topic it follows; changes are the envelope's."""
        await self.consumer.handle(a_record(message, an_envelope(message, **envelope)))
        assert self.mailbox.letters == []

    async def hears_all(self, *messages: Event | State) -> None:
        """The same of several, in their order."""
        for message in messages:
            await self.hears(message)

    async def hears_at_once(self, *messages: Event | State) -> None:
        """Several were said on one topic, and are handled together."""
        records = [a_record(each, an_envelope(each), offset) for offset, each in enumerate(messages)]
        assert await self.consumer.handle_batch(records)
        assert self.mailbox.letters == []

    async def erases(self, customer_id: str, version: int = 2) -> None:
        """The customer was erased, under this version."""
        self.customers.known.pop(customer_id, None)
        await self.hears(CustomerErased(customer_id=customer_id, version=version))

    async def is_told(self, command: Command[Any], **envelope: object) -> Answer[Any]:
        """The answer to a command, which is asked for."""
        asking = an_asking_envelope(command, **{"source": "/bank", **envelope})
        await self.consumer.handle(a_record(command, asking))
        assert self.mailbox.letters == []
        return self.mailbox.answer_to(asking)

    async def posts(self, command: Command[Any], **envelope: object) -> dict[str, Any]:
        """The body of the answer to a command that is not refused."""
        answer = await self.is_told(command, **envelope)
        assert "refusal" not in answer.facts, answer.body
        posted: dict[str, Any] = json.loads(answer.body)
        return posted

    async def refuses(self, command: Command[Any], **envelope: object) -> str:
        """The code with which a command is refused."""
        return (await self.is_told(command, **envelope)).facts["refusal"]

    async def is_asked(self, query: Query[Any]) -> Answer[Any]:
        """The answer to a query."""
        asking = an_asking_envelope(query)
        await self.queries.take([a_record(query, asking)])
        await self.queries.finish()
        return self.mailbox.answer_to(asking)

    async def passes_time(self, now: datetime) -> None:
        """What is done as time passes, as of `now`."""
        await pass_time(self.service, now, self.mailbox.wake_relay)

    async def said(self, customer_id: str) -> list[dict[str, Any]]:
        """What was said of a customer: bodies with their `type`, in their order."""
        rows = await self.rows("select * from outbox order by id")
        return [
            {"type": json.loads(row["headers"])["ce_type"], **json.loads(row["value"])}
            for row in rows
            if row["key"] == customer_id.encode()
        ]

    async def events(self, customer_id: str, wire_type: str) -> list[dict[str, Any]]:
        """Of what was said that of one type."""
        return [each for each in await self.said(customer_id) if each["type"] == wire_type]

    async def account(self, customer_id: str) -> dict[str, Any]:
        """The customer's row; amounts as texts."""
        (row,) = await self.rows(
            "select *, cast(balance as text) as owes, cast(reserved as text) as holds,"
            " cast(past_due as text) as is_past_due from accounts where customer_id = :id",
            id=customer_id,
        )
        return row

    async def figures(self, customer_id: str) -> tuple[str, str]:
        """Balance and what is reserved."""
        account = await self.account(customer_id)
        return account["owes"], account["holds"]

    async def writes(self, statement: str, **values: object) -> None:
        """Put something into the tables behind the service's back."""
        async with self.engine.begin() as db:
            await db.execute(text(statement), values)

    async def rows(self, statement: str, **values: object) -> list[dict[str, Any]]:
        """What a statement finds."""
        async with reading(self.engine).connect() as db:
            return [dict(row._mapping) for row in await db.execute(text(statement), values)]


def credit_on(engine: AsyncEngine) -> Credit:
    """One process of the service."""
    service, mailbox, customers = Service(handlers, engine, CreditPolicy()), Mailbox(), Customers()
    owners = Owners(service, customers, mailbox.wake_relay)  # type: ignore[arg-type]  # asked for one thing only
    return Credit(
        engine=engine,
        service=service,
        mailbox=mailbox,
        customers=customers,
        consumer=Consumer(service, mailbox, owners),
        queries=Queries(service, mailbox, owners),
    )
