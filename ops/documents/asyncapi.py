"""docs/asyncapi.yaml: AsyncAPI 3.0 of every topic, from the product's point of view."""

from collections.abc import Iterable
from typing import Any

import yaml
from aiokafka.admin import NewTopic

from ops.documents.catalogue import Catalogue, Entry, catalogue
from ops.documents.headers import (
    OF_ANSWERS,
    OF_DEAD_LETTERS,
    header_schemas,
    header_set,
)
from shared.contracts import TOPICS
from shared.contracts.examples import example_of
from shared.contracts.schemas import Schema, described, reference_to
from shared.errors import Refusal
from shared.kafka import new_letters, new_topic
from shared.messaging import CONTENT_TYPE, Topic, Value

Object = dict[str, Any]  # JSON

BINDING_VERSION = "0.5.0"
REPLIES = "replies"
TOMBSTONE = "tombstone"
DEAD_LETTER = "dead_letter"

_PURPOSES = {
    "commands": "What {domain} can be told to do: exactly once for each `ce_source` and `ce_id`.",
    "queries": "What {domain} can be asked: changes nothing, may be lost and asked again.",
    "events": "What has happened at {domain}.",
    "state": "Each entity of {domain} as it is now: the newest record of a key counts; one without a value"
    " says that the entity is no more.",
    "replies": "Answers to what {domain} has asked; each asker reads one partition, without a group.",
}
_OWN_PURPOSES = {
    "orders.order.state.v1": "Each order as it is now: the newest record of a key counts.",
    "orders.account.state.v1": "Each customer's orders in figures: the newest record of a key counts.",
    "credit.account.state.v1": "Each customer's account as it is now: the newest record of a key counts.",
    "credit.account.commands.v1": "Credit checks, and the reading of one behind those of its customer.",
    "credit.receivable.commands.v1": "What credit can be told of invoices and money: exactly once for each"
    " `ce_source` and `ce_id`.",
}


