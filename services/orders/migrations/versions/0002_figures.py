"""Orders and products in figures by day and month, and since when there is a customer."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ACCEPTED = "status in ('confirmed', 'processing', 'shipped', 'delivered', 'returned')"

ORDERS_SO_FAR = f"""
    insert into order_figures (customer_id, grain, starts_on, orders, revenue)
    select customer_id, grain, starts_on, count(*), sum(total_amount - returned_amount)
    from orders, lateral (values
        ('day', cast(timezone('UTC', order_date) as date)),
        ('month', cast(date_trunc('month', timezone('UTC', order_date)) as date))
    ) as period (grain, starts_on)
    where {ACCEPTED}
    group by customer_id, grain, starts_on
    """  # noqa: S608  # of our own words
PRODUCTS_SO_FAR = f"""
    insert into product_figures (customer_id, grain, starts_on, product_id, product_name, named_at, named_by,
        quantity, revenue)
    select customer_id, grain, starts_on, product_id,
        (array_agg(product_name order by order_date desc, order_id desc, position desc))[1],
        max(order_date), (array_agg(order_id order by order_date desc, order_id desc))[1],
        sum(quantity), sum(line_total)
    from orders, rows from (json_to_recordset(lines)
        as (product_id text, product_name text, quantity integer, line_total numeric)
    ) with ordinality as line (product_id, product_name, quantity, line_total, position), lateral (values
        ('day', cast(timezone('UTC', order_date) as date)),
        ('month', cast(date_trunc('month', timezone('UTC', order_date)) as date)),
        ('ever', date '0001-01-01')
    ) as period (grain, starts_on)
    where {ACCEPTED} and status <> 'returned'
    group by customer_id, grain, starts_on, product_id
    """  # noqa: S608  # of our own words


def upgrade() -> None:
    """Make the tables, and count what there is."""
    op.add_column("customers", sa.Column("customer_since", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_orders_accepted",
        "orders",
        ["customer_id", "order_date", "order_id"],
        postgresql_where=sa.text(ACCEPTED),
    )
    _make_figures()
    for counted in (ORDERS_SO_FAR, PRODUCTS_SO_FAR):
        op.execute(counted)


def _make_figures() -> None:
    op.create_table(
        "order_figures",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("grain", sa.Text, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("orders", sa.Integer, nullable=False),
        sa.Column("revenue", sa.Numeric(16, 2), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "grain", "starts_on", name="pk_order_figures"),
    )
    op.create_table(
        "product_figures",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("grain", sa.Text, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("product_name", sa.Text, nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("named_by", sa.Text, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("revenue", sa.Numeric(16, 2), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "grain", "starts_on", "product_id", name="pk_product_figures"),
    )
