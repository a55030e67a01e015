"""Which files of the package a script reaches, found by following its imports.

Snakemake reruns a job when its script is edited, but does not see edits to the modules that the script imports. So each
rule lists what its script reaches as input: an edited figure is redrawn and nothing is retrained.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from closerlook.things import find_module

PACKAGE = Path(__file__).parents[1]


def reached_by(*starts: str | Path) -> list[str]:
    """Return the package files that scripts, or modules given by dotted name, reach by import; sorted.

    Raises
    ------
    FileNotFoundError
        If a start is neither a file nor a module of the package.
    """
    found: set[Path] = set()
    waiting = [_locate(start) for start in starts]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path)
    return sorted(_shown(path) for path in found if not _is_script(path))


def constant(module: str, name: str) -> object:
    """Return what a module of the package assigns to `name` at its top level, a literal, without importing it.

    Raises
    ------
    FileNotFoundError
        If there is no such module, or it assigns no literal to the name.
    """
    path = _locate(module)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.literal_eval(node.value)
    raise FileNotFoundError(f"{module}: needs a literal {name}")


def _shown(path: Path) -> str:
    """Return the path as it is seen from the working directory, where that is possible: job lists stay readable."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _is_script(path: Path) -> bool:
    return path.parent == PACKAGE.parent / "scripts"  # Snakemake itself sees whether it was edited


def _locate(start: str | Path) -> Path:
    path = Path(start)
    if path.suffix == ".py":
        path = (PACKAGE.parent / path).resolve()  # the project's, from whichever folder Snakemake is run
        if path.is_file():
            return path
    elif module := find_module(str(start)):
        return module
    raise FileNotFoundError(f"{start}: neither a script nor a module of {PACKAGE.name}")


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the package files that one file imports, with the packages' own `__init__` on the way."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    prefixes = {".".join(name.split(".")[: end + 1]) for name in names for end in range(name.count(".") + 1)}
    return tuple(module for name in sorted(prefixes) if (module := find_module(name)))