def asyncapi_document() -> str:
    """The document as YAML."""
    return yaml.dump(_document(catalogue()), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def purpose_of(topic: Topic) -> str:
    """What a topic is for, in a sentence."""
    general = _PURPOSES[topic.kind].format(domain=topic.name.partition(".")[0])
    return _OWN_PURPOSES.get(topic.name, general)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Never: an anchor would be named by the order in which objects are met."""
        return True


def _document(published: Catalogue) -> Object:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Customers API: messages",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 on Kafka in binary mode. Within v1 only optional members are"
            " added: ignore unknown members, and unknown types on events and state topics.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": _channels(published),
        "operations": _operations(published),
        "components": {
            "messages": _messages(published),
            "schemas": published.schemas | header_schemas(),
        },
    }


def _channels(published: Catalogue) -> Object:
    channels: Object = {}
    for name in sorted(TOPICS):
        topic = TOPICS[name]
        channels[name] = {
            "address": name,
            "description": purpose_of(topic),
            "messages": _references(_names_on(topic, published)),
            "bindings": {"kafka": _topic_binding(new_topic(topic))},
        }
        for letters in new_letters(topic):
            channels[letters.name] = _dead_letters(topic, letters)
    channels[REPLIES] = {
        "address": None,
        "description": "Wherever an asker reads answers: the topic that the request's `reply_to` names.",
        "messages": _references(published.answers),
    }
    return channels


def _references(messages: Iterable[str]) -> Object:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in messages}


def _names_on(topic: Topic, published: Catalogue) -> list[str]:
    if topic.kind == "replies":
        return list(published.answers)
    entries = {name: entry for name, entry in published.entries.items() if entry.contract.topic == topic}
    return [*entries, *(f"{name}.{TOMBSTONE}" for name, entry in entries.items() if entry.has_tombstones)]


def _dead_letters(topic: Topic, letters: NewTopic) -> Object:
    return {
        "address": letters.name,
        "description": f"Records of {topic.name} that its consumers could not handle, as they came; with"
        " headers beside that say why.",
        "messages": _references([DEAD_LETTER]),
        "bindings": {"kafka": _topic_binding(letters)},
    }


def _topic_binding(topic: NewTopic) -> Object:
    configuration = {name: _setting(name, value) for name, value in sorted(topic.topic_configs.items())}
    return {
        "topic": topic.name,
        "partitions": topic.num_partitions,
        "replicas": topic.replication_factor,
        "topicConfiguration": configuration,
        "bindingVersion": BINDING_VERSION,
    }


def _setting(name: str, value: str) -> Any:
    if name == "cleanup.policy":
        return value.split(",")
    return int(value) if value.isdigit() else value


def _operations(published: Catalogue) -> Object:
    operations: Object = {}
    for name, entry in published.entries.items():
        topic = entry.contract.topic
        if entry.answer is not None:
            operations[f"handle.{name}"] = _handling(name, entry, entry.answer)
        else:
            names = _names_on(topic, published)
            operations.setdefault(f"publish.{topic.name}", _publishing(topic, names))
    return operations


def _handling(name: str, entry: Entry, answer: type[Value]) -> Object:
    channel = f"channels/{entry.contract.topic.name}"
    return {
        "action": "receive",
        "summary": entry.description.summary,
        "channel": {"$ref": f"#/{channel}"},
        "messages": [{"$ref": f"#/{channel}/messages/{name}"}],
        "reply": {
            "address": {
                "location": "$message.header#/reply_to",
                "description": "A replies topic, or one that is allowed by a setting; any other is ignored.",
            },
            "channel": {"$ref": f"#/channels/{REPLIES}"},
            "messages": [
                {"$ref": f"#/channels/{REPLIES}/messages/{each}"} for each in (answer.__name__, "Refusal")
            ],
        },
    }


def _publishing(topic: Topic, names: list[str]) -> Object:
    return {
        "action": "send",
        "summary": purpose_of(topic),
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in names],
    }


def _messages(published: Catalogue) -> Object:
    messages: Object = {}
    for name, entry in published.entries.items():
        messages[name] = _message(entry, published)
        if entry.has_tombstones:
            messages[f"{name}.{TOMBSTONE}"] = _tombstone(entry, published)
    for name, answer in published.answers.items():
        messages[name] = _answer(name, answer, published)
    return messages | {DEAD_LETTER: _dead_letter()}


def _message(entry: Entry, published: Catalogue) -> Object:
    remarks = {"description": entry.description.remarks} if entry.description.remarks else {}
    return {
        "name": entry.contract.type,
        "contentType": CONTENT_TYPE,
        "summary": entry.description.summary,
        **remarks,
        "headers": {
            "type": "object",
            "allOf": [reference_to(header_set(entry.contract).name)],
            "properties": {"ce_type": {"const": entry.contract.type}},
        },
        "payload": reference_to(entry.contract.__name__),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": key_schema(entry, published), "bindingVersion": BINDING_VERSION}},
        "examples": [{"headers": entry.example_headers, "payload": entry.body}],
    }


def key_schema(entry: Entry, published: Catalogue) -> Schema:
    """Of the record's key: null where a message has none, so that it may go to any partition."""
    contract = entry.contract
    if contract.key is None:
        return {"type": "null", "description": "None: it may go to any partition."}
    member: Schema = published.schemas[contract.__name__]["properties"][contract.key]
    first = next(iter(member.get("anyOf", [member])))
    required = contract.model_fields[contract.key].is_required()
    text = f"`{contract.key}`."
    if not required:
        text = f"`{contract.key}`; another text, or none, where the message names none."
    limits = {name: value for name, value in first.items() if name == "pattern" and required}
    return {"type": "string" if required else ["string", "null"], "description": text} | limits


def _tombstone(entry: Entry, published: Catalogue) -> Object:
    return _message(entry, published) | {
        "summary": "The entity of this key is no more: delete what you hold of it.",
        "description": "A record without a value, under the headers of the state and its last version.",
        "payload": {"type": "null"},
        "examples": [{"headers": entry.example_headers, "payload": None}],
    }


def _answer(name: str, answer: type[Value], published: Catalogue) -> Object:
    refused = {"required": ["refusal"]} if answer is Refusal else {}
    return {
        "name": name,
        "contentType": CONTENT_TYPE,
        "summary": described(answer).summary,
        "headers": {"type": "object", "allOf": [reference_to(OF_ANSWERS.name)], **refused},
        "payload": reference_to(name),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "examples": [{"payload": example_of(name, published.schemas)}],
    }


def _dead_letter() -> Object:
    properties = {
        name: {"type": "string", "description": meaning} for name, meaning in OF_DEAD_LETTERS.items()
    }
    return {
        "name": DEAD_LETTER,
        "summary": "A record that could not be handled, byte for byte as it came.",
        "headers": {"type": "object", "properties": properties, "required": list(properties)},
        "payload": {},
    }
