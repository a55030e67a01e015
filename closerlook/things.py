"""How rooms find their things: a room is a package whose modules are things of one kind, ours and the user's alike.

A thing is a module or a package of that room. It has a light side, which Snakemake reads at every start: standard
library only, no torch, no pandas. What does the work is its heavy side: the module `run` of a thing that is a package,
the module itself of a thing that is a file. A room lists itself, so nothing else has to know a thing by name.

An own folder (named in `config.yaml`; every paper's folder is one too) may have rooms: `noise/shuffled.py` in it is
`closerlook.data.noise.shuffled`, found as if it lay in the package, for a package's path is a list.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parent

ROOMS = {
    "data.sets": "sets",
    "data.noise": "noise",
    "nets": "nets",
    "objectives": "objectives",
    "optimizers": "optimizers",
    "regularizers": "regularizers",
    "measures": "measures",
    "tables": "tables",
    "figures": "figures",
    "claims.tests": "claims",
}
"""Every package of closerlook that is a room -> its folder's name in an own folder."""

FOLDERS = "CLOSERLOOK_FOLDERS"
"""The environment's list of own folders, as JSON (a path may hold any sign): jobs find the same things as whoever
starts them."""


KNOWN_ONCE = "one of an own folder is, once closerlook.things.use([folder]) has been called"
"""What a program of the user's own is told; the workflow has its folders from the configuration."""


class ThingError(ValueError):
    """A thing is not there, or cannot be used; the message is one line that names it and its file."""


@dataclass(frozen=True)
class Look:
    """How a thing is drawn: a colour, told apart by readers of any colour vision, a marker, and where it stands.

    Things of one kind stand in a legend by their `place`, the smallest first, and by name where it is the same.
    """

    colour: str
    marker: str
    place: int = 99


def own_folders() -> tuple[Path, ...]:
    """Return the own folders in use, in the order in which they were named."""
    return tuple(Path(folder) for folder in json.loads(os.environ.get(FOLDERS) or "[]"))


def use(folders: Iterable[str | Path]) -> None:
    """Take own folders into use, in this process and in those that it starts; those in use before are no longer."""
    os.environ[FOLDERS] = json.dumps([str(Path(folder).resolve()) for folder in folders])
    _names.cache_clear()
    for room in ROOMS:
        if package := sys.modules.get(f"{PACKAGE.name}.{room}"):
            package.__path__ = [str(folder) for folder in search_path(package.__name__)]


def search_path(package: str) -> list[Path]:
    """Return the folders that the modules of a package of closerlook may lie in, ours first."""
    inside = package.removeprefix(f"{PACKAGE.name}.") if package != PACKAGE.name else ""
    ours = PACKAGE.joinpath(*inside.split(".")) if inside else PACKAGE
    if inside not in ROOMS:
        return [ours]
    return [ours, *(place for folder in own_folders() if (place := folder / ROOMS[inside]).is_dir())]


def find_module(name: str) -> Path | None:
    """Return the file of a dotted name in the package or an own folder, without importing it; None if it is none."""
    package, _, leaf = name.rpartition(".")
    if not package:
        return PACKAGE / "__init__.py" if name == PACKAGE.name else None
    if package.partition(".")[0] != PACKAGE.name:
        return None
    places = search_path(package)
    if len(places) == 1 and not places[0].is_dir():  # what lies in a thing that is itself an own folder's
        parent = find_module(package)
        places = [parent.parent] if parent and parent.name == "__init__.py" else []
    for place in places:
        for candidate in (place / leaf / "__init__.py", place / f"{leaf}.py"):
            if candidate.is_file():
                return candidate
    return None


def package_of(path: Path) -> str:
    """Return the dotted name of the package that a file's relative imports start from; nothing outside closerlook."""
    places = {PACKAGE: PACKAGE.name}
    places |= {folder / name: f"{PACKAGE.name}.{room}" for folder in own_folders() for room, name in ROOMS.items()}
    for place, name in places.items():
        if path.is_relative_to(place):
            return ".".join([name, *path.parent.relative_to(place).parts])
    return ""


@cache
def _names(package: str) -> dict[str, tuple[Path, ...]]:
    found: dict[str, list[Path]] = {}
    for place in search_path(package):
        for path in _modules_in(place):
            if (name := _name(path)).isidentifier():
                found.setdefault(name, []).append(path)
    return {name: tuple(paths) for name, paths in sorted(found.items())}


def misnamed(place: Path) -> dict[Path, str]:
    """Return what in a room's folder would be a thing, were its name one of Python -> what to call it."""
    found = {path: re.sub(r"\W", "_", re.sub(r"^(?=\d)", "my_", _name(path))) for path in _modules_in(place)}
    return {
        path: f"{name}.py" if path.is_file() else name for path, name in found.items() if not _name(path).isidentifier()
    }


def _modules_in(place: Path) -> Iterator[Path]:
    for path in sorted(place.iterdir()):
        is_module = path.suffix == ".py" if path.is_file() else (path / "__init__.py").is_file()
        if is_module and not path.name.startswith(("_", ".")):
            yield path


def _name(path: Path) -> str:
    return path.name.removesuffix(".py")


_rooms: dict[str, Room] = {}


def room(name: str) -> Room:
    """Return a room by its package's name inside closerlook, such as ``data.noise``."""
    import_module(f"{PACKAGE.name}.{name}")
    return _rooms[f"{PACKAGE.name}.{name}"]


