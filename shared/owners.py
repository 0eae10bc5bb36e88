"""Asking other services for what is not known here: the owner of an entity alone says whether there is one.

An answer is given to this service's own handler of that state, as if it had come by its topic; so what was
learned and what is followed is kept in one way, whichever comes first.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from shared import outbox
from shared.database import is_away, is_locked, is_transient
from shared.errors import DeadlineExceeded, Refused, Unavailable
from shared.handlers import Context, Service
from shared.ids import new_message_id
from shared.messaging import Answer, Envelope, Query, State, answer_type
from shared.rpc import Asking, Rpc

ANSWER_WITHIN_S = 2.0
ASK_AGAIN_AFTER_S = 0.1

log = structlog.get_logger()


class Owners:
    """Asks in the name of a service.

    learned: called after each commit of something that was learned.
    """

    def __init__(self, service: Service, rpc: Rpc, learned: Callable[[], None]) -> None:
        self._service = service
        self._rpc = rpc
        self._learned = learned

    async def learn(self, query: Query[Any], cause: Envelope) -> bool:
        """Ask until the owner answers; whether it has what is asked for, which is then kept here."""
        answer = await self._answer(query, cause)
        if answer is None:
            return False
        state = answer_type(query).model_validate_json(answer.body)
        while True:
            try:
                await self._keep(state, cause)
                return True
            except Exception as error:
                if not (is_away(error) or is_locked(error) or is_transient(error)):
                    raise
                log.warning("database.away", error=type(error).__name__)
                await asyncio.sleep(ASK_AGAIN_AFTER_S)

    async def _answer(self, query: Query[Any], cause: Envelope) -> Answer[Any] | None:
        asking = Asking(
            request_id=cause.conversation,
            caller=f"/customers-api/{self._service.name}",
            deadline_s=ANSWER_WITHIN_S,
            traceparent=cause.traceparent,
        )
        while True:
            try:
                return await self._rpc.relay(query, asking)
            except Refused as refused:
                log.debug("owner.has_none", type=query.type, code=refused.refusal.code)
                return None
            except (DeadlineExceeded, Unavailable) as error:  # refusing would be a guess: it may well exist
                log.warning("owner.away", type=query.type, error=type(error).__name__)
                await asyncio.sleep(ASK_AGAIN_AFTER_S)

    async def _keep(self, state: State, cause: Envelope) -> None:
        handler = self._service.handlers.by_type[state.type].handler
        said = Envelope(
            id=new_message_id(),
            source=cause.source,
            type=state.type,
            correlation_id=cause.conversation,
            causation_id=cause.id,
            traceparent=cause.traceparent,
        )
        async with self._service.engine.begin() as db:
            name, policy = self._service.name, self._service.policy
            context = Context(db, datetime.now(UTC), said, name, policy=policy)
            await handler(state, context)
            if context.emitted:
                await outbox.put(db, context.emitted)
        self._learned()
