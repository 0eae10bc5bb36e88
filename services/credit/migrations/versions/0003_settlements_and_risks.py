"""Settled invoices in figures, and risks that are remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SETTLED_SO_FAR = """
insert into settlements (customer_id, grain, starts_on, invoices, days)
select customer_id, grain, starts_on, count(*), sum(greatest(0, last_paid_on - invoice_date))
from invoices, lateral (values
    ('day', settled_on),
    ('month', cast(date_trunc('month', cast(settled_on as timestamp)) as date)),
    ('ever', date '0001-01-01')
) as kept (grain, starts_on)
where settled_on is not null and last_paid_on is not null
group by customer_id, grain, starts_on
"""


def upgrade() -> None:
    """Make the tables, and count what was settled so far."""
    op.create_table(
        "settlements",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("grain", sa.Text, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("invoices", sa.Integer, nullable=False),
        sa.Column("days", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "grain", "starts_on", name="pk_settlements"),
        sa.CheckConstraint("grain in ('day', 'month', 'ever')", name="ck_settlements_grain"),
        sa.CheckConstraint("invoices > 0 and days >= 0", name="ck_settlements_figures"),
    )
    op.create_table(
        "fact_versions",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_fact_versions"),
    )
    op.create_table(
        "risks",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("account_version", sa.Integer, nullable=False),
        sa.Column("customer_version", sa.Integer, nullable=False),
        sa.Column("facts_version", sa.Integer, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("risk", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_risks"),
    )
    op.execute(SETTLED_SO_FAR)
