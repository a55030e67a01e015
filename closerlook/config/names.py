"""Which names a file asks for that nothing gives: what would stop a job once its line is reached, told without running.

A linter says more; this takes a few milliseconds, needs none, and stays on the side of silence: a name that might be
given somewhere is taken for given.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from closerlook.things import ThingError

GIVEN = frozenset({*dir(builtins), "__file__", "__path__", "__annotations__"})
"""What every module has."""


@cache
def undefined_names(path: Path) -> tuple[tuple[str, int], ...]:
    """Return the names that a Python file uses and neither defines nor imports, each with the first line that does.

    Parameters
    ----------
    path : Path
        A file that Python can read.
    """
    text = path.read_text(encoding="utf-8")
    module, nodes = symtable.symtable(text, str(path), "exec"), list(ast.walk(ast.parse(text)))
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes):
        return ()
    tables = list(_tables(module))
    given = {symbol.get_name() for table in tables for symbol in table.get_symbols() if _gives(table, symbol, module)}
    missing = {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_global() and symbol.is_referenced()
    } - {*given, *GIVEN}
    found: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in missing:
            found[node.id] = min(node.lineno, found.get(node.id, node.lineno))
    return tuple(sorted(found.items(), key=lambda entry: entry[1]))


def require_names(path: Path) -> None:
    """Refuse a Python file that uses a name which nothing gives.

    Raises
    ------
    ThingError
        One line that names the file, the line and the name.
    """
    for name, line in undefined_names(path):
        raise ThingError(f"{path}: line {line}: '{name}' is neither defined nor imported")


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _gives(table: symtable.SymbolTable, symbol: symtable.Symbol, module: symtable.SymbolTable) -> bool:
    """Whether a scope gives the module a name: the module itself, or a function that declares it global."""
    made = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
    return made and (table is module or symbol.is_declared_global())
