"""Whether a light side is light: what it imports, read off the sources, for here torch is imported already."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from closerlook.conformance.small import hold
from closerlook.runtime.fingerprints import imported_from
from closerlook.things import PACKAGE, find_module, room, tree

IMPORTED = ("data.sets", "data.noise", "nets", "optimizers", "regularizers", "measures")
"""The rooms whose things Snakemake imports at every start; of those in the others only the text is read."""

MAY = {*sys.stdlib_module_names, "annotated_types"}
"""What a light side imports from elsewhere."""


def hold_light(inside: str, name: str) -> None:
    """Hold the light side of a thing, and what it reaches in closerlook and own folders, to light imports.

    Raises
    ------
    closerlook.things.ThingError
        Naming the import that is not, its file and its line.
    """
    if inside not in IMPORTED:
        return
    ahead, seen = [f"{room(inside).package}.{name}"], set()
    while ahead:
        module = ahead.pop()
        path = find_module(module)
        if path is None or module in seen:
            continue
        seen.add(module)
        for imported, line in _imports(tree(path).body, path):
            top = imported.partition(".")[0]
            hold(
                top in MAY or top == PACKAGE.name,
                f"imports {top} at every start of Snakemake ({_shown(path)}, line {line}): at the top stand only the "
                "standard library and light parts of closerlook; import the rest within functions, or in run.py",
            )
            ahead += _within(imported) if top == PACKAGE.name else ()


def _shown(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent) if path.is_relative_to(PACKAGE) else path)


def _within(module: str) -> list[str]:
    """Return a module's name and those of the packages that it lies in, whose `__init__` runs first."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _imports(body: list[ast.stmt], path: Path) -> Iterator[tuple[str, int]]:
    """Yield what is imported as a file is, with its line: all but within functions and for types."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = imported_from(node, path)
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports(node.orelse, path)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            handled = [part for handler in getattr(node, "handlers", ()) for part in handler.body]
            within = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
            yield from _imports(within + handled, path)
