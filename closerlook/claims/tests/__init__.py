"""The room of the named tests of claims: each module registers its tests by a decorator.

What a claim must know of a test before any job (columns, options, whether its effect is a logarithm) is read from the
syntax tree; nothing is imported. A test that cannot be used says so where a claim asks for it, and stops no other.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from closerlook.things import Room, ThingError, literal, tree

SIDE = "side"
"""The keyword of a test that is given the side of the threshold that its claim expects, and no option."""

REGISTERED = ("columns", "effect_name", "unit", "base")
"""What the decorator `closerlook.claims.tests.effects.register` takes; `base` may be left out."""

TESTS = Room(__name__, "claim test module", "REGISTRY")


@dataclass(frozen=True)
class Declared:
    """What a test's source says of it."""

    thing: str
    """the room's thing that has it"""
    source: Path
    """the file"""
    columns: tuple[str, ...] = ()
    """that it reads"""
    options: tuple[str, ...] = ()
    """that a claim may give it"""
    needed: tuple[str, ...] = ()
    """that a claim must give it"""
    summary: str = ""
    """the first line of its docstring"""
    is_logarithm: bool = False
    """whether its effect is one, and can be written as a factor"""
    problem: str = ""
    """why it cannot be used, in a line that names its file"""


def declared() -> dict[str, Declared]:
    """Return every test of the room by its name; one that cannot be used has a `problem`."""
    return _read(_sources())[0]


def unread() -> tuple[str, ...]:
    """Return, a line each, which modules of the room cannot be read, so that nobody knows what tests they have."""
    return _read(_sources())[1]


def _sources() -> tuple[tuple[str, Path | str], ...]:
    """Return each module of the room with its file, or with what is wrong with it."""
    return tuple((thing, _source(thing)) for thing in TESTS.names())


def _source(thing: str) -> Path | str:
    try:
        path = TESTS.path(thing)
    except ThingError as error:
        return str(error)
    return path / "__init__.py" if path.is_dir() else path


@cache
def _read(sources: tuple[tuple[str, Path | str], ...]) -> tuple[dict[str, Declared], tuple[str, ...]]:
    found: dict[str, Declared] = {}
    unread: list[str] = []
    for thing, source in sources:
        try:
            nodes = tree(source).body if isinstance(source, Path) else unread.append(source)
        except SyntaxError as error:
            nodes = unread.append(f"{source}: cannot be read, line {error.lineno} ({error.msg})")
        except ValueError as error:
            nodes = unread.append(f"{source}: cannot be read ({error})")
        for node in nodes or ():
            if isinstance(node, ast.FunctionDef) and (given := _registered(node)) is not None:
                test = _test(thing, source, node, given)
                if node.name in found:
                    problem = f"{source}: there is a test '{node.name}' already; give it another name"
                    test = replace(found[node.name], problem=problem)
                found[node.name] = test
    return found, tuple(unread)


def _registered(function: ast.FunctionDef) -> dict[str, ast.expr] | None:
    """Return what the decorator of a test is given, by the names of its arguments; None: it is no test."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] == "register":
            named = {keyword.arg: keyword.value for keyword in decorator.keywords if keyword.arg}
            return dict(zip(REGISTERED, decorator.args, strict=False)) | named
    return None


def _test(thing: str, source: Path, function: ast.FunctionDef, given: dict[str, ast.expr]) -> Declared:
    keywords = [
        (one.arg, default)
        for one, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if one.arg != SIDE
    ]
    columns, problem = (), ""
    if missing := [name for name in REGISTERED[:3] if name not in given]:
        problem = f"@register needs {', '.join(REGISTERED[:3])}; it lacks {', '.join(missing)}"
    elif taken := [one.arg for one in (*function.args.posonlyargs, *function.args.args)][1:]:
        problem = f"options are keyword-only: write def {function.name}(rows, *, {', '.join(taken)})"
    else:
        try:
            columns = tuple(literal(given["columns"], f"{TESTS.package}.{thing}"))
        except (ValueError, TypeError, KeyError, ThingError) as error:
            problem = f"its columns must be a literal ({error})"
    return Declared(
        thing,
        source,
        columns,
        tuple(name for name, _ in keywords),
        tuple(name for name, default in keywords if default is None),
        " ".join((ast.get_docstring(function) or "").split("\n\n")[0].split()),
        "base" in given and ast.unparse(given["base"]) != "None",
        f"{source}: test '{function.name}': {problem}" if problem else "",
    )
