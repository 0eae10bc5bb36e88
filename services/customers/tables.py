"""The tables of customers; migrations make them, `store` alone speaks to them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from shared.database import new_metadata
from shared.inbox import inbox
from shared.outbox import outbox

metadata = new_metadata()

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
)
"""One row a customer. `version`: +1 with every event. `shipping_address`: null for the billing address."""

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

inbox.to_metadata(metadata)
outbox.to_metadata(metadata)
