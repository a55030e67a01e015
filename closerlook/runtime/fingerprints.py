"""What the code that a job reaches comes to: a digest of the syntax trees, which comments and time stamps leave alone.

Snakemake sees neither edits to the modules that a script imports nor the things that a job finds by name, and an edited
comment is no reason to train for days. So each job carries a digest of what it reaches: its script, the modules of the
things that it uses, and all that these import from closerlook.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from closerlook.things import PACKAGE, ThingError, find_module, package_of

CACHE = Path(".snakemake", "closerlook-sources.json")
"""What was found in each file, seen from the working directory: a later start parses only what has changed."""

APPEARANCE = frozenset({"words", "look", "meaning", "title", "citation", "at_chance"})
"""Keywords by which a thing says how it is spoken of and drawn; only what draws or writes of it depends on them."""


def fingerprint(*starts: str | Path, appearance: bool = False) -> str:
    """Return a digest of the code that scripts, or modules given by dotted name, reach by import.

    Parameters
    ----------
    starts : path or str
        Scripts, below the checkout or anywhere; modules of closerlook, an own folder's among them.
    appearance : bool
        Whether it matters how things are called and drawn.

    Raises
    ------
    ThingError
        If a start is neither a file nor a module, or a file is no Python.
    """
    part = 1 if appearance else 0
    digests = {_shown(path): _source(path)["digests"][part] for path in reached_by(*starts)}
    return digest(sys.version_info[:2], sorted(digests.items()))


def digest(*parts: Any) -> str:
    """Return a digest of values that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def content(paths: Iterable[str | Path]) -> str:
    """Return a digest of files' bytes, each under its name without folders."""
    return digest([[Path(path).name, hashlib.sha256(Path(path).read_bytes()).hexdigest()] for path in sorted(paths)])


def reached_by(*starts: str | Path) -> list[Path]:
    """Return the files that scripts, or modules given by dotted name, reach by import, themselves included; sorted."""
    found: set[Path] = set()
    waiting = [_locate(start) for start in starts]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path)
    return sorted(found)


def _locate(start: str | Path) -> Path:
    path = Path(start)
    if path.suffix == ".py":
        path = path if path.is_absolute() else PACKAGE.parent / path
        if path.is_file():
            return path
    elif module := find_module(str(start)):
        return module
    raise ThingError(f"{start}: neither a script nor a module of {PACKAGE.name}")


def _shown(path: Path) -> str:
    """Return a name of a file that does not depend on where the checkout, or an own folder, lies."""
    if path.is_relative_to(PACKAGE.parent):
        return path.relative_to(PACKAGE.parent).as_posix()
    return "/".join(path.parts[-2:])


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Return the package files that one file imports, with the packages' own `__init__` on the way."""
    prefixes = {
        ".".join(name.split(".")[: end + 1]) for name in _source(path)["imports"] for end in range(name.count(".") + 1)
    }
    return tuple(module for name in sorted(prefixes) if (module := find_module(name)))


def _source(path: Path) -> dict[str, Any]:
    """Return the digests of a file, without and with appearance, and what it imports; from the cache if it is there."""
    known, status = _known(), path.stat()
    stamp = [status.st_size, status.st_mtime_ns, *_reader()]
    entry = known.get(str(path))
    if entry is None or entry["stamp"] != stamp:
        known[str(path)] = entry = {"stamp": stamp, **_parsed(path)}
        known[""] = True  # something to keep
    return entry


@cache
def _reader() -> tuple[Any, ...]:
    """Return what reads the files: another reads them otherwise."""
    status = os.stat(__file__)
    return status.st_size, status.st_mtime_ns, list(sys.version_info[:2])


def _parsed(path: Path) -> dict[str, Any]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ThingError(f"{path}: not Python{line} ({getattr(error, 'msg', error)})") from None
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (module := imported_from(node, path)):
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    tree = _Undocumented().visit(tree)
    whole = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    plain = hashlib.sha256(ast.dump(_Unadorned().visit(tree)).encode()).hexdigest()
    ours = sorted(name for name in names if name.partition(".")[0] == PACKAGE.name)
    return {"digests": [plain, whole], "imports": ours}


def imported_from(node: ast.ImportFrom, path: Path) -> str:
    """Return the dotted name of the module that a file imports from; nothing if a relative one leads nowhere."""
    if not node.level:
        return node.module or ""
    package = package_of(path)
    try:
        return resolve_name(f"{'.' * node.level}{node.module or ''}", package) if package else ""
    except ImportError:
        return ""


class _Undocumented(ast.NodeTransformer):
    """Takes the docstrings out of a tree: of modules, classes, functions, and below attributes."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [part for part in body if not _is_text(part)]
        return node


def _is_text(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


class _Unadorned(ast.NodeTransformer):
    """Takes out of a tree how things are called and drawn."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        node.keywords = [each for each in node.keywords if each.arg not in APPEARANCE]
        return node


@cache
def _known() -> dict[str, Any]:
    try:
        known = json.loads(CACHE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def keep() -> None:
    """Write what was found beside Snakemake's own records, for the next start; where that cannot be, it is slower."""
    known = _known()
    if not known.pop("", False):
        return
    try:
        CACHE.parent.mkdir(exist_ok=True)
        temporary = CACHE.with_name(f"{CACHE.name}.{os.getpid()}")
        temporary.write_text(json.dumps(known), encoding="utf-8")
        temporary.replace(CACHE)
    except OSError:
        pass
