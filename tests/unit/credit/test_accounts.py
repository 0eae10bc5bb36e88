from decimal import Decimal
from typing import Any

import pytest

from services.credit.accounts import erased, following, marker, opened
from tests.support.credit_builders import NOW, a_customer_state, an_account


def test_available_is_the_limit_less_what_is_owed_and_held() -> None:
    account = an_account(balance="300.00", reserved="800.00")

    assert (account.exposure, account.available) == (Decimal("1100.00"), Decimal("-100.00"))
    assert account.state().available == Decimal("-100.00")


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_state_changes_nothing(version: int) -> None:
    account = an_account(customer_version=2)
    older = a_customer_state(customer_id="cust_1", version=version, credit_limit="1.00")

    assert following(account, older) == account


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"credit_limit": "2000.00"}, 1),
        ({"credit_limit": "1000.00"}, 0),
        ({"is_active": False}, 0),
        ({"payment_terms": "net_7"}, 0),
    ],
)
def test_only_a_changed_limit_takes_a_version(changes: dict[str, Any], steps: int) -> None:
    account = an_account(version=9, balance="5.00", reserved="6.00")
    customer = a_customer_state(customer_id="cust_1", version=3, **changes)

    after = following(account, customer)

    assert (after.version, after.customer_version) == (9 + steps, 3)
    assert (after.balance, after.reserved) == (Decimal("5.00"), Decimal("6.00"))
    assert after.credit_limit == customer.credit_limit
    assert (after.is_active, after.payment_terms) == (customer.is_active, customer.payment_terms)


def test_a_marker_becomes_an_account_when_its_customer_comes() -> None:
    customer = a_customer_state(credit_limit="0.00")
    unknown = marker(customer.customer_id, NOW, "EUR").moved()

    after = following(unknown, customer)

    assert not unknown.exists
    assert not unknown.was_opened
    assert after.exists
    assert (after.version, after.currency, after.customer_since) == (2, "USD", customer.customer_since)


def test_an_erasure_keeps_figures_and_keeps_older_states_out() -> None:
    customer = a_customer_state(version=3)
    account = opened(customer).moved(receivable=Decimal("10.00"))

    gone = erased(account, 4, NOW)

    assert (gone.exists, gone.was_opened, gone.balance) == (False, True, Decimal("10.00"))
    assert following(gone, customer) == gone
    assert erased(gone, 4, NOW.replace(year=2025)) == gone


def test_the_erasure_of_somebody_never_heard_of_keeps_older_states_out() -> None:
    gone = marker("cust_1", NOW, customer_version=5)

    assert following(gone, a_customer_state(customer_id="cust_1", version=4)) == gone
    assert gone.state().currency == "XXX"


def test_a_marker_of_an_unknown_customer_learns_of_its_erasure() -> None:
    gone = erased(marker("cust_1", NOW, "USD"), 3, NOW)

    assert (gone.customer_version, gone.exists) == (3, False)
