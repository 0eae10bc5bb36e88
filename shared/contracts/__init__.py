"""The registry: every message by its wire type, every topic by its name; says so where one is declared twice.

Adding a message: declare it in the package of the service that handles or publishes it; nothing else.
"""

from collections.abc import Iterable, Mapping
from types import ModuleType

from shared.contracts.credit import events as credit_events
from shared.contracts.credit import requests as credit_requests
from shared.contracts.credit import topics as credit_topics
from shared.contracts.customers import events as customers_events
from shared.contracts.customers import requests as customers_requests
from shared.contracts.customers import topics as customers_topics
from shared.contracts.orders import events as orders_events
from shared.contracts.orders import requests as orders_requests
from shared.contracts.orders import topics as orders_topics
from shared.messaging import GATEWAY_REPLIES, SERVICES_REPLIES, Message, Topic


def messages_by_name(modules: Iterable[ModuleType]) -> dict[str, type[Message]]:
    """Every message declared in `modules`, by its wire type.

    What several services can be asked each on its own topic (`customer.export.v1`) has the name
    `<type>.<domain of the topic>` for all but the first.

    Raises:
        ValueError: two messages of one topic claim one type, or one names a key it does not have.
    """
    found: dict[str, type[Message]] = {}
    for module in modules:
        for declared in vars(module).values():
            if not _is_message_of(declared, module):
                continue
            if declared.key is not None and declared.key not in declared.model_fields:
                raise ValueError(f"{declared.__name__} has no member {declared.key}, its key")
            name = _free_name(declared, found)
            if name in found:
                raise ValueError(f"{name} is declared twice: {found[name].__name__}, {declared.__name__}")
            found[name] = declared
    return found


def _free_name(declared: type[Message], taken: Mapping[str, type[Message]]) -> str:
    other = taken.get(declared.type)
    if other is None or other.topic == declared.topic:
        return declared.type
    return f"{declared.type}.{declared.topic.name.partition('.')[0]}"


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


_MODULES = (
    *(customers_topics, customers_requests, customers_events),
    *(orders_topics, orders_requests, orders_events),
    *(credit_topics, credit_requests, credit_events),
)
MESSAGES = messages_by_name(_MODULES)
TOPICS = topics_by_name(MESSAGES.values(), [GATEWAY_REPLIES, SERVICES_REPLIES])
