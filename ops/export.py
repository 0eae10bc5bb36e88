"""The verb `export`: print everything that is held about a customer."""

import asyncio
import sys

import msgspec
from pydantic import ValidationError

from ops import bus
from ops.bus import NotGranted
from ops.output import fail
from ops.settings import Settings
from shared.contracts.customers.requests import ExportCustomer
from shared.errors import DeadlineExceeded

SOURCE = "/customers-api/export"
ANSWER_WITHIN_S = 10.0


def export(settings: Settings, customer_id: str) -> int:
    """Print the customer's export as indented JSON on standard output, errors elsewhere; the exit code."""
    try:
        query = ExportCustomer(customer_id=customer_id)
    except ValidationError as error:
        fail(bus.reason(error))
        return 2
    bus.keep_clients_quiet()
    try:
        answer = asyncio.run(bus.answer(bus.bootstrap_servers(settings), SOURCE, query, ANSWER_WITHIN_S))
    except NotGranted as error:
        fail(str(error))
        return error.exit_code
    except DeadlineExceeded:
        fail(f"customers has not answered within {ANSWER_WITHIN_S:.0f} s")
        return 1
    sys.stdout.buffer.write(indented(answer.body))
    return 0


def indented(document: bytes) -> bytes:
    """A JSON document, a member a line; numbers stay as they were written: money never becomes a float."""
    return msgspec.json.format(document, indent=2) + b"\n"
