"""What a state topic says of entities: the newest state of each, and every one since a mark. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.figures import Copy
from shared.messaging import Headers, Poison, State, read_headers

Told = Callable[[Any], Copy]
"""What a state says that others keep."""


@dataclass(slots=True)
class States:
    """States as they are read.

    Held are the newest one of each entity of before the mark, about half a kilobyte, and all since.

    Attributes:
        customer_id: Whose entities alone are held; None: everybody's.
        is_silent: Whether nothing was told of anybody.
    """

    state: type[State]
    told: Told
    customer_id: str | None = None
    is_silent: bool = True
    _before: dict[str, Copy] = field(default_factory=dict)
    _since: dict[str, dict[int, Copy]] = field(default_factory=dict)
    _is_marked: bool = False

    def take(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Read a record; one that nobody can read is a dead letter to whoever follows the topic."""
        try:
            copy = self._copy(key, value, headers)
        except Poison:
            return
        if copy is None:
            return
        self.is_silent = False
        if self.customer_id is not None and copy.customer_id != self.customer_id:
            return
        if self._is_marked:
            self._since.setdefault(copy.entity_id, {})[copy.version] = copy
            return
        held = self._before.get(copy.entity_id)
        if held is None or held.version <= copy.version:
            self._before[copy.entity_id] = copy

    def mark(self) -> None:
        """From here on hold every state."""
        self._is_marked = True

    def entities(self) -> set[str]:
        """The entities that there were at the mark, but for those that had been erased."""
        return {entity_id for entity_id, copy in self._before.items() if copy.figures is not None}

    def newest(self, entity_id: str) -> Copy | None:
        """The newest state of an entity; None where nothing was ever told of it."""
        since = self._since.get(entity_id)
        return since[max(since)] if since else self._before.get(entity_id)

    def right(self, kept: Copy) -> Copy | None:
        """What should be kept where `kept` is, by somebody who has heard all that was said until the mark.

        It is the state of the same version; where there is none, `kept` itself while its version lies between
        the mark and the newest state, for then it moves on; else that newest state. None where nothing was
        ever told of the entity.
        """
        before = self._before.get(kept.entity_id)
        states = dict(self._since.get(kept.entity_id, {}))
        if before is not None:
            states[before.version] = before
        if not states or kept.version in states:
            return states.get(kept.version)
        newest = max(states)
        is_between = (before.version if before else -1) < kept.version < newest
        return kept if is_between else states[newest]

    def _copy(self, key: bytes | None, value: bytes | None, headers: Headers) -> Copy | None:
        envelope = read_headers(headers)
        if envelope.type != self.state.type or key is None:
            return None
        if value is not None:
            return self.told(self.state.from_json(value))
        entity_id = key.decode(errors="replace")
        held = self.newest(entity_id)
        customer_id = held.customer_id if held else entity_id
        return Copy(entity_id, customer_id, envelope.sequence or 0, figures=None)
