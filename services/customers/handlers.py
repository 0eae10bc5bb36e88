"""What customers does on which message."""

from collections.abc import Sequence

from services.customers.changes import Change, take_in, update
from services.customers.contacts import (
    Rearrangement,
    with_one_changed,
    with_one_less,
    with_one_more,
    with_one_primary,
)
from services.customers.imports import imported_before, take_over
from services.customers.store import contacts, customers, exports, figures, pages
from shared.contracts.credit.events import CreditAccount
from shared.contracts.customers.answers import (
    Customer,
    CustomerContact,
    CustomerExport,
    CustomerPage,
    Imported,
)
from shared.contracts.customers.events import CustomerErased, CustomerState
from shared.contracts.customers.requests import (
    AddContact,
    CreateCustomer,
    EraseCustomer,
    ExportCustomer,
    FindCustomers,
    GetCustomer,
    GetCustomerState,
    ImportCustomer,
    RemoveContact,
    UpdateContact,
    UpdateCustomer,
)
from shared.contracts.orders.events import OrderTotals
from shared.contracts.values import Contact, NewContact
from shared.errors import Refusal
from shared.handlers import Batch, Context, Handlers, Reading
from shared.messaging import Answer, Done, Tombstone

handlers = Handlers("customers")


@handlers.on_batch(GetCustomer)
async def get_customers(queries: Sequence[GetCustomer], context: Reading) -> list[Answer[Customer] | Refusal]:
    """Give each customer in full, or say that there is none."""
    found = await customers.customers_in_full(context.db, [query.customer_id for query in queries])
    return [found.get(query.customer_id) or _no_customer(query.customer_id) for query in queries]


@handlers.on_batch(GetCustomerState)
async def get_states(
    queries: Sequence[GetCustomerState], context: Reading
) -> list[Answer[CustomerState] | Refusal]:
    """Give each customer as it is on the state topic, or say that there is none."""
    found = await customers.states_of(context.db, [query.customer_id for query in queries])
    return [
        Answer(found[query.customer_id].to_json())
        if query.customer_id in found
        else _no_customer(query.customer_id)
        for query in queries
    ]


@handlers.on(FindCustomers)
async def find_customers(query: FindCustomers, context: Reading) -> Answer[CustomerPage]:
    """Give a page of the list."""
    return await pages.page_of_customers(context.db, query)


@handlers.on(ExportCustomer)
async def export_customer(query: ExportCustomer, context: Reading) -> Answer[CustomerExport]:
    """Give everything that is held about the customer."""
    return await exports.export(context.db, query.customer_id)


@handlers.on(CreateCustomer)
async def create_customer(command: CreateCustomer, context: Context) -> Answer[Customer]:
    """Take the customer in, and say so."""
    change = take_in(command, _contacts(command.contacts, context), context.now)
    answer = await customers.insert_customer(context.db, change)
    _say(change, context)
    return answer


@handlers.on(ImportCustomer)
async def import_customer(command: ImportCustomer, context: Context) -> Answer[Imported]:
    """Take the customer over and say so, unless that was done before."""
    people = _contacts(command.contacts, context)
    wanted = take_over(command, people, context.now, context.envelope.source)
    present = await customers.insert_import(context.db, wanted)
    if present is not None:
        return _imported(imported_before(wanted, present))
    _say(wanted.change, context)
    customer = wanted.change.customer
    return _imported(Imported(customer_id=customer.customer_id, version=customer.version))


@handlers.on(UpdateCustomer)
async def update_customer(command: UpdateCustomer, context: Context) -> Answer[Customer]:
    """Change what the command gives, and say what changed by it."""
    held = await customers.lock_customer(context.db, command.customer_id)
    by = context.envelope.caller or context.envelope.source
    change = update(held, command, context.now, by)
    answer = await customers.save(context.db, change)
    _say(change, context)
    return answer


@handlers.on(EraseCustomer)
async def erase_customer(command: EraseCustomer, context: Context) -> Answer[Done]:
    """Leave nothing of the customer but a marker, and have everybody else forget it too."""
    version = await customers.lock_version(context.db, command.customer_id)
    if version is not None:
        last = version + 1
        await customers.erase(context.db, command.customer_id, last, context.now)
        await context.forget(command.customer_id)
        context.emit(CustomerErased(customer_id=command.customer_id, version=last))
        context.emit(Tombstone(CustomerState, command.customer_id, last))
    return Answer(b"{}")


@handlers.on(AddContact)
async def add_contact(command: AddContact, context: Context) -> Answer[CustomerContact]:
    """Add the person, and say so."""
    held = await customers.lock_customer(context.db, command.customer_id)
    change = with_one_more(held.customer, command, context.now)
    answer = await contacts.add(context.db, change)
    _say(change, context)
    return answer


@handlers.on(UpdateContact)
async def update_contact(command: UpdateContact, context: Context) -> Answer[CustomerContact]:
    """Change the person's entry, and say so where that made a difference."""
    held = await customers.lock_customer(context.db, command.customer_id)
    change = with_one_changed(held.customer, command, context.now)
    answer = await contacts.save(context.db, change)
    _say(change, context)
    return answer


@handlers.on(RemoveContact)
async def remove_contact(command: RemoveContact, context: Context) -> Answer[Done]:
    """Remove the person, and say so."""
    held = await customers.lock_customer(context.db, command.customer_id)
    change = with_one_less(held.customer, command, context.now)
    answer = await contacts.remove(context.db, change)
    _say(change, context)
    return answer


@handlers.on_batch(CreditAccount)
async def remember_balances(accounts: Sequence[CreditAccount], batch: Batch) -> None:
    """Show what customers owe, as credit has it."""
    await figures.copy_balances(batch.db, accounts)


@handlers.on_batch(OrderTotals)
async def remember_totals(totals: Sequence[OrderTotals], batch: Batch) -> None:
    """Show customers' orders in figures, as orders has them."""
    await figures.copy_totals(batch.db, totals)


def _contacts(wished: Sequence[NewContact], context: Context) -> list[Contact]:
    return with_one_primary(wished, [context.new_id("cont") for _ in wished])


def _say(change: Change | Rearrangement, context: Context) -> None:
    """What has happened, then what the customer is now; nothing where nothing has."""
    for event in change.events:
        context.emit(event)
    if change.events:
        context.emit(change.customer)


def _imported(answer: Imported) -> Answer[Imported]:
    return Answer(answer.model_dump_json().encode())


def _no_customer(customer_id: str) -> Refusal:
    return Refusal(code="customer_not_found", detail=f"no customer {customer_id}")
