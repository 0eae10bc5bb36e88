"""The topics of credit. Pure."""

from datetime import timedelta

from shared.messaging import Rejection, Topic

EVENTS = Topic(
    "credit.account.events.v1",
    kind="events",
    key="customer_id",
    groups=("orders",),
    retention=timedelta(days=30),
)
STATE = Topic(
    "credit.account.state.v1",
    kind="state",
    key="customer_id",
    groups=("customers",),
    retention=timedelta(days=7),
)
QUERIES = Topic(
    "credit.account.queries.v1",
    kind="queries",
    key="customer_id",
    groups=("credit-queries",),
    retention=timedelta(minutes=10),
)
COMMANDS = Topic(
    "credit.account.commands.v1",
    kind="commands",
    key="customer_id",
    groups=("credit",),
    retention=timedelta(days=7),
)
"""Credit checks. It has no rejection: one that nobody asked for is a dead letter."""


class ReceivableCommandRejected(Rejection):
    """A receivable command that nobody awaited an answer for was refused; nothing changed.

    customer_id, payment_id, credit_note_id, write_off_id, invoice_id, external_ref: the ids the command
    named; absent where it named none.
    """

    topic = EVENTS
    type = "receivable.command_rejected.v1"
    key = "customer_id"

    customer_id: str | None = None
    payment_id: str | None = None
    credit_note_id: str | None = None
    write_off_id: str | None = None
    invoice_id: str | None = None
    external_ref: str | None = None


RECEIVABLE_COMMANDS = Topic(
    "credit.receivable.commands.v1",
    kind="commands",
    key="customer_id",
    groups=("credit",),
    retention=timedelta(days=7),
    rejection=ReceivableCommandRejected,
)
