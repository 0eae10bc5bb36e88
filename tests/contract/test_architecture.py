import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.servers import PROJECT
from tests.support.source import code_lines, functions_of, imports_of, is_within, modules_below

MODULE_MAX = 300
SHARED_MAX = 3_000
SERVICE_MAX = 2_800
FUNCTION_MAX = 30
HANDLER_MAX = 15
VAGUE_NAMES = {
    *("util", "utils", "common", "core", "base", "manager", "managers", "helper", "helpers"),
    *("model", "models", "service", "misc"),
}
POLICY_WORDS = ("discount", "overdue", "invoice", "credit_limit")
DECIDING_NEEDS_NONE_OF = {"asyncio", "time", "random", "secrets", "os", "sys", "socket", "threading"}

PURE = {"shared.contracts", "shared.errors", "shared.messaging"}
REPAIRING = {"verification", "rebuilding", "copies"}
STORES = {"store", "waiting", "checks"} | REPAIRING
PRODUCT = ("shared", "services", "ops")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def may_import(file: Path) -> set[str] | None:
    """What else than the standard library a module may import; None: the rule is another one's."""
    match file.parts:
        case ("shared", "messaging.py"):
            return {"pydantic"}
        case ("shared", "contracts", *within):
            return _may_import_in_contracts(*within)
        case ("services", "gateway", *_):
            ours = {
                f"shared.{name}"
                for name in ("rpc", "settings", "telemetry", "heartbeats", "kafka", "ids", "memory")
            }
            theirs = {"litestar", "pydantic", "pydantic_core", "structlog", "uvicorn"}
            return PURE | ours | theirs | {"services.gateway"}
        case ("services", _, "migrations", *_):
            return None
        case ("services", name, module):
            return _may_import_in_service(f"services.{name}", module.removesuffix(".py"))
        case ("services", name, "handlers" | "store" as part, _):
            return _may_import_in_service(f"services.{name}", part) | {f"services.{name}.{part}"}
    return None


def _may_import_in_contracts(owner: str, module: str | None = None) -> set[str]:
    match owner, module:
        case "__init__.py", None:
            return {"shared.messaging", "shared.contracts"}
        case _, None:
            return {"shared.messaging", "pydantic", "pydantic_core", "pycountry", "email_validator"}
        case _:
            parts = {f"shared.contracts.{name}" for name in ("values", "pages", "periods")}
            ours = parts | {"shared.messaging", "shared.ids", f"shared.contracts.{owner}"}
            return ours | {"pydantic", "pydantic_core"}


def _may_import_in_service(service: str, module: str) -> set[str]:
    siblings = pure_modules(service)
    match module:
        case "tables":
            return {"sqlalchemy", "shared.database", "shared.inbox", "shared.outbox"}
        case "handlers":
            return PURE | siblings | {f"{service}.{name}" for name in STORES} | {"shared.handlers"}
        case "app":
            ours = {f"{service}.handlers", f"{service}.policy"}
            return ours | {"shared", "faststream", "pydantic"}
        case module if module in STORES:
            ours = {f"{service}.tables", "shared.sql_json", "sqlalchemy"}
            repaired = {"shared.figures", f"{service}.store", f"{service}.verification"}
            return PURE | siblings | ours | (repaired if module in REPAIRING else set())
        case _:
            return PURE | siblings


def pure_modules(service: str) -> set[str]:
    folder = PROJECT / service.replace(".", "/")
    names = {file.stem for file in folder.glob("*.py")} - STORES - {"tables", "handlers", "app", "__init__"}
    return {f"{service}.{name}" for name in names}


def is_pure(file: Path) -> bool:
    module = ".".join(file.with_suffix("").parts)
    is_of_service = file.parts[0] == "services" and file.parts[1] != "gateway"
    return is_of_service and module in pure_modules(".".join(file.parts[:2]))


def forbidden_imports(root: Path) -> list[str]:
    found = []
    for file in modules(root, "shared", "services"):
        allowed = may_import(file)
        if allowed is None:
            continue
        standard = set(sys.stdlib_module_names) - (DECIDING_NEEDS_NONE_OF if is_pure(file) else set())
        found += [
            f"{file} imports {name}"
            for name in imports_of(root / file)
            if not is_within(name, allowed | standard)
        ]
    return found


def relative_imports(root: Path) -> list[str]:
    return [
        f"{file} imports {name}"
        for file in modules(root, *PRODUCT)
        for name in imports_of(root / file)
        if name.startswith(".")
    ]


