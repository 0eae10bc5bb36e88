"""What orders says: events, and states on compacted topics. Pure."""

from datetime import datetime

from shared.contracts.orders.answers import Status
from shared.contracts.orders.topics import ACCOUNT_STATE, EVENTS, STATE
from shared.contracts.values import Amount, Balance, DiscountRate, PaymentTerms, PositiveAmount, UnitPrice
from shared.messaging import Event, State, Value


class Line(Value):
    """A line of an order as it was priced.

    quantity: 1..1,000,000. discount_rate: percent, the customer's own where the sender named none.
    line_total: quantity x unit_price, less the discount, rounded half up.
    """

    product_id: str
    product_name: str
    quantity: int
    unit_price: UnitPrice
    discount_rate: DiscountRate
    line_total: Amount


class OrderEvent(Event):
    """What every event of an order tells.

    version: of the order, +1 with each. external_ref: the sender's own name for the order.
    source: the sender (`ce_source`) that placed it. order_date: may lie in the past.
    previous_status: null of a new order; the same as `status` where a fact was filled in late.
    total_amount: in `currency`. payment_terms: as of its placement; null of an unknown customer.
    """

    customer_id: str
    order_id: str
    version: int
    external_ref: str
    source: str
    order_number: str
    status: Status
    previous_status: Status | None
    order_date: datetime
    currency: str
    total_amount: Amount
    payment_terms: PaymentTerms | None


class OrderPlaced(OrderEvent):
    """An order was taken in and waits for credit.

    Leads to `credit.reserved.v1` or `credit.reservation_refused.v1`, once for each `order_id`.
    """

    topic = EVENTS
    type = "order.placed.v1"
    key = "customer_id"

    lines: list[Line]


class OrderConfirmed(OrderEvent):
    """Credit was reserved for an order: it counts among the customer's orders from now on."""

    topic = EVENTS
    type = "order.confirmed.v1"
    key = "customer_id"


class OrderRejected(OrderEvent):
    """An order is not to be carried out.

    reason: `insufficient_credit`, `unknown_customer`, `customer_inactive`, `currency_mismatch`,
    `account_past_due` or `credit_timeout`; more may come.
    """

    topic = EVENTS
    type = "order.rejected.v1"
    key = "customer_id"

    reason: str


class OrderProcessingStarted(OrderEvent):
    """An order is being made ready."""

    topic = EVENTS
    type = "order.processing_started.v1"
    key = "customer_id"


class OrderShipped(OrderEvent):
    """An order was shipped: credit invoices it, dated by `ship_date`."""

    topic = EVENTS
    type = "order.shipped.v1"
    key = "customer_id"

    ship_date: datetime


class OrderDelivered(OrderEvent):
    """An order was delivered; where it was not said to be shipped, credit invoices it by `delivery_date`."""

    topic = EVENTS
    type = "order.delivered.v1"
    key = "customer_id"

    delivery_date: datetime


class OrderCancelled(OrderEvent):
    """An order was cancelled before it was shipped. reason: the sender's, null where it gave none."""

    topic = EVENTS
    type = "order.cancelled.v1"
    key = "customer_id"

    reason: str | None


class OrderReturned(OrderEvent):
    """Goods of an order came back, and their amount is credited.

    amount: of this return. is_partial: whether something of the total is left; then the status stays.
    returned_at: when. return_id: the sender's own, null where it gave none.
    """

    topic = EVENTS
    type = "order.returned.v1"
    key = "customer_id"

    amount: PositiveAmount
    is_partial: bool
    returned_at: datetime
    return_id: str | None


class OrderState(State):
    """An order as it is now, without addresses.

    version: +1 with every event. status_reason: why rejected or cancelled, else null.
    returned_amount: credited so far. placed_at: when it was taken in. order_date: when it was ordered.
    Other members as in `order.placed.v1`.
    """

    topic = STATE
    type = "order.state.v1"
    key = "order_id"

    order_id: str
    customer_id: str
    external_ref: str
    source: str
    order_number: str
    status: Status
    status_reason: str | None
    order_date: datetime
    ship_date: datetime | None
    delivery_date: datetime | None
    currency: str
    total_amount: Amount
    returned_amount: Amount
    payment_terms: PaymentTerms | None
    lines: list[Line]
    placed_at: datetime
    updated_at: datetime


class OrderTotals(State):
    """A customer's orders in figures: of accepted ones, in the customer's currency.

    lifetime_value: their totals, less what was credited for returns. total_orders: how many; returned ones
    stay counted. last_order_date: null before the first.
    """

    topic = ACCOUNT_STATE
    type = "order_account.state.v1"
    key = "customer_id"

    customer_id: str
    lifetime_value: Balance
    total_orders: int
    last_order_date: datetime | None
