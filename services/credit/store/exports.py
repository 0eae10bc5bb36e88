"""Everything that credit holds about one customer."""

from sqlalchemy import Text, bindparam, case, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import NO_CURRENCY
from services.credit.store.checks import exported
from services.credit.tables import accounts, invoices, ledger
from shared.contracts.credit.answers import CreditExport
from shared.messaging import Answer
from shared.sql_json import as_list, as_object, as_text, utc

LISTED_MAX = 1_000
_INVOICES = (
    select(
        invoices.c.invoice_id,
        invoices.c.order_id,
        invoices.c.external_ref,
        invoices.c.amount,
        invoices.c.open_amount,
        invoices.c.invoice_date,
        invoices.c.due_on.label("due_date"),
        invoices.c.settled_on,
    )
    .where(invoices.c.customer_id == accounts.c.customer_id)
    .order_by(invoices.c.invoice_date.desc(), invoices.c.invoice_id.desc())
    .limit(LISTED_MAX)
    .correlate(accounts)
)
_LEDGER = (
    select(
        ledger.c.version,
        ledger.c.kind,
        ledger.c.document_id,
        ledger.c.receivable,
        ledger.c.reserved,
        utc(ledger.c.recorded_at).label("recorded_at"),
    )
    .where(ledger.c.customer_id == accounts.c.customer_id)
    .order_by(ledger.c.position.desc())
    .limit(LISTED_MAX)
    .correlate(accounts)
)
_EXPORT = select(
    accounts.c.customer_id,
    accounts.c.version,
    utc(accounts.c.erased_at).label("erased_at"),
    case((accounts.c.currency == NO_CURRENCY, null()), else_=accounts.c.currency).label("currency"),
    accounts.c.credit_limit,
    accounts.c.balance,
    accounts.c.reserved,
    as_list(_INVOICES).label("invoices"),
    as_list(_LEDGER).label("ledger"),
    as_list(exported(accounts.c.customer_id).correlate(accounts)).label("checks"),
).where(accounts.c.customer_id == bindparam("customer_id", type_=Text), accounts.c.customer_version > 0)
_EXPORTED = select(as_text(as_object(_EXPORT)).label("body"))


async def export(db: AsyncConnection, customer_id: str) -> Answer[CreditExport] | None:
    """What is held about a customer, an erased one too; None where customers was not heard to know it."""
    body: str | None = (await db.execute(_EXPORTED, {"customer_id": customer_id})).scalar_one()
    return None if body is None else Answer(body.encode())