def oversized(root: Path) -> list[str]:
    def size(files: Iterable[Path]) -> int:
        return sum(len(code_lines(root / file)) for file in files)

    in_shared = [file for file in modules(root, "shared") if "contracts" not in file.parts]
    sizes = [(str(file), size([file]), MODULE_MAX) for file in modules(root, *PRODUCT)]
    sizes.append(("shared", size(in_shared), SHARED_MAX))
    for service in {file.parts[1] for file in modules(root, "services") if len(file.parts) > 2}:
        files = [file for file in modules(root, f"services/{service}") if "migrations" not in file.parts]
        sizes.append((service, size(files), SERVICE_MAX))
    for file in modules(root, *PRODUCT):
        limit = HANDLER_MAX if file.match("services/*/handlers.py") else FUNCTION_MAX
        if "migrations" not in file.parts:
            sizes += [(f"{file}:{name}", lines, limit) for name, lines in functions_of(root / file).items()]
    return [
        f"{name} has {lines} lines of code, {limit} at most" for name, lines, limit in sizes if lines > limit
    ]


def vague_names(root: Path) -> list[str]:
    files = modules(root, *PRODUCT)
    return [
        f"{file} says nothing by its name" for file in files if VAGUE_NAMES & set(file.with_suffix("").parts)
    ]


def policy_in_the_runtime(root: Path) -> list[str]:
    files = [file for file in modules(root, "shared") if "contracts" not in file.parts]
    return [
        f"{file} speaks of {word}"
        for file in files
        for word in POLICY_WORDS
        if word in (root / file).read_text().lower()
    ]


def broken_contracts(root: Path) -> list[str]:
    """The names of the contracts of `.importlinter` that do not hold."""
    ended = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts: " in ended.stdout, ended.stdout + ended.stderr
    return [line.removesuffix(" BROKEN") for line in ended.stdout.splitlines() if line.endswith(" BROKEN")]


def modules(root: Path, *packages: str) -> list[Path]:
    return [file.relative_to(root) for package in packages for file in modules_below(root / package)]


RULES = [forbidden_imports, relative_imports, oversized, vague_names, policy_in_the_runtime, broken_contracts]


@pytest.mark.parametrize("rule", RULES)
def test_the_product_keeps_the_rule(rule: object) -> None:
    assert callable(rule)
    assert rule(PROJECT) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PRODUCT:
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / ".importlinter", tmp_path)
    return tmp_path


def plant(root: Path, file: str, code: str) -> None:
    target = root / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text((target.read_text() if target.exists() else "") + f"\n{code}\n")


@pytest.mark.parametrize(
    ("file", "code", "contract"),
    [
        ("services/gateway/edge.py", "import services.customers.contacts", "No service knows another one"),
        (
            "services/customers/store/customers.py",
            "import services.gateway.headers",
            "No service knows another one",
        ),
        ("shared/inbox.py", "import ops.ports", "Product code knows neither"),
        (
            "services/customers/store/customers.py",
            "import tests.support.builders",
            "Product code knows neither",
        ),
        ("services/gateway/app.py", "import bench.load", "Product code knows neither"),
        ("shared/consumer.py", "import services.customers.tables", "The runtime knows no service"),
        ("shared/outbox.py", "import shared.contracts.customers", "The runtime knows no contract"),
        ("services/gateway/requests.py", "import sqlalchemy", "The gateway has no database"),
        ("services/gateway/requests.py", "import shared.outbox", "The gateway has no database"),
        ("shared/telemetry.py", "import shared.database", "The gateway has no database"),
        ("shared/contracts/values.py", "import shared.kafka", "Messages and contracts know neither"),
        ("shared/errors.py", "import sqlalchemy", "Messages and contracts know neither"),
        ("services/customers/tables.py", "import services.customers.store", "In a service, app is above"),
        (
            "services/customers/store/customers.py",
            "import services.customers.handlers",
            "In a service, app is above",
        ),
        ("shared/inbox.py", "import shared.consumer", "Modules import each other in one direction"),
        ("ops/ports.py", "import ops.kafka", "Modules import each other in one direction"),
        ("services/gateway/headers.py", "import services.gateway.edge", "Modules import each other"),
    ],
)
def test_a_broken_contract_is_found(copy: Path, file: str, code: str, contract: str) -> None:
    plant(copy, file, code)

    assert any(name.startswith(contract) for name in broken_contracts(copy))


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("shared/messaging.py", "import structlog"),
        ("shared/messaging.py", "from shared.ids import new_message_id"),
        ("shared/contracts/values.py", "import httpx"),
        ("shared/contracts/orders/requests.py", "from shared.contracts.customers.answers import Customer"),
        ("services/customers/contacts.py", "import sqlalchemy"),
        ("services/customers/contacts.py", "import asyncio"),
        ("services/customers/contacts.py", "from time import time"),
        ("services/customers/changes.py", "from shared.handlers import Context"),
        ("services/customers/changes.py", "from services.customers import store"),
        ("services/customers/tables.py", "from services.customers import contacts"),
        ("services/customers/store/customers.py", "from shared.outbox import put"),
        ("services/customers/store/customers.py", "import asyncpg"),
        ("services/customers/handlers.py", "from services.customers.tables import customers"),
        ("services/customers/handlers.py", "from sqlalchemy import select"),
        ("services/customers/handlers.py", "def later():\n    from sqlalchemy import select"),
        ("services/customers/app.py", "from services.customers.store import insert_customer"),
        ("services/gateway/customers.py", "from shared.handlers import Context"),
        ("services/gateway/customers.py", "import aiokafka"),
    ],
)
def test_a_forbidden_import_is_found(copy: Path, file: str, code: str) -> None:
    plant(copy, file, code)

    assert [found.partition(" ")[0] for found in forbidden_imports(copy)] == [file]


