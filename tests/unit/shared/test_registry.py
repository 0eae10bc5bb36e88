from dataclasses import replace
from datetime import timedelta
from types import ModuleType

import pytest

from shared.contracts import MESSAGES, TOPICS, messages_by_type, topics_by_name
from shared.contracts.customers import topics
from shared.messaging import Event, Message, Query, Topic

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

    assert messages_by_type([a_module(thing)]) == {"thing.made.v1": thing}


def test_two_messages_of_one_type_are_refused() -> None:
    module = a_module(a_message("ThingMade", "thing.made.v1"), a_message("ThingBuilt", "thing.made.v1"))

    with pytest.raises(ValueError, match=r"thing\.made\.v1 is declared twice: ThingMade, ThingBuilt"):
        messages_by_type([module])


def test_a_key_that_is_no_member_is_refused() -> None:
    with pytest.raises(ValueError, match="ThingMade has no member customer_id"):
        messages_by_type([a_module(a_message("ThingMade", "thing.made.v1", key="customer_id"))])


def test_what_a_module_only_imports_is_not_its_own() -> None:
    module = ModuleType("another")
    module.ThingMade = a_message("ThingMade", "thing.made.v1")  # type: ignore[attr-defined]

    assert messages_by_type([module]) == {}


def test_two_topics_of_one_name_and_different_properties_are_refused() -> None:
    other = replace(NOWHERE, retention=timedelta(days=2))
    messages = [a_message("ThingMade", "thing.made.v1"), a_message("ThingLost", "thing.lost.v1", topic=other)]

    with pytest.raises(ValueError, match=r"test\.nothing\.events\.v1 is declared twice"):
        topics_by_name(messages)


def test_everything_customers_declares_is_registered() -> None:
    assert MESSAGES.keys() >= {
        "customer.get.v1",
        "customer.create.v1",
        "customer.created.v1",
        "customer.state.v1",
        "customer.command_rejected.v1",
    }
    assert TOPICS.keys() >= {
        *(topic.name for topic in (topics.COMMANDS, topics.QUERIES, topics.EVENTS, topics.STATE)),
        "gateway.replies.v1",
        "services.replies.v1",
    }


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_a_topic_is_named_by_its_kind_and_major_version(name: str) -> None:
    topic = TOPICS[name]

    assert name.rpartition(".")[0].endswith(f".{topic.kind}")
    assert name.rpartition(".")[2] == "v1"


@pytest.mark.parametrize("wire_type", sorted(MESSAGES))
def test_a_message_is_keyed_as_its_topic_says(wire_type: str) -> None:
    message = MESSAGES[wire_type]

    # a query that names no customer may go to any partition
    assert message.topic.key in (None, message.key) or (message.key is None and issubclass(message, Query))


def test_every_commands_topic_says_refusals() -> None:
    commands = [topic for topic in TOPICS.values() if topic.kind == "commands"]

    assert [topic.name for topic in commands if topic.rejection is None] == []
