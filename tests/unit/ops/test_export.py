import json

import pytest
from pydantic import ValidationError

from ops.bus import reason
from ops.export import indented
from shared.contracts.customers.requests import EraseCustomer
from tests.support.shapes import exact


@pytest.mark.parametrize("number", ["5000.00", "9999999999.99", "0.10", "2.5", "12345678901234567890.10"])
def test_a_number_is_printed_as_it_was_answered(number: str) -> None:
    printed = indented(b'{"customer":{"credit_limit":%s}}' % number.encode())

    assert printed == b'{\n  "customer": {\n    "credit_limit": ' + number.encode() + b"\n  }\n}\n"


def test_texts_are_printed_as_they_were_answered() -> None:
    answer = json.dumps({"name": 'Caf\u00e9 "Zur Post"', "notes": "a\nb"}, ensure_ascii=False).encode()

    assert exact(indented(answer)) == exact(answer)


def test_a_wrong_argument_is_told_by_its_name_and_rule_without_its_value() -> None:
    with pytest.raises(ValidationError) as error:
        EraseCustomer(customer_id="4711")

    assert reason(error.value).startswith("customer_id: String should match pattern")
    assert "4711" not in reason(error.value)