def test_a_relative_import_is_found(copy: Path) -> None:
    plant(copy, "services/customers/store/customers.py", "from . import tables")

    assert relative_imports(copy) == ["services/customers/store/customers.py imports ..tables"]


LONG_MODULE = "\n".join(f"A{number} = {number}" for number in range(MODULE_MAX + 1))
LONG_FUNCTION = "def long():\n" + "\n".join(f"    a{number} = 1" for number in range(FUNCTION_MAX + 1))
LONG_HANDLER = "def long():\n" + "\n".join(f"    a{number} = 1" for number in range(HANDLER_MAX + 1))
MUCH_TEXT = '"""Text.\n' + "\n" * 400 + '"""\n' + "# a comment\n\n" * 200


@pytest.mark.parametrize(
    ("file", "code", "what"),
    [
        ("services/customers/many.py", LONG_MODULE, "services/customers/many.py has 301 lines"),
        ("services/customers/store/customers.py", LONG_FUNCTION, "long has 31 lines"),
        ("services/customers/handlers.py", LONG_HANDLER, "long has 16 lines"),
        ("ops/many.py", LONG_MODULE, "ops/many.py has 301 lines"),
    ],
)
def test_what_is_too_long_is_found(copy: Path, file: str, code: str, what: str) -> None:
    plant(copy, file, code)

    assert [found for found in oversized(copy) if what in found]


@pytest.mark.parametrize(("package", "limit"), [("shared", SHARED_MAX), ("services/customers", SERVICE_MAX)])
def test_a_package_that_grows_too_large_is_found(copy: Path, package: str, limit: int) -> None:
    name = package.rpartition("/")[2]
    assert not [found for found in oversized(copy) if found.startswith(f"{name} has")]
    for number in range(limit // MODULE_MAX + 1):
        plant(copy, f"{package}/noun_{number}.py", LONG_MODULE)

    assert [found for found in oversized(copy) if found.startswith(f"{name} has")]


def test_blanks_comments_and_docstrings_are_no_code(copy: Path) -> None:
    plant(copy, "services/customers/texts.py", MUCH_TEXT)

    assert len(code_lines(copy / "services/customers/texts.py")) == 0
    assert oversized(copy) == oversized(PROJECT)


@pytest.mark.parametrize("file", ["services/customers/utils.py", "shared/core.py", "ops/helpers/ports.py"])
def test_a_name_that_says_nothing_is_found(copy: Path, file: str) -> None:
    (copy / file).parent.mkdir(exist_ok=True)
    plant(copy, file, "")

    assert vague_names(copy) == [f"{file} says nothing by its name"]


def test_policy_in_the_runtime_is_found(copy: Path) -> None:
    plant(copy, "shared/inbox.py", "DISCOUNT_MAX = 5")

    assert policy_in_the_runtime(copy) == ["shared/inbox.py speaks of discount"]
