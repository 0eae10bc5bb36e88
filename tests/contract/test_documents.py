import re
import subprocess
from pathlib import Path

import pytest

from tests.support.servers import PROJECT

LINK = re.compile(r"\]\(([^)#\s]+)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"```.*?```", re.DOTALL)
PATH = re.compile(r"[\w.-]+(?:/[\w.*-]+)+/?")
MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]*)")
TARGET = re.compile(r"^([a-z][a-z0-9-]*):", re.MULTILINE)
OF_ONE_MACHINE = re.compile(r"(?<![\w.-])/(?:work|root|home/[a-z]\w*|Users/\w+)\b(?!\))")


def own_files(root: Path) -> list[Path]:
    """Everything that is in the repository or would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [root / name for name in listed.stdout.splitlines() if (root / name).is_file()]


def documents(root: Path) -> list[Path]:
    found = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    return sorted(found)


def dead_paths(root: Path) -> list[str]:
    """What documents link to or name as a path of this repository, and what is not there."""
    found = []
    for document in documents(root):
        text = document.read_text()
        links = [link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
        found += [(document, link) for link in links if not (document.parent / link).exists()]
        named = [path for code in CODE.findall(FENCE.sub("", text)) for path in PATH.findall(code)]
        ours = [path for path in named if (root / path.partition("/")[0]).is_dir()]
        found += [(document, path) for path in ours if not any(root.glob(path.rstrip("/")))]
    return [f"{document.relative_to(root)} names {path}" for document, path in found]


def unknown_targets(root: Path) -> list[str]:
    targets = set(TARGET.findall((root / "Makefile").read_text()))
    return [
        f"{document.relative_to(root)} says make {target}"
        for document in documents(root)
        for code in CODE.findall(document.read_text())
        for target in MAKE.findall(code)
        if target not in targets
    ]


def paths_of_one_machine(root: Path, files: list[Path]) -> list[str]:
    found = []
    for file in files:
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(root)} names {match[0]}" for match in OF_ONE_MACHINE.finditer(text)]
    return found


def test_every_path_that_a_document_names_is_there() -> None:
    assert dead_paths(PROJECT) == []


def test_every_make_target_that_a_document_names_is_there() -> None:
    assert unknown_targets(PROJECT) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert paths_of_one_machine(PROJECT, own_files(PROJECT)) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "inbox.py").touch()
    (tmp_path / "Makefile").write_text("run: ## Run it\n")
    (tmp_path / "README.md").write_text(
        "See [why](docs/why.md) and `shared/inbox.py`, `shared/*.py`, `application/json`; `make run`.\n"
    )
    (tmp_path / "docs" / "why.md").write_text("Because. [Back](../README.md#top), https://example.com/a/b\n")
    return tmp_path


def test_documents_that_name_what_is_there_are_fine(repository: Path) -> None:
    assert dead_paths(repository) == []
    assert unknown_targets(repository) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[how](docs/how.md)", "docs/how.md"),
        ("`shared/outbox.py` does it", "shared/outbox.py"),
        ("`python shared/outbox.py`", "shared/outbox.py"),
        ("`docs/*.html`", "docs/*.html"),
    ],
)
def test_a_path_that_leads_nowhere_is_found(repository: Path, text: str, path: str) -> None:
    (repository / "README.md").write_text(text)

    assert dead_paths(repository) == [f"README.md names {path}"]


def test_a_make_target_that_is_gone_is_found(repository: Path) -> None:
    (repository / "docs" / "why.md").write_text("`make everything`")

    assert unknown_targets(repository) == ["docs/why.md says make everything"]


@pytest.mark.parametrize("path", ["work/main/x", "root", "home/ada/x", "Users/ada/x"])
def test_a_path_of_one_machine_is_found(repository: Path, path: str) -> None:
    file = repository / "shared" / "inbox.py"
    file.write_text(f'FOLDER = "/{path}"\n')

    assert paths_of_one_machine(repository, [file])


@pytest.mark.parametrize("text", ["and/work", "https://example.com/work", "app/root.py", "./work", "/roots"])
def test_other_uses_of_the_words_are_fine(repository: Path, text: str) -> None:
    file = repository / "shared" / "inbox.py"
    file.write_text(text)

    assert paths_of_one_machine(repository, [file]) == []
