import asyncio
import json
from dataclasses import replace

import pytest

from ops import services
from ops.services import Commands, Kafka, Replica
from ops.settings import DatabaseUrls

URLS = DatabaseUrls(
    runtime="postgresql://customers:a@h/customers", owner="postgresql://customers_owner:b@h/customers"
)
OURS = Kafka("127.0.0.1:9092", is_ours=True)
GIVEN = Kafka("broker:9092", is_ours=False)


@pytest.fixture
def replica(tmp_path, monkeypatch):
    for name in ("DATABASE_URL_ORDERS", "DATABASE_OWNER_URL_CUSTOMERS", "REPLICA", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "from outside")
    return Replica(1, tmp_path)


def databases_in(environment):
    return {name: value for name, value in environment.items() if name.startswith("DATABASE_")}


def test_a_service_is_told_of_its_own_database_only_and_not_of_its_owner(replica):
    program = services.service(Commands(), "customers", replica, OURS, URLS).program()
    assert databases_in(program.environment) == {"DATABASE_URL_CUSTOMERS": URLS.runtime}


def test_the_gateway_is_told_of_no_database(replica):
    program = services.gateway(Commands(), replica, 7, OURS).program()
    assert databases_in(program.environment) == {}


def test_the_gateway_inherits_the_listening_socket(replica):
    program = services.gateway(Commands(), replica, 7, OURS).program()
    assert program.pass_fds == (7,)
    assert program.argv[program.argv.index("--fd") + 1] == "7"


def test_each_process_knows_its_number_and_where_to_show_that_it_lives(replica, tmp_path):
    program = services.service(Commands(), "customers", replica, OURS, URLS).program()
    assert program.name == "customers-1"
    assert program.environment["REPLICA"] == "1"
    assert program.environment["HEALTH_FILE"] == str(tmp_path / "customers-1.json")


def test_a_service_is_told_where_to_serve_metrics_whatever_the_environment_says(replica, monkeypatch):
    monkeypatch.setenv("METRICS_PORT", "9100")
    for port in (0, 9103):
        told = replace(replica, metrics_port=port)
        program = services.service(Commands(), "customers", told, OURS, URLS).program()
        assert program.environment["METRICS_PORT"] == str(port)


def test_a_short_session_time_out_is_asked_of_our_own_broker_only(replica, monkeypatch):
    monkeypatch.delenv("KAFKA_SESSION_TIMEOUT_MS", raising=False)
    ours = services.service(Commands(), "customers", replica, OURS, URLS).program()
    given = services.service(Commands(), "customers", replica, GIVEN, URLS).program()
    assert ours.environment["KAFKA_SESSION_TIMEOUT_MS"] == "3000"
    assert "KAFKA_SESSION_TIMEOUT_MS" not in given.environment


def test_a_migration_runs_as_the_owner():
    job = services.migration(Commands(), "customers", URLS)
    assert job.argv[-2:] == ("migrate", "customers")
    assert databases_in(job.environment) == {"DATABASE_OWNER_URL_CUSTOMERS": URLS.owner}


def test_children_may_keep_their_byte_code(replica):
    program = services.gateway(Commands(), replica, 7, OURS).program()
    assert "PYTHONDONTWRITEBYTECODE" not in program.environment


@pytest.mark.parametrize("ready", [True, False])
def test_a_service_is_ready_when_it_says_so(replica, ready):
    kind = services.service(Commands(), "customers", replica, OURS, URLS)
    assert not asyncio.run(kind.is_ready())
    (replica.health / "customers-1.json").write_text(json.dumps({"at": 1.0, "ready": ready, "reasons": []}))
    assert asyncio.run(kind.is_ready()) is ready
