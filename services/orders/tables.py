"""The tables of orders; migrations make them, `store` alone speaks to them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from shared.database import new_metadata
from shared.inbox import inbox
from shared.outbox import outbox

metadata = new_metadata()

IS_ACCEPTED = "status in ('confirmed', 'processing', 'shipped', 'delivered', 'returned')"
"""Whether a row of orders counts, word for word as the index has it, so that every plan may use that."""

customers = Table(
    "customers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("is_active", Boolean),
    Column("currency", Text),
    Column("payment_terms", Text),
    Column("discount_rate", Numeric(5, 2)),
    Column("shipping_address", JSON(none_as_null=True)),
    Column("customer_since", DateTime(timezone=True)),
    Column("erased_at", DateTime(timezone=True)),
)
"""What orders needs to know of the customers there are, as customers said last. `shipping_address`: the
billing address where there is none. `customer_since`: null where it was said before it was kept. `erased_at`:
null but for a marker, which keeps the id and the last version of who was erased and nothing else."""

orders = Table(
    "orders",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("external_ref", Text, nullable=False),
    Column("digest", LargeBinary),
    Column("order_number", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("status_reason", Text),
    Column("order_date", DateTime(timezone=True), nullable=False),
    Column("ship_date", DateTime(timezone=True)),
    Column("delivery_date", DateTime(timezone=True)),
    Column("currency", Text, nullable=False),
    Column("total_amount", Numeric(14, 2), nullable=False),
    Column("returned_amount", Numeric(14, 2), nullable=False),
    Column("payment_terms", Text),
    Column("shipping_address", JSON(none_as_null=True)),
    Column("lines", JSON, nullable=False),
    Column("items_count", Integer, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("correlation_id", Text, nullable=False),
    UniqueConstraint("source", "external_ref", name="uq_orders_source_external_ref"),
    Index("ix_orders_customer_id_order_date_order_id", "customer_id", "order_date", "order_id"),
    Index(
        "ix_orders_customer_id_status_order_date_order_id", "customer_id", "status", "order_date", "order_id"
    ),
    Index("ix_orders_placed_at", "placed_at", postgresql_where=text("status = 'pending'")),
    Index(
        *("ix_orders_accepted", "customer_id", "order_date", "order_id"),
        postgresql_where=text(IS_ACCEPTED),
    ),
)
"""One row an order. `version`: +1 with every event. `digest`: of what its placement said, null after an
erasure. `payment_terms`: null of an unknown customer. `lines`: as the order's state tells them, decimals as
texts. `correlation_id`: of the conversation that its placement belongs to."""

returns = Table(
    "returns",
    metadata,
    Column("order_id", Text, ForeignKey("orders.order_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("return_id", Text),
    Column("source", Text, nullable=False),
    Column("ce_id", Text, nullable=False),
    Column("amount", Numeric(14, 2), nullable=False),
    Column("returned_at", DateTime(timezone=True), nullable=False),
    Column("asked_amount", Numeric(14, 2)),
    Column("asked_returned_at", DateTime(timezone=True)),
    UniqueConstraint("order_id", "return_id", name="uq_returns_order_id_return_id"),
    UniqueConstraint("order_id", "source", "ce_id", name="uq_returns_order_id_source_ce_id"),
)
"""What came back of an order. `version`: of the order by it. `source`, `ce_id`: of the command, by which a
return without a `return_id` is known. `asked_…`: as the command said it, null where it did not."""

totals = Table(
    "totals",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("lifetime_value", Numeric(16, 2), nullable=False),
    Column("total_orders", Integer, nullable=False),
    Column("last_order_date", DateTime(timezone=True)),
    Column("orders_count", Integer, nullable=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
)
"""A customer's orders in figures, kept with every change of an order. `version`: counts the totals that were
published; 0 before the first. `orders_count`: of any status. `as_of`: when one of the orders changed last."""

order_figures = Table(
    "order_figures",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("grain", Text, primary_key=True),
    Column("starts_on", Date, primary_key=True),
    Column("orders", Integer, nullable=False),
    Column("revenue", Numeric(16, 2), nullable=False),
)
"""A customer's accepted orders of a day or a month (`grain`) in UTC, less what was returned of them.
`starts_on`: its first day. A row of zeros is as good as none."""

product_figures = Table(
    "product_figures",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("grain", Text, primary_key=True),
    Column("starts_on", Date, primary_key=True),
    Column("product_id", Text, primary_key=True),
    Column("product_name", Text, nullable=False),
    Column("named_at", DateTime(timezone=True), nullable=False),
    Column("named_by", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("revenue", Numeric(16, 2), nullable=False),
)
"""What was sold of a product to a customer on a day, in a month, or ever: by accepted orders, but for those
wholly returned. `starts_on`: the first day, 0001-01-01 of `ever`. `product_name`: as the newest of these
orders calls it, which is that of `named_at` and `named_by`. A row without quantity is as good as none."""

waiting = Table(
    "waiting",
    metadata,
    Column("position", BigInteger, Identity(always=True, cache=1), primary_key=True),
    Column("order_id", Text, nullable=False, index=True),
    Column("customer_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("ce_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, index=True),
    UniqueConstraint("source", "ce_id", name="uq_waiting_source_ce_id"),
)
"""Commands that came before their order, or before it had come far enough, as they came. `headers`: a JSON
list of pairs. `since`: when it was set aside first."""

inbox.to_metadata(metadata)
outbox.to_metadata(metadata)
