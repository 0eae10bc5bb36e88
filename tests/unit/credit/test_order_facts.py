from itertools import permutations

from services.credit.postings import fact_of, newest
from tests.support.credit_builders import an_order, cancelled, confirmed, processing_started


def test_of_several_events_of_an_order_the_newest_counts_in_whatever_order_they_come() -> None:
    order, other = an_order(order_id="so_2"), an_order(order_id="so_1")
    facts = [
        fact_of(each) for each in (processing_started(order), cancelled(order, version=4), confirmed(other))
    ]

    for some in permutations([*facts, facts[0]]):
        assert newest(some) == [facts[2], facts[1]]
