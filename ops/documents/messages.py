"""docs/messages.md: the topics and messages for people, as asyncapi.yaml says them for machines."""

import json
from collections.abc import Iterable, Sequence

from aiokafka.admin import NewTopic

from ops.documents.asyncapi import purpose_of
from ops.documents.catalogue import Catalogue, Entry, catalogue
from ops.documents.headers import (
    MEANINGS,
    OF_ANSWERS,
    OF_DEAD_LETTERS,
    OF_FACTS,
    OF_REJECTIONS,
    OF_REQUESTS,
    header_set,
)
from ops.documents.life_of_an_order import LIFE_OF_AN_ORDER
from shared.contracts import TOPICS
from shared.contracts.schemas import Schema
from shared.kafka import new_letters, new_topic
from shared.messaging import Topic

MINUTES_A_DAY = 1_440
_LIMITS = {
    "minLength": "at least {} long",
    "maxLength": "at most {} long",
    "minimum": "at least {}",
    "maximum": "at most {}",
}

_BEGINNING = """\
# Messages

Made by `make docs` out of the contract classes; `asyncapi.yaml` says the same for machines.

Records are CloudEvents 1.0 in Kafka's binary mode: the value is JSON, what is said about it stands in
headers. Decimals are JSON strings with two decimals (`"10000.00"`), instants RFC 3339, days RFC 3339 dates in
UTC. Within v1 only optional members are added: ignore members you do not know, and on events and state topics
types you do not know. Our consumers ignore them too, in commands and queries: an optional member that is
misspelt there passes in silence, which is why `customers-api send` refuses such lines.

Partition by murmur2 of the key, as Java's clients do, so that what concerns one key keeps its order. A
command or query under another key, or none, is accepted all the same and loses no more than that order."""

_ASKING = """\
## Ask, and read the answer

1. Read one partition of a replies topic from its end, without a consumer group; any partition will do.
2. Send the request with `reply_to`, `reply_partition` and a fresh `ask_id`, and with `ce_expirytime`, after
   which it is dropped instead of handled. Only the replies topics are answered to, and those that a setting
   allows.
3. The answer has your `ask_id`. With the header `refusal` it is one: nothing was done, and the value says
   why. Without, the value is the answer as HTTP shows it: money as numbers, times in whole seconds.
   Beside the codes that a message names there are those of a record that cannot be handled: `invalid_body`,
   `bad_envelope` (it has no value), `unknown_type`, `idempotency_key_reused` (its `ce_id` came before, with
   another body) and `internal_error`. A record whose headers are unreadable gets no answer.
4. Where none comes, the outcome of a command is unknown. Send it again under the same `ce_id`: it is carried
   out once at most, and the kept answer comes with `replayed`.

A command without `reply_to` is carried out all the same. Follow the events: their `ce_correlationid` is the
command's, or its `ce_id` where it has none. Where such a command is refused, an event says so, once."""

_DEAD_LETTERS = """\
## Dead letters

What can never be handled (an unreadable header, an unknown type, a body that breaks its schema) goes to
`<topic>.<group>.dlq`: key, value and headers byte for byte as they came, with these headers beside. A refusal
is no dead letter."""


def messages_document() -> str:
    """The document as Markdown."""
    published = catalogue()
    parts = [
        _BEGINNING,
        _topics(),
        _headers(),
        _ASKING,
        _table(("Header of an answer", "Required", "Meaning"), _rows_of_answers()),
        _DEAD_LETTERS,
        _table(("Header", "Meaning"), ((f"`{name}`", text) for name, text in OF_DEAD_LETTERS.items())),
        LIFE_OF_AN_ORDER,
        *(part for name in sorted(TOPICS) for part in _messages_on(TOPICS[name], published)),
        "## Answers and parts",
        *_answers_and_parts(published),
    ]
    return "\n\n".join(parts) + "\n"


def _topics() -> str:
    heads = ("Topic", "Key", "Partitions", "Kept", "Consumed by", "For")
    rows = [row for name in sorted(TOPICS) for row in _topic_rows(TOPICS[name])]
    return "## Topics\n\n" + _table(heads, rows)


def _topic_rows(topic: Topic) -> list[tuple[str, ...]]:
    made = new_topic(topic)
    others = "who asked" if topic.kind == "replies" else "anyone"
    groups = ", ".join(f"`{group}`" for group in topic.groups) or others
    key = f"`{topic.key}`" if topic.key else "none"
    rows: list[tuple[str, ...]] = [
        (f"`{topic.name}`", key, str(made.num_partitions), _kept(made), groups, purpose_of(topic))
    ]
    for letters in new_letters(topic):
        told = ("as it came", str(letters.num_partitions), _kept(letters), "operators", "Dead letters.")
        rows.append((f"`{letters.name}`", *told))
    return rows


