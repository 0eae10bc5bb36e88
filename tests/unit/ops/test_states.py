from decimal import Decimal

import pytest

from ops.states import States
from services.credit.copies import told_order
from services.customers.copies import told_balance
from shared.contracts.credit.events import CreditAccount
from shared.contracts.orders.events import OrderState
from shared.figures import Copy
from shared.messaging import Envelope, State, write_headers
from tests.support.order_builders import an_order


def balances(customer_id: str | None = None) -> States:
    return States(CreditAccount, told_balance, customer_id)


def an_account(version: int, balance: str = "10.00", customer_id: str = "cust_1") -> CreditAccount:
    amounts = {name: Decimal(0) for name in ("credit_limit", "reserved", "available", "past_due")}
    return CreditAccount(
        customer_id=customer_id, version=version, currency="USD", balance=Decimal(balance), **amounts
    )


def hear(states: States, *said: State) -> None:
    for each in said:
        envelope = Envelope(id="1", source="/credit", type=each.type, sequence=each.version)
        states.take(each.record_key, each.to_json(), write_headers(envelope))


def hear_gone(states: States, key: str, version: int) -> None:
    envelope = Envelope(id="1", source="/credit", type=states.state.type, sequence=version)
    states.take(key.encode(), None, write_headers(envelope))


def kept(version: int, balance: str = "10.00", customer_id: str = "cust_1") -> Copy:
    return Copy(customer_id, customer_id, version, (balance,))


def test_of_states_before_the_mark_the_newest_counts_whatever_came_last() -> None:
    states = balances()
    hear(states, an_account(1), an_account(3, "30.00"), an_account(2, "20.00"))
    states.mark()
    assert states.right(kept(3, "1.00")) == kept(3, "30.00")
    assert states.right(kept(2, "20.00")) == kept(3, "30.00")


def test_a_version_that_came_after_the_mark_is_right_and_so_is_the_one_before_it() -> None:
    states = balances()
    hear(states, an_account(3, "30.00"))
    states.mark()
    hear(states, an_account(5, "50.00"), an_account(7, "70.00"))
    for version, balance in ((3, "30.00"), (5, "50.00"), (7, "70.00")):
        assert states.right(kept(version)) == kept(version, balance)


def test_what_lies_between_the_mark_and_the_newest_state_moves_on_by_itself() -> None:
    states = balances()
    hear(states, an_account(3))
    states.mark()
    hear(states, an_account(7))
    assert states.right(kept(5, "5.00")) == kept(5, "5.00")
    assert states.right(kept(2, "5.00")) == kept(7)


@pytest.mark.parametrize("version", [2, 99])
def test_a_version_that_was_never_told_is_none(version: int) -> None:
    states = balances()
    hear(states, an_account(3))
    states.mark()
    assert states.right(kept(version)) == kept(3)


def test_of_an_entity_that_is_new_since_the_mark_nothing_need_be_kept() -> None:
    states = balances()
    states.mark()
    hear(states, an_account(1))
    assert states.right(kept(0, "0.00")) == kept(0, "0.00")
    assert states.entities() == set()


def test_of_what_was_never_told_nothing_is_right() -> None:
    states = balances()
    states.mark()
    assert states.right(kept(1)) is None


def test_of_an_erased_entity_no_figures_are_right_and_nothing_is_missing() -> None:
    states = balances()
    hear(states, an_account(1), an_account(1, customer_id="cust_2"))
    hear_gone(states, "cust_1", version=2)
    states.mark()
    assert states.right(kept(1)) == Copy("cust_1", "cust_1", 2, None)
    assert states.entities() == {"cust_2"}


def test_only_what_concerns_the_customer_that_is_asked_for_is_held() -> None:
    states = States(OrderState, told_order, "cust_1")
    mine, other = (an_order(customer_id=each) for each in ("cust_1", "cust_2"))
    hear(states, mine, other)
    states.mark()
    assert states.entities() == {mine.order_id}


def test_a_record_that_nobody_can_read_is_passed_over() -> None:
    states = balances()
    states.take(b"cust_1", b"{}", [])
    hear(states, an_account(1))
    states.take(b"cust_1", b"{", write_headers(Envelope(id="1", source="/x", type=CreditAccount.type)))
    assert states.newest("cust_1") == kept(1)
