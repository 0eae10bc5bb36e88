import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.lines import (
    CHUNK_BYTES,
    LINE_MAX_BYTES,
    Line,
    Splitter,
    UnknownType,
    command_of,
    numbered,
    read,
    size_of,
    with_key,
)
from shared.contracts.customers.requests import EraseCustomer, ImportCustomer, imported_id
from shared.messaging import Poison
from tests.support.builders import a_contact_body, a_customer_body, a_customer_id, an_address

SOURCE = "/erp"


def an_import_body(**changes: object) -> dict[str, object]:
    own = {"external_ref": "ERP-7", "customer_since": "2019-05-01T00:00:00Z"}
    return a_customer_body(**{**own, **changes})


def a_line(body: object, number: int = 1) -> Line:
    return Line(number, json.dumps(body).encode())


def split(*pieces: bytes) -> list[Line]:
    splitter = Splitter()
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.end()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_are_the_same_however_the_input_comes_in_pieces(size: int) -> None:
    text = b'{"a": 1}\n{"b": 2}\r\n\n  \n{"c": 3}'

    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    assert split(*pieces) == [Line(1, b'{"a": 1}'), Line(2, b'{"b": 2}'), Line(5, b'{"c": 3}')]


def test_blank_lines_are_passed_over_and_counted() -> None:
    assert split(b"\n\n{}\n \n") == [Line(3, b"{}")]


def test_an_input_without_lines_has_none() -> None:
    assert split() == []


def test_a_line_that_is_too_long_is_not_kept_and_the_next_one_is_read() -> None:
    piece = b"x" * (LINE_MAX_BYTES // 3)

    assert split(piece, piece, piece, piece, piece, b"\n{}\n") == [Line(1, None), Line(2, b"{}")]


def test_a_too_long_line_at_the_end_is_one_line() -> None:
    assert split(b"x" * (LINE_MAX_BYTES + 1)) == [Line(1, None)]


def test_a_line_of_the_greatest_length_is_read() -> None:
    assert split(b"x" * LINE_MAX_BYTES) == [Line(1, b"x" * LINE_MAX_BYTES)]


def test_a_type_that_no_command_has_is_told_those_there_are() -> None:
    with pytest.raises(UnknownType, match=r"customer\.erase\.v1, customer\.import\.v1"):
        command_of("customer.imprt.v1")


@pytest.mark.parametrize("wire_type", ["customer.get.v1", "customer.created.v1", "customer.state.v1"])
def test_what_is_no_command_is_not_sent(wire_type: str) -> None:
    with pytest.raises(UnknownType):
        command_of(wire_type)


def test_a_line_goes_out_as_it_was_written() -> None:
    line = Line(4, b'{"reason": null,  "customer_id": "cust_\\u0031"}')

    found = numbered(line, EraseCustomer, SOURCE)

    assert (found.number, found.value) == (4, line.text)
    assert found.command.record_key == b"cust_1"


def test_an_import_that_names_no_id_gets_the_key_that_customers_will_derive() -> None:
    found = numbered(a_line(an_import_body()), ImportCustomer, SOURCE)

    assert found.command.partition_key == imported_id(SOURCE, "ERP-7")
    assert b"customer_id" not in found.value


def test_an_import_that_names_its_id_keeps_it() -> None:
    customer_id = a_customer_id()

    found = numbered(a_line(an_import_body(customer_id=customer_id)), ImportCustomer, SOURCE)

    assert found.command.partition_key == customer_id


def test_a_command_that_is_asked_under_a_derived_key_says_it() -> None:
    command = with_key(ImportCustomer.from_json(json.dumps(an_import_body()).encode()), SOURCE)

    assert json.loads(command.to_json())["customer_id"] == imported_id(SOURCE, "ERP-7")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"email": "secret at home"}, "email: invalid_email"),
        ({"credit_limit": 5000.00}, "credit_limit: invalid_decimal"),
        ({"external_ref": ...}, "external_ref: missing"),
        ({"customer_since": "yesterday", "name": ""}, "customer_since: invalid_instant"),
    ],
)
def test_a_line_that_breaks_the_contract_is_told_where_and_never_with_its_values(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(Poison, match=reason) as poison:
        numbered(a_line(an_import_body(**changes)), ImportCustomer, SOURCE)

    assert "secret" not in str(poison.value)
    assert "yesterday" not in str(poison.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"credt_limit": "secret"}, "credt_limit: unknown_member"),
        ({"billing_address": an_address(lin2="secret")}, "billing_address.lin2: unknown_member"),
        ({"contacts": [a_contact_body(), a_contact_body(id="x")]}, "contacts.1.id: unknown_member"),
        ({"naame": "secret", "name": ..., "fxa": None}, "naame: unknown_member; fxa: unknown_member"),
    ],
)
def test_a_member_that_the_contract_does_not_know_is_a_mistake_at_every_depth(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(Poison) as poison:
        numbered(a_line(an_import_body(**changes)), ImportCustomer, SOURCE)

    assert str(poison.value) == f"invalid_body: {reason}"


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff", None])
def test_a_line_that_is_no_json_object_breaks_the_contract(text: bytes | None) -> None:
    with pytest.raises(Poison, match="invalid_body"):
        numbered(Line(1, text), EraseCustomer, SOURCE)


@pytest.fixture
def file_of(tmp_path: Path) -> Iterator[Callable[[bytes], int]]:
    opened = []

    def opened_file(content: bytes) -> int:
        path = tmp_path / "lines"
        path.write_bytes(content)
        opened.append(os.open(path, os.O_RDONLY))
        return opened[-1]

    yield opened_file
    for file in opened:
        os.close(file)


async def lines_in(file: int) -> list[Line]:
    return [line async for _, lines in read(file) for line in lines]


async def test_a_file_is_read_to_its_end_and_told_by_its_size(file_of: Callable[[bytes], int]) -> None:
    content = b"".join(b'{"n": %d}\n' % number for number in range(20_000))
    file = file_of(content)

    pieces = [(length, lines) async for length, lines in read(file)]

    assert size_of(file) == sum(length for length, _ in pieces) == len(content)
    assert sum(len(lines) for _, lines in pieces) == 20_000


async def test_of_a_large_file_no_more_is_read_than_is_asked_for(file_of: Callable[[bytes], int]) -> None:
    file = file_of(b"{}\n" * 1_000_000)

    pieces = read(file)
    await anext(pieces)

    assert os.lseek(file, 0, os.SEEK_CUR) == CHUNK_BYTES
    await pieces.aclose()


async def test_what_comes_through_a_pipe_is_a_line_as_soon_as_it_is_there() -> None:
    reader, writer = os.pipe()
    pieces = read(reader)
    os.write(writer, b"{}\n{")
    assert await anext(pieces) == (4, [Line(1, b"{}")])
    rest = asyncio.ensure_future(anext(pieces))
    os.write(writer, b"}\n")
    assert await rest == (2, [Line(2, b"{}")])
    os.close(writer)
    assert await anext(pieces) == (0, [])
    os.close(reader)


def test_the_size_of_a_pipe_is_not_known() -> None:
    reader, writer = os.pipe()
    assert size_of(reader) is None
    os.close(reader)
    os.close(writer)
