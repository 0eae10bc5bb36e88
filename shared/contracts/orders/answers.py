"""What requests to orders are answered with: finished JSON, shaped for HTTP. Pure."""

from datetime import datetime
from typing import Literal

from shared.contracts.pages import PageMeta
from shared.contracts.values import Address, NumberInAnswer
from shared.messaging import Value

Status = Literal[
    "pending", "confirmed", "processing", "shipped", "delivered", "rejected", "cancelled", "returned"
]
Segment = Literal["dormant", "new", "at_risk", "high_value", "regular"]


class Order(Value):
    """An order as an item of a list.

    Money: numbers with two decimals, in `currency`. Times: UTC without fractional seconds.
    ship_date, delivery_date: null until known. items_count: how many lines.
    shipping_address: as it was when the order was taken in; null after an erasure.
    external_ref: the sender's own name for it. status_reason: why rejected or cancelled, else null.
    """

    id: str
    order_number: str
    status: Status
    order_date: datetime
    ship_date: datetime | None
    delivery_date: datetime | None
    total_amount: NumberInAnswer
    items_count: int
    shipping_address: Address | None
    currency: str
    external_ref: str
    status_reason: str | None


class OrderLine(Value):
    """A line of an order.

    unit_price: up to four decimals. discount_rate: percent. line_total: rounded half up.
    """

    product_id: str
    product_name: str
    quantity: int
    unit_price: NumberInAnswer
    discount_rate: NumberInAnswer
    line_total: NumberInAnswer


class OrderInFull(Order):
    """An order with its lines, in the order in which they were sent."""

    lines: list[OrderLine]


class OrderPageMeta(PageMeta):
    """Where a page of orders stands in its list.

    as_of: since when the customer's orders have stood as shown; null before the first.
    """

    as_of: datetime | None


class OrderPage(Value):
    """A page of a customer's orders, newest `order_date` first, then highest id first."""

    data: list[Order]
    meta: OrderPageMeta


class OrderStanding(Value):
    """A command was carried out, now or before: on which order, and how it stands since.

    version: of the order.
    """

    order_id: str
    order_number: str
    status: Status
    version: int


class MonthOfOrders(Value):
    """Accepted orders of a calendar month in UTC, by `order_date`, as far as it lies in the period.

    month: YYYY-MM. revenue: their totals, less what was returned of them.
    """

    month: str
    orders: int
    revenue: NumberInAnswer
    avg_order_value: NumberInAnswer


class ProductSold(Value):
    """A product in the lines of a customer's accepted orders of the period, but for those wholly returned.

    product_name: as the newest of these orders calls it. revenue: net of line discounts.
    """

    product_id: str
    product_name: str
    quantity_ordered: int
    revenue: NumberInAnswer


class OrderAnalytics(Value):
    """A customer's orders in figures. Accepted orders alone count, a returned one less what was returned.

    Of all time: lifetime_value, total_orders, avg_order_value, last_order_date (null before the first),
    days_since_last_order (calendar days in UTC, null before the first), customer_segment.
    Of the period: total_revenue, order_history (newest month first; months without orders are left out),
    top_products (by revenue, then quantity, at most five).
    segment_version: of the rules and thresholds that made the segment.
    as_of: since when the figures have stood as shown; null before the first order.
    """

    lifetime_value: NumberInAnswer
    total_orders: int
    avg_order_value: NumberInAnswer
    last_order_date: datetime | None
    days_since_last_order: int | None
    total_revenue: NumberInAnswer
    order_history: list[MonthOfOrders]
    top_products: list[ProductSold]
    customer_segment: Segment
    segment_version: str
    as_of: datetime | None


class OrdersExport(Value):
    """Everything orders holds about one customer. orders: newest first, at most 1,000 of them.

    total_orders, lifetime_value: of accepted orders, net of what was returned. orders_count: of any status.
    """

    customer_id: str
    erased_at: datetime | None
    lifetime_value: NumberInAnswer
    total_orders: int
    orders_count: int
    orders: list[OrderInFull]
