"""Polling that no record can stop: one whose header names are not UTF-8, which aiokafka's parser refuses.

Some clients let such names through, and aiokafka then raises at the same record for ever, losing the records
it had read before it in the same call. Here the position is put back and aiokafka's parser in Python, which
can be told to keep such names, takes over for some seconds; it is several times slower.
"""

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from shared.kafka import positions

ESCAPED = "surrogateescape"  # what a name's undecodable bytes become, and are made of again
TOLERANT_FOR_S = 10.0
AGAIN_AFTER_S = 0.05

log = structlog.get_logger()

_strict_parser = fetcher.MemoryRecords


class _AnyName(bytearray):
    """A buffer out of which every name can be decoded."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _AnyName(part) if isinstance(index, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = ESCAPED) -> str:
        return super().decode(encoding, errors)


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    def __iter__(self) -> Any:
        self._maybe_uncompress()
        self._buffer: Any = _AnyName(self._buffer)
        return self


class _TolerantRecords(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    def next_batch(self) -> _TolerantBatch | None:
        batch = self._next_slice
        if batch is None:
            return None
        self._cache_next()
        return _TolerantBatch(batch)  # brokers from 4.0 on know no older format


async def poll(
    consumer: AIOKafkaConsumer, timeout_ms: int, max_records: int | None = None
) -> dict[TopicPartition, list[ConsumerRecord[Any, Any]]]:
    """What `getmany` gives; nothing where a record could not be parsed: the next call brings it, escaped.

    Raises what `getmany` raises, with the positions put back.
    """
    before = positions(consumer)
    try:
        polled: dict[TopicPartition, list[ConsumerRecord[Any, Any]]] = await consumer.getmany(
            timeout_ms=timeout_ms, max_records=max_records
        )
    except ConsumerStoppedError:
        raise
    except Exception as error:
        # whatever it was: what the same call had read of other partitions is lost with it
        await _put_back(consumer, before)
        if not isinstance(error, CorruptRecordException | UnicodeDecodeError):
            raise
        log.warning("record.unreadable", error=type(error).__name__)
        _be_tolerant()
        await asyncio.sleep(AGAIN_AFTER_S)
        return {}
    return polled


async def _put_back(consumer: AIOKafkaConsumer, before: dict[TopicPartition, int]) -> None:
    for partition in consumer.assignment():
        if partition in before:
            consumer.seek(partition, before[partition])
        elif (committed := await consumer.committed(partition)) is not None:  # it was assigned just now
            consumer.seek(partition, committed)
        else:
            await consumer.seek_to_beginning(partition)


def _be_tolerant() -> None:
    fetcher.MemoryRecords = _TolerantRecords
    asyncio.get_running_loop().call_later(TOLERANT_FOR_S, _be_strict)


def _be_strict() -> None:
    fetcher.MemoryRecords = _strict_parser
