"""The tables of credit; migrations make them, `store` alone speaks to them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from shared.database import new_metadata
from shared.inbox import inbox as inbox_of_any_service
from shared.outbox import outbox

metadata = new_metadata()

_AMOUNT = Numeric(14, 2)
_SUM = Numeric(16, 2)  # of amounts: room for a hundred of the largest
_IS_OPEN = "open_amount > 0"

accounts = Table(
    "accounts",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("customer_version", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("payment_terms", Text, nullable=False),
    Column("customer_since", DateTime(timezone=True)),
    Column("is_active", Boolean, nullable=False),
    Column("credit_limit", _AMOUNT, nullable=False),
    Column("balance", _SUM, nullable=False),
    Column("reserved", _SUM, nullable=False),
    Column("past_due", _SUM, nullable=False),
    Column("as_of", DateTime(timezone=True)),
    Column("erased_at", DateTime(timezone=True)),
    CheckConstraint("credit_limit >= 0", name="credit_limit"),
    CheckConstraint("reserved >= 0", name="reserved"),
    CheckConstraint("past_due >= 0", name="past_due"),
)
"""One row a customer. `version`: +1 with every event and every change of the limit. `customer_version`: of
the newest state heard from customers, 0 where customers knows of none.

`customer_since`: null but for an account that was opened. `as_of`: when a figure changed last, null before
the first change. `past_due`: as of that day. `erased_at`: null for a customer that exists; set, the figures
stay."""

reservations = Table(
    "reservations",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("amount", _AMOUNT, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("status in ('held', 'released', 'refused')", name="status"),
    Index("ix_reservations_customer_id", "customer_id", postgresql_where=text("status = 'held'")),
)
"""What was decided of an order, once. `amount`: held, or asked for where it was refused."""

invoices = Table(
    "invoices",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("order_id", Text, unique=True),
    Column("source", Text),
    Column("external_ref", Text),
    Column("digest", LargeBinary),
    Column("amount", _AMOUNT, nullable=False),
    Column("credited", _AMOUNT, nullable=False),
    Column("written_off", _AMOUNT, nullable=False),
    Column("paid", _AMOUNT, nullable=False),
    Column("open_amount", _AMOUNT, Computed("amount - credited - written_off - paid", persisted=True)),
    Column("invoice_date", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("settled_on", Date),
    Column("last_paid_on", Date),
    Column("overdue_said", Boolean, nullable=False),
    UniqueConstraint("source", "external_ref"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("credited >= 0 and written_off >= 0 and paid >= 0", name="parts"),
    CheckConstraint("amount >= credited + written_off + paid", name="open_amount"),
    Index("ix_invoices_customer_id_invoice_date", "customer_id", "invoice_date"),
    Index("ix_invoices_customer_id_due_on", "customer_id", "due_on", postgresql_where=text(_IS_OPEN)),
    Index("ix_invoices_due_on", "due_on", postgresql_where=text(f"{_IS_OPEN} and not overdue_said")),
)
"""Receivables. An invoice is of an order (`order_id`), or was issued by command (`source`, `external_ref` and
the `digest` of what was said).

