"""Plays stories at the system as another team's ERP does: commands on topics, outcomes from topics.

A command's id follows from what it says. What has had its effect is known by the events of that conversation
and is not sent again: so a story that was broken off goes on where it was.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from ops.demo.chronicle import SOURCE, Step, Story
from ops.demo.hearing import Hearing, NotDone
from shared.ids import derived_uuid
from shared.messaging import Command, Envelope, timestamp, write_headers

CUSTOMERS_AT_ONCE = 12
HEARD_WITHIN_S = 60.0


class Player:
    """Sends commands and waits for what comes of them."""

    def __init__(self, producer: AIOKafkaProducer, told: Hearing) -> None:
        self._producer = producer
        self._told = told

    def is_done(self, step: Step) -> bool:
        """Whether the command of a step has had its effect already."""
        return self._told.has_heard(message_id(step.command), step.until)

    async def take(self, step: Step) -> None:
        """Send a step's command and wait for its effect.

        Raises:
            NotDone: it was refused, or nothing has come of it within a minute.
        """
        command = step.command
        headers = write_headers(_envelope(command))
        await self._producer.send_and_wait(
            command.topic.name, command.to_json(), key=command.record_key, headers=headers
        )
        try:
            async with asyncio.timeout(HEARD_WITHIN_S):
                await self._told.hears(message_id(command), step.until)
        except TimeoutError:
            raise NotDone(f"no {step.until.type} within {HEARD_WITHIN_S:.0f} s") from None

    async def play(self, stories: Sequence[Story], on_step: Callable[[], None]) -> list[str]:
        """Play all stories, each customer's steps one after another; complaints of those that broke off.

        on_step: called after each step that is done, those that were done before included.
        """
        free = asyncio.Semaphore(CUSTOMERS_AT_ONCE)
        complaints: list[str] = []

        async def play_one(story: Story) -> None:
            async with free:
                if complaint := await self._play_one(story, on_step):
                    complaints.append(complaint)

        async with asyncio.TaskGroup() as group:
            for story in stories:
                group.create_task(play_one(story))
        return complaints

    async def _play_one(self, story: Story, on_step: Callable[[], None]) -> str | None:
        for step in story.steps:
            if not self.is_done(step):
                try:
                    await self.take(step)
                except NotDone as reason:
                    return f"{story.customer.name}: {step.command.type}: {reason}"
            on_step()
        return None


def message_id(command: Command[Any]) -> str:
    """The same for the same content: a repeat is the same message."""
    return str(derived_uuid(SOURCE, command.type, command.to_json().decode()))


def _envelope(command: Command[Any]) -> Envelope:
    now = timestamp(datetime.now(UTC))
    return Envelope(id=message_id(command), source=SOURCE, type=command.type, time=now)
