"""The room of the named tests of claims: each module registers its tests by a decorator.

What a claim must know of a test before any job (columns, options) is read from the syntax tree; nothing is imported.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from closerlook.things import Room, ThingError, literal, tree

SIDE = "side"
"""The keyword of a test that is given the side of the threshold that its claim expects, and no option."""

TESTS = Room(__name__, "claim test module", "REGISTRY")


@dataclass(frozen=True)
class Declared:
    """What a test's source says of it: the room's thing that has it, columns that it reads, options, those needed."""

    thing: str
    columns: tuple[str, ...]
    options: tuple[str, ...]
    needed: tuple[str, ...]


def declared() -> dict[str, Declared]:
    """Return every test of the room by its name.

    Raises
    ------
    ThingError
        If a module is no Python, two tests have one name, or a test's columns are no literal.
    """
    return _declared(tuple((thing, TESTS.path(thing)) for thing in TESTS.names()))


@cache
def _declared(things: tuple[tuple[str, Path], ...]) -> dict[str, Declared]:
    found: dict[str, Declared] = {}
    for thing, path in things:
        module, source = f"{TESTS.package}.{thing}", path / "__init__.py" if path.is_dir() else path
        try:
            nodes = tree(source).body
        except SyntaxError as error:
            raise ThingError(f"{source}: cannot be read, line {error.lineno} ({error.msg})") from None
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and (columns := _columns(node)):
                if node.name in found:
                    raise ThingError(f"{source}: there is a test '{node.name}' already; give it another name")
                try:
                    found[node.name] = Declared(thing, tuple(literal(columns, module)), *_options(node))
                except (ValueError, TypeError, KeyError) as error:
                    raise ThingError(
                        f"{source}: the columns of test '{node.name}' must be a literal ({error})"
                    ) from None
    return found


def _columns(function: ast.FunctionDef) -> ast.expr | None:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] == "register":
            named = {keyword.arg: keyword.value for keyword in decorator.keywords}
            return decorator.args[0] if decorator.args else named.get("columns")
    return None


def _options(function: ast.FunctionDef) -> tuple[tuple[str, ...], tuple[str, ...]]:
    keywords = [
        (one, default)
        for one, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if one.arg != SIDE
    ]
    return tuple(one.arg for one, _ in keywords), tuple(one.arg for one, default in keywords if default is None)
