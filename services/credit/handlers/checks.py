"""Credit checks: made once, kept for good, shown as long as their customer exists."""

from services.credit.audit import Asked, check
from services.credit.handlers.accounts import existing, known_account, no_customer
from services.credit.postings import day
from services.credit.store import checks
from shared.contracts.credit.answers import CreditCheckPage, CreditReport
from shared.contracts.credit.requests import CheckCredit, FindCreditChecks, GetCreditCheck
from shared.errors import Refused
from shared.handlers import Context, Handlers, Reading
from shared.messaging import Answer

handlers = Handlers("credit")


@handlers.on(CheckCredit)
async def check_credit(command: CheckCredit, context: Context) -> Answer[CreditReport]:
    """Score what is on file of the customer today, keep the check, and say what came of it."""
    account = await known_account(context, command.customer_id)
    if account is None:
        raise no_customer(command.customer_id)
    facts = await checks.facts(context.db, account.customer_id, day(context.now))
    done = check(account, facts, Asked.by(context.envelope, command.check_id), context.now)
    answer = await checks.insert_check(context.db, account, done)
    context.emit(done.completed)
    context.emit(done.account.state())
    return answer


@handlers.on(GetCreditCheck)
async def get_credit_check(query: GetCreditCheck, context: Reading) -> Answer[CreditReport]:
    """Show one check."""
    found = existing(await checks.find_check(context.db, query), query.customer_id, context)
    if found.body is None:
        raise Refused("check_not_found", f"no credit check {query.check_id}")
    return Answer(found.body.encode())


@handlers.on(FindCreditChecks)
async def find_credit_checks(query: FindCreditChecks, context: Reading) -> Answer[CreditCheckPage]:
    """Show a page of a customer's checks."""
    found = existing(await checks.page_of_checks(context.db, query), query.customer_id, context)
    return Answer((found.body or "").encode())
