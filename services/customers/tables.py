"""The tables of customers; migrations make them, `store` alone speaks to them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from shared.database import new_metadata
from shared.inbox import inbox as inbox_of_any_service
from shared.outbox import outbox

metadata = new_metadata()

_LISTED = text("erased_at is null")
_SEARCH_TEXT = "lower(name collate pg_c_utf8) || '\n'::text || lower(email collate pg_c_utf8)"

customers = Table(
    "customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text),
    Column("fax", Text),
    Column("website", Text),
    Column("tax_id", Text),
    Column("billing_address", JSON, nullable=False),
    Column("shipping_address", JSON(none_as_null=True)),
    Column("payment_terms", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("credit_limit", Numeric(14, 2), nullable=False),
    Column("discount_rate", Numeric(5, 2), nullable=False),
    Column("preferred_shipping", Text),
    Column("customer_since", DateTime(timezone=True), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("notes", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("external_ref", Text),
    Column("external_source", Text),
    Column("erased_at", DateTime(timezone=True)),
    Column("imported_as", Text, unique=True),
    Column("import_digest", LargeBinary),
    Column("search_text", Text, Computed(_SEARCH_TEXT, persisted=True)),
    Index("ix_customers_created_at_id", "created_at", "id", postgresql_where=_LISTED),
    Index("ix_customers_is_active_created_at_id", "is_active", "created_at", "id", postgresql_where=_LISTED),
    Index("ix_customers_external_ref", "external_ref", postgresql_where=text("external_ref is not null")),
    Index(
        "ix_customers_search_text",
        "search_text",
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    ),
)
"""One row a customer. `version`: +1 with every event. `shipping_address`: null for the billing address.

`erased_at`: null but for a marker, which keeps the id and the last version of who was erased and nothing
else. `imported_as`: the id that sender and reference of an import make; kept by the marker. `import_digest`:
of what was imported. `search_text`: name and e-mail, the case taken away."""

COUNT_SLOTS = 16

customer_counts = Table(
    "customer_counts",
    metadata,
    Column("slot", SmallInteger, primary_key=True, autoincrement=False),
    Column("active", BigInteger, nullable=False),
    Column("inactive", BigInteger, nullable=False),
    CheckConstraint("slot between 0 and 15", name="slot"),
)
"""How many customers there are, in 16 rows of which a transaction changes one at random: one row for all
writers would have them wait for each other. A row may be negative; the sum counts."""

contacts = Table(
    "contacts",
    metadata,
    Column("customer_id", Text, ForeignKey("customers.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("title", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("is_primary", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("customer_id", "position"),
    Index("uq_contacts_one_primary", "customer_id", unique=True, postgresql_where=text("is_primary")),
)
"""The people of a customer. `position`: rises with age of the row, so the lowest is the oldest contact."""

figures = Table(
    "figures",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("p", Integer, nullable=False),
    Column("balance", Numeric(16, 2), nullable=False),
    Column("balance_version", Integer, nullable=False),
    Column("lifetime_value", Numeric(16, 2), nullable=False),
    Column("total_orders", Integer, nullable=False),
    Column("totals_version", Integer, nullable=False),
)
"""What credit and orders say of a customer, copied from their states; no row where neither has said anything.

Of nobody's key: a state may be here before its customer. `p`: how often a figure changed, never falls.
`balance_version`, `totals_version`: of the state it was copied from; 0 where there was none yet."""

inbox = inbox_of_any_service.to_metadata(metadata)
"""As in `shared.inbox`; its answers tell of customers, so they belong to what is held about one."""

outbox.to_metadata(metadata)