def _kept(topic: NewTopic) -> str:
    settings: dict[str, str] = topic.topic_configs
    if settings["cleanup.policy"] == "compact":
        return f"newest of each key; tombstones {_duration(settings['delete.retention.ms'])}"
    return _duration(settings["retention.ms"])


def _duration(milliseconds: str) -> str:
    minutes = int(milliseconds) // 60_000
    return f"{minutes // MINUTES_A_DAY} days" if minutes >= MINUTES_A_DAY else f"{minutes} min"


def _headers() -> str:
    sets = (OF_REQUESTS, OF_FACTS, OF_REJECTIONS)
    names = {name for headers in sets for name in headers.is_required_by_name}
    marks = {True: "required", False: "optional", None: ""}
    rows = [
        (f"`{name}`", *(marks[headers.is_required_by_name.get(name)] for headers in sets), meaning)
        for name, meaning in MEANINGS.items()
        if name in names
    ]
    heads = ("Header", "Commands, queries", "Events, state", "Rejections", "Meaning")
    return "## Headers\n\n" + _table(heads, rows)


def _rows_of_answers() -> list[tuple[str, ...]]:
    return [
        (f"`{name}`", _yes(is_required), MEANINGS[name])
        for name, is_required in OF_ANSWERS.is_required_by_name.items()
    ]


def _messages_on(topic: Topic, published: Catalogue) -> list[str]:
    entries = {name: entry for name, entry in published.entries.items() if entry.contract.topic == topic}
    if not entries:
        return []
    parts = [f"## {topic.name}", purpose_of(topic)]
    return parts + [part for name, entry in entries.items() for part in _message(name, entry, published)]


def _message(name: str, entry: Entry, published: Catalogue) -> list[str]:
    says = f"{entry.description.summary} {entry.description.remarks}".strip()
    wire_type = entry.contract.type
    named = "" if name == wire_type else f" Its `ce_type` is `{wire_type}`, as on other topics."
    answer = f" Answer: {_linked(entry.answer.__name__)}." if entry.answer else ""
    tombstone = " A record of the same headers without a value: the entity is no more."
    return [
        f"### {name}",
        says + named + answer + (tombstone if entry.has_tombstones else ""),
        _members(published.schemas[entry.contract.__name__]),
        _example(entry),
    ]


def _example(entry: Entry) -> str:
    required = header_set(entry.contract).required
    shown = [f"{name}: {value}" for name, value in entry.example_headers.items() if name in required]
    headers = _indented("\n".join(shown))
    key = entry.key or "none"
    value = json.dumps(entry.body, indent=2, ensure_ascii=False)
    return f"```\nkey      {key}\nheaders  {headers}\nvalue    {_indented(value)}\n```"


def _indented(text: str) -> str:
    return text.replace("\n", "\n         ")


def _answers_and_parts(published: Catalogue) -> list[str]:
    messages = {entry.contract.__name__ for entry in published.entries.values()}
    return [
        part
        for name, schema in published.schemas.items()
        if name not in messages
        for part in (f"### {name}", schema["description"], _members(schema))
        if part
    ]


def _members(schema: Schema) -> str:
    required = schema.get("required", [])
    rows = [
        (f"`{name}`", _kind(member), _yes(name in required), _meaning(member))
        for name, member in schema["properties"].items()
    ]
    return _table(("Member", "Type", "Required", "Meaning"), rows) if rows else ""


def _meaning(member: Schema) -> str:
    told = [member["description"]] if "description" in member else []
    default = [f"Default: `{json.dumps(member['default'])}`."] if "default" in member else []
    return " ".join(told + default)


def _kind(member: Schema) -> str:
    if "anyOf" in member:
        return " or ".join(_kind(each) for each in member["anyOf"])
    if "$ref" in member:
        return _linked(member["$ref"].rpartition("/")[2])
    if member["type"] == "array":
        return f"list of {_kind(member['items'])}"
    kinds = {
        "date-time": "instant",
        "date": "day",
        "decimal": "decimal",
        "email": "e-mail address",
        "uri": "URL",
    }
    return kinds.get(member.get("format", ""), str(member["type"])) + _limits(member)


def _limits(member: Schema) -> str:
    if "enum" in member:
        return ": " + ", ".join(f"`{value}`" for value in member["enum"])
    if "pattern" in member and member.get("format") != "decimal":
        return f" like `{member['pattern']}`"
    limits = [_LIMITS[name].format(member[name]) for name in _LIMITS if name in member]
    return "".join(f", {limit}" for limit in limits)


def _linked(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
