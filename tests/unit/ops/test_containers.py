from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ops.containers import make_secrets, run


def files_of(folders: Path) -> dict[str, str]:
    return {str(file.relative_to(folders)): file.read_text() for file in folders.glob("*/*")}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("admin", "owner", "runtime", "ops"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_each_role_has_a_password_of_its_own_in_the_folder_of_who_may_know_it(folders: Path) -> None:
    make_secrets("orders", folders)

    found = files_of(folders)
    assert set(found) == {
        "admin/POSTGRES_PASSWORD",
        "owner/DATABASE_OWNER_URL_ORDERS",
        "runtime/DATABASE_URL_ORDERS",
        "ops/DATABASE_URL_ORDERS",
    }
    assert found["ops/DATABASE_URL_ORDERS"] == found["runtime/DATABASE_URL_ORDERS"]
    owner = urlsplit(found["owner/DATABASE_OWNER_URL_ORDERS"])
    runtime = urlsplit(found["runtime/DATABASE_URL_ORDERS"])
    assert (owner.username, owner.hostname, owner.path) == ("orders_owner", "orders-db", "/orders")
    assert (runtime.username, runtime.hostname, runtime.path) == ("orders", "orders-db", "/orders")
    assert len({found["admin/POSTGRES_PASSWORD"], owner.password, runtime.password}) == 3


def test_passwords_that_are_there_are_kept(folders: Path) -> None:
    make_secrets("orders", folders)
    before = files_of(folders)

    make_secrets("orders", folders)

    assert files_of(folders) == before


def test_a_password_that_is_missing_is_made_without_a_change_of_the_others(folders: Path) -> None:
    make_secrets("orders", folders)
    before = files_of(folders)
    (folders / "runtime" / "DATABASE_URL_ORDERS").unlink()

    make_secrets("orders", folders)

    after = files_of(folders)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"runtime/DATABASE_URL_ORDERS", "ops/DATABASE_URL_ORDERS"}
    assert after["ops/DATABASE_URL_ORDERS"] == after["runtime/DATABASE_URL_ORDERS"]


@pytest.mark.parametrize("arguments", [[], ["secrets"], ["database"], ["nothing", "orders"]])
def test_what_is_not_known_is_told(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="usage: "):
        run(arguments)
