from typing import Any

import pytest

from shared.messaging import Event
from tests.support.builders import a_customer_id
from tests.support.credit_builders import (
    an_order,
    cancelled,
    confirmed,
    delivered,
    processing_started,
    returned,
    shipped,
)
from tests.support.credit_under_test import Credit
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

COLUMNS = "order_date, status, was_accepted, total_amount, returned_amount, version"


async def facts(credit: Credit, customer_id: str) -> list[dict[str, Any]]:
    return await credit.rows(
        f"select {COLUMNS} from order_facts where customer_id = :id order by total_amount", id=customer_id
    )


async def facts_version(credit: Credit, customer_id: str) -> int:
    rows = await credit.rows("select version from fact_versions where customer_id = :id", id=customer_id)
    return rows[0]["version"] if rows else 0


def accepted_of(customer_id: str) -> list[Event]:
    """Two orders confirmed and one of them made ready, with repeats, out of their order."""
    one, other = [an_order(customer_id=customer_id, total_amount=total) for total in ("1.00", "2.00")]
    ready = processing_started(one)
    return [ready, confirmed(other), confirmed(one), ready, confirmed(one), confirmed(other)]


async def test_a_batch_leaves_what_its_events_leave_one_after_the_other(credit: Credit) -> None:
    customers = [a_customer_id() for _ in range(2)]

    await credit.hears_all(*accepted_of(customers[0]))
    await credit.hears_at_once(*accepted_of(customers[1]))

    one, other = [await facts(credit, customer_id) for customer_id in customers]
    assert one == other
    assert [(each["status"], each["version"]) for each in one] == [("processing", 3), ("confirmed", 2)]


async def test_a_batch_is_one_statement_and_counts_once_for_each_customer_where_it_is_news(
    credit: Credit,
) -> None:
    customers = [a_customer_id() for _ in range(3)]
    batch = [event for customer_id in customers for event in accepted_of(customer_id)]

    with sent_by(credit.engine) as sent:
        await credit.hears_at_once(*batch)
    assert [len(sent.statements), sent.commits] == [1, 1]
    await credit.hears_at_once(*batch)
    assert [await facts_version(credit, each) for each in customers] == [1, 1, 1]

    await credit.hears_at_once(*batch, confirmed(an_order(customer_id=customers[1])))
    assert [await facts_version(credit, each) for each in customers] == [1, 2, 1]


async def test_an_order_of_which_nothing_is_decided_tells_of_itself_too(credit: Credit) -> None:
    customer_id = a_customer_id()
    order = cancelled(an_order(customer_id=customer_id))

    await credit.hears_all(order, order)

    assert await facts_version(credit, customer_id) == 1


STORIES = {
    "returned in part": lambda placed: [
        placed,
        shipped(placed, version=4),
        delivered(placed, version=5),
        returned(placed, version=6, amount="30.00", status="delivered", is_partial=True),
    ],
    "cancelled": lambda placed: [placed, cancelled(placed, version=4, previous_status="processing")],
    "only accepted": lambda placed: [placed],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_that_an_order_was_accepted_may_be_heard_before_or_after_whatever_else_is_heard_of_it(
    credit: Credit, story: Any
) -> None:
    """Even before it was placed: credit is decided all the same."""
    left = []
    for position in range(5):
        customer_id = await credit.opens_account()
        placed = an_order(customer_id=customer_id, total_amount="100.00")
        lanes = story(placed)
        await credit.hears_all(*lanes[:position])
        await credit.hears_at_once(confirmed(placed), processing_started(placed))
        await credit.hears_all(*lanes[position:])
        types = [each["type"] for each in await credit.said(customer_id)]
        left.append((await facts(credit, customer_id), await credit.figures(customer_id), types))

    assert all(each == left[0] for each in left)
    assert left[0][0][0]["was_accepted"]
    assert "credit.reserved.v1" in left[0][2]
