"""What docker-compose.yml and the Dockerfile promise, read as what they are."""

import re
import shlex
from typing import Any

import pytest
import yaml

from ops.settings import SERVICES
from services.credit.app import Settings as CreditSettings
from services.orders.app import Settings as OrdersSettings
from shared.settings import ServiceSettings
from tests.support.servers import PROJECT

COMPOSITION: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSITION["services"]
STAYS = {name for name, told in CONTAINERS.items() if "healthcheck" in told}
JOBS = {name for name, told in CONTAINERS.items() if str(told.get("restart")).startswith("on-failure")}
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
OPERATIONS = (PROJECT / "docs/operations.md").read_text()
# they write into volumes, which belong to root when they are new
CHANGES_OWNERS = {f"{service}-secrets" for service in SERVICES}


def depends_on(name: str, condition: str) -> set[str]:
    told = CONTAINERS[name].get("depends_on", {})
    return {other for other, how in told.items() if how["condition"] == condition}


def mounted(name: str) -> dict[str, str]:
    """Where its volumes are, by volume."""
    return {volume.split(":")[0]: volume.split(":", 1)[1] for volume in CONTAINERS[name].get("volumes", [])}


def test_every_container_is_a_job_or_stays_or_is_the_command_line() -> None:
    assert STAYS | JOBS | {"ops"} == set(CONTAINERS)
    assert {"kafka", "gateway", *SERVICES, *(f"{service}-db" for service in SERVICES)} == STAYS


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    told = CONTAINERS[name]

    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert not told.get("privileged")
    assert not told.get("cap_add")
    assert told["user"].split(":")[0] not in ("root", "0") or name in CHANGES_OWNERS


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_takes_no_more_than_its_share(name: str) -> None:
    told = CONTAINERS[name]

    assert told["mem_limit"]
    assert told["cpus"]
    assert told["pids_limit"]


def test_only_the_gateway_is_published_and_on_loopback() -> None:
    published = {name: told["ports"] for name, told in CONTAINERS.items() if "ports" in told}

    assert list(published) == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


@pytest.mark.parametrize("name", sorted(STAYS))
def test_what_stays_is_started_again_and_has_time_to_end(name: str) -> None:
    told = CONTAINERS[name]

    assert told["restart"] == "unless-stopped"
    assert int(told["stop_grace_period"].removesuffix("s")) >= 20


@pytest.mark.parametrize(("service", "settings"), [("orders", OrdersSettings), ("credit", CreditSettings)])
def test_what_decides_something_can_be_set_from_outside_as_documented(
    service: str, settings: type[ServiceSettings]
) -> None:
    of_its_own = {name.upper() for name in settings.model_fields.keys() - ServiceSettings.model_fields.keys()}
    decisive = of_its_own - {"DATABASE_URL"}
    handed_on = {name for name, value in CONTAINERS[service]["environment"].items() if value is None}

    assert handed_on == decisive
    assert decisive <= set(re.findall(r"`([A-Z_]+)`", OPERATIONS))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_when_its_tables_and_the_topics_are_there(service: str) -> None:
    assert depends_on(service, "service_completed_successfully") == {f"{service}-migrations", "topics"}
    assert depends_on(f"{service}-migrations", "service_completed_successfully") == {f"{service}-database"}
    assert depends_on(f"{service}-database", "service_healthy") == {f"{service}-db"}
    assert depends_on(f"{service}-db", "service_completed_successfully") == {f"{service}-secrets"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_password_is_known_to_those_who_need_it_alone(service: str) -> None:
    knows = {
        volume: {name for name in CONTAINERS if volume in mounted(name)}
        for volume in COMPOSITION["volumes"]
        if volume.startswith(f"{service}-db-") and volume != f"{service}-db-data"
    }
    makers = {f"{service}-secrets", f"{service}-database"}

    assert knows == {
        f"{service}-db-admin": makers | {f"{service}-db"},
        f"{service}-db-owner": makers | {f"{service}-migrations"},
        f"{service}-db-runtime": makers | {service},
    }
    for name in set(CONTAINERS) - {f"{service}-secrets"}:
        assert all(where.endswith(":ro") for volume, where in mounted(name).items() if volume in knows)


def test_the_command_line_alone_is_given_the_roles_of_all_services() -> None:
    knows = {name for name in CONTAINERS if "ops-secrets" in mounted(name)}

    assert knows == {"ops"} | {f"{service}-secrets" for service in SERVICES}
    assert mounted("ops") == {"ops-secrets": "/run/secrets:ro"}


def test_no_secret_stands_in_the_composition_or_in_an_image() -> None:
    for name, told in CONTAINERS.items():
        for variable in told.get("environment", {}):
            secret = re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", variable)
            assert not secret or variable.endswith("_FILE"), f"{name}: {variable}"
    assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", DOCKERFILE)


def test_data_is_kept_in_volumes() -> None:
    assert mounted("kafka") == {"kafka-data": "/var/lib/kafka/data"}
    for service in SERVICES:
        assert mounted(f"{service}-db")[f"{service}-db-data"] == "/var/lib/postgresql"


def test_every_image_is_of_a_fixed_version() -> None:
    images = {told["image"] for told in CONTAINERS.values() if "build" not in told}
    bases = set(re.findall(r"^ARG (?:PYTHON|UV)=(\S+)", DOCKERFILE, re.MULTILINE))

    assert images == {"apache/kafka:4.3.1", "postgres:18"}
    assert len(bases) == 2
    assert all(re.search(r":[\d.]+", image) for image in images | bases)


def test_what_runs_is_started_as_on_a_single_machine() -> None:
    from ops.services import Commands

    gateway = shlex.join(Commands().gateway[2:]).replace("--fd '{fd}'", "--host 0.0.0.0 --port 8000")
    assert shlex.join(CONTAINERS["gateway"]["command"]) == gateway.removeprefix("-m ")
    for service in SERVICES:
        expected = [each.format(service=service) for each in Commands().service]
        assert CONTAINERS[service]["command"][1:] == expected[-3:]


def test_an_image_runs_as_nobody_in_particular_and_holds_no_tools_to_build() -> None:
    last = DOCKERFILE.split("FROM ")[-1]

    assert "USER 10001" in last
    assert not re.search(r"\b(uv|pip|apt-get|gcc)\b", last)
    assert "uv sync --locked --no-dev" in DOCKERFILE
