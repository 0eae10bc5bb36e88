"""Looking at source code: what a module imports, how much code it and its functions are."""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def modules_below(folder: Path) -> list[Path]:
    """Every Python file below a folder."""
    return sorted(folder.rglob("*.py"))


def imports_of(file: Path) -> list[str]:
    """The full names of what a module imports, inside its functions too: `shared.errors.Refused`."""
    return _imports_in(file.read_text())


def code_lines(file: Path) -> frozenset[int]:
    """The numbers of the lines that hold code: not blank, no comment, no docstring."""
    return _code_in(file.read_text())


def functions_of(file: Path) -> dict[str, int]:
    """How many lines of code the body of each function has, by its line and name."""
    return _functions_in(file.read_text())


def is_within(name: str, packages: Iterable[str]) -> bool:
    """Whether a full name is one of the packages or stands in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


# the same text has the same code, in whatever copy of the tree it stands
@cache
def _imports_in(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return found


@cache
def _code_in(text: str) -> frozenset[int]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = {
        line
        for token in tokens
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return frozenset(found - set(_docstring_lines(ast.parse(text))))


@cache
def _functions_in(text: str) -> dict[str, int]:
    code = _code_in(text)
    return {
        f"{node.lineno} {node.name}": len(code & set(range(node.body[0].lineno, (node.end_lineno or 0) + 1)))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _docstring_lines(tree: ast.AST) -> Iterator[int]:
    # a text that stands by itself is a docstring, also where it describes a variable
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
