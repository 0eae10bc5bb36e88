"""Orders, what is kept with them, a sequence of order numbers for each year, the inbox and the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

FIRST_YEAR, LAST_YEAR = 1990, 2100


def upgrade() -> None:
    """Make the tables and the sequences."""
    _make_customers()
    _make_orders()
    _make_returns()
    _make_totals()
    _make_waiting()
    _make_inbox_and_outbox()
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        op.execute(f"create sequence order_numbers_{year}")


def _make_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("is_active", sa.Boolean),
        sa.Column("currency", sa.Text),
        sa.Column("payment_terms", sa.Text),
        sa.Column("discount_rate", sa.Numeric(5, 2)),
        sa.Column("shipping_address", sa.JSON),
        sa.Column("erased_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customers"),
    )


def _make_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("external_ref", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("order_number", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("status_reason", sa.Text),
        sa.Column("order_date", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ship_date", sa.DateTime(timezone=True)),
        sa.Column("delivery_date", sa.DateTime(timezone=True)),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("total_amount", sa.Numeric(14, 2), nullable=False),
        sa.Column("returned_amount", sa.Numeric(14, 2), nullable=False),
        sa.Column("payment_terms", sa.Text),
        sa.Column("shipping_address", sa.JSON),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("items_count", sa.Integer, nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_orders"),
        sa.UniqueConstraint("order_number", name="uq_orders_order_number"),
        sa.UniqueConstraint("source", "external_ref", name="uq_orders_source_external_ref"),
    )
    for columns in (
        ["customer_id", "order_date", "order_id"],
        ["customer_id", "status", "order_date", "order_id"],
    ):
        op.create_index(f"ix_orders_{'_'.join(columns)}", "orders", columns)
    op.create_index(
        "ix_orders_placed_at", "orders", ["placed_at"], postgresql_where=sa.text("status = 'pending'")
    )


def _make_returns() -> None:
    op.create_table(
        "returns",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("return_id", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("ce_id", sa.Text, nullable=False),
        sa.Column("amount", sa.Numeric(14, 2), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_amount", sa.Numeric(14, 2)),
        sa.Column("asked_returned_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("order_id", "version", name="pk_returns"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name="fk_returns_order_id"),
        sa.UniqueConstraint("order_id", "return_id", name="uq_returns_order_id_return_id"),
        sa.UniqueConstraint("order_id", "source", "ce_id", name="uq_returns_order_id_source_ce_id"),
    )


def _make_totals() -> None:
    op.create_table(
        "totals",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("lifetime_value", sa.Numeric(16, 2), nullable=False),
        sa.Column("total_orders", sa.Integer, nullable=False),
        sa.Column("last_order_date", sa.DateTime(timezone=True)),
        sa.Column("orders_count", sa.Integer, nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_totals"),
    )


def _make_waiting() -> None:
    op.create_table(
        "waiting",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True, cache=1), nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("ce_id", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_waiting"),
        sa.UniqueConstraint("source", "ce_id", name="uq_waiting_source_ce_id"),
    )
    for column in ("order_id", "since"):
        op.create_index(f"ix_waiting_{column}", "waiting", [column])


def _make_inbox_and_outbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("concerns", sa.Text),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("facts", sa.JSON),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("consumer", "source", "id", name="pk_inbox"),
    )
    for column in ("claimed_at", "concerns"):
        op.create_index(f"ix_inbox_{column}", "inbox", [column])
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True, cache=1), nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("headers", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    # rows live for milliseconds: without an eager vacuum every look would wade through the dead ones
    op.execute(
        "alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)"
    )
