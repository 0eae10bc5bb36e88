"""What orders can be asked, and what it can be told to do. Pure."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.contracts.orders.answers import (
    OrderAnalytics,
    OrderInFull,
    OrderPage,
    OrdersExport,
    OrderStanding,
    Status,
)
from shared.contracts.orders.topics import COMMANDS, QUERIES
from shared.contracts.pages import Paged
from shared.contracts.periods import Period
from shared.contracts.values import (
    Address,
    Amount,
    Currency,
    CustomerId,
    DiscountRate,
    ForeignId,
    Instant,
    Name,
    OrderId,
    OrderNumber,
    PositiveAmount,
    Reason,
    UnitPrice,
)
from shared.ids import derived_id
from shared.messaging import Command, Query, Value

LINES_MAX = 500
QUANTITY_MAX = 1_000_000


class FindOrders(Paged, Query[OrderPage]):
    """Ask for one page of a customer's orders that meet all conditions given.

    statuses: any of these; None for all. ordered_from, ordered_to: instants between which `order_date` lies,
    both included. Refused `customer_not_found`.
    """

    topic = QUERIES
    type = "order.find.v1"
    key = "customer_id"

    customer_id: CustomerId
    statuses: Annotated[list[Status], Field(min_length=1, max_length=8)] | None = None
    ordered_from: AwareDatetime | None = None
    ordered_to: AwareDatetime | None = None


class GetOrder(Query[OrderInFull]):
    """Ask for one order of a customer with its lines. Refused `customer_not_found`, `order_not_found`."""

    topic = QUERIES
    type = "order.get.v1"
    key = "customer_id"

    customer_id: CustomerId
    order_id: OrderId


class GetOrderAnalytics(Query[OrderAnalytics]):
    """Ask for a customer's orders in figures.

    period: of what is not of all time. now: where it ends, and up to which days are counted.
    Refused `customer_not_found`.
    """

    topic = QUERIES
    type = "order_analytics.get.v1"
    key = "customer_id"

    customer_id: CustomerId
    period: Period
    now: Instant


class ExportOrders(Query[OrdersExport]):
    """Ask for everything that orders holds about one customer. Refused `customer_not_found`."""

    topic = QUERIES
    type = "customer.export.v1"
    key = "customer_id"

    customer_id: CustomerId


class NewLine(Value):
    """A line as it is ordered.

    quantity: 1..1,000,000. unit_price: up to four decimals. discount_rate: percent; None for the customer's.
    """

    product_id: ForeignId
    product_name: Name
    quantity: Annotated[int, Field(ge=1, le=QUANTITY_MAX, strict=True)]
    unit_price: UnitPrice
    discount_rate: DiscountRate | None = None


class PlaceOrder(Command[OrderStanding]):
    """Take in an order, once for each `external_ref` of a sender; credit then confirms it or not.

    order_date: may lie in the past, at most 24 h ahead. order_number: None draws one of the order's year.
    total_amount: where given it must be what the lines add up to. shipping_address: None for the customer's.
    lines: 1..500. The same content again changes nothing. Refused `external_ref_reused` (with other content),
    `total_mismatch`, `total_out_of_range`, `order_number_taken`, `order_number_invalid`, `date_in_future`,
    `order_date_out_of_range` (numbers are there for the years 1990 to 2100).
    An order of an unknown customer is no refusal: it is rejected.
    """

    topic = COMMANDS
    type = "order.place.v1"
    key = "customer_id"

    external_ref: ForeignId
    customer_id: CustomerId
    order_date: Instant
    currency: Currency
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=LINES_MAX)]
    shipping_address: Address | None = None
    order_number: OrderNumber | None = None
    total_amount: Amount | None = None


def placed_id(source: str, external_ref: str) -> str:
    """The id of the order that a sender places under its own reference."""
    return derived_id("so", source, external_ref)


class StepOfOrder(Command[OrderStanding]):
    """What names an order of a customer.

    order_id, external_ref: give one of the two; the reference is that under which the sender placed the
    order.
    Before the order is known, or has come so far, the command waits for it; after 15 minutes it is refused
    `unknown_order` or `not_yet_possible`; one of an unknown customer at once `unknown_customer`.
    """

    customer_id: CustomerId
    order_id: OrderId | None = None
    external_ref: ForeignId | None = None

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if (self.order_id is None) == (self.external_ref is None):
            raise PydanticCustomError("order_named_once", "give order_id or external_ref, one of the two")
        return self

    def order_named(self, source: str) -> str:
        """The id of the order that is meant, where `source` sends the command."""
        return self.order_id or placed_id(source, self.external_ref or "")


class StartProcessing(StepOfOrder):
    """Say that a confirmed order is being made ready.

    Refused `not_possible` (it has ended), `unknown_customer`,
    `unknown_order`, `not_yet_possible`.
    """

    topic = COMMANDS
    type = "order.start_processing.v1"
    key = "customer_id"


class ShipOrder(StepOfOrder):
    """Say that an order was shipped. ship_date: at most 24 h ahead.

    After its delivery it fills the date in. Refused `not_possible`, `date_in_future`, `unknown_customer`,
    `unknown_order`, `not_yet_possible`.
    """

    topic = COMMANDS
    type = "order.ship.v1"
    key = "customer_id"

    ship_date: Instant


class DeliverOrder(StepOfOrder):
    """Say that an order was delivered, and thereby shipped. delivery_date: at most 24 h ahead.

    Refused `not_possible`, `date_in_future`, `unknown_customer`,
    `unknown_order`, `not_yet_possible`.
    """

    topic = COMMANDS
    type = "order.deliver.v1"
    key = "customer_id"

    delivery_date: Instant


class CancelOrder(StepOfOrder):
    """Cancel an order that was not shipped. Refused `not_possible`, `unknown_customer`, `unknown_order`."""

    topic = COMMANDS
    type = "order.cancel.v1"
    key = "customer_id"

    reason: Reason | None = None


class ReturnOrder(StepOfOrder):
    """Say that goods of a shipped order came back.

    amount: None for all that is left. returned_at: None for when it is handled; at most 24 h ahead.
    return_id: the sender's own, by which a repeat under another `ce_id` is known.
    Refused `not_possible`, `exceeds_total` (also where nothing is left, as of an order of nothing),
    `return_id_reused`, `date_in_future`, `unknown_customer`,
    `unknown_order`, `not_yet_possible`.
    """

    topic = COMMANDS
    type = "order.return.v1"
    key = "customer_id"

    amount: PositiveAmount | None = None
    returned_at: Instant | None = None
    return_id: ForeignId | None = None
