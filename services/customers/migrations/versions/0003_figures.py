"""The figures of customers that credit and orders own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make their table; what is shown follows from the states that are on the topics."""
    op.create_table(
        "figures",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("p", sa.Integer, nullable=False),
        sa.Column("balance", sa.Numeric(16, 2), nullable=False),
        sa.Column("balance_version", sa.Integer, nullable=False),
        sa.Column("lifetime_value", sa.Numeric(16, 2), nullable=False),
        sa.Column("total_orders", sa.Integer, nullable=False),
        sa.Column("totals_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_figures"),
    )
    # every order of a customer changes its row a few times: room for new versions on their own page
    op.execute("alter table figures set (fillfactor = 70)")
