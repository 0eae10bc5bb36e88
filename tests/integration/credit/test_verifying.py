from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.credit.verification import Difference, differences
from shared.database import reading
from tests.support.credit_builders import (
    a_credit_note,
    a_payment,
    a_write_off,
    an_invoice_command,
    an_order,
    cancelled,
    returned,
    shipped,
)
from tests.support.credit_under_test import Credit

pytestmark = pytest.mark.integration


async def found(engine: AsyncEngine, page: int = 1000) -> list[Difference]:
    async with reading(engine).connect() as db:
        return [each async for each in differences(db, page)]


async def lively_account(credit: Credit) -> str:
    """One to which everything has happened that can."""
    customer = await credit.opens_account()
    orders = [an_order(customer_id=customer, total_amount=total) for total in ("70.00", "80.00", "90.00")]
    await credit.hears_all(*orders, cancelled(orders[0]), shipped(orders[1]))
    await credit.hears(returned(orders[1], amount="10.00", is_partial=True))
    await credit.posts(an_invoice_command(customer, due_date=date(2024, 1, 31)))
    await credit.posts(a_payment(customer, amount="45.00"))
    await credit.posts(a_payment(customer, amount="25.00", allocations=[]))
    await credit.posts(a_credit_note(customer))
    await credit.posts(a_write_off(customer))
    return customer


async def test_books_that_were_kept_in_the_ordinary_way_have_no_difference(
    credit: Credit, engine: AsyncEngine
) -> None:
    for _ in range(3):
        await lively_account(credit)

    assert await found(engine) == []


PLANTED = [
    (
        "update accounts set balance = balance + 1",
        ["balance, by invoices and money", "balance, by the ledger"],
    ),
    ("update accounts set reserved = reserved + 1", ["reserved, by the ledger", "reserved, by what is held"]),
    ("update accounts set past_due = past_due + 1", ["past due"]),
    ("update reservations set status = 'released'", ["reserved, by what is held"]),
    ("delete from ledger where kind = 'payment'", ["balance, by the ledger"]),
    ("delete from ledger where kind = 'reserve'", ["reserved, by the ledger"]),
    ("update invoices set paid = paid - 1 where paid > 0", ["past due", "paid of inv_"]),
    ("update invoices set credited = credited - 1 where credited > 0", ["credited of inv_", "past due"]),
    ("update invoices set written_off = 0 where written_off > 0", ["past due", "written off of inv_"]),
    (
        "update money set on_account = on_account - 1 where kind = 'credit_note' and on_account > 0",
        ["on account of credit_note "],
    ),
    ("delete from allocations where kind = 'write_off'", ["on account of write_off ", "written off of inv_"]),
    (
        "update money set amount = amount + 1, on_account = on_account + 1 where kind = 'write_off'",
        ["balance, by invoices and money"],
    ),
    (
        "update invoices set amount = amount + 1 where order_id is not null",
        ["balance, by invoices and money", "past due"],
    ),
]


@pytest.mark.parametrize(("planted", "expected"), PLANTED, ids=[planted for planted, _ in PLANTED])
async def test_a_planted_difference_is_found(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine, planted: str, expected: list[str]
) -> None:
    customer = await lively_account(credit)
    async with owner_engine.begin() as db:
        await db.execute(text(planted))

    differing = await found(engine)

    assert {each.customer_id for each in differing} == {customer}
    assert len(differing) == len(expected)
    for each, figure in zip(sorted(differing, key=lambda one: one.figure), sorted(expected), strict=True):
        assert each.figure.startswith(figure)
        assert each.kept != each.expected


async def test_pages_leave_no_account_out(
    credit: Credit, engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    customers = [await credit.opens_account() for _ in range(5)]
    async with owner_engine.begin() as db:
        await db.execute(text("update accounts set balance = 1"))

    differing = await found(engine, page=2)

    assert [each.customer_id for each in differing] == sorted(customers * 2)
    assert {(str(each.kept), str(each.expected)) for each in differing} == {("1.00", "0")}
