from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import ModuleType

import pytest

from shared.contracts import MESSAGES, TOPICS, messages_by_name, topics_by_name
from shared.contracts.credit import topics as credit
from shared.contracts.customers import topics as customers
from shared.contracts.orders import topics as orders
from shared.messaging import GATEWAY_REPLIES, SERVICES_REPLIES, Event, Message, Query, Topic

NOWHERE = Topic("test.nothing.events.v1", "events", key="thing_id", groups=(), retention=timedelta(days=1))


def a_message(name: str, wire_type: str, key: str = "thing_id", topic: Topic = NOWHERE) -> type[Message]:
    members = {"topic": topic, "type": wire_type, "key": key, "__annotations__": {"thing_id": str}}
    return type(name, (Event,), {**members, "__module__": "made_up", "__doc__": "For a test."})


def a_module(*messages: type[Message]) -> ModuleType:
    module = ModuleType("made_up")
    for message in messages:
        setattr(module, message.__name__, message)
    return module


def test_messages_are_found_by_their_wire_type() -> None:
    thing = a_message("ThingMade", "thing.made.v1")

    assert messages_by_name([a_module(thing)]) == {"thing.made.v1": thing}


def test_what_another_topic_calls_by_the_same_type_has_the_name_of_its_domain_too() -> None:
    other = replace(NOWHERE, name="another.thing.events.v1")
    first = a_message("ThingMade", "thing.made.v1")
    second = a_message("ThingMadeElsewhere", "thing.made.v1", topic=other)

    found = messages_by_name([a_module(first, second)])

    assert found == {"thing.made.v1": first, "thing.made.v1.another": second}


def test_what_says_no_type_is_a_part_of_messages_and_none_itself() -> None:
    thing = a_message("ThingMade", "thing.made.v1")
    part = type("ThingEvent", (Event,), {"__module__": "made_up", "__doc__": "For a test."})

    assert messages_by_name([a_module(thing, part)]) == {"thing.made.v1": thing}


def test_two_messages_of_one_type_are_refused() -> None:
    module = a_module(a_message("ThingMade", "thing.made.v1"), a_message("ThingBuilt", "thing.made.v1"))

    with pytest.raises(ValueError, match=r"thing\.made\.v1 is declared twice: ThingMade, ThingBuilt"):
        messages_by_name([module])


def test_a_key_that_is_no_member_is_refused() -> None:
    with pytest.raises(ValueError, match="ThingMade has no member customer_id"):
        messages_by_name([a_module(a_message("ThingMade", "thing.made.v1", key="customer_id"))])


def test_what_a_module_only_imports_is_not_its_own() -> None:
    module = ModuleType("another")
    module.ThingMade = a_message("ThingMade", "thing.made.v1")  # type: ignore[attr-defined]

    assert messages_by_name([module]) == {}


def test_two_topics_of_one_name_and_different_properties_are_refused() -> None:
    other = replace(NOWHERE, retention=timedelta(days=2))
    messages = [a_message("ThingMade", "thing.made.v1"), a_message("ThingLost", "thing.lost.v1", topic=other)]

    with pytest.raises(ValueError, match=r"test\.nothing\.events\.v1 is declared twice"):
        topics_by_name(messages)


@pytest.mark.parametrize("owner", [customers, orders, credit], ids=lambda owner: str(owner.__name__))
def test_every_topic_that_a_service_declares_is_registered(owner: ModuleType) -> None:
    declared = {each.name: each for each in vars(owner).values() if isinstance(each, Topic)}

    assert declared.items() <= TOPICS.items()


def test_the_topics_that_answers_are_read_from_are_registered() -> None:
    assert TOPICS.keys() >= {GATEWAY_REPLIES.name, SERVICES_REPLIES.name}


def test_a_message_is_registered_by_its_type_or_by_its_domain_too() -> None:
    assert {name for name, message in MESSAGES.items() if name != message.type} == {
        "customer.export.v1.orders",
        "customer.export.v1.credit",
    }


def test_a_class_has_a_name_of_its_own_by_which_its_schema_is_published() -> None:
    names = Counter(message.__name__ for message in MESSAGES.values())

    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_a_topic_is_named_by_its_kind_and_major_version(name: str) -> None:
    topic = TOPICS[name]

    assert name.rpartition(".")[0].endswith(f".{topic.kind}")
    assert name.rpartition(".")[2] == "v1"


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_is_keyed_as_its_topic_says(name: str) -> None:
    message = MESSAGES[name]

    # a query that names no customer may go to any partition
    assert message.topic.key in (None, message.key) or (message.key is None and issubclass(message, Query))


def test_every_commands_topic_says_refusals_but_that_of_credit_checks() -> None:
    commands = [topic for topic in TOPICS.values() if topic.kind == "commands"]

    # a check is of use to nobody but who asked: one that nobody asked for is a mistake, and a dead letter
    assert [topic for topic in commands if topic.rejection is None] == [credit.COMMANDS]
