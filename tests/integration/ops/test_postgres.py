import os
import signal
import stat

import asyncpg
import pytest

from ops.servers import in_background, postgres

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("postgres")
    with in_background(lambda: postgres(folder)) as server:
        yield server


@pytest.fixture
async def urls(server, request):
    name = "db_" + str(abs(hash(request.node.nodeid)))
    return await server.create_database(name)


async def executed(url, *statements):
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            result = await connection.fetch(statement)
    finally:
        await connection.close()
    return result


async def test_the_runtime_role_reads_and_writes_what_a_migration_made(urls):
    await executed(urls.owner, "create table things (id bigint generated always as identity, name text)")
    await executed(
        urls.runtime,
        "insert into things (name) values ('a'), ('b')",
        "update things set name = 'c' where id = 1",
    )
    await executed(urls.runtime, "delete from things where id = 2")
    assert [row["name"] for row in await executed(urls.runtime, "select name from things")] == ["c"]


async def test_the_runtime_role_may_use_sequences(urls):
    await executed(urls.owner, "create sequence numbers")
    assert (await executed(urls.runtime, "select nextval('numbers')"))[0][0] == 1


@pytest.mark.parametrize(
    "statement",
    [
        "create table things ()",
        "create temporary table things ()",
        "create schema mine",
        "drop table kept",
        "truncate kept",
        "alter table kept add column more text",
        "create database mine",
        "create role mine",
        "copy (select 1) to program 'true'",
    ],
)
async def test_the_runtime_role_can_alter_nothing(urls, statement):
    await executed(urls.owner, "create table if not exists kept (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await executed(urls.runtime, statement)


async def test_no_role_can_connect_to_the_database_of_another_service(server, urls):
    other = await server.create_database("another_service")
    for mine in (urls.runtime, urls.owner):
        for elsewhere in ("another_service", "postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await executed(mine.rpartition("/")[0] + "/" + elsewhere, "select 1")
    assert await executed(other.runtime, "select 1")


async def test_nobody_connects_without_the_password(server, urls):
    user = urls.runtime.rpartition("/")[2]
    for host in ("127.0.0.1", str(server.socket_folder)):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(host=host, port=server.port, user=user, password="guessed", database=user)


async def test_the_socket_serves_too(server, urls):
    name = urls.runtime.rpartition("/")[2]
    password = urls.runtime.split(":")[2].partition("@")[0]
    connection = await asyncpg.connect(
        host=str(server.socket_folder), port=server.port, user=name, password=password, database=name
    )
    await connection.close()


async def test_trigram_search_is_there(urls):
    assert (await executed(urls.runtime, "select similarity('word', 'words') > 0.5"))[0][0]


async def test_nothing_is_lost_for_speed(urls):
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert (await executed(urls.runtime, f"show {setting}"))[0][0] == "on"


async def test_passwords_are_readable_by_their_owner_only(tmp_path):
    async with postgres(tmp_path):
        assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


async def test_data_and_passwords_survive_a_restart(tmp_path):
    async with postgres(tmp_path) as server:
        before = await server.create_database("customers")
        await executed(before.owner, "create table things (id int)")
        await executed(before.runtime, "insert into things values (7)")
    async with postgres(tmp_path, server.port) as server:
        after = await server.create_database("customers")
        assert after == before
        assert (await executed(after.runtime, "select id from things"))[0][0] == 7


async def test_committed_data_survives_a_kill_and_the_server_comes_back(tmp_path, until):
    async with postgres(tmp_path) as server:
        urls = await server.create_database("customers")
        await executed(urls.owner, "create table things as select 7 as id")
        pid_file = tmp_path / "postgres" / "data" / "postmaster.pid"
        first = int(pid_file.read_text().split()[0])
        os.kill(first, signal.SIGKILL)
        await until(
            lambda: pid_file.exists() and int((pid_file.read_text().split() or ["0"])[0]) not in {0, first}
        )
        while not await server.answers():
            pass
        assert (await executed(urls.owner, "select id from things"))[0][0] == 7
