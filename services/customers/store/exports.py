"""Everything that is held about one customer."""

from sqlalchemy import JSON, bindparam, case, cast, func, literal_column, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.store.answers import contacts_alone, in_full, with_figures
from services.customers.tables import contacts, customers, inbox
from shared.contracts.customers.answers import CustomerExport
from shared.errors import Refused
from shared.messaging import Answer
from shared.sql_json import as_list, as_object, as_text, utc

KEPT_ANSWERS_MAX = 100  # each may be as large as the customer, and all of them are one message
_IS_ERASED = customers.c.erased_at.is_not(None)
_KEPT_ANSWERS = (
    select(
        inbox.c.source,
        inbox.c.id,
        utc(inbox.c.claimed_at).label("handled_at"),
        cast(func.convert_from(inbox.c.answer, literal_column("'UTF8'")), JSON).label("answer"),
    )
    .where(inbox.c.concerns == customers.c.id, inbox.c.answer.is_not(None))
    .order_by(inbox.c.claimed_at.desc(), inbox.c.source, inbox.c.id)
    .limit(KEPT_ANSWERS_MAX)
    .correlate(customers)
)
_EXPORT = (
    select(
        customers.c.id.label("customer_id"),
        customers.c.version,
        utc(customers.c.erased_at).label("erased_at"),
        case((_IS_ERASED, null()), else_=in_full(customers, contacts)).label("customer"),
        customers.c.external_source,
        contacts_alone(customers, contacts).label("contacts"),
        as_list(_KEPT_ANSWERS).label("kept_answers"),
    )
    .select_from(with_figures(customers))
    .where(customers.c.id == bindparam("customer_id"))
)
_EXPORTED = select(as_text(as_object(_EXPORT)).label("body"))


async def export(db: AsyncConnection, customer_id: str) -> Answer[CustomerExport]:
    """What is held about a customer; about an erased one, that it was erased.

    Raises:
        Refused: `customer_not_found`.
    """
    body: str | None = (await db.execute(_EXPORTED, {"customer_id": customer_id})).scalar_one()
    if body is None:
        raise Refused("customer_not_found", f"no customer {customer_id}")
    return Answer(body.encode())
