"""The verb `export`: print everything that is held about a customer, by each service that holds something."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import ValidationError

from ops import bus
from ops.bus import NoBus
from ops.output import fail
from ops.settings import Settings
from shared.contracts.credit.requests import ExportCredit
from shared.contracts.customers.requests import ExportCustomer
from shared.contracts.orders.requests import ExportOrders
from shared.errors import DeadlineExceeded, Refused
from shared.ids import new_message_id
from shared.messaging import Query
from shared.rpc import Asking, Rpc

SOURCE = "/customers-api/export"
ANSWER_WITHIN_S = 10.0
NOT_FOUND = "customer_not_found"


class Unanswered(Exception):
    """A service has not answered in time; one line for people."""


def export(settings: Settings, customer_id: str) -> int:
    """Print the customer's export as indented JSON on standard output, errors elsewhere; the exit code.

    A service that does not know the customer has null; 1 where none does.
    """
    try:
        queries: dict[str, Query[Any]] = {
            "customers": ExportCustomer(customer_id=customer_id),
            "orders": ExportOrders(customer_id=customer_id),
            "credit": ExportCredit(customer_id=customer_id),
        }
    except ValidationError as error:
        fail(bus.reason(error))
        return 2
    bus.keep_clients_quiet()
    try:
        answers = asyncio.run(exports(bus.bootstrap_servers(settings), queries, ANSWER_WITHIN_S))
    except NoBus as error:
        fail(str(error))
        return 2
    except (Unanswered, Refused) as error:
        fail(str(error))
        return 1
    if not any(answers.values()):
        fail(f"{NOT_FOUND}: there is no customer {customer_id}")
        return 1
    sys.stdout.buffer.write(indented(joined(answers)))
    return 0


async def exports(
    servers: str, queries: Mapping[str, Query[Any]], within_s: float
) -> dict[str, bytes | None]:
    """The answer of each service, by its name, as it came; None of one that does not know the customer.

    Raises:
        NoBus: nobody to ask.
        Unanswered: a service did not answer in time.
        Refused: a service said no for another reason.
    """
    topics = (query.topic for query in queries.values())
    async with bus.rpc(servers, SOURCE, *topics) as rpc:
        found = await asyncio.gather(*(_export(rpc, name, queries[name], within_s) for name in queries))
    return dict(zip(queries, found, strict=True))


async def _export(rpc: Rpc, name: str, query: Query[Any], within_s: float) -> bytes | None:
    asking = Asking(request_id=new_message_id(), caller=SOURCE, deadline_s=within_s)
    try:
        return (await bus.relay(rpc, query, asking)).body
    except Refused as refused:
        if refused.refusal.code != NOT_FOUND:
            raise
        return None
    except DeadlineExceeded:
        raise Unanswered(f"{name} has not answered within {within_s:g} s") from None


def joined(answers: Mapping[str, bytes | None]) -> bytes:
    """One JSON object of all answers, each under its service's name; unparsed."""
    members = (b'"%s":%s' % (name.encode(), answer or b"null") for name, answer in answers.items())
    return b"{%s}" % b",".join(members)


def indented(document: bytes) -> bytes:
    """A JSON document, a member a line; numbers stay as they were written: money never becomes a float."""
    return msgspec.json.format(document, indent=2) + b"\n"
