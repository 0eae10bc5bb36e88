"""Invoices and money that other systems tell of, each once; and everything that is held about a customer."""

from services.credit.accounts import Account
from services.credit.handlers.accounts import heard_of, no_customer, say
from services.credit.postings import day
from services.credit.receipts import (
    MoneyCommand,
    Named,
    invoice_to_issue,
    money_of,
    named_by,
    posted,
    refuse_other_invoice,
    refuse_other_money,
    shares_of,
)
from services.credit.receivables import issue, lower
from services.credit.store import invoices, money
from services.credit.store.exports import export
from services.credit.store.ledger import post
from shared.contracts.credit.answers import CreditExport, ReceivablePosted
from shared.contracts.credit.requests import (
    ExportCredit,
    IssueCreditNote,
    IssueInvoice,
    RecordPayment,
    WriteOff,
)
from shared.contracts.customers.requests import GetCustomerState
from shared.errors import Refused
from shared.handlers import Context, Handlers, Reading
from shared.messaging import Answer

handlers = Handlers("credit")


@handlers.on(IssueInvoice)
async def issue_invoice(command: IssueInvoice, context: Context) -> Answer[ReceivablePosted]:
    """The customer owes the invoice; money on account settles it as far as it goes."""
    account = await _account(context, command.customer_id, command.currency)
    invoice = invoice_to_issue(command, account, context.envelope.source, context.now)
    before = await invoices.owed(context.db, account.customer_id, day(context.now), Named(""))
    present = await invoices.take_in(context.db, invoice)
    if present is not None:
        refuse_other_invoice(invoice, present)
        return posted(account, present.invoice_id)
    on_account = await money.on_account(context.db, account.customer_id)
    change = issue(account.owing(before.past_due), invoice, on_account, day(context.now))
    await post(context.db, account, change, context.now)
    say(change, context)
    return posted(change.account, invoice.invoice_id)


@handlers.on(RecordPayment)
async def record_payment(command: RecordPayment, context: Context) -> Answer[ReceivablePosted]:
    """The customer owes less by what was paid."""
    return await _lower(command, context)


@handlers.on(IssueCreditNote)
async def issue_credit_note(command: IssueCreditNote, context: Context) -> Answer[ReceivablePosted]:
    """The customer owes less by what is credited."""
    return await _lower(command, context)


@handlers.on(WriteOff)
async def write_off(command: WriteOff, context: Context) -> Answer[ReceivablePosted]:
    """The customer owes less by what is not expected any more."""
    return await _lower(command, context)


@handlers.on(ExportCredit)
async def export_credit(query: ExportCredit, context: Reading) -> Answer[CreditExport]:
    """Give everything that is held about the customer."""
    answer = await export(context.db, query.customer_id)
    if answer is None:
        context.ask(GetCustomerState(customer_id=query.customer_id))
        raise no_customer(query.customer_id)
    return answer


async def _lower(command: MoneyCommand, context: Context) -> Answer[ReceivablePosted]:
    account = await _account(context, command.customer_id, command.currency)
    source, today = context.envelope.source, day(context.now)
    new = money_of(command, source, context.now)
    present = await money.take_in(context.db, new)
    if present is not None:
        refuse_other_money(new, present)
        return posted(account, present.id, present.on_account)
    owed = await invoices.owed(context.db, account.customer_id, today, named_by(command, source))
    change = lower(account.owing(owed.past_due), new, shares_of(command, owed, source), today)
    await post(context.db, account, change, context.now)
    say(change, context)
    return posted(change.account, new.id, change.money[0].on_account)


async def _account(context: Context, customer_id: str, currency: str) -> Account:
    """The locked account of a customer that there ever was: money of an erased one is not refused."""
    account = await heard_of(context, customer_id)
    if account is None or not account.was_opened:
        raise Refused("unknown_customer", f"no customer {customer_id}")
    if currency != account.currency:
        raise Refused("currency_mismatch", f"the account is kept in {account.currency}")
    return account