class Room:
    """A package whose modules are things of one kind.

    Parameters
    ----------
    package : str
        Its dotted name; the package makes its own room, as ``NOISES = Room(__name__, "kind of noise", "noise")``.
    kind : str
        What its things are, in a message's words.
    attribute : str
        The name under which each module has its thing.
    aside : collection of str
        Modules of the package that are no things but what things share.
    """

    def __init__(self, package: str, kind: str, attribute: str, aside: Iterable[str] = ()) -> None:
        self.package, self.kind, self.attribute, self.aside = package, kind, attribute, frozenset(aside)
        _rooms[package] = self
        if package in sys.modules:
            sys.modules[package].__path__ = [str(folder) for folder in search_path(package)]

    def names(self) -> tuple[str, ...]:
        """Return the names of all things in the room, sorted; nothing is imported."""
        return tuple(name for name in _names(self.package) if name not in self.aside)

    def usable(self) -> tuple[str, ...]:
        """Return the names of the things that can be imported: one that cannot is told of where it is used."""
        return tuple(name for name in self.names() if self._is_usable(name))

    def _is_usable(self, name: str) -> bool:
        try:
            self[name]
        except ThingError:
            return False
        return True

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def path(self, name: str) -> Path:
        """Return the file or folder of a thing.

        Raises
        ------
        ThingError
            If there is none of that name, or two.
        """
        if name not in self.names():
            there = ", ".join(self.names()) or "none"
            raise ThingError(f"no {self.kind} '{name}'{self._beside(name)}; there are: {there}")
        paths = _names(self.package)[name]
        if len(paths) > 1:
            raise ThingError(f"{paths[-1]}: there is a {self.kind} '{name}' already ({paths[0]}); give it another name")
        return paths[0]

    def _beside(self, name: str) -> str:
        """Return in words what a file is to be called that would be the thing, were its name one of Python."""
        for place in search_path(self.package):
            for path, better in misnamed(place).items():
                if name in (_name(path), better.removesuffix(".py")):
                    return f" ({path} is there, but that is no Python name: call it {better})"
        return ""

    def module(self, name: str) -> ModuleType:
        """Return the module of a thing's light side.

        Raises
        ------
        ThingError
            If there is none of that name, or its import fails.
        """
        return self._import(name, f"{self.package}.{name}")

    def run(self, name: str) -> ModuleType:
        """Return the module that does a thing's work: `run` of a package, the module itself of a file."""
        heavy = ".run" if (self.path(name) / "run.py").is_file() else ""
        return self._import(name, f"{self.package}.{name}{heavy}")

    def __getitem__(self, name: str) -> Any:
        module = self.module(name)
        if not hasattr(module, self.attribute):
            raise ThingError(f"{self.path(name)}: a {self.kind} needs `{self.attribute} = ...`, which is not there")
        return getattr(module, self.attribute)

    def modules(self, name: str) -> tuple[str, ...]:
        """Return the dotted names of a thing's modules: what a fingerprint of its code starts from."""
        heavy = (f"{self.package}.{name}.run",) if (self.path(name) / "run.py").is_file() else ()
        return (f"{self.package}.{name}", *heavy)

    def summary(self, name: str) -> str:
        """Return the first paragraph of a thing's docstring, without importing it."""
        path = self.path(name)
        source = path / "__init__.py" if path.is_dir() else path
        return " ".join((ast.get_docstring(tree(source)) or "").split("\n\n")[0].split())

    def _import(self, name: str, module: str) -> ModuleType:
        path = self.path(name)
        try:
            return import_module(module)
        except Exception as error:  # whatever an own thing's code does, it must not end in a traceback of ours
            place = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            raise ThingError(f"{path}: cannot be used{place} ({type(error).__name__}: {error})") from error


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def constant(module: str, name: str) -> Any:
    """Return what a module assigns to `name` at its top level, without importing it.

    It may be a literal, or a tuple, list or dictionary of literals, of other such names, and of names that are
    imported from modules of closerlook.

    Raises
    ------
    ThingError
        If there is no such module, or it assigns nothing of the kind to the name.
    """
    path = find_module(module)
    if path is None:
        raise ThingError(f"{module}: no such module")
    for node in tree(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets) and node.value:
            try:
                return literal(node.value, module)
            except (ValueError, TypeError, KeyError) as error:
                raise ThingError(f"{path}: {name} must be a literal ({error})") from None
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return constant(node.module, alias.name)
    raise ThingError(f"{path}: needs {name}")


def literal(node: ast.expr, module: str) -> Any:
    """Return what an expression of a module stands for, as `constant` reads it; ValueError if it is no literal."""
    match node:
        case ast.Name(id=name):
            return constant(module, name)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            values = []
            for part in parts:
                if isinstance(part, ast.Starred):
                    values += literal(part.value, module)
                else:
                    values.append(literal(part, module))
            return tuple(values) if isinstance(node, ast.Tuple) else values
        case ast.Dict(keys=keys, values=values):
            return {
                literal(key, module): literal(value, module) for key, value in zip(keys, values, strict=True) if key
            }
        case ast.Call(func=ast.Attribute(value=inner, attr="values" | "keys" as way), args=[]):
            return tuple(getattr(literal(inner, module), way)())
    return ast.literal_eval(node)
