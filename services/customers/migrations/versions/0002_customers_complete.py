"""Lists, search, imports and erasures: what they need beside the customers, and counts that are kept.

Also what a message concerned, so that answers can be forgotten with the customer they tell of.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SEARCH_TEXT = "lower(name collate pg_c_utf8) || '\n' || lower(email collate pg_c_utf8)"


def upgrade() -> None:
    """Add them; customers that are there already are searched and counted too."""
    op.add_column("inbox", sa.Column("concerns", sa.Text))
    # until now only creates were handled, whose answers name the customer
    op.execute(
        "update inbox set concerns = cast(convert_from(answer, 'UTF8') as json) ->> 'id'"
        " where answer is not null"
    )
    op.create_index("ix_inbox_concerns", "inbox", ["concerns"])
    op.add_column("customers", sa.Column("erased_at", sa.DateTime(timezone=True)))
    op.add_column("customers", sa.Column("imported_as", sa.Text))
    op.add_column("customers", sa.Column("import_digest", sa.LargeBinary))
    op.add_column("customers", sa.Column("search_text", sa.Text, sa.Computed(SEARCH_TEXT, persisted=True)))
    op.create_unique_constraint("uq_customers_imported_as", "customers", ["imported_as"])
    _index_customers()
    _count_customers()


def _index_customers() -> None:
    op.execute("create extension if not exists pg_trgm")
    op.create_index(
        "ix_customers_search_text",
        "customers",
        ["search_text"],
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    for name, columns, condition in (
        ("ix_customers_created_at_id", ["created_at", "id"], "erased_at is null"),
        ("ix_customers_is_active_created_at_id", ["is_active", "created_at", "id"], "erased_at is null"),
        ("ix_customers_external_ref", ["external_ref"], "external_ref is not null"),
    ):
        op.create_index(name, "customers", columns, postgresql_where=sa.text(condition))


def _count_customers() -> None:
    op.create_table(
        "customer_counts",
        sa.Column("slot", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("active", sa.BigInteger, nullable=False),
        sa.Column("inactive", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("slot", name="pk_customer_counts"),
        sa.CheckConstraint("slot between 0 and 15", name="ck_customer_counts_slot"),
    )
    op.execute("insert into customer_counts select slot, 0, 0 from generate_series(0, 15) as slot")
    op.execute(
        "update customer_counts set active = there.active, inactive = there.inactive"
        " from (select count(*) filter (where is_active) as active,"
        " count(*) filter (where not is_active) as inactive from customers) as there where slot = 0"
    )
    # 16 rows that every writer changes: room for new versions on their own page, and an eager vacuum
    op.execute(
        "alter table customer_counts set (fillfactor = 20, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_threshold = 1000)"
    )
