"""The verb `erase`: have a customer erased, and say what came of it."""

import asyncio
import os

import typer
from pydantic import ValidationError

from ops import bus
from ops.bus import NotGranted
from ops.output import console, fail
from ops.settings import Settings
from shared.contracts.customers.requests import EraseCustomer
from shared.errors import DeadlineExceeded

SOURCE = "/customers-api/erase"
ANSWER_WITHIN_S = 30.0
STANDARD_INPUT = 0


def erase(settings: Settings, customer_id: str, reason: str | None, is_sure: bool) -> int:
    """Erase a customer, after asking whoever sits at the terminal unless `is_sure`; the exit code.

    2, and nothing is erased, where nobody sits there to be asked.
    """
    given = {"customer_id": customer_id, "reason": reason}
    try:
        command = EraseCustomer(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        fail(bus.reason(error))
        return 2
    if not is_sure and not os.isatty(STANDARD_INPUT):
        fail(f"nothing was erased: there is no terminal to ask at; say --yes to erase {customer_id} for good")
        return 2
    if not is_sure and not typer.confirm(f"Erase {customer_id} for good?"):
        console.say("nothing was erased")
        return 1
    return carry_out(bus.bootstrap_servers(settings), command, ANSWER_WITHIN_S)


def carry_out(servers: str, command: EraseCustomer, within_s: float) -> int:
    """Have it done and say what came of it; the exit code. within_s: afterwards it is not done any more."""
    bus.keep_clients_quiet()
    try:
        asyncio.run(bus.answer(servers, SOURCE, command, within_s))
    except NotGranted as error:
        fail(str(error))
        return error.exit_code
    except DeadlineExceeded:
        fail(
            f"no answer within {within_s:g} s: it is not known whether {command.customer_id} was "
            "erased; erasing it again does no harm"
        )
        return 1
    console.say(f"{command.customer_id} is erased")
    return 0
