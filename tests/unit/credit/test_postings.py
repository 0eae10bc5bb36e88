import pytest

from services.credit.postings import fact_of
from tests.support.credit_builders import (
    an_order,
    cancelled,
    confirmed,
    delivered,
    rejected,
    returned,
    shipped,
)

ORDER = an_order()


@pytest.mark.parametrize(
    ("event", "was_accepted"),
    [
        (ORDER, False),
        (rejected(ORDER), False),
        (cancelled(ORDER, previous_status="pending"), False),
        (cancelled(ORDER, previous_status="confirmed"), True),
        (cancelled(ORDER, previous_status="processing"), True),
        (confirmed(ORDER), True),
        (shipped(ORDER), True),
        (delivered(ORDER), True),
        (returned(ORDER), True),
    ],
    ids=lambda value: getattr(value, "type", value),
)
def test_an_order_was_accepted_once_it_was_more_than_pending(event: object, was_accepted: bool) -> None:
    assert fact_of(event).was_accepted is was_accepted  # type: ignore[arg-type]  # each is one of an order


def test_a_fact_tells_only_of_its_own_event_how_much_was_returned() -> None:
    event = returned(ORDER, amount="40.00")

    assert fact_of(event).returned_amount == 0
    assert fact_of(event, event.amount).returned_amount == event.amount
    assert fact_of(event).version == event.version