`settled_on`: null while something is open. `last_paid_on`: the latest day of a payment, null without one."""

money = Table(
    "money",
    metadata,
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("amount", _AMOUNT, nullable=False),
    Column("on_account", _AMOUNT, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("reason", Text),
    PrimaryKeyConstraint("kind", "source", "id"),
    CheckConstraint("kind in ('payment', 'credit_note', 'write_off')", name="kind"),
    CheckConstraint("amount > 0 and on_account between 0 and amount", name="amount"),
    Index("ix_money_customer_id", "customer_id"),
    Index("ix_money_customer_id_at_id", "customer_id", "at", "id", postgresql_where=text("on_account > 0")),
)
"""What lowers receivables. `source`: who sent it, empty where credit made it of a return. `on_account`: what
no invoice has taken yet. `at`, `on_day`: when it was received, credited or written off; the day in UTC."""

allocations = Table(
    "allocations",
    metadata,
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("amount", _AMOUNT, nullable=False),
    Column("on_day", Date, nullable=False),
    PrimaryKeyConstraint("invoice_id", "kind", "source", "id"),
    CheckConstraint("amount > 0", name="amount"),
    Index("ix_allocations_kind_source_id", "kind", "source", "id"),
)
"""How much of which money an invoice has taken; append-only. `on_day`: of the money. `position`: rises."""

ledger = Table(
    "ledger",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("receivable", _AMOUNT, nullable=False),
    Column("reserved", _AMOUNT, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("kind", "document_id", "source"),
    CheckConstraint(
        "kind in ('reserve', 'release', 'invoice', 'payment', 'credit_note', 'write_off')", name="kind"
    ),
    Index("ix_ledger_customer_id_position", "customer_id", "position"),
)
"""Every change of a balance and of what is reserved, each effect once; append-only. `receivable`, `reserved`:
by how much. `version`: of the account since then. `source`: of the document, empty where credit made it."""

order_facts = Table(
    "order_facts",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("order_date", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False),
    Column("was_accepted", Boolean, nullable=False),
    Column("total_amount", _AMOUNT, nullable=False),
    Column("returned_amount", _AMOUNT, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_order_facts_customer_id_order_date", "customer_id", "order_date"),
)
"""Orders as far as a score needs them. `was_accepted`: whether it ever was confirmed, so that a cancelled one
counts. `version`: of the order, of the newest event heard."""

settlements = Table(
    "settlements",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("grain", Text, primary_key=True),
    Column("starts_on", Date, primary_key=True),
    Column("invoices", Integer, nullable=False),
    Column("days", BigInteger, nullable=False),
    CheckConstraint("grain in ('day', 'month', 'ever')", name="grain"),
    CheckConstraint("invoices > 0 and days >= 0", name="figures"),
)
"""How many invoices were settled with a payment on a day, in a month and ever, and how many days they took
together. `starts_on`: the first day in UTC, 0001-01-01 of `ever`."""

fact_versions = Table(
    "fact_versions",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)
"""+1 with every change of what is on file of a customer that leaves the account's version as it is."""

risks = Table(
    "risks",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("account_version", Integer, nullable=False),
    Column("customer_version", Integer, nullable=False),
    Column("facts_version", Integer, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("risk", Text, nullable=False),
)
"""A customer's risk as it was computed last, and of what: it holds as long as all of that is what it was.

Written by whoever asks alone: nobody who asks waits for what is being posted."""

credit_checks = Table(
    "credit_checks",
    metadata,
    Column("check_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("input", JSON, nullable=False),
    Column("input_sha256", LargeBinary, nullable=False),
    Column("known", JSON, nullable=False),
    Column("factors", JSON, nullable=False),
    Column("points", SmallInteger, nullable=False),
    Column("raw_score", SmallInteger, nullable=False),
    Column("gates", JSON, nullable=False),
    Column("credit_score", SmallInteger, nullable=False),
    Column("credit_rating", Text, nullable=False),
    Column("risk_assessment", Text, nullable=False),
    Column("recommended_credit_limit", _AMOUNT, nullable=False),
    Column("current_credit_limit", _AMOUNT, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("thin_file", Boolean, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("traceparent", Text),
    CheckConstraint("credit_score between 300 and raw_score", name="credit_score"),
    CheckConstraint("input_sha256 = sha256(convert_to(cast(input as text), 'UTF8'))", name="input_sha256"),
    Index("ix_credit_checks_customer_id_created_at_check_id", "customer_id", "created_at", "check_id"),
)
"""Credit checks as they were made; append-only, and kept after an erasure too.

`input`: everything that the score was made from, byte for byte as `input_sha256` was taken of it. `known`: of
what versions that was. `gates`: the codes of all that held the score down. `reasons`, `factors`: as shown."""

inbox = inbox_of_any_service.to_metadata(metadata)
"""As in `shared.inbox`."""

outbox.to_metadata(metadata)
