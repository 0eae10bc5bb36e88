"""The registry: every message by its wire type, every topic by its name; says so where one is declared twice.

Adding a message: declare it in the package of the service that handles or publishes it; nothing else.
"""

from collections.abc import Iterable
from types import ModuleType

from shared.contracts.customers import events, requests, topics
from shared.messaging import GATEWAY_REPLIES, SERVICES_REPLIES, Message, Topic


def messages_by_type(modules: Iterable[ModuleType]) -> dict[str, type[Message]]:
    """Every message declared in `modules`, by wire type.

    Raises:
        ValueError: two messages claim one type, or one names a key it does not have.
    """
    found: dict[str, type[Message]] = {}
    for module in modules:
        for declared in vars(module).values():
            if not _is_message_of(declared, module):
                continue
            if declared.type in found:
                raise ValueError(
                    f"{declared.type} is declared twice: {found[declared.type].__name__}, {declared.__name__}"
                )
            if declared.key is not None and declared.key not in declared.model_fields:
                raise ValueError(f"{declared.__name__} has no member {declared.key}, its key")
            found[declared.type] = declared
    return found


def topics_by_name(messages: Iterable[type[Message]], others: Iterable[Topic] = ()) -> dict[str, Topic]:
    """Every topic that one of `messages` travels on, and `others`, by name.

    Raises:
        ValueError: two topics of different properties claim one name.
    """
    found: dict[str, Topic] = {}
    for topic in [*(message.topic for message in messages), *others]:
        if found.setdefault(topic.name, topic) != topic:
            raise ValueError(f"topic {topic.name} is declared twice, with different properties")
    return found


def _is_message_of(declared: object, module: ModuleType) -> bool:
    return (
        isinstance(declared, type)
        and issubclass(declared, Message)
        and declared.__module__ == module.__name__
        and "type" in vars(declared)
    )


MESSAGES = messages_by_type([topics, requests, events])
TOPICS = topics_by_name(MESSAGES.values(), [GATEWAY_REPLIES, SERVICES_REPLIES])
