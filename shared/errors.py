"""The ways in which a request ends without its answer; the gateway alone knows their HTTP statuses."""

from typing import Any, TypeVar

from shared.messaging import Answer, Query, Value

A = TypeVar("A", bound=Value)


class Refusal(Value):
    """Why a request was not granted, as it travels in an answer.

    code: stable machine key. detail: for people.
    """

    code: str
    detail: str


class Refused(Exception):
    """The request is understood and not granted; everything it did is undone and nothing of it is kept."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.refusal = Refusal(code=code, detail=detail)


class Missing(Exception):
    """Another service must be asked before the message can be handled; the runtime does, and runs it again.

    Attributes:
        query: What its owner is to be asked.
    """

    def __init__(self, query: Query[Any]) -> None:
        super().__init__(query.type)
        self.query = query


def granted(answer: Answer[A]) -> Answer[A]:
    """The answer, where it is one.

    Raises:
        Refused: the answer carries a refusal.
    """
    if "refusal" in answer.facts:
        refusal = Refusal.model_validate_json(answer.body)
        raise Refused(refusal.code, refusal.detail)
    return answer


class DeadlineExceeded(Exception):
    """No answer came in time; whether the request was carried out is not known.

    Attributes:
        is_acknowledged: Whether the broker has taken the request for good: a command that does not expire
            will then be carried out.
    """

    def __init__(self, request_type: str, is_acknowledged: bool = False) -> None:
        super().__init__(request_type)
        self.is_acknowledged = is_acknowledged


class Unavailable(Exception):
    """Nothing was handed to the broker: the request was certainly not accepted.

    Attributes:
        code: `bus_unavailable` or `shutting_down`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
