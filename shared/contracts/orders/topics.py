"""The topics of orders. Pure."""

from datetime import timedelta

from shared.messaging import Rejection, Topic

EVENTS = Topic(
    "orders.order.events.v1",
    kind="events",
    key="customer_id",
    groups=("credit",),
    retention=timedelta(days=30),
)
STATE = Topic("orders.order.state.v1", kind="state", key="order_id", groups=(), retention=timedelta(days=7))
ACCOUNT_STATE = Topic(
    "orders.account.state.v1",
    kind="state",
    key="customer_id",
    groups=("customers",),
    retention=timedelta(days=7),
)
QUERIES = Topic(
    "orders.order.queries.v1",
    kind="queries",
    key="customer_id",
    groups=("orders-queries",),
    retention=timedelta(minutes=10),
)


class OrderCommandRejected(Rejection):
    """An order command that nobody awaited an answer for was refused; nothing changed.

    Also said, even where an answer was awaited, of a command that waited in vain for its order.
    customer_id, order_id, external_ref, return_id: the ids the command named; absent where it named none.
    """

    topic = EVENTS
    type = "order.command_rejected.v1"
    key = "customer_id"

    customer_id: str | None = None
    order_id: str | None = None
    external_ref: str | None = None
    return_id: str | None = None


COMMANDS = Topic(
    "orders.order.commands.v1",
    kind="commands",
    key="customer_id",
    groups=("orders",),
    retention=timedelta(days=7),
    personal=True,
    rejection=OrderCommandRejected,
)
