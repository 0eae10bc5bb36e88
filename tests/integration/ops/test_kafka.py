import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from ops.kafka import KafkaServer
from ops.ports import free_port
from ops.servers import kafka, supervised
from ops.state import StateFolder

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120)]


async def create_topic(bootstrap_servers, name):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1)])
    finally:
        await admin.close()


async def produce(bootstrap_servers, topic, value):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def first_value(bootstrap_servers, topic):
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return (await asyncio.wait_for(consumer.getone(), 20)).value
    finally:
        await consumer.stop()


async def test_records_survive_a_restart_of_the_broker(tmp_path):
    async with kafka(tmp_path) as server:
        await create_topic(server.bootstrap_servers, "things")
        await produce(server.bootstrap_servers, "things", b"kept")
    async with kafka(tmp_path) as server:
        assert await first_value(server.bootstrap_servers, "things") == b"kept"
    assert not await server.answers()


async def test_acknowledged_records_survive_a_kill_and_the_broker_comes_back(tmp_path):
    state = StateFolder(tmp_path)
    server = KafkaServer(state.kafka, free_port())
    async with supervised(state) as supervisor:
        await server.prepare()
        child = supervisor.start(server.kind())
        await supervisor.wait_ready()
        await create_topic(server.bootstrap_servers, "things")
        await produce(server.bootstrap_servers, "things", b"kept")
        child.send(9)
        await child.ended()
        await supervisor.wait_ready()
        assert await first_value(server.bootstrap_servers, "things") == b"kept"
