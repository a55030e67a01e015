"""Which room of closerlook imports which: the table below, and nothing beside it."""

import ast
from functools import cache
from pathlib import Path

import pytest

from closerlook.things import PACKAGE, ROOMS

ROOT, PAPERS = PACKAGE.name, PACKAGE.parent / "papers"
OURS = {*PACKAGE.rglob("*.py"), *PAPERS.glob("[A-E]/**/*.py")}
OURS -= {*PACKAGE.rglob("template/**/*.py"), PACKAGE / "__init__.py"}


def room_of(path: Path) -> str:
    """Return the room, or loose module, that a file belongs to; what lies in a paper's folder belongs to one too."""
    if path.is_relative_to(PAPERS):
        folders = {folder: name.partition(".")[0] for name, folder in ROOMS.items()}
        return folders[path.relative_to(PAPERS).parts[1]]
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Return the rooms that a file imports, anywhere in it, types included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names = [f"{ROOT}.{alias.name}" for alias in node.names] if node.module == ROOT else [node.module]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith(f"{ROOT}.")}
    return found


@cache
def arrows() -> dict[str, set[str]]:
    """Return each room and loose module, and which others it imports."""
    found: dict[str, set[str]] = {}
    for path in OURS:
        found.setdefault(room_of(path), set()).update(imported(path) - {room_of(path)})
    return found


ALLOWED = {
    "__main__": "config conformance planning refusal",
    "claims": "config data numerics store tables things",
    "config": "data figures layout measures nets refusal regularizers spec store things",
    "conformance": "claims config data figures measures nets objectives optimizers refusal regularizers runtime spec "
    "store tables things training",
    "data": "refusal spec store things",
    "figures": "data nets numerics regularizers spec store tables things",
    "layout": "",
    "measures": "data layout nets numerics objectives optimizers runtime spec store things",
    "nets": "objectives spec things",
    "numerics": "nets objectives",
    "objectives": "things",
    "optimizers": "spec things",
    "planning": "claims config data figures measures nets optimizers publish regularizers runtime spec store training",
    "publish": "config data nets objectives optimizers refusal regularizers spec store things",
    "refusal": "",
    "regularizers": "nets numerics objectives runtime spec things",
    "runtime": "refusal store things",
    "spec": "",
    "store": "layout refusal spec things",
    "tables": "numerics regularizers spec store things",
    "things": "",
    "training": "data nets objectives optimizers regularizers runtime spec store",
}


def reached(start: str) -> set[str]:
    """Return all that a room may import, through others too."""
    found: set[str] = set()
    ahead = ALLOWED[start].split()
    while ahead:
        if (name := ahead.pop()) not in found:
            found.add(name)
            ahead += ALLOWED[name].split()
    return found


@pytest.mark.parametrize("room", sorted(arrows()))
def test_room_imports_what_the_table_allows_and_no_other(room):
    assert arrows()[room] == set(ALLOWED[room].split())


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_arrows_run_one_way(room):
    assert room not in reached(room)


def test_package_has_at_most_five_loose_modules():
    assert len([path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]) <= 5
