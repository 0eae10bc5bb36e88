"""Accounts, reservations, receivables, the ledger and what is known of orders; the inbox and the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

AMOUNT = sa.Numeric(14, 2)
SUM = sa.Numeric(16, 2)
INSTANT = sa.DateTime(timezone=True)
IS_OPEN = "open_amount > 0"
APPEND_ONLY = """
do $$
declare
    grantee text;
begin
    for grantee in
        select distinct granted.grantee from information_schema.table_privileges as granted
        where granted.table_schema = 'public' and granted.table_name = '{table}'
        and granted.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE') and granted.grantee <> current_user
    loop
        execute format('revoke update, delete, truncate on {table} from %I', grantee);
    end loop;
end
$$
"""


def upgrade() -> None:
    """Make the tables."""
    _make_accounts()
    _make_reservations()
    _make_invoices()
    _make_money()
    _make_ledger()
    _make_order_facts()
    _make_inbox_and_outbox()
    # what is written down once stays: default privileges grant the runtime role more than it may have here
    for table in ("ledger", "allocations"):
        op.execute(APPEND_ONLY.format(table=table))


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("customer_version", sa.Integer, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("payment_terms", sa.Text, nullable=False),
        sa.Column("customer_since", INSTANT),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("credit_limit", AMOUNT, nullable=False),
        sa.Column("balance", SUM, nullable=False),
        sa.Column("reserved", SUM, nullable=False),
        sa.Column("past_due", SUM, nullable=False),
        sa.Column("as_of", INSTANT),
        sa.Column("erased_at", INSTANT),
        sa.PrimaryKeyConstraint("customer_id", name="pk_accounts"),
        *(
            sa.CheckConstraint(f"{name} >= 0", name=f"ck_accounts_{name}")
            for name in ("credit_limit", "reserved", "past_due")
        ),
    )
    # every order and every payment changes its account: room for new versions on the same page
    op.execute("alter table accounts set (fillfactor = 80)")


def _make_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_reservations"),
        sa.CheckConstraint("amount >= 0", name="ck_reservations_amount"),
        sa.CheckConstraint("status in ('held', 'released', 'refused')", name="ck_reservations_status"),
    )
    _index("reservations", ["customer_id"], "status = 'held'")


def _make_invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("external_ref", sa.Text),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("credited", AMOUNT, nullable=False),
        sa.Column("written_off", AMOUNT, nullable=False),
        sa.Column("paid", AMOUNT, nullable=False),
        sa.Column(
            "open_amount", AMOUNT, sa.Computed("amount - credited - written_off - paid", persisted=True)
        ),
        sa.Column("invoice_date", sa.Date, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("settled_on", sa.Date),
        sa.Column("last_paid_on", sa.Date),
        sa.Column("overdue_said", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", name="pk_invoices"),
        sa.UniqueConstraint("order_id", name="uq_invoices_order_id"),
        sa.UniqueConstraint("source", "external_ref", name="uq_invoices_source_external_ref"),
        sa.CheckConstraint("amount > 0", name="ck_invoices_amount"),
        sa.CheckConstraint("credited >= 0 and written_off >= 0 and paid >= 0", name="ck_invoices_parts"),
        sa.CheckConstraint("amount >= credited + written_off + paid", name="ck_invoices_open_amount"),
    )
    _index("invoices", ["customer_id", "invoice_date"])
    _index("invoices", ["customer_id", "due_on"], IS_OPEN)
    _index("invoices", ["due_on"], f"{IS_OPEN} and not overdue_said")


def _make_money() -> None:
    op.create_table(
        "money",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("on_account", AMOUNT, nullable=False),
        sa.Column("on_day", sa.Date, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("kind", "source", "id", name="pk_money"),
        sa.CheckConstraint("kind in ('payment', 'credit_note', 'write_off')", name="ck_money_kind"),
        sa.CheckConstraint("amount > 0 and on_account between 0 and amount", name="ck_money_amount"),
    )
    _index("money", ["customer_id"])
    _index("money", ["customer_id", "at", "id"], "on_account > 0")
    op.create_table(
        "allocations",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("on_day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", "kind", "source", "id", name="pk_allocations"),
        sa.CheckConstraint("amount > 0", name="ck_allocations_amount"),
    )
    _index("allocations", ["kind", "source", "id"])


def _make_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("receivable", AMOUNT, nullable=False),
        sa.Column("reserved", AMOUNT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_ledger"),
        sa.UniqueConstraint("kind", "document_id", "source", name="uq_ledger_kind_document_id_source"),
        sa.CheckConstraint(
            "kind in ('reserve', 'release', 'invoice', 'payment', 'credit_note', 'write_off')",
            name="ck_ledger_kind",
        ),
    )
    _index("ledger", ["customer_id", "position"])


def _make_order_facts() -> None:
    op.create_table(
        "order_facts",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("order_date", INSTANT, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("was_accepted", sa.Boolean, nullable=False),
        sa.Column("total_amount", AMOUNT, nullable=False),
        sa.Column("returned_amount", AMOUNT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_facts"),
    )
    _index("order_facts", ["customer_id", "order_date"])


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
        sa.Column("claimed_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("consumer", "source", "id", name="pk_inbox"),
    )
    _index("inbox", ["claimed_at"])
    _index("inbox", ["concerns"])
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


def _index(table: str, columns: list[str], condition: str | None = None) -> None:
    name = f"ix_{table}_{'_'.join(columns)}"
    where = None if condition is None else sa.text(condition)
    op.create_index(name, table, columns, postgresql_where=where)
