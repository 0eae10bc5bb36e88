import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from ops.documents.headers import MEANINGS, OF_DEAD_LETTERS
from ops.documents.life_of_an_order import LIFE_OF_AN_ORDER
from ops.documents.writing import DOCUMENTS, FOLDER, write_all
from services.gateway.app import create_app
from services.gateway.openapi import OPERATIONS
from services.gateway.problems import KINDS
from services.gateway.settings import GatewaySettings
from shared.contracts import MESSAGES, TOPICS
from shared.contracts.credit.topics import RECEIVABLE_COMMANDS as RECEIVABLES
from shared.contracts.customers.requests import SEARCH_DEPTH_MAX, Patch
from shared.contracts.orders.topics import COMMANDS as ORDERS
from shared.contracts.pages import DEPTH_MAX
from shared.dead_letters import dead_letter
from shared.inbox import KEPT_FOR
from shared.kafka import dead_letter_topic
from shared.messaging import Envelope, Request, answer_type, write_headers
from tests.contract.test_seed_examples import EXAMPLES
from tests.support import documents as published
from tests.support.builders import with_header, without
from tests.support.bus import Bus
from tests.support.conversation import Conversation
from tests.support.documents import dead_references, exactly, faults_of_record, faults_of_response
from tests.support.kafka import Published
from tests.support.servers import PROJECT
from tests.support.system import InProcess

LINK = re.compile(r"\]\(([^)#\s]+)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"```.*?```", re.DOTALL)
PATH = re.compile(r"[\w.-]+(?:/[\w.*-]+)+/?")
MESSAGES_DOCUMENT = FOLDER / "messages.md"
VERSIONED = re.compile(r"[a-z_]+(?:\.[a-z_]+)+\.v\d+(?:\.[a-z.-]+)?")
MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]*)")
TARGET = re.compile(r"^([a-z][a-z0-9-]*):", re.MULTILINE)
OF_ONE_MACHINE = re.compile(r"(?<![\w.-])/(?:work|root|home/[a-z]\w*|Users/\w+)\b(?!\))")


