"""The topics of customers. Pure."""

from datetime import timedelta

from shared.messaging import Rejection, Topic

EVENTS = Topic(
    "customers.customer.events.v1",
    kind="events",
    key="customer_id",
    groups=("orders", "credit"),
    retention=timedelta(days=14),
)
STATE = Topic(
    "customers.customer.state.v1",
    kind="state",
    key="customer_id",
    groups=("orders", "credit"),
    retention=timedelta(days=7),
    personal=True,
)
QUERIES = Topic(
    "customers.customer.queries.v1",
    kind="queries",
    key="customer_id",
    groups=("customers-queries",),
    retention=timedelta(minutes=10),
    personal=True,
)


class CustomerCommandRejected(Rejection):
    """A customer command that nobody awaited an answer for was refused; nothing changed.

    customer_id, contact_id, external_ref: the ids the command named; absent where it named none.
    """

    topic = EVENTS
    type = "customer.command_rejected.v1"
    key = "customer_id"

    customer_id: str | None = None
    contact_id: str | None = None
    external_ref: str | None = None


COMMANDS = Topic(
    "customers.customer.commands.v1",
    kind="commands",
    key="customer_id",
    groups=("customers",),
    retention=timedelta(days=7),
    personal=True,
    rejection=CustomerCommandRejected,
)
