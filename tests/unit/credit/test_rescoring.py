import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.credit_rescore import Unscorable, rescore, scores
from tests.support.credit_file_builders import a_credit_file
from tests.support.servers import PROJECT

CASES = json.loads((PROJECT / "tests/data/scorecard_cases.json").read_text())
INPUT = json.loads(a_credit_file().model_dump_json())


def a_file(folder: Path, content: object) -> Path:
    file = folder / "input.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def an_input(**changes: Any) -> bytes:
    return json.dumps({**INPUT, **changes}).encode()


def test_the_published_cases_print_what_they_expect(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert rescore(a_file(tmp_path, [case["input"] for case in CASES])) == 0

    printed = capfdbinary.readouterr().out
    assert json.loads(printed) == [case["expected"] for case in CASES]


def test_one_input_prints_one_object_indented_with_its_members_in_order(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert rescore(a_file(tmp_path, CASES[0]["input"])) == 0

    assert capfdbinary.readouterr().out.decode() == json.dumps(CASES[0]["expected"], indent=2) + "\n"


def test_an_empty_array_prints_an_empty_one(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert rescore(a_file(tmp_path, [])) == 0

    assert json.loads(capfdbinary.readouterr().out) == []


def test_an_input_can_be_piped_into_the_command() -> None:
    ended = CliRunner().invoke(app, ["credit", "rescore", "-"], input=json.dumps(CASES[1]["input"]))

    assert (ended.exit_code, json.loads(ended.stdout)) == (0, CASES[1]["expected"])


def test_the_command_ends_with_1_where_an_input_is_wrong() -> None:
    assert CliRunner().invoke(app, ["credit", "rescore", "-"], input="[{}]").exit_code == 1


def test_every_fault_is_told_with_its_place_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = {name: value for name, value in INPUT.items() if name != "orders"}
    wrong = {**INPUT, "reserved": 1.5, "terms_days": -1}
    assert rescore(a_file(tmp_path, [missing, INPUT, wrong, {**INPUT, "model": "tcs-0.9.0"}, 7])) == 1

    printed = capfd.readouterr()
    told = printed.err.splitlines()
    assert printed.out == ""
    assert [line.removeprefix("error: ")[:4] for line in told] == ["[0] ", "[2] ", "[3] ", "[4] "]
    assert "orders: Field required" in told[0]
    assert "reserved:" in told[1]
    assert "terms_days:" in told[1]
    assert told[2].endswith("model: unknown; there is: tcs-1.0.0")


@pytest.mark.parametrize(
    "changes",
    [
        {"credit_limit": 5000},
        {"credit_limit": "5e3"},
        {"credit_limit": "5000.001"},
        {"credit_limit": "-1.00"},
        {"is_active": "true"},
        {"as_of": 1705276800},
        {"as_of": "15.01.2024"},
        {"terms_days": 30.0},
        {"orders": {**INPUT["orders"], "accepted": -1}},
        {"orders": {**INPUT["orders"], "accepted": "20"}},
        {"invoices": [{"amount": "1.00", "due_on": "2024-01-15"}]},
        {"invoices": [{"amount": "1.00", "due_on": "2024-02-30", "payments": []}]},
    ],
)
def test_what_is_not_exact_is_a_fault(changes: dict[str, Any]) -> None:
    with pytest.raises(Unscorable):
        scores([an_input(**changes)])


def test_members_that_are_not_known_are_ignored() -> None:
    assert scores([an_input(note="kept elsewhere")]) == scores([an_input()])


@pytest.mark.parametrize("content", ["", "{", '{"model": ', "[1, NaN]", "[{}", "[" * 100_000])
def test_what_is_no_json_cannot_be_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str
) -> None:
    assert rescore(a_file(tmp_path, content)) == 2

    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert rescore(tmp_path / "nowhere.json") == 2

    assert "nowhere.json" in capfd.readouterr().err