def own_files(root: Path) -> list[Path]:
    """Everything that is in the repository or would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [root / name for name in listed.stdout.splitlines() if (root / name).is_file()]


def documents(root: Path) -> list[Path]:
    found = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    return sorted(found)


def dead_paths(root: Path) -> list[str]:
    """What documents link to or name as a path of this repository, and what is not there."""
    found = []
    for document in documents(root):
        text = document.read_text()
        links = [link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
        found += [(document, link) for link in links if not (document.parent / link).exists()]
        named = [path for code in CODE.findall(FENCE.sub("", text)) for path in PATH.findall(code)]
        ours = [path for path in named if (root / path.partition("/")[0]).is_dir()]
        found += [(document, path) for path in ours if not any(root.glob(path.rstrip("/")))]
    return [f"{document.relative_to(root)} names {path}" for document, path in found]


def unknown_targets(root: Path) -> list[str]:
    targets = set(TARGET.findall((root / "Makefile").read_text()))
    return [
        f"{document.relative_to(root)} says make {target}"
        for document in documents(root)
        for code in CODE.findall(document.read_text())
        for target in MAKE.findall(code)
        if target not in targets
    ]


def paths_of_one_machine(root: Path, files: list[Path]) -> list[str]:
    found = []
    for file in files:
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(root)} names {match[0]}" for match in OF_ONE_MACHINE.finditer(text)]
    return found


def test_every_path_that_a_document_names_is_there() -> None:
    assert dead_paths(PROJECT) == []


def test_every_make_target_that_a_document_names_is_there() -> None:
    assert unknown_targets(PROJECT) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert paths_of_one_machine(PROJECT, own_files(PROJECT)) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "inbox.py").touch()
    (tmp_path / "Makefile").write_text("run: ## Run it\n")
    (tmp_path / "README.md").write_text(
        "See [why](docs/why.md) and `shared/inbox.py`, `shared/*.py`, `application/json`; `make run`.\n"
    )
    (tmp_path / "docs" / "why.md").write_text("Because. [Back](../README.md#top), https://example.com/a/b\n")
    return tmp_path


def test_documents_that_name_what_is_there_are_fine(repository: Path) -> None:
    assert dead_paths(repository) == []
    assert unknown_targets(repository) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[how](docs/how.md)", "docs/how.md"),
        ("`shared/outbox.py` does it", "shared/outbox.py"),
        ("`python shared/outbox.py`", "shared/outbox.py"),
        ("`docs/*.html`", "docs/*.html"),
    ],
)
def test_a_path_that_leads_nowhere_is_found(repository: Path, text: str, path: str) -> None:
    (repository / "README.md").write_text(text)

    assert dead_paths(repository) == [f"README.md names {path}"]


def test_a_make_target_that_is_gone_is_found(repository: Path) -> None:
    (repository / "docs" / "why.md").write_text("`make everything`")

    assert unknown_targets(repository) == ["docs/why.md says make everything"]


@pytest.mark.parametrize("path", ["work/main/x", "root", "home/ada/x", "Users/ada/x"])
def test_a_path_of_one_machine_is_found(repository: Path, path: str) -> None:
    file = repository / "shared" / "inbox.py"
    file.write_text(f'FOLDER = "/{path}"\n')

    assert paths_of_one_machine(repository, [file])


@pytest.mark.parametrize("text", ["and/work", "https://example.com/work", "app/root.py", "./work", "/roots"])
def test_other_uses_of_the_words_are_fine(repository: Path, text: str) -> None:
    file = repository / "shared" / "inbox.py"
    file.write_text(text)

    assert paths_of_one_machine(repository, [file]) == []


# The documents that are made of the code


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_as_the_code_makes_it(name: str, tmp_path: Path) -> None:
    write_all(tmp_path)

    assert (PROJECT / "docs" / name).read_text() == (tmp_path / name).read_text(), "run: make docs"


@pytest.mark.parametrize("document", [published.openapi(), published.asyncapi()], ids=["openapi", "asyncapi"])
def test_every_reference_within_a_document_leads_somewhere(document: published.Document) -> None:
    assert dead_references(document.content) == []


def test_a_reference_that_leads_nowhere_is_found() -> None:
    assert dead_references({"a": {"$ref": "#/b"}, "c": [{"$ref": "#/a"}]}) == ["#/b"]


def test_the_routes_are_described_as_openapi_has_it() -> None:
    assert list(OpenAPIV31SpecValidator(published.openapi().content).iter_errors()) == []


def routes_of_the_application() -> set[tuple[str, str]]:
    app = create_app(GatewaySettings(kafka_bootstrap_servers="nowhere:0"), rpc=Bus([]))
    return {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        for method in route.methods - {"OPTIONS"}
    }


def test_every_route_is_described_and_every_description_has_its_route() -> None:
    paths = published.openapi().content["paths"]
    described = {(path, method) for path, methods in paths.items() for method in methods}
    heads = {(path, "head") for path, method in described if method == "get"}

    assert routes_of_the_application() == described | heads
    assert len(OPERATIONS) == len(described)


def test_every_code_of_a_problem_is_one_that_some_route_may_end_in() -> None:
    codes = {code for operation in OPERATIONS for code in operation.codes}

    assert codes | {"route_not_found", "method_not_allowed"} == KINDS.keys()


def routes_with_a_body() -> list[str]:
    return [route for route, example in EXAMPLES.items() if example.request is not None]


def schema_of_the_body(route: str) -> tuple[str, ...]:
    method, _, path = route.partition(" ")
    template = re.sub(r":(\w+)", r"{\1}", path).replace("/{id}", "/{customer_id}")
    return ("paths", template, method.lower(), "requestBody", "content", "application/json", "schema")


@pytest.mark.parametrize("route", routes_with_a_body())
def test_what_the_seed_sends_is_as_the_document_says(route: str) -> None:
    sent = exactly(EXAMPLES[route].request or "")

    assert published.openapi().faults(sent, *schema_of_the_body(route)) == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", None),
        ("credit_limit", "5000.00"),
        ("credit_limit", -1),
        ("discount_rate", Decimal("100.5")),
        ("payment_terms", "net_31"),
        ("colour", "blue"),
        ("billing_address", {"line1": "1 A St", "line2": None, "city": "B", "country": "DE"}),
    ],
)
def test_what_would_be_refused_is_not_as_the_document_says(member: str, value: object) -> None:
    body = exactly(EXAMPLES["POST /api/customers"].request or "") | {member: value}

    assert published.openapi().faults(body, *schema_of_the_body("POST /api/customers"))


@pytest.mark.parametrize("amount", [0.07, 1.1, 4.35, 99.99])
def test_an_amount_that_floats_only_come_near_is_as_the_document_says(amount: float) -> None:
    schema = published.openapi().content["components"]["schemas"]["CreateCustomer"]["properties"][
        "discount_rate"
    ]
    told = json.loads(json.dumps(schema, default=float))

    assert list(Draft202012Validator(told).iter_errors(amount)) == []
    assert "at most 2 decimals" in told["description"]


def operations() -> list[published.Object]:
    return [each for methods in published.openapi().content["paths"].values() for each in methods.values()]


def test_what_a_body_is_said_to_be_does_not_speak_of_who_sends_messages() -> None:
    schemas = published.openapi().content["components"]["schemas"]
    bodies = [each.body.__name__ for each in OPERATIONS if each.body]

    assert [name for name in bodies if "sender" in schemas[name]["description"]] == []


def test_the_limits_that_hold_are_told() -> None:
    content = published.openapi().content
    key = content["components"]["parameters"]["Idempotency-Key"]["description"]
    (page,) = [
        each for each in content["paths"]["/api/customers"]["get"]["parameters"] if each.get("name") == "page"
    ]
    body_max_kib = GatewaySettings(kafka_bootstrap_servers="nowhere:0").body_max_bytes // 1024

    assert "24 hours" in key
    assert f"{KEPT_FOR.days} days" in key
    assert f"at most {DEPTH_MAX:,}, with search {SEARCH_DEPTH_MAX:,}" in page["description"]
    assert {each["requestBody"]["description"] for each in operations() if "requestBody" in each} == {
        f"At most {body_max_kib} KiB."
    }


def test_the_methods_of_where_a_contact_is_are_told() -> None:
    content = published.openapi().content
    methods = content["paths"]["/api/customers/{customer_id}/contacts/{contact_id}"].keys()

    assert {method.upper() for method in methods} == {"PUT", "DELETE"}
    assert (
        "contact serves PUT and DELETE, not GET"
        in content["components"]["headers"]["Location"]["description"]
    )


def test_what_a_shipping_address_equal_to_the_billing_address_means_is_told() -> None:
    change = published.openapi().content["paths"]["/api/customers/{customer_id}"]["put"]

    assert "`shipping_address` equal to its billing address" in change["description"]


def test_examples_are_as_their_schemas_say() -> None:
    document, faults = published.openapi(), []
    for path, operations in document.content["paths"].items():
        for method, operation in operations.items():
            described = {("responses", status): each for status, each in operation["responses"].items()}
            described |= {("requestBody",): operation["requestBody"]} if "requestBody" in operation else {}
            for place, each in described.items():
                for media, content in each.get("content", {}).items():
                    schema = ("paths", path, method, *place, "content", media, "schema")
                    faults += document.faults(content["example"], *schema) if "example" in content else []

    assert faults == []


@pytest.mark.integration
async def test_every_answer_of_the_gateway_is_as_the_document_says(in_process: InProcess) -> None:
    conversation, document = Conversation(in_process), published.openapi()
    await conversation.hold()

    assert [fault for each in conversation.answers for fault in faults_of_response(document, each)] == []


@pytest.mark.integration
async def test_the_document_that_is_served_is_the_one_that_is_published(in_process: InProcess) -> None:
    answer = await in_process.http.get("/schema/openapi.json")

    assert exactly(answer.content) == published.openapi().content


def test_every_topic_and_every_message_is_described() -> None:
    content = published.asyncapi().content
    dead_letters = {
        dead_letter_topic(topic.name, group) for topic in TOPICS.values() for group in topic.groups
    }

    assert content["channels"].keys() == TOPICS.keys() | dead_letters | {"replies"}
    assert content["components"]["messages"].keys() >= MESSAGES.keys()


def test_every_request_is_received_and_names_its_reply() -> None:
    operations = published.asyncapi().content["operations"]

    received = {name for name, operation in operations.items() if operation["action"] == "receive"}
    assert received == {f"handle.{name}" for name, each in MESSAGES.items() if issubclass(each, Request)}
    assert received == {name for name, operation in operations.items() if "reply" in operation}


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_of_a_message_is_as_its_schema_says(name: str) -> None:
    document = published.asyncapi()
    (example,) = document.content["components"]["messages"][name]["examples"]

    for part in ("headers", "payload"):
        assert document.faults(example[part], "components", "messages", name, part) == []


def test_every_message_and_topic_that_the_messages_document_names_is_one() -> None:
    codes = CODE.findall(FENCE.sub("", MESSAGES_DOCUMENT.read_text()))
    named = {code for code in codes if VERSIONED.fullmatch(code)}
    channels = published.asyncapi().content["channels"].keys()

    assert named - channels - {message.type for message in MESSAGES.values()} == set()


def test_every_command_that_other_systems_give_has_its_place_in_the_life_of_an_order() -> None:
    given = {message.type for message in MESSAGES.values() if message.topic in (ORDERS, RECEIVABLES)}

    assert given - set(CODE.findall(LIFE_OF_AN_ORDER)) == set()


def test_every_class_that_the_messages_document_names_has_its_chapter() -> None:
    text = MESSAGES_DOCUMENT.read_text()
    named = {code for code in CODE.findall(FENCE.sub("", text)) if re.fullmatch(r"(?:[A-Z][a-z]+)+", code)}

    assert named - set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == set()


def test_no_chapter_denies_a_null_that_its_table_allows() -> None:
    chapters = MESSAGES_DOCUMENT.read_text().split("\n### ")

    assert [each for each in chapters if " or null |" in each and "never null" in each] == []


def defaults() -> list[tuple[str, str, str]]:
    schemas = published.asyncapi().content["components"]["schemas"]
    return [
        (title, name, json.dumps(member["default"]))
        for title, message in MESSAGES.items()
        for name, member in schemas[message.__name__]["properties"].items()
        if "default" in member
    ]


@pytest.mark.parametrize(("title", "member", "default"), defaults())
def test_a_default_stands_beside_its_member(title: str, member: str, default: str) -> None:
    chapter = MESSAGES_DOCUMENT.read_text().partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    (row,) = [line for line in chapter.splitlines() if line.startswith(f"| `{member}` |")]

    assert f"Default: `{default}`." in row


def test_a_member_that_may_be_left_out_tells_its_default_unless_null_says_the_same() -> None:
    told = {(title, member) for title, member, _ in defaults()}
    optional = {
        (title, name)
        for title, message in MESSAGES.items()
        if not issubclass(message, Patch)
        for name, member in message.model_fields.items()
        if not member.is_required() and member.get_default(call_default_factory=True) is not None
    }

    assert told == optional


@pytest.mark.integration
async def test_every_record_is_as_the_document_says(in_process: InProcess) -> None:
    document = published.asyncapi()
    await Conversation(in_process).hold()
    await in_process.publish("customers.customer.commands.v1", b"cust_1", b"{}", [("ce_id", b"1")])

    *records, broken, letter = in_process.bus.records
    assert (letter.topic, letter.key) == ("customers.customer.commands.v1.customers.dlq", broken.key)
    assert [fault for each in [*records, letter] for fault in faults_of_record(document, each)] == []


@pytest.mark.integration
async def test_every_answer_over_a_topic_is_as_the_document_says(in_process: InProcess) -> None:
    conversation, document = Conversation(in_process), published.asyncapi()
    await conversation.hold()

    for request, answer in conversation.replies:
        message = ("components", "messages", answer_type(request).__name__)
        assert document.faults(json.loads(answer.body), *message, "payload") == []
        assert answer.facts.keys() <= MEANINGS.keys()


def a_created_record(**changes: object) -> Published:
    (example,) = published.asyncapi().content["components"]["messages"]["customer.created.v1"]["examples"]
    headers = tuple((name, value.encode()) for name, value in example["headers"].items())
    body = {**example["payload"], **changes}
    return Published("customers.customer.events.v1", b"cust_456", json.dumps(body).encode(), headers)


@pytest.mark.parametrize(
    "record",
    [
        a_created_record(credit_limit=5000.00),
        a_created_record(colour="blue"),
        replace(a_created_record(), key=None),
        replace(a_created_record(), topic="customers.customer.state.v1"),
        replace(a_created_record(), headers=without(a_created_record().headers, "ce_sequence")),
        replace(a_created_record(), headers=with_header(a_created_record().headers, "ce_sequence", b"7")),
        replace(a_created_record(), headers=with_header(a_created_record().headers, "colour", b"blue")),
    ],
)
def test_a_record_that_is_otherwise_is_found(record: Published) -> None:
    document = published.asyncapi()

    assert faults_of_record(document, a_created_record()) == []
    assert faults_of_record(document, record) != []


def test_every_header_that_is_written_is_described() -> None:
    now, record = datetime.now(UTC), a_created_record()
    numbers_and_instants = {"sequence": 1, "expires_at": now, "waiting_since": now}
    envelope = Envelope(**dict.fromkeys(Envelope._fields, "1") | numbers_and_instants)
    letter = dead_letter(record, "customers", ValueError(), 1, now)

    assert {name for name, _ in write_headers(envelope)} <= MEANINGS.keys()
    assert dict(letter.headers).keys() - dict(record.headers).keys() == OF_DEAD_LETTERS.keys()
