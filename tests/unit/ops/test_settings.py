import pytest

from ops.settings import SERVICES, DatabaseUrls, Settings, SettingsInvalid


def test_an_empty_environment_gives_the_documented_defaults():
    settings = Settings.from_environment({})
    assert (settings.gateway_port, settings.kafka_port, settings.postgres_port) == (8000, 9092, 5433)
    assert settings.replicas == 1
    assert settings.state_dir.name == ".local"
    assert settings.needs_kafka
    assert settings.needs_postgres


def test_an_empty_variable_counts_as_not_given():
    settings = Settings.from_environment({"GATEWAY_PORT": "", "KAFKA_BOOTSTRAP_SERVERS": "", "STATE_DIR": ""})
    assert settings.gateway_port == 8000
    assert settings.needs_kafka


def test_all_errors_are_told_at_once_with_their_variables():
    wrong = {
        "GATEWAY_PORT": "eighty",
        "KAFKA_PORT": "70000",
        "REPLICAS": "0",
        "DATABASE_URL_CUSTOMERS": "mysql://x",
    }
    with pytest.raises(SettingsInvalid) as raised:
        Settings.from_environment(wrong)
    lines = str(raised.value).splitlines()
    assert [line.split()[0] for line in lines] == [
        "GATEWAY_PORT",
        "KAFKA_PORT",
        "REPLICAS",
        "DATABASE_URL_CUSTOMERS",
    ]


def test_two_servers_on_one_port_are_refused():
    with pytest.raises(SettingsInvalid, match="must differ"):
        Settings.from_environment({"GATEWAY_PORT": "9092"})


def test_port_0_may_be_given_to_several_servers():
    settings = Settings.from_environment({"GATEWAY_PORT": "0", "KAFKA_PORT": "0", "POSTGRES_PORT": "0"})
    assert settings.kafka_port == 0


def test_each_process_of_a_service_serves_its_metrics_at_a_port_of_its_own_where_one_is_given():
    processes = [(service, number) for service in SERVICES for number in range(2)]
    given = Settings.from_environment({"METRICS_PORT": "9100", "REPLICAS": "2"})
    assert [given.metrics_port_of(*each) for each in processes] == list(range(9100, 9106))
    not_given = Settings.from_environment({"REPLICAS": "2"})
    assert {not_given.metrics_port_of(*each) for each in processes} == {0}


@pytest.mark.parametrize("servers", ["localhost", "localhost:x", ":9092", "one:9092,two"])
def test_bootstrap_servers_without_host_or_port_are_refused(servers):
    with pytest.raises(SettingsInvalid, match="KAFKA_BOOTSTRAP_SERVERS"):
        Settings.from_environment({"KAFKA_BOOTSTRAP_SERVERS": servers})


def test_given_servers_are_used_instead_of_embedded_ones():
    databases = {f"DATABASE_URL_{name.upper()}": f"postgresql://u:p@db/{name}" for name in SERVICES}
    settings = Settings.from_environment({"KAFKA_BOOTSTRAP_SERVERS": "a:9092,b:9092", **databases})
    assert not settings.needs_kafka
    assert not settings.needs_postgres


def test_where_one_database_is_not_given_there_is_an_embedded_server_for_it():
    settings = Settings.from_environment({"DATABASE_URL_CUSTOMERS": "postgresql://u:p@db/customers"})
    assert settings.needs_postgres
    assert list(settings.databases) == ["customers"]


def test_migrations_use_the_runtime_url_where_no_owner_is_given():
    url = "postgresql://u:p@db/customers"
    settings = Settings.from_environment({"DATABASE_URL_CUSTOMERS": url})
    assert settings.databases["customers"] == DatabaseUrls(runtime=url, owner=url)


def test_an_owner_without_a_runtime_url_is_refused():
    with pytest.raises(SettingsInvalid, match="needs DATABASE_URL_CUSTOMERS"):
        Settings.from_environment({"DATABASE_OWNER_URL_CUSTOMERS": "postgresql://u:p@db/customers"})


def test_a_wrong_url_is_not_repeated_as_it_holds_a_password():
    with pytest.raises(SettingsInvalid) as raised:
        Settings.from_environment({"DATABASE_URL_CUSTOMERS": "mysql://u:hidden@db/customers"})
    assert "hidden" not in str(raised.value)
