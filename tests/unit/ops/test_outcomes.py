from ops.outcomes import COMPLAINTS_MAX, Outcomes
from shared.errors import Refusal


def a_refusal(code: str = "customer_exists") -> Refusal:
    return Refusal(code=code, detail="there is one")


def test_lines_that_nobody_is_asked_about_are_sent() -> None:
    outcomes = Outcomes(is_answered=False, done=1_200)

    assert outcomes.summary(2.0) == "1,200 sent; 2.0 s, 600/s"


def test_every_count_that_is_not_0_is_told() -> None:
    outcomes = Outcomes(is_answered=True, done=5)
    outcomes.is_refused(1, a_refusal())
    outcomes.is_refused(2, a_refusal())
    outcomes.is_refused(3, a_refusal("date_in_future"))
    outcomes.is_unanswered(4)
    outcomes.is_wrong(5, "invalid_body: name: missing")

    assert outcomes.summary(0.5) == (
        "5 done, 3 refused (customer_exists 2, date_in_future 1), 1 without an answer, 1 wrong; 0.5 s, 20/s"
    )
    assert (outcomes.handled, outcomes.failed) == (10, 5)


def test_complaints_are_told_by_line_whenever_they_were_learned() -> None:
    outcomes = Outcomes(is_answered=True)
    outcomes.is_refused(12, a_refusal())
    outcomes.is_wrong(3, "invalid_body: name: missing")
    outcomes.is_unanswered(7)

    assert outcomes.complaint_lines() == [
        "line 3: invalid_body: name: missing",
        "line 7: no answer in time",
        "line 12: customer_exists: there is one",
    ]


def test_only_the_first_complaints_are_kept_and_the_others_counted() -> None:
    outcomes = Outcomes(is_answered=False)
    for number in range(1, COMPLAINTS_MAX + 1_001):
        outcomes.is_wrong(number, "invalid_body")

    told = outcomes.complaint_lines()

    assert len(told) == COMPLAINTS_MAX + 1
    assert told[-2:] == [f"line {COMPLAINTS_MAX}: invalid_body", "and 1,000 more"]
    assert outcomes.wrong == COMPLAINTS_MAX + 1_000


def test_nothing_to_complain_of_is_no_line() -> None:
    assert Outcomes(is_answered=True, done=3).complaint_lines() == []


def test_a_sending_of_no_time_has_a_rate() -> None:
    assert Outcomes(is_answered=False).summary(0.0) == "0 sent; 0.0 s, 0/s"
